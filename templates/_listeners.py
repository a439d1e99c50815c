"""The rows of two tables of `_application.py`: listener rules, and certificates besides `CertificateArn`."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from troposphere import Parameter

from templates._parameters import CERTIFICATE_OR_EMPTY

# Limits (November 2026): values of all conditions of a rule, and priorities.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
MOST_VALUES = 5
PRIORITIES = range(1, 50_001)


class Redirect(NamedTuple):
    """A redirect. What is left out stays as in the request."""

    host: str = "#{host}"
    path: str = "/#{path}"
    is_permanent: bool = True


class Fixed(NamedTuple):
    """A fixed response of the load balancer."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


class ListenerRule(NamedTuple):
    """A rule for requests to some paths and hosts; the lowest priority is evaluated first.

    Without an answer the requests go to the service, like all requests without a rule. `*` stands for any
    characters and `?` for one; a host may contain the name of the environment,
    `admin.${Environment}.example.com`.
    """

    name: str
    priority: int
    paths: Sequence[str] = ()
    hosts: Sequence[str] = ()
    answer: Redirect | Fixed | None = None


class Certificate(NamedTuple):
    """A further certificate of the HTTPS listeners, for other host names, and the parameter with its ARN."""

    parameter: str
    description: str


def certificate_parameters(certificates: Sequence[Certificate]) -> list[Parameter]:
    """The parameters of further certificates, for the layer with the listeners."""
    return [
        Parameter(
            certificate.parameter,
            Type="String",
            Description=f"{certificate.description} (ARN of a certificate); empty: none",
            Default="",
            **CERTIFICATE_OR_EMPTY,
        )
        for certificate in certificates
    ]


def problems(rules: Sequence[ListenerRule]) -> Iterator[str]:
    """What Elastic Load Balancing would refuse in a table of rules, or never use."""
    priorities: dict[int, str] = {}
    for rule in rules:
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", rule.name):
            yield f"listener rule {rule.name!r} must have a name of letters and digits, a capital first"
        if rule.priority not in PRIORITIES:
            yield f"listener rule {rule.name} must have a priority from 1 to {PRIORITIES.stop - 1}"
        if rule.priority in priorities:
            other = priorities[rule.priority]
            yield f"listener rules {other} and {rule.name} have the same priority, {rule.priority}"
        priorities.setdefault(rule.priority, rule.name)
        if isinstance(rule.paths, str) or isinstance(rule.hosts, str):
            yield f'listener rule {rule.name} must have lists of paths and hosts: ("/api/*",) is one of one'
            continue
        if not 1 <= len(rule.paths) + len(rule.hosts) <= MOST_VALUES:
            yield f"listener rule {rule.name} must have 1 to {MOST_VALUES} paths and hosts together"
        if rule.answer in (Redirect(), Redirect(is_permanent=False)):
            yield f"listener rule {rule.name} must not send a client where it asked"
        for path in rule.paths:
            if not path.startswith(("/", "*")):
                yield f"listener rule {rule.name} must have paths that begin with a slash, and has {path}"

"""The rows of the table of ways out in `_application.py`, and what is built from them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from troposphere import Parameter, Ref
from troposphere.ec2 import SecurityGroupRule

from templates._parameters import PREFIX_LIST_REGEX

# By column of a row: the constraints of its parameter, and the property of the security group rule.
_GROUP = ("AWS::EC2::SecurityGroup::Id", "", "", "DestinationSecurityGroupId")
_PREFIX_LIST = (
    "String",
    PREFIX_LIST_REGEX,
    "must be the id of a prefix list such as pl-0123456789abcdef0",
    "DestinationPrefixListId",
)
_RANGE = (
    "String",
    r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}",
    "must be one IPv4 range such as 10.0.0.0/16",
    "CidrIp",
)
PORTS = range(1, 65_536)


class Egress(NamedTuple):
    """A way out of the tasks, to a port of one of three kinds of destination, named by a parameter."""

    description: str
    port: int
    security_group: str = ""
    cidr: str = ""
    prefix_list: str = ""

    @property
    def kinds(self) -> list[tuple[str, tuple[str, str, str, str]]]:
        """Its parameters with their constraints; a valid row has exactly one."""
        columns = ((self.security_group, _GROUP), (self.cidr, _RANGE), (self.prefix_list, _PREFIX_LIST))
        return [(title, kind) for title, kind in columns if title]


def egress_parameters(ways: Sequence[Egress]) -> list[Parameter]:
    """The parameters of all ways out, for the layer with the security group, each once."""
    found: dict[str, Parameter] = {}
    for way in ways:
        for title, (kind, pattern, constraint, _) in way.kinds:
            limits = {"AllowedPattern": pattern, "ConstraintDescription": constraint} if pattern else {}
            row = Parameter(title, Type=kind, Description=f"Where tasks may go: {way.description}", **limits)
            found.setdefault(title, row)
    return list(found.values())


def ranges(ways: Sequence[Egress]) -> list[str]:
    """The parameters that are address ranges."""
    return sorted({way.cidr for way in ways if way.cidr})


def egress_rules(ways: Sequence[Egress]) -> list[SecurityGroupRule]:
    """The egress rules of the tasks' security group. Raises ValueError with every mistake in the table."""
    found = list(_problems(ways))
    if found:
        raise ValueError("; ".join(found))
    rules = []
    for way in ways:
        ((title, (_, _, _, name)),) = way.kinds
        peer: dict[str, Any] = {name: Ref(title)}
        rules.append(
            SecurityGroupRule(
                Description=way.description, IpProtocol="tcp", FromPort=way.port, ToPort=way.port, **peer
            )
        )
    return rules


def _problems(ways: Sequence[Egress]) -> Iterator[str]:
    seen = set()
    for way in ways:
        if len(way.kinds) != 1:
            yield f"way out {way.description!r} must have one of security_group, cidr and prefix_list"
        if way.port not in PORTS:
            yield f"way out {way.description!r} must have a port from 1 to {PORTS.stop - 1}"
        # EC2 refuses a duplicate rule, even with another description.
        if way[1:] in seen:
            yield f"way out {way.description!r} is there twice"
        seen.add(way[1:])

"""Which ports the security groups of a layer open, to whom, and what a change opens.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ecs_blue_green.deployer.effects.differences import text_of
from ecs_blue_green.deployer.effects.states import Resource

GROUP = "AWS::EC2::SecurityGroup"
RULES = {"AWS::EC2::SecurityGroupIngress": "in", "AWS::EC2::SecurityGroupEgress": "out"}
PEERS = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
)
ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Opening:
    """One direction, protocol and range of ports that a group lets through, to or from one peer."""

    group: str
    way: Literal["in", "out"]
    protocol: str
    ports: tuple[str, str]
    peer: str

    def __str__(self) -> str:
        """In words."""
        first, last = self.ports
        ports = "every port" if self.protocol == "-1" else first if first == last else f"{first} to {last}"
        what = ports if self.protocol == "-1" else f"{self.protocol} {ports}"
        peer = f"anywhere ({self.peer})" if self.peer in ANYWHERE else self.peer
        return f"lets {self.way} {what} {'from' if self.way == 'in' else 'to'} {peer}"

    def covers(self, other: "Opening") -> bool:
        """Whether what the other lets through passes here too."""
        return (
            (self.group, self.way) == (other.group, other.way)
            and self.protocol in ("-1", other.protocol)
            and (self.protocol == "-1" or _spans(self.ports, other.ports))
            and (self.peer == other.peer or _contains(self.peer, other.peer))
        )


def added(before: Mapping[str, Resource], after: Mapping[str, Resource], layer: str) -> list[tuple[str, str]]:
    """What is open after the change and not before: the resource that opens it, and what in words."""
    old = [opening for _, opening in _openings(before, layer)]
    return [
        (logical_id, str(opening))
        for logical_id, opening in _openings(after, layer)
        if not any(known.covers(opening) for known in old)
    ]


def _openings(resources: Mapping[str, Resource], layer: str) -> Iterator[tuple[str, Opening]]:
    for logical_id, resource in resources.items():
        properties = resource.properties
        if resource.type == GROUP:
            group = f"${{{logical_id}}}"
            for rule in properties.get("SecurityGroupIngress", []):
                yield logical_id, _opening(group, "in", rule, layer)
            # A security group without egress rules allows all egress.
            for rule in properties.get("SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]):
                yield logical_id, _opening(group, "out", rule, layer)
        elif resource.type in RULES:
            # Ref and GroupId name the same group.
            group = (text_of(properties.get("GroupId"), layer) or "").replace(".GroupId}", "}")
            way: Literal["in", "out"] = "in" if RULES[resource.type] == "in" else "out"
            yield logical_id, _opening(group, way, properties, layer)


def _opening(group: str, way: Literal["in", "out"], rule: Mapping[str, Any], layer: str) -> Opening:
    peer = next((text_of(rule[name], layer) for name in PEERS if name in rule), None)
    ports = str(rule.get("FromPort", "")), str(rule.get("ToPort", rule.get("FromPort", "")))
    return Opening(group, way, str(rule.get("IpProtocol", "-1")), ports, peer or "")


def _spans(outer: tuple[str, str], inner: tuple[str, str]) -> bool:
    if not all(port.lstrip("-").isdigit() for port in (*outer, *inner)):
        return outer == inner
    return int(outer[0]) <= int(inner[0]) and int(inner[1]) <= int(outer[1])


def _contains(outer: str, inner: str) -> bool:
    try:
        outer_network, inner_network = ipaddress.ip_network(outer), ipaddress.ip_network(inner)
    except ValueError:
        return False
    return isinstance(outer_network, type(inner_network)) and inner_network.subnet_of(outer_network)  # type: ignore[arg-type]

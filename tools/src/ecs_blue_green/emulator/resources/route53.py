"""AWS::Route53::RecordSet: in a zone that is there, of a name that lies in it and is free."""

from typing import Any

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler

RECORD_SET = "AWS::Route53::RecordSet"


def _route53() -> Any:
    return engine.service_module("route53")


def _check(properties: Record) -> None:
    zone = _route53()._zones.get(properties.get("HostedZoneId", ""))
    if zone is None:
        raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {properties.get('HostedZoneId')}")
    name = _name(properties)
    if name != zone["name"] and not name.endswith(f".{zone['name']}"):
        raise Refused(
            "InvalidChangeBatch", f"[RRSet with DNS name {name} is not permitted in zone {zone['name']}]"
        )


def _create(logical_id: str, properties: Record, stack_name: str) -> Created:
    name, kind = _name(properties), properties["Type"]
    for record in _route53()._records.get(properties["HostedZoneId"], []):
        if record["Name"] == name and record["Type"] == kind:
            raise Refused(
                "InvalidChangeBatch",
                f"[Tried to create resource record set [name='{name}', type='{kind}'] but it already exists]",
            )
        if record["Name"] == name and "CNAME" in (record["Type"], kind):
            raise Refused(
                "InvalidChangeBatch",
                f"[RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of"
                f" type {record['Type']} with the same DNS name already exists in zone"
                f" {_route53()._zones[properties['HostedZoneId']]['name']}]",
            )
    return engine.resource_type(RECORD_SET).create(logical_id, properties, stack_name)


def _name(properties: Record) -> str:
    return str(_route53()._normalise_name(properties["Name"]))


HANDLERS = {RECORD_SET: Handler(create=_create, check=_check)}

"""AWS::EC2::SecurityGroup, and its rules as resources: SecurityGroupIngress and SecurityGroupEgress."""

import hashlib
import json
from functools import partial

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler

RULES = {"Ingress": "IpPermissions", "Egress": "IpPermissionsEgress"}


def _check_group(properties: Record) -> None:
    vpc = properties.get("VpcId")
    if vpc and vpc not in stores.vpcs:
        raise Refused("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    name = properties.get("GroupName")
    for group in stores.security_groups.values():
        if name and (group["GroupName"], group["VpcId"]) == (name, vpc):
            raise Refused(
                "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'"
            )
    for direction in RULES:
        for rule in properties.get(f"SecurityGroup{direction}", []):
            _require_referenced_group(rule)


def _check_changed_group(properties: Record) -> None:
    for direction in RULES:
        for rule in properties.get(f"SecurityGroup{direction}", []):
            _require_referenced_group(rule)


def _create_group(logical_id: str, properties: Record, stack_name: str) -> Created:
    _check_group(properties)
    return engine.resource_type("AWS::EC2::SecurityGroup").create(logical_id, properties, stack_name)


def _group_removable(physical_id: str, properties: Record) -> None:
    used = any(physical_id in balancer["SecurityGroups"] for balancer in stores.load_balancers.values())
    for service in stores.services.values():
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        used |= service["status"] == "ACTIVE" and physical_id in network.get("securityGroups", [])
    for function in stores.functions.values():
        used |= physical_id in function["config"].get("VpcConfig", {}).get("SecurityGroupIds", [])
    for identifier, group in stores.security_groups.items():
        pairs = [
            pair["GroupId"]
            for key in RULES.values()
            for permission in group.get(key, [])
            for pair in permission.get("UserIdGroupPairs", [])
        ]
        used |= identifier != physical_id and physical_id in pairs
    if used:
        raise Refused("DependencyViolation", f"resource {physical_id} has a dependent object")


def _create_rule(direction: str, logical_id: str, properties: Record, stack_name: str) -> Created:
    group = _require_group(properties.get("GroupId", ""))
    permission = _permission(properties)
    permissions = group.setdefault(RULES[direction], [])
    if permission in permissions:
        raise Refused(
            "InvalidPermission.Duplicate", f'the specified rule "{_described(permission)}" already exists'
        )
    permissions.append(permission)
    identifier = _rule_id(direction, properties)
    return identifier, {"Id": identifier}


def _update_rule(
    direction: str, physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    """Only the description can change in place."""
    permissions = _require_group(new["GroupId"])[RULES[direction]]
    permissions[permissions.index(_permission(old))] = _permission(new)
    return physical_id, {"Id": physical_id}


def _delete_rule(direction: str, physical_id: str, properties: Record, logical_id: str) -> None:
    group = stores.security_groups.get(properties.get("GroupId", ""), {})
    permissions = group.get(RULES[direction], [])
    if (permission := _permission(properties)) in permissions:
        permissions.remove(permission)


def _check_rule(properties: Record) -> None:
    _require_group(properties.get("GroupId", ""))
    _require_referenced_group(properties)


def _require_group(identifier: str) -> Record:
    group: Record | None = stores.security_groups.get(identifier)
    if group is None:
        raise Refused("InvalidGroup.NotFound", f"The security group '{identifier}' does not exist")
    return group


def _require_referenced_group(rule: Record) -> None:
    for name in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if name in rule:
            _require_group(rule[name])


def _permission(properties: Record) -> Record:
    permissions: list[Record] = engine.provisioners._ec2_sg_permissions([properties])
    return permissions[0]


def _described(permission: Record) -> str:
    return json.dumps(engine.ec2._strip_descriptions(permission), sort_keys=True).replace('"', "")


def _rule_id(direction: str, properties: Record) -> str:
    """The id of a rule: AWS gives each one; here it follows from what the rule says."""
    text = json.dumps([direction, properties["GroupId"], _permission(properties)], sort_keys=True)
    return f"sgr-{hashlib.sha256(text.encode()).hexdigest()[:17]}"


HANDLERS = {
    "AWS::EC2::SecurityGroup": Handler(
        create=_create_group, name="GroupName", check=_check_changed_group, removable=_group_removable
    ),
    **{
        f"AWS::EC2::SecurityGroup{direction}": Handler(
            create=partial(_create_rule, direction),
            update=partial(_update_rule, direction),
            delete=partial(_delete_rule, direction),
            check=_check_rule,
        )
        for direction in RULES
    },
}

"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler
from ecs_blue_green.emulator.services import scaling, shapes

SEPARATOR = "|"


def _create_target(logical_id: str, properties: Record, stack_name: str) -> Created:
    request = shapes.request("application-autoscaling", "RegisterScalableTarget", _untagged(properties))
    if _key(properties) in scaling.TARGETS:
        raise Refused("AlreadyExists", f"The scalable target {_target_id(properties)} already exists.")
    scaling.register_scalable_target(request)
    return _target_id(properties), {"Id": _target_id(properties)}


def _update_target(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    scaling.register_scalable_target(
        shapes.request("application-autoscaling", "RegisterScalableTarget", _untagged(new))
    )
    return physical_id, {"Id": physical_id}


def _delete_target(physical_id: str, properties: Record, logical_id: str) -> None:
    if _key(properties) in scaling.TARGETS:
        scaling.deregister_scalable_target(properties)


def _create_policy(logical_id: str, properties: Record, stack_name: str) -> Created:
    arn = scaling.put_scaling_policy(_policy_request(properties))["PolicyARN"]
    return arn, {"Arn": arn}


def _update_policy(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    scaling.put_scaling_policy(_policy_request(new))
    return physical_id, {"Arn": physical_id}


def _delete_policy(physical_id: str, properties: Record, logical_id: str) -> None:
    request = _policy_request(properties)
    # Gone with its target where that went first.
    if (*_key(request), request["PolicyName"]) in scaling.POLICIES:
        scaling.delete_scaling_policy(request)


def _policy_request(properties: Record) -> Record:
    """The API's request; ScalingTargetId stands for what the API asks for in three members."""
    request = shapes.request("application-autoscaling", "PutScalingPolicy", properties)
    if target := properties.get("ScalingTargetId"):
        resource, dimension, namespace = target.split(SEPARATOR)
        request |= {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    return request


def _target_id(properties: Record) -> str:
    """What Ref returns: the three members of the primary identifier, in the schema's order."""
    members = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    return SEPARATOR.join(properties[name] for name in members)


def _key(properties: Record) -> scaling.TargetKey:
    return properties["ServiceNamespace"], properties["ResourceId"], properties["ScalableDimension"]


def _untagged(properties: Record) -> Record:
    return {name: value for name, value in properties.items() if name not in ("Tags", "ScheduledActions")}


HANDLERS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Handler(
        create=_create_target, update=_update_target, delete=_delete_target
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Handler(
        create=_create_policy, update=_update_policy, delete=_delete_policy, name="PolicyName"
    ),
}

"""Application Auto Scaling: scalable targets of ECS services and their policies.

Nothing scales with the load here: there is none to measure. Registering a target, or changing it, brings the
service's desired count into its range at once, as on AWS.
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import ecs
from ecs_blue_green.emulator.services.api import Service, new_id, now, page

TARGETS = engine.new_store()
POLICIES = engine.new_store()

ECS_DIMENSION = "ecs:service:DesiredCount"
SERVICE_LINKED_ROLE = (
    "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService"
)

TargetKey = tuple[str, str, str]


def register_scalable_target(request: Record) -> Record:
    """Register a target, or change the one that is registered."""
    key = _key(request)
    known: Record | None = TARGETS.get(key)
    low = request.get("MinCapacity", known and known["MinCapacity"])
    high = request.get("MaxCapacity", known and known["MaxCapacity"])
    if low is None or high is None:
        raise Refused(
            "ValidationException", "MinCapacity and MaxCapacity are required to register a scalable target"
        )
    if low > high:
        raise Refused("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    if request["ServiceNamespace"] == "ecs":
        _require_ecs_service(request)
    target = known or {
        "ServiceNamespace": key[0],
        "ResourceId": key[1],
        "ScalableDimension": key[2],
        "ScalableTargetARN": engine.arn(
            "application-autoscaling", f"scalable-target/{new_id().replace('-', '')[:28]}"
        ),
        "CreationTime": now(),
    }
    suspended = {
        f"{name}Suspended": False for name in ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")
    }
    target |= {
        "MinCapacity": low,
        "MaxCapacity": high,
        "RoleARN": f"arn:aws:iam::{engine.account()}:{SERVICE_LINKED_ROLE}",
        "SuspendedState": target.get("SuspendedState", suspended) | request.get("SuspendedState", {}),
    }
    TARGETS[key] = target
    if key[0] == "ecs":
        _bring_into_range(target)
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def describe_scalable_targets(request: Record) -> Record:
    """The targets of a namespace, or the named ones."""
    identifiers = request.get("ResourceIds")
    matching = [
        target
        for target in TARGETS.values()
        if _matches(target, request) and (not identifiers or target["ResourceId"] in identifiers)
    ]
    items, following = page(matching, request, limit="MaxResults", token="NextToken")  # noqa: S106
    return {"ScalableTargets": items, **following}


def deregister_scalable_target(request: Record) -> Record:
    """Delete a target and its policies."""
    _forget(target_key(request))
    return {}


def service_is_deleted(cluster: str, name: str) -> None:
    """Delete the target of a deleted ECS service, as AWS does.

    https://github.com/eagletmt/hako/pull/69, https://github.com/hashicorp/terraform-provider-aws/issues/10432,
    https://github.com/aws/copilot-cli/issues/3342
    """
    key = ("ecs", f"service/{cluster}/{name}", ECS_DIMENSION)
    if key in TARGETS:
        _forget(key)


def _forget(key: TargetKey) -> None:
    del TARGETS[key]
    for policy in [name for name in POLICIES if name[:3] == key]:
        del POLICIES[policy]


def put_scaling_policy(request: Record) -> Record:
    """Create or change a policy of a registered target."""
    key = target_key(request)
    name = request["PolicyName"]
    arn = engine.arn("autoscaling", f"scalingPolicy:{new_id()}:resource/{key[0]}/{key[1]}:policyName/{name}")
    known = POLICIES.get((*key, name), {"PolicyARN": arn, "CreationTime": now(), "Alarms": []})
    POLICIES[(*key, name)] = {
        "PolicyType": "StepScaling",
        **request,
        **{name: known[name] for name in ("PolicyARN", "CreationTime", "Alarms")},
    }
    return {"PolicyARN": known["PolicyARN"], "Alarms": []}


def describe_scaling_policies(request: Record) -> Record:
    """The policies of a namespace, of a target, or the named ones."""
    names = request.get("PolicyNames")
    matching = [
        policy
        for policy in POLICIES.values()
        if _matches(policy, request) and (not names or policy["PolicyName"] in names)
    ]
    items, following = page(matching, request, limit="MaxResults", token="NextToken")  # noqa: S106
    return {"ScalingPolicies": items, **following}


def delete_scaling_policy(request: Record) -> Record:
    """Delete a policy."""
    key = (*_key(request), request["PolicyName"])
    if key not in POLICIES:
        raise Refused("ObjectNotFoundException", f"No scaling policy found for {request['PolicyName']}")
    del POLICIES[key]
    return {}


def describe_scaling_activities(request: Record) -> Record:
    """Scaling activities: there are none here."""
    return {"ScalingActivities": []}


def target_key(request: Record) -> TargetKey:
    """The key of the registered target that a request names; raises Refused when there is none."""
    key = _key(request)
    if key not in TARGETS:
        raise Refused(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {key[0]}, resource ID: {key[1]}, "
            f"scalable dimension: {key[2]}",
        )
    return key


def _key(request: Record) -> TargetKey:
    return request["ServiceNamespace"], request["ResourceId"], request["ScalableDimension"]


def _matches(record: Record, request: Record) -> bool:
    return all(
        request.get(name) in (None, record[name])
        for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")
    )


def _require_ecs_service(request: Record) -> None:
    kind, path, cluster, name = _parts(request["ResourceId"])
    if request["ScalableDimension"] != ECS_DIMENSION or kind != "service" or not name:
        raise Refused(
            "ValidationException",
            f"Unsupported service namespace, resource type or scalable dimension: {path}",
        )
    if ecs.active_service(cluster, name) is None:
        raise Refused("ValidationException", f"ECS service doesn't exist: {request['ResourceId']}")


def _parts(resource_id: str) -> tuple[str, str, str, str]:
    """An ECS service's kind, path, cluster and name."""
    kind, _, path = resource_id.partition("/")
    cluster, _, name = path.partition("/")
    return kind, path, cluster, name


def _bring_into_range(target: Record) -> None:
    _, _, cluster, name = _parts(target["ResourceId"])
    service = ecs.active_service(cluster, name) or {}
    now_desired = service.get("desiredCount", 0)
    desired = min(max(now_desired, target["MinCapacity"]), target["MaxCapacity"])
    if desired != now_desired:
        ecs.update_service({"cluster": cluster, "service": name, "desiredCount": desired})


SERVICE = Service(
    operations={
        "RegisterScalableTarget": register_scalable_target,
        "DescribeScalableTargets": describe_scalable_targets,
        "DeregisterScalableTarget": deregister_scalable_target,
        "PutScalingPolicy": put_scaling_policy,
        "DescribeScalingPolicies": describe_scaling_policies,
        "DeleteScalingPolicy": delete_scaling_policy,
        "DescribeScalingActivities": describe_scaling_activities,
    },
    stores={"targets": TARGETS, "policies": POLICIES},
)

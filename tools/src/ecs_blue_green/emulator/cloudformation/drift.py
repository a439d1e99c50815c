"""Drift detection for the types that a release or a person changes outside of CloudFormation.

As on AWS only properties that the template sets are compared (user guide, using-cfn-stack-drift); a type
without a reader is left out of DescribeStackResourceDrifts.
"""

from collections.abc import Callable
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.services import codedeploy, ecs, scaling

# What a resource is now, by its physical id and its properties in the template; None when it is gone.
Reader = Callable[[str, Record], Record | None]


def install() -> None:
    """Add readers to ministack's."""
    for resource_type, (read, names) in _READERS.items():
        engine.drift._DRIFT_READERS[resource_type] = (read, frozenset(names))


def _as_declared(find: Reader) -> Reader:
    """A reader of the record that `find` returns, limited to what the template declares."""

    def read(physical_id: str, properties: Record) -> Record | None:
        live = find(physical_id, properties)
        return None if live is None else _like(properties, live)

    return read


def _like(declared: Any, live: Any) -> Any:
    if isinstance(declared, dict) and isinstance(live, dict):
        spelt = {name.lower(): value for name, value in live.items()}
        return {
            name: _like(value, spelt[name.lower()])
            for name, value in declared.items()
            if name.lower() in spelt
        }
    if isinstance(declared, list) and isinstance(live, list):
        pairs = zip(declared, live, strict=False)
        return [*(_like(inner, inner_live) for inner, inner_live in pairs), *live[len(declared) :]]
    # CloudWatch keeps 5 as 5.0.
    return int(live) if isinstance(live, float) and live.is_integer() else live


def _listener(arn: str, properties: Record) -> Record | None:
    live: Record | None = stores.listeners.get(arn)
    if live is None:
        return None
    properties_now: Record = _like(properties, live)
    _show_weights(properties_now["DefaultActions"], live["DefaultActions"])
    return properties_now


def _rule(arn: str, properties: Record) -> Record | None:
    live: Record | None = stores.listener_rules.get(arn)
    if live is None:
        return None
    properties_now: Record = _like(properties, live)
    _show_weights(properties_now["Actions"], live["Actions"])
    # ministack keeps them in their older form, whichever the template has.
    same = engine.rule_conditions(properties["Conditions"]) == live["Conditions"]
    properties_now["Conditions"] = properties["Conditions"] if same else live["Conditions"]
    properties_now["Priority"] = type(properties["Priority"])(live["Priority"])
    return properties_now


def _show_weights(shown: list[Record], actions: list[Record]) -> None:
    """Show two groups with weights, where the template forwards to one."""
    for shown_action, action in zip(shown, actions, strict=True):
        if "ForwardConfig" in action and "TargetGroupArn" not in action:
            shown_action["ForwardConfig"] = action["ForwardConfig"]


def _service(arn: str, properties: Record) -> Record | None:
    cluster, name = arn.split("/")[1:]
    live = ecs.active_service(cluster, name)
    if live is None:
        return None
    properties_now: Record = _like(properties, live)
    # A family stands for each of its revisions (resource schema, propertyTransform).
    revision = live["taskDefinition"].rpartition("/")[2]
    if properties["TaskDefinition"] == revision.rpartition(":")[0]:
        properties_now["TaskDefinition"] = properties["TaskDefinition"]
    return properties_now


def _scalable_target(physical_id: str, properties: Record) -> Record | None:
    key = (properties["ServiceNamespace"], properties["ResourceId"], properties["ScalableDimension"])
    target: Record | None = scaling.TARGETS.get(key)
    return target


def _scaling_policy(arn: str, properties: Record) -> Record | None:
    return next((policy for policy in scaling.POLICIES.values() if policy["PolicyARN"] == arn), None)


def _group(physical_id: str, properties: Record) -> Record | None:
    group: Record | None = codedeploy.GROUPS.get((properties["ApplicationName"], physical_id))
    return group


def _target_group(arn: str, properties: Record) -> Record | None:
    group: Record | None = stores.target_groups.get(arn)
    return group


def _alarm(name: str, properties: Record) -> Record | None:
    alarm: Record | None = stores.alarms.get(name)
    return alarm


_READERS: dict[str, tuple[Reader, set[str]]] = {
    "AWS::ElasticLoadBalancingV2::Listener": (_listener, {"Port", "Protocol", "DefaultActions"}),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (_rule, {"Actions", "Conditions", "Priority"}),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        _as_declared(_target_group),
        {
            "Port",
            "Protocol",
            "HealthCheckPath",
            "HealthCheckIntervalSeconds",
            "HealthCheckTimeoutSeconds",
            "HealthyThresholdCount",
            "UnhealthyThresholdCount",
        },
    ),
    "AWS::ECS::Service": (
        _service,
        {
            "DesiredCount",
            "LoadBalancers",
            "TaskDefinition",
            "HealthCheckGracePeriodSeconds",
            "NetworkConfiguration",
            "PlatformVersion",
            "LaunchType",
            "CapacityProviderStrategy",
        },
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        _as_declared(_scalable_target),
        {"MinCapacity", "MaxCapacity"},
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        _as_declared(_scaling_policy),
        {"PolicyType", "TargetTrackingScalingPolicyConfiguration"},
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        _as_declared(_group),
        {
            "DeploymentConfigName",
            "AlarmConfiguration",
            "AutoRollbackConfiguration",
            "BlueGreenDeploymentConfiguration",
        },
    ),
    "AWS::CloudWatch::Alarm": (
        _as_declared(_alarm),
        {"Threshold", "EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData", "ActionsEnabled"},
    ),
}

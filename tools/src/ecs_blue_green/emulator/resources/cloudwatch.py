"""AWS::CloudWatch::Alarm, of one metric or of metric math."""

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler, generated_name
from ecs_blue_green.emulator.services import shapes
from ecs_blue_green.emulator.services.api import now

FIRST_STATE = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation"}
STATE = (*FIRST_STATE, "StateUpdatedTimestamp")
ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def _create(logical_id: str, properties: Record, stack_name: str) -> Created:
    return _put(properties.get("AlarmName") or generated_name(stack_name, logical_id, 255), properties)


def _update(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    return _put(physical_id, new)


def _put(name: str, properties: Record) -> Created:
    """Write the alarm as PutMetricAlarm does: a new configuration, the state unchanged."""
    arn = engine.arn("cloudwatch", f"alarm:{name}")
    known: Record = stores.alarms.get(name, {**FIRST_STATE, "StateUpdatedTimestamp": int(now())})
    request = shapes.request("cloudwatch", "PutMetricAlarm", properties)
    tags = request.pop("Tags", [])
    engine.cloudwatch.cloudformation_put_metric_alarm(
        {
            "ActionsEnabled": True,
            "TreatMissingData": "missing",
            **{action: [] for action in ACTIONS},
            **request,
            **{member: known[member] for member in STATE},
            "AlarmName": name,
            "AlarmArn": arn,
            "AlarmConfigurationUpdatedTimestamp": int(now()),
        }
    )
    engine.cloudwatch.cloudformation_set_metric_alarm_tags(name, tags)
    return name, {"Arn": arn}


def _check(properties: Record) -> None:
    for action in ACTIONS:
        references.require_topics(properties.get(action, []))
    if "Metrics" in properties:
        _check_math(properties["Metrics"])


def _check_math(metrics: list[Record]) -> None:
    """The rules of an alarm on metric math (botocore, cloudwatch PutMetricAlarm, Metrics)."""
    identifiers = [metric["Id"] for metric in metrics]
    if len(set(identifiers)) < len(identifiers):
        raise Refused("ValidationError", "The IDs of the metrics of an alarm must be unique")
    if sum(metric.get("ReturnData", True) for metric in metrics) != 1:
        raise Refused("ValidationError", "Exactly one element of the metrics list should return data.")
    periods = {metric["MetricStat"]["Period"] for metric in metrics if "MetricStat" in metric}
    if len(periods) > 1:
        raise Refused("ValidationError", "Metrics list must have the same period")
    if any("SEARCH(" in metric.get("Expression", "").replace(" ", "") for metric in metrics):
        raise Refused("ValidationError", "SEARCH is not supported in an alarm's metric math expression")


HANDLERS = {
    "AWS::CloudWatch::Alarm": Handler(
        create=_create,
        update=_update,
        name="AlarmName",
        taken=lambda name: name in stores.alarms,
        check=_check,
    ),
}

"""The alarms that stop a release: service-preference has them, and the deployment group watches them."""

from troposphere import Equals, Not, Ref, Template

# By logical ID; those on latency exist only if a limit is set.
ALARMS = (
    "BlueTargetGroupFiveXxRateAlarm",
    "BlueTargetGroupUnhealthyHostAlarm",
    "GreenTargetGroupFiveXxRateAlarm",
    "GreenTargetGroupUnhealthyHostAlarm",
    "LoadBalancerFiveXxRateAlarm",
)
LATENCY_ALARMS = ("BlueTargetGroupLatencyAlarm", "GreenTargetGroupLatencyAlarm")


def name_output(alarm: str) -> str:
    """The output with the name of an alarm: `BlueLatencyAlarmName` of `BlueTargetGroupLatencyAlarm`."""
    return f"{alarm.replace('TargetGroup', '')}Name"


def has_latency_limit(t: Template) -> str:
    """Name of the condition that is true if latency has a limit, added if it is missing."""
    return t.add_condition("HasLatencyLimit", Not(Equals(Ref("AlarmLatencyMs"), "0")))

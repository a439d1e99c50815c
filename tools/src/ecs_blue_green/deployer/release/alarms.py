"""CloudWatch alarms of releases: which of them are in ALARM."""

from collections.abc import Iterable

from ecs_blue_green.deployer.aws import Aws

# What one DescribeAlarms call takes (botocore, cloudwatch; November 2026).
NAMES_AT_ONCE = 100


def in_alarm(aws: Aws, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the alarms that are in ALARM: what CodeDeploy goes by."""
    alarm_names = list(names)
    alarms: list[str] = []
    for start in range(0, len(alarm_names), NAMES_AT_ONCE):
        answer = aws.client("cloudwatch").describe_alarms(
            AlarmNames=alarm_names[start : start + NAMES_AT_ONCE],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            StateValue="ALARM",
        )
        alarms += [
            alarm["AlarmName"]
            for kind in ("MetricAlarms", "CompositeAlarms")
            for alarm in answer.get(kind, [])
        ]
    return tuple(alarms)

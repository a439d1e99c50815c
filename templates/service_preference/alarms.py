"""What stops a release that is slow. The alarms on errors and unhealthy tasks are the pipeline's."""

from troposphere import Ref, Sub, Template
from troposphere.sns import Topic

from templates._alarms import has_latency_limit, math_alarm, target_group_dimensions
from templates._exports import export

# TargetResponseTime is in seconds. Few requests have no percentile worth the name.
LATENCY = "IF(FILL(requests, 0) >= ${AlarmMinRequests}, 1000 * seconds, 0)"


def add_latency_alarms(t: Template, topic: Topic) -> None:
    """An alarm for each target group, where a limit is set.

    Their names are given, and exported in either case: an export in use cannot go away, and the pipeline
    knows by the same parameter whether the alarms are there.
    """
    limit = has_latency_limit(t)
    for colour in ("Blue", "Green"):
        name = Sub(f"${{Project}}-${{Environment}}-{colour.lower()}-latency")
        t.add_resource(
            math_alarm(
                f"{colour}TargetGroupLatencyAlarm",
                f"Latency of the {colour.lower()} tasks in milliseconds, 95th percentile",
                ("latency", LATENCY),
                {"requests": ("RequestCount", "Sum"), "seconds": ("TargetResponseTime", "p95")},
                target_group_dimensions(colour),
                "AlarmLatencyMs",
                Ref(topic),
                AlarmName=name,
                Condition=limit,
            )
        )
        export(t, f"{colour}LatencyAlarmName", name, f"Alarm on slow {colour.lower()} tasks")

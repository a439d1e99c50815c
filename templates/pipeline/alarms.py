"""What stops a release and rolls it back: error rates and unhealthy tasks, seen by the load balancer.

The alarms on latency, which are there where somebody sets a limit, are in service-preference: this template
is as long as it may be.
"""

from troposphere import If, NoValue, Ref, Template
from troposphere.cloudwatch import Alarm
from troposphere.codedeploy import Alarm as DeploymentAlarm

from templates._alarms import (
    has_latency_limit,
    load_balancer_dimension,
    math_alarm,
    target_group_dimensions,
)
from templates._exports import import_value
from templates.pipeline.notifications import NOTIFICATION_TOPIC_ARN

# A new task that uses the service's whole grace period (60 s) is unhealthy from the 30th second to the 80th,
# which touches two minutes.
OF_UNHEALTHY_TASKS = (3, 4)

# Below the floor, a share says little: one error among five requests is 20 %. A count of errors exists only
# in minutes that have errors, hence FILL.
TARGET_RATE = "IF(FILL(requests, 0) >= ${AlarmMinRequests}, 100 * FILL(errors, 0) / requests, 0)"
# RequestCount leaves out what the load balancer refused for want of a target, which is just what its own
# 503 reports, and has what it answered with 502 or 504 in a target's place. So the larger of both counts:
# when all fail, the share is 100 % either way; where some are refused, it is rather overstated.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
_LARGER = "IF(FILL(errors, 0) > FILL(requests, 0), FILL(errors, 0), FILL(requests, 0))"
LOAD_BALANCER_RATE = f"IF({_LARGER} >= ${{AlarmMinRequests}}, 100 * FILL(errors, 0) / {_LARGER}, 0)"
# At the worst moment of a minute: the most that were ill, and the fewest that were well. Not Sum, which
# counts a task once for each of the load balancer's nodes.
UNHEALTHY_SHARE = "IF(FILL(ill, 0) > 0, 100 * ill / (ill + well), 0)"


def add_alarms(t: Template) -> list[DeploymentAlarm | If]:
    """The five alarms of this layer; gives all that the deployment group watches."""
    alarms: list[Alarm] = []
    for colour in ("Blue", "Green"):
        alarms += [
            math_alarm(
                f"{colour}TargetGroupFiveXxRateAlarm",
                f"Share of 5xx answers of the {colour.lower()} tasks",
                ("rate", TARGET_RATE),
                {"requests": ("RequestCount", "Sum"), "errors": ("HTTPCode_Target_5XX_Count", "Sum")},
                target_group_dimensions(colour),
                "AlarmFiveXxRatePercent",
                NOTIFICATION_TOPIC_ARN,
            ),
            math_alarm(
                f"{colour}TargetGroupUnhealthyHostAlarm",
                f"Share of the {colour.lower()} tasks that fail their health check",
                ("share", UNHEALTHY_SHARE),
                {"ill": ("UnHealthyHostCount", "Maximum"), "well": ("HealthyHostCount", "Minimum")},
                target_group_dimensions(colour),
                "AlarmUnhealthyHostPercent",
                NOTIFICATION_TOPIC_ARN,
                OF_UNHEALTHY_TASKS,
            ),
        ]
    alarms.append(
        math_alarm(
            "LoadBalancerFiveXxRateAlarm",
            "Share of requests that the load balancer itself answers with 5xx",
            ("rate", LOAD_BALANCER_RATE),
            {"requests": ("RequestCount", "Sum"), "errors": ("HTTPCode_ELB_5XX_Count", "Sum")},
            [load_balancer_dimension()],
            "AlarmFiveXxRatePercent",
            NOTIFICATION_TOPIC_ARN,
        )
    )
    limit = has_latency_limit(t)
    return [
        *(DeploymentAlarm(Name=Ref(t.add_resource(alarm))) for alarm in alarms),
        *(
            If(limit, DeploymentAlarm(Name=import_value("service-preference", name)), NoValue)
            for name in ("BlueLatencyAlarmName", "GreenLatencyAlarmName")
        ),
    ]

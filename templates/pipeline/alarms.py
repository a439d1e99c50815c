"""What stops a release and rolls it back: error rates and unhealthy tasks, seen by the load balancer.

CodeDeploy watches at most ten alarms of a deployment group. It stops a deployment at once when one of them
is in ALARM already, so none of these stays there without cause: missing data is not breaching.
"""

from typing import Any

from troposphere import Ref, Sub, Template
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from templates._exports import import_value
from templates.pipeline.notifications import NOTIFICATION_TOPIC_ARN

PERIOD_SECONDS = 60
# Data points to alarm, of how many. One late or odd minute is no reason to roll back, and a canary step is
# longer.
OF_ERRORS = (2, 3)
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


def add_alarms(t: Template) -> list[Alarm]:
    """The five alarms."""
    load_balancer = MetricDimension(
        Name="LoadBalancer", Value=import_value("infrastructure", "LoadBalancerFullName")
    )
    alarms = []
    for colour in ("Blue", "Green"):
        target_group = MetricDimension(
            Name="TargetGroup", Value=import_value("infrastructure", f"{colour}TargetGroupFullName")
        )
        dimensions = [load_balancer, target_group]
        alarms += [
            _rate_alarm(
                f"{colour}TargetGroupFiveXxRateAlarm",
                f"Share of 5xx answers of the {colour.lower()} tasks",
                TARGET_RATE,
                "HTTPCode_Target_5XX_Count",
                dimensions,
            ),
            Alarm(
                f"{colour}TargetGroupUnhealthyHostAlarm",
                AlarmDescription=f"{colour} tasks that fail their health check",
                Namespace="AWS/ApplicationELB",
                MetricName="UnHealthyHostCount",
                Dimensions=dimensions,
                # Not Sum: that counts a task once for each of the load balancer's nodes.
                Statistic="Maximum",
                Period=PERIOD_SECONDS,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                Threshold=1,
                **_evaluation(*OF_UNHEALTHY_TASKS),
            ),
        ]
    alarms.append(
        _rate_alarm(
            "LoadBalancerFiveXxRateAlarm",
            "Share of requests that the load balancer itself answers with 5xx",
            LOAD_BALANCER_RATE,
            "HTTPCode_ELB_5XX_Count",
            [load_balancer],
        )
    )
    return [t.add_resource(alarm) for alarm in alarms]


def _rate_alarm(
    title: str, description: str, expression: str, error_metric: str, dimensions: list[MetricDimension]
) -> Alarm:
    return Alarm(
        title,
        AlarmDescription=description,
        Metrics=[
            MetricDataQuery(Id="rate", Expression=Sub(expression), ReturnData=True),
            _sum("requests", "RequestCount", dimensions),
            _sum("errors", error_metric, dimensions),
        ],
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=Ref("AlarmFiveXxRatePercent"),
        **_evaluation(*OF_ERRORS),
    )


def _sum(query_id: str, metric: str, dimensions: list[MetricDimension]) -> MetricDataQuery:
    return MetricDataQuery(
        Id=query_id,
        MetricStat=MetricStat(
            Metric=Metric(Namespace="AWS/ApplicationELB", MetricName=metric, Dimensions=dimensions),
            Period=PERIOD_SECONDS,
            Stat="Sum",
        ),
        ReturnData=False,
    )


def _evaluation(datapoints: int, periods: int) -> dict[str, Any]:
    return {
        # Between releases nothing rolls back, and somebody has to be told. Nobody is told that it is over: a
        # new alarm goes to OK too.
        "AlarmActions": [NOTIFICATION_TOPIC_ARN],
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": datapoints,
        "TreatMissingData": "notBreaching",
    }

"""What alarms have in common: those that stop a release and roll it back are in two layers.

CodeDeploy watches at most 50 alarms of a deployment group (its page of quotas, November 2026; the texts of
its API still say ten). It stops a deployment at once when one of them is in ALARM already, so none of these
stays there without cause: missing data is not breaching.
"""

from typing import Any

from troposphere import Equals, Not, Ref, Sub, Template
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from templates._exports import import_value

PERIOD_SECONDS = 60
# Data points to alarm, of how many. One late or odd minute is no reason to roll back, and a canary step is
# longer.
OF_ANSWERS = (2, 3)


def has_latency_limit(t: Template) -> str:
    """Name of the condition that is true where latency is judged, added when it is missing."""
    return t.add_condition("HasLatencyLimit", Not(Equals(Ref("AlarmLatencyMs"), "0")))


def load_balancer_dimension() -> MetricDimension:
    """What metrics of the load balancer are told apart by."""
    return MetricDimension(Name="LoadBalancer", Value=import_value("infrastructure", "LoadBalancerFullName"))


def target_group_dimensions(colour: str) -> list[MetricDimension]:
    """What metrics of the blue or the green target group are told apart by."""
    name = import_value("infrastructure", f"{colour}TargetGroupFullName")
    return [load_balancer_dimension(), MetricDimension(Name="TargetGroup", Value=name)]


def math_alarm(
    title: str,
    description: str,
    expression: tuple[str, str],
    metrics: dict[str, tuple[str, str]],
    dimensions: list[MetricDimension],
    threshold: str,
    topic: Any,
    of: tuple[int, int] = OF_ANSWERS,
    **properties: Any,
) -> Alarm:
    """An alarm on metrics of the load balancer.

    `expression` is the Id and the text of what is compared with the parameter `threshold`; `metrics` has
    metric and statistic by their Ids in it. Between releases nothing rolls back: `topic` is told.
    """
    datapoints, periods = of
    identifier, text = expression
    return Alarm(
        title,
        AlarmDescription=description,
        Metrics=[
            MetricDataQuery(Id=identifier, Expression=Sub(text) if "${" in text else text, ReturnData=True),
            *(_query(name, *metric, dimensions) for name, metric in metrics.items()),
        ],
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=Ref(threshold),
        # No OKActions: a new alarm goes to OK too. A rule of service-preference tells of the end of one.
        AlarmActions=[topic],
        EvaluationPeriods=periods,
        DatapointsToAlarm=datapoints,
        TreatMissingData="notBreaching",
        **properties,
    )


def _query(
    identifier: str, metric: str, statistic: str, dimensions: list[MetricDimension]
) -> MetricDataQuery:
    return MetricDataQuery(
        Id=identifier,
        MetricStat=MetricStat(
            Metric=Metric(Namespace="AWS/ApplicationELB", MetricName=metric, Dimensions=dimensions),
            Period=PERIOD_SECONDS,
            Stat=statistic,
        ),
        ReturnData=False,
    )

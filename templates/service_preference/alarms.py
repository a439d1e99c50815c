"""Alarms that stop a release and roll it back: errors, unhealthy tasks, latency at the load balancer.

A deployment group can have at most 50 alarms (CodeDeploy's quotas, November 2026; its API reference still
says ten). CodeDeploy stops a deployment at once if one of them is already in ALARM, so none of these stays in
ALARM without cause: missing data is not breaching.
"""

from typing import Any

from troposphere import Ref, Sub, Template
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat
from troposphere.sns import Topic

from templates._alarms import has_latency_limit, name_output
from templates._exports import export, import_value

PERIOD_SECONDS = 60
# Data points to alarm, and evaluation periods. One bad minute is no reason to roll back, and a canary step is
# longer.
OF_ANSWERS = (2, 3)
# A new task that uses the whole grace period of the service (60 s) is unhealthy from second 30 to 80, which
# touches two minutes.
OF_UNHEALTHY_TASKS = (3, 4)

# With few requests, a share says little: one error among five requests is 20 %. The metric of errors has data
# only in minutes with errors, hence FILL.
TARGET_RATE = "IF(FILL(requests, 0) >= ${AlarmMinRequests}, 100 * FILL(errors, 0) / requests, 0)"
# RequestCount does not contain requests that were refused because there was no target (reported as the load
# balancer's own 503), but does contain those answered with 502 or 504 instead of by a target. So the larger
# of both counts is used: if all requests fail, the share is 100 % in both cases; if some are refused, it is
# rather too high.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
_LARGER = "IF(FILL(errors, 0) > FILL(requests, 0), FILL(errors, 0), FILL(requests, 0))"
LOAD_BALANCER_RATE = f"IF({_LARGER} >= ${{AlarmMinRequests}}, 100 * FILL(errors, 0) / {_LARGER}, 0)"
# The worst moment of a minute: the maximum of unhealthy and the minimum of healthy tasks. Not Sum, which
# counts a task once for each node of the load balancer.
UNHEALTHY_SHARE = "IF(FILL(ill, 0) > 0, 100 * ill / (ill + well), 0)"
# TargetResponseTime is in seconds. With few requests, a percentile means little.
LATENCY = "IF(FILL(requests, 0) >= ${AlarmMinRequests}, 1000 * seconds, 0)"


def add_alarms(t: Template, topic: Topic) -> None:
    """The alarms of each target group and of the load balancer; on latency only if a limit is set.

    Their names are fixed, and always exported: the pipeline's deployment group uses them, and an export in
    use can be neither changed nor removed.
    """
    limit = has_latency_limit(t)
    for colour in ("blue", "green"):
        title = f"{colour.title()}TargetGroup"
        dimensions = _target_group_dimensions(colour.title())
        _add_alarm(
            t,
            topic,
            f"{title}FiveXxRateAlarm",
            (f"{colour}-5xx-rate", f"Share of 5xx answers of the {colour} tasks"),
            ("rate", TARGET_RATE),
            {"requests": ("RequestCount", "Sum"), "errors": ("HTTPCode_Target_5XX_Count", "Sum")},
            dimensions,
            "AlarmFiveXxRatePercent",
        )
        _add_alarm(
            t,
            topic,
            f"{title}UnhealthyHostAlarm",
            (f"{colour}-unhealthy-hosts", f"Share of the {colour} tasks that fail their health check"),
            ("share", UNHEALTHY_SHARE),
            {"ill": ("UnHealthyHostCount", "Maximum"), "well": ("HealthyHostCount", "Minimum")},
            dimensions,
            "AlarmUnhealthyHostPercent",
            of=OF_UNHEALTHY_TASKS,
        )
        _add_alarm(
            t,
            topic,
            f"{title}LatencyAlarm",
            (f"{colour}-latency", f"Latency of the {colour} tasks in milliseconds, 95th percentile"),
            ("latency", LATENCY),
            {"requests": ("RequestCount", "Sum"), "seconds": ("TargetResponseTime", "p95")},
            dimensions,
            "AlarmLatencyMs",
            Condition=limit,
        )
    _add_alarm(
        t,
        topic,
        "LoadBalancerFiveXxRateAlarm",
        ("load-balancer-5xx-rate", "Share of requests that the load balancer itself answers with 5xx"),
        ("rate", LOAD_BALANCER_RATE),
        {"requests": ("RequestCount", "Sum"), "errors": ("HTTPCode_ELB_5XX_Count", "Sum")},
        [_load_balancer_dimension()],
        "AlarmFiveXxRatePercent",
    )


def _add_alarm(
    t: Template,
    topic: Topic,
    title: str,
    name_and_description: tuple[str, str],
    expression: tuple[str, str],
    metrics: dict[str, tuple[str, str]],
    dimensions: list[MetricDimension],
    threshold: str,
    of: tuple[int, int] = OF_ANSWERS,
    **attributes: Any,
) -> None:
    """An alarm on metrics of the load balancer.

    `expression` is the Id and the text of the metric math that is compared with the parameter `threshold`;
    `metrics` has its metrics and statistics by Id. Between releases there is nothing to roll back, so `topic`
    is notified.
    """
    slug, description = name_and_description
    name = Sub(f"${{Project}}-${{Environment}}-{slug}")
    datapoints, periods = of
    identifier, text = expression
    t.add_resource(
        Alarm(
            title,
            AlarmName=name,
            AlarmDescription=description,
            Metrics=[
                MetricDataQuery(
                    Id=identifier, Expression=Sub(text) if "${" in text else text, ReturnData=True
                ),
                *(_query(name, *metric, dimensions) for name, metric in metrics.items()),
            ],
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=Ref(threshold),
            # No OKActions: a new alarm also changes to OK. An EventBridge rule notifies of the end of an
            # alarm.
            AlarmActions=[Ref(topic)],
            EvaluationPeriods=periods,
            DatapointsToAlarm=datapoints,
            TreatMissingData="notBreaching",
            **attributes,
        )
    )
    export(t, name_output(title), name, f"Alarm: {description[0].lower()}{description[1:]}")


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


def _target_group_dimensions(colour: str) -> list[MetricDimension]:
    name = import_value("infrastructure", f"{colour}TargetGroupFullName")
    return [_load_balancer_dimension(), MetricDimension(Name="TargetGroup", Value=name)]


def _load_balancer_dimension() -> MetricDimension:
    return MetricDimension(Name="LoadBalancer", Value=import_value("infrastructure", "LoadBalancerFullName"))

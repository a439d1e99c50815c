"""Alarms that stop a release and roll it back: errors, unhealthy tasks, latency at the load balancer.

A deployment group can have at most 50 alarms (CodeDeploy's quotas, November 2026; its API reference still
says ten). CodeDeploy stops a deployment at once if one of them is already in ALARM, so none of these stays in
ALARM without cause: missing data is not breaching.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Measured(NamedTuple):
    """Metric math: its Id and text, and the load balancer's metrics in it, with their statistics, by Id."""

    identifier: str
    text: str
    metrics: Mapping[str, tuple[str, str]]
    dimensions: list[MetricDimension]

    def queries(self) -> list[MetricDataQuery]:
        """The metric math, which is what an alarm looks at, and the metrics in it."""
        text = Sub(self.text) if "${" in self.text else self.text
        return [
            MetricDataQuery(Id=self.identifier, Expression=text, ReturnData=True),
            *(_query(name, *metric, self.dimensions) for name, metric in self.metrics.items()),
        ]


def add_alarms(t: Template, topic: Topic) -> None:
    """The alarms of each target group and of the load balancer; on latency only if a limit is set.

    Their names are fixed, and always exported: the pipeline's deployment group uses them, and an export in
    use can be neither changed nor removed. Between releases there is nothing to roll back, so `topic` is
    notified.
    """
    for colour in ("blue", "green"):
        title = f"{colour.title()}TargetGroup"
        dimensions = _target_group_dimensions(colour.title())
        requests = {"requests": ("RequestCount", "Sum")}
        errors = requests | {"errors": ("HTTPCode_Target_5XX_Count", "Sum")}
        tasks = {"ill": ("UnHealthyHostCount", "Maximum"), "well": ("HealthyHostCount", "Minimum")}
        latency = requests | {"seconds": ("TargetResponseTime", "p95")}
        alarms = (
            _alarm(
                f"{title}FiveXxRateAlarm",
                f"{colour}-5xx-rate",
                f"Share of 5xx answers of the {colour} tasks",
                Measured("rate", TARGET_RATE, errors, dimensions),
                **_reaches("AlarmFiveXxRatePercent", topic),
            ),
            _alarm(
                f"{title}UnhealthyHostAlarm",
                f"{colour}-unhealthy-hosts",
                f"Share of the {colour} tasks that fail their health check",
                Measured("share", UNHEALTHY_SHARE, tasks, dimensions),
                **_reaches("AlarmUnhealthyHostPercent", topic, OF_UNHEALTHY_TASKS),
            ),
            _alarm(
                f"{title}LatencyAlarm",
                f"{colour}-latency",
                f"Latency of the {colour} tasks in milliseconds, 95th percentile",
                Measured("latency", LATENCY, latency, dimensions),
                **_reaches("AlarmLatencyMs", topic),
                Condition=has_latency_limit(t),
            ),
        )
        for alarm in alarms:
            _add(t, alarm)
    of_load_balancer = {"requests": ("RequestCount", "Sum"), "errors": ("HTTPCode_ELB_5XX_Count", "Sum")}
    _add(
        t,
        _alarm(
            "LoadBalancerFiveXxRateAlarm",
            "load-balancer-5xx-rate",
            "Share of requests that the load balancer itself answers with 5xx",
            Measured("rate", LOAD_BALANCER_RATE, of_load_balancer, [_load_balancer_dimension()]),
            **_reaches("AlarmFiveXxRatePercent", topic),
        ),
    )


def _alarm(title: str, slug: str, description: str, measured: Measured, **attributes: Any) -> Alarm:
    return Alarm(
        title,
        AlarmName=Sub(f"${{Project}}-${{Environment}}-{slug}"),
        AlarmDescription=description,
        Metrics=measured.queries(),
        **attributes,
    )


def _reaches(threshold: str, topic: Topic, of: tuple[int, int] = OF_ANSWERS) -> dict[str, Any]:
    """When an alarm goes off, by the parameter that it is compared with, and who is notified."""
    datapoints, periods = of
    return {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": Ref(threshold),
        # No OKActions: a new alarm also changes to OK. An EventBridge rule notifies of the end of an alarm.
        "AlarmActions": [Ref(topic)],
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": datapoints,
        "TreatMissingData": "notBreaching",
    }


def _add(t: Template, alarm: Alarm) -> None:
    t.add_resource(alarm)
    text = alarm.AlarmDescription
    export(t, name_output(str(alarm.title)), alarm.AlarmName, f"Alarm: {text[0].lower()}{text[1:]}")


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

"""CloudWatch alarms, read from what was deployed and evaluated minute by minute.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecs_blue_green.rehearsal import metric_math, metrics
from ecs_blue_green.rehearsal.metric_math import Expression, Series, UnsupportedExpression
from ecs_blue_green.rehearsal.metrics import Dimensions, Metrics

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

# CloudWatch looks further back than the evaluation periods, for data in the place of what is missing: five
# data points for three periods in its documentation's example, the only figure that it gives.
EXTRA_PERIODS = 2

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
SIGNS = {
    "GreaterThanOrEqualToThreshold": "≥",
    "GreaterThanThreshold": ">",
    "LessThanOrEqualToThreshold": "≤",
    "LessThanThreshold": "<",
}


class UnsupportedAlarm(Exception):
    """An alarm that cannot be evaluated faithfully; the message names it and why."""


class NotModelled(Exception):
    """An alarm on a metric that a rehearsal does not have; the message names the metric."""


@dataclass(frozen=True)
class Metric:
    """One metric that an alarm looks at."""

    name: str
    dimensions: Dimensions
    statistic: str


@dataclass(frozen=True)
class Alarm:
    """One alarm: what it watches, and when it is in ALARM. `label` is its name for people."""

    name: str
    label: str
    watched: str
    metrics: Mapping[str, Metric]
    expressions: Mapping[str, Expression]
    period_minutes: int
    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing_data: str

    @property
    def condition(self) -> str:
        """The condition in a few words: "≥ 20 in 2 of 3 periods of 1 min"."""
        return (
            f"{SIGNS[self.comparison]} {self.threshold:g} in {self.datapoints_to_alarm} of"
            f" {self.evaluation_periods} periods of {self.period_minutes} min"
        )


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found: the new state and the newest value (None: missing)."""

    state: State
    value: float | None


def read_alarm(description: Mapping[str, Any], label: str = "") -> Alarm:
    """An alarm as DescribeAlarms shows it, with a name for people (else its own).

    Raises UnsupportedAlarm for what cannot be evaluated here, NotModelled for a metric that is not here.
    """
    name = description["AlarmName"]
    called = label or name
    try:
        queries = description.get("Metrics") or [_single(description)]
        by_id = {query["Id"]: query for query in queries}
        metric_of = {
            key: _metric(query["MetricStat"]) for key, query in by_id.items() if "MetricStat" in query
        }
        expressions = {
            key: metric_math.parse(query["Expression"])
            for key, query in by_id.items()
            if "Expression" in query
        }
        periods = {query["MetricStat"]["Period"] for query in by_id.values() if "MetricStat" in query}
        comparison = description["ComparisonOperator"]
        if comparison not in COMPARISONS:
            raise UnsupportedExpression(f"the comparison {comparison} is not supported")
        if len(periods) != 1 or min(periods) % 60:
            raise UnsupportedExpression(f"a period of {sorted(periods)} seconds is not supported")
        (watched,) = [key for key, query in by_id.items() if query.get("ReturnData", True)]
    except UnsupportedExpression as error:
        raise UnsupportedAlarm(f"{called}: {error}") from error
    except NotModelled as error:
        raise NotModelled(f"{called} watches {error}") from error
    except ValueError as error:
        raise UnsupportedAlarm(f"{called}: exactly one metric or expression must have ReturnData") from error
    return Alarm(
        name=name,
        label=called,
        watched=watched,
        metrics=metric_of,
        expressions=expressions,
        period_minutes=min(periods) // 60,
        comparison=comparison,
        threshold=float(description["Threshold"]),
        evaluation_periods=description["EvaluationPeriods"],
        datapoints_to_alarm=description.get("DatapointsToAlarm", description["EvaluationPeriods"]),
        missing_data=description.get("TreatMissingData", "missing"),
    )


def evaluate(alarm: Alarm, known: Metrics, minute: int, current: State) -> Evaluation:
    """The state of an alarm once `minute` (the number of the next minute to begin) is reached.

    An alarm is evaluated every minute, whatever its period; its windows then end at that minute.
    """
    count = alarm.evaluation_periods + EXTRA_PERIODS
    starts = [minute - alarm.period_minutes * back for back in range(count, 0, -1)]
    series = {
        key: _series(metric, known, starts, alarm.period_minutes) for key, metric in alarm.metrics.items()
    }
    request = metric_math.Request(starts, series, alarm.expressions)
    try:
        watched = metric_math.evaluate(alarm.watched, request)
    except UnsupportedExpression as error:
        raise UnsupportedAlarm(f"{alarm.label}: {error}") from error
    points = [watched.get(start) for start in starts]
    compare = COMPARISONS[alarm.comparison]
    breaches = [None if point is None else bool(compare(point, alarm.threshold)) for point in points]
    state = state_of(
        breaches, alarm.evaluation_periods, alarm.datapoints_to_alarm, alarm.missing_data, current
    )
    return Evaluation(state, points[-1])


def state_of(
    breaches: Sequence[bool | None], periods: int, to_alarm: int, missing_data: str, current: State
) -> State:
    """The state that data points give: True breaching, False not, None missing; the oldest first.

    `breaches` is the whole evaluation range; `missing_data` is TreatMissingData.
    """
    real = [breach for breach in breaches if breach is not None][-periods:]
    missing = periods - len(real)
    breaching = sum(real)
    if not missing or missing_data == "notBreaching":
        return "ALARM" if breaching >= to_alarm else "OK"
    if missing_data == "breaching":
        return "ALARM" if breaching + missing >= to_alarm else "OK"
    if not real:
        return current if missing_data == "ignore" else "INSUFFICIENT_DATA"
    if breaching >= to_alarm:
        return "ALARM"
    if breaching < len(real):
        return "OK"
    if missing_data == "ignore":
        return current
    # All that is known is breaching, but it is too little. It is enough once the oldest of it is old enough;
    # before that, the next data point may be harmless.
    age = len(breaches) - breaches.index(True)
    return "ALARM" if age >= to_alarm else current


def _single(description: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm without metric math, as one query."""
    metric = {
        key: description[key] for key in ("Namespace", "MetricName", "Dimensions") if key in description
    }
    statistic = description.get("Statistic") or description.get("ExtendedStatistic", "")
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": description["Period"], "Stat": statistic}}


def _metric(stat: Mapping[str, Any]) -> Metric:
    metric = stat["Metric"]
    where = frozenset((item["Name"], item["Value"]) for item in metric.get("Dimensions", []))
    name, names = metric["MetricName"], frozenset(key for key, _ in where)
    if metric["Namespace"] != metrics.NAMESPACE or name not in metrics.KNOWN:
        raise NotModelled(f"{metric['Namespace']} {name}")
    if names not in metrics.KNOWN[name]:
        raise NotModelled(f"{name} by {', '.join(sorted(names)) or 'no dimension'}")
    if not metrics.supported(stat["Stat"]):
        raise UnsupportedExpression(f"the statistic {stat['Stat']} is not supported")
    return Metric(name, where, stat["Stat"])


def _series(metric: Metric, known: Metrics, starts: Sequence[int], length: int) -> Series:
    values = {
        start: known.statistic(metric.name, metric.dimensions, metric.statistic, range(start, start + length))
        for start in starts
    }
    return {start: value for start, value in values.items() if value is not None}

"""Alarms: what CloudWatch documents about missing data, M of N, periods; dimensions; what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_blue_green.rehearsal import alarms
from ecs_blue_green.rehearsal.alarms import NotModelled, UnsupportedAlarm, state_of
from ecs_blue_green.rehearsal.metrics import Metrics, dimensions

POINTS = {"0": False, "X": True, "-": None}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
BALANCER, BLUE, GREEN = "app/shop/1", "targetgroup/blue/1", "targetgroup/green/1"
KEEP = "KEEP"


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("points", "to_alarm", "expected"),
    [
        ("0 - X - X", 3, "OK OK OK OK"),
        ("0 - - - -", 3, "OK OK OK OK"),
        ("- - - - -", 3, "INSUFFICIENT_DATA KEEP ALARM OK"),
        ("0 X X - X", 3, "ALARM ALARM ALARM ALARM"),
        ("- - X - -", 3, "ALARM KEEP ALARM OK"),
        ("0 - X - X", 2, "ALARM ALARM ALARM ALARM"),
        ("0 0 X 0 X", 2, "ALARM ALARM ALARM ALARM"),
        ("0 - X - -", 2, "OK OK ALARM OK"),
        ("- - - - 0", 2, "OK OK ALARM OK"),
        ("- - - X -", 2, "ALARM KEEP ALARM OK"),
    ],
)
def test_missing_data_follows_the_documented_tables(points: str, to_alarm: int, expected: str) -> None:
    breaches = [POINTS[point] for point in points.split()]
    found = [state_of(breaches, 3, to_alarm, treatment, KEEP) for treatment in TREATMENTS]  # type: ignore[arg-type]
    assert " ".join(found) == expected


@given(st.lists(st.booleans(), min_size=5, max_size=5), st.integers(1, 3), st.sampled_from(TREATMENTS))
def test_without_gaps_only_the_newest_periods_count(
    breaches: list[bool], to_alarm: int, treatment: str
) -> None:
    expected = "ALARM" if sum(breaches[-3:]) >= to_alarm else "OK"
    assert state_of(breaches, 3, to_alarm, treatment, "OK") == expected


def rate_alarm(group: str, **changes: Any) -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it: the pipeline layer's alarm on a target group."""
    where = [{"Name": "LoadBalancer", "Value": BALANCER}, {"Name": "TargetGroup", "Value": group}]

    def query(query_id: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": where}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        return {"Id": query_id, "MetricStat": stat, "ReturnData": False}

    expression = "IF(FILL(requests, 0) >= 10, 100 * FILL(errors, 0) / requests, 0)"
    return {
        "AlarmName": f"rate-{group}",
        "Metrics": [
            {"Id": "rate", "Expression": expression, "ReturnData": True},
            query("requests", "RequestCount"),
            query("errors", "HTTPCode_Target_5XX_Count"),
        ],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 20.0,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "notBreaching",
        **changes,
    }


def host_alarm(**changes: Any) -> dict[str, Any]:
    """An alarm without metric math."""
    return {
        "AlarmName": "hosts",
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "UnHealthyHostCount",
        "Dimensions": [
            {"Name": "LoadBalancer", "Value": BALANCER},
            {"Name": "TargetGroup", "Value": GREEN},
        ],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0,
        "EvaluationPeriods": 1,
        **changes,
    }


def traffic(group: str, minutes: range, requests: int, errors: int) -> Metrics:
    """The metrics of a target group with as many requests and errors in each minute."""
    metrics = Metrics()
    for minute in minutes:
        for number in range(requests):
            metrics.add_both(minute, "RequestCount", BALANCER, group)
            family = 5 if number < errors else 2
            metrics.add_both(minute, f"HTTPCode_Target_{family}XX_Count", BALANCER, group)
    return metrics


def state(description: dict[str, Any], metrics: Metrics, minute: int) -> str:
    return alarms.evaluate(alarms.read_alarm(description), metrics, minute, "OK").state


@pytest.mark.parametrize(
    ("requests", "errors", "minutes", "expected"),
    [
        pytest.param(20, 10, range(2), "ALARM", id="half of the requests fail in two minutes"),
        pytest.param(20, 10, range(1, 2), "OK", id="one bad minute is not enough"),
        pytest.param(20, 4, range(2), "ALARM", id="the threshold itself is breaching"),
        pytest.param(20, 3, range(2), "OK", id="below the threshold"),
        pytest.param(9, 9, range(2), "OK", id="below the floor nothing is judged"),
    ],
)
def test_rate_alarm(requests: int, errors: int, minutes: range, expected: str) -> None:
    assert state(rate_alarm(GREEN), traffic(GREEN, minutes, requests, errors), 2) == expected


def test_alarm_that_watches_the_other_target_group_does_not_see_the_errors() -> None:
    assert state(rate_alarm(BLUE), traffic(GREEN, range(3), 20, 20), 3) == "OK"


def test_requests_of_a_target_group_count_for_the_load_balancer_too() -> None:
    metrics = traffic(GREEN, range(1), 5, 1)
    whole = metrics.statistic("RequestCount", dimensions(BALANCER), "Sum", [0])
    assert whole == metrics.statistic("RequestCount", dimensions(BALANCER, GREEN), "Sum", [0]) == 5


def test_longer_period_slides_by_a_minute() -> None:
    metrics = Metrics()
    metrics.add(4, "UnHealthyHostCount", dimensions(BALANCER, GREEN), 1)
    five_minutes = host_alarm(Period=300)
    assert [state(five_minutes, metrics, minute) for minute in (5, 9)] == ["ALARM", "ALARM"]
    assert state({**five_minutes, "TreatMissingData": "notBreaching"}, metrics, 10) == "ALARM", "range of 3"


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("Sum", 10.0),
        ("Average", 2.5),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("SampleCount", 4.0),
        ("p50", 2.0),
        ("p99", 4.0),
    ],
)
def test_statistics(statistic: str, expected: float) -> None:
    metrics = Metrics()
    for number in (1, 2, 3, 4):
        metrics.add(0, "TargetResponseTime", dimensions(BALANCER), number)
    assert metrics.statistic("TargetResponseTime", dimensions(BALANCER), statistic, [0]) == expected


def bad_expression(expression: str) -> dict[str, Any]:
    description = rate_alarm(GREEN)
    description["Metrics"][0]["Expression"] = expression
    return description


@pytest.mark.parametrize(
    ("description", "named"),
    [
        (bad_expression("ANOMALY_DETECTION_BAND(requests)"), "ANOMALY_DETECTION_BAND"),
        (host_alarm(ComparisonOperator="GreaterThanUpperThreshold"), "GreaterThanUpperThreshold"),
        (host_alarm(Period=10), "10"),
        (host_alarm(Statistic="TM(10%:90%)"), "TM"),
    ],
)
def test_alarm_that_cannot_be_evaluated_is_refused_by_name(description: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedAlarm, match=named) as refused:
        alarms.read_alarm(description)
    assert description["AlarmName"] in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization"},
        {
            "Dimensions": [
                {"Name": "AvailabilityZone", "Value": "a"},
                {"Name": "LoadBalancer", "Value": BALANCER},
            ]
        },
    ],
)
def test_metric_that_does_not_exist_here_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(NotModelled, match="hosts watches"):
        alarms.read_alarm(host_alarm(**changes))

"""Metric math: CloudWatch's documented examples, and any expression against a direct computation."""

import operator
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_blue_green.rehearsal.metric_math import Request, UnsupportedExpression, evaluate, parse

MISSING = None
Points = Sequence[float | None]


def value(expression: str, count: int = 5, **metrics: Points) -> list[float | None]:
    """The value of an expression in each period; the metrics are given by Id, a point for each period."""
    series = {
        name: {moment: float(point) for moment, point in enumerate(points) if point is not None}
        for name, points in metrics.items()
    }
    found = evaluate("result", Request(range(count), series, {"result": parse(expression)}))
    return [found.get(moment) for moment in range(count)]


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
METRIC1 = [1, 1, 0, 0, MISSING]
METRIC2 = [30, MISSING, 0, 0, 30]
METRIC3 = [0, 0, 20, MISSING, 20]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, 0, MISSING]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, MISSING, MISSING]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, MISSING]),
        ("IF(metric1, metric2)", [30, 0, MISSING, MISSING, MISSING]),
        ("IF(1, metric2, metric3)", [30, MISSING, 0, 0, 30]),
        ("IF(0, metric2)", [MISSING] * 5),
        ("IF(metric2 > 10, 1, 0)", [1, MISSING, 0, 0, 1]),
    ],
)
def test_if_follows_the_documented_tables(expression: str, expected: Points) -> None:
    assert value(expression, metric1=METRIC1, metric2=METRIC2, metric3=METRIC3) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(metric1 < metric2)", [0, 0, 1, 0]),
        ("(metric1 >= 30)", [1, 0, 0, 0]),
        ("(metric1 > 15 AND metric2 > 15)", [1, 0, 0, 0]),
        ("metric1 > 15 && metric2 > 15 || metric1 == 0", [1, 0, 1, 1]),
    ],
)
def test_comparisons_and_logic_follow_the_documented_table(expression: str, expected: Points) -> None:
    metric1, metric2 = [30, 20, 0, 0], [20, MISSING, 20, MISSING]
    assert value(expression, 4, metric1=metric1, metric2=metric2) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(m1, 10)", [10, 1, 10, 3, 10]),
        ("FILL(m1, m2)", [7, 1, 8, 3, MISSING]),
        ("FILL(gone, 0)", [0, 0, 0, 0, 0]),
    ],
)
def test_fill(expression: str, expected: Points) -> None:
    m1 = [MISSING, 1, MISSING, 3, MISSING]
    m2 = [7, MISSING, 8, MISSING, MISSING]
    assert value(expression, m1=m1, m2=m2, gone=[]) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # A missing value is 0 beside one that is there, and a division by zero drops the point.
        ("m1 + m2", [1, 12, 3, MISSING]),
        ("m1 / m2", [MISSING, 0.2, 0, MISSING]),
        ("m1 * 2", [2, 4, MISSING, MISSING]),
        ("-m1", [-1, -2, MISSING, MISSING]),
        ("2 ^ m1", [2, 4, MISSING, MISSING]),
        ("m1 + 2 * m2 - 1", [0, 21, 5, MISSING]),
    ],
)
def test_arithmetic_with_missing_data(expression: str, expected: Points) -> None:
    found = value(expression, 4, m1=[1, 2, MISSING, MISSING], m2=[MISSING, 10, 3, MISSING])
    assert found == pytest.approx(expected)


def test_the_rate_alarm_judges_only_above_its_floor() -> None:
    """The expression of the pipeline layer: many errors, few requests, none, no errors, a missing minute."""
    found = value(
        "IF(FILL(requests, 0) >= 10, 100 * FILL(errors, 0) / requests, 0)",
        requests=[100, 5, 40, 20, MISSING],
        errors=[50, 5, 3, MISSING, MISSING],
    )
    assert found == [50, 0, 7.5, 0, 0]


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("ANOMALY_DETECTION_BAND(m1)", "ANOMALY_DETECTION_BAND"),
        ("SEARCH('x', 'Sum')", "SEARCH"),
        ("RATE(m1)", "RATE"),
        ("SUM([m1, m1])", "SUM"),
        ("METRICS()", "METRICS"),
        ("FILL(m1, REPEAT)", "REPEAT"),
        ("FILL(m1, LINEAR)", "LINEAR"),
        ("FILL(m1, 'a')", "the text 'a'"),
        ("FILL(3, 0)", "FILL takes a time series"),
        ("IF(m1)", "IF with 1"),
        ("m1 + ", "its end"),
        ("m1 m2", "'m2'"),
        ("other", "other"),
        ("3", "one time series"),
        ("[m1] + m1", "an array"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(UnsupportedExpression, match=f".*{named.replace('(', '')}"):
        value(expression, m1=[1, 2])


# An expression is drawn together with the function that computes it for one moment, where every metric has a
# value: what is left of metric math then is plain arithmetic.
Direct = tuple[str, Any]
NUMBERS = st.integers(0, 9)
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARISONS = {"<": operator.lt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


def leaves() -> st.SearchStrategy[Direct]:
    names = st.sampled_from("abc").map(lambda name: (name, lambda point: point[name]))
    numbers = NUMBERS.map(lambda number: (str(number), lambda _: number))
    return st.one_of(names, numbers)


def larger(children: st.SearchStrategy[Direct]) -> st.SearchStrategy[Direct]:
    def operation(sign: str, function: Any) -> st.SearchStrategy[Direct]:
        return st.tuples(children, children).map(
            lambda pair: (
                f"({pair[0][0]} {sign} {pair[1][0]})",
                lambda point: float(function(pair[0][1](point), pair[1][1](point))),
            )
        )

    choice = st.tuples(children, children, children).map(
        lambda three: (
            f"IF({three[0][0]}, {three[1][0]}, {three[2][0]})",
            lambda point: three[1][1](point) if three[0][1](point) else three[2][1](point),
        )
    )
    negative = children.map(lambda child: (f"-{child[0]}", lambda point: -child[1](point)))
    operations = [operation(sign, function) for sign, function in (ARITHMETIC | COMPARISONS).items()]
    return st.one_of(choice, negative, *operations)


@given(
    st.recursive(leaves(), larger, max_leaves=12),
    st.lists(st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS, "c": NUMBERS}), min_size=1, max_size=6),
)
def test_expressions_give_what_a_direct_computation_gives(
    drawn: Direct, points: list[dict[str, int]]
) -> None:
    text, compute = drawn
    metrics = {name: [point[name] for point in points] for name in "abc"}
    # Added to a series of zeros, a number becomes a series too.
    found = value(f"FILL(none, 0) + ({text})", len(points), none=[], **metrics)
    assert found == pytest.approx([float(compute(point)) for point in points])


@given(st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=8), NUMBERS)
def test_filling_with_a_number_leaves_no_gap_and_changes_nothing_else(points: Points, filler: int) -> None:
    expected = [filler if point is None else point for point in points]
    assert value(f"FILL(m, {filler})", len(points), m=points) == expected


@given(
    st.lists(st.tuples(st.one_of(st.none(), NUMBERS), st.one_of(st.none(), NUMBERS)), min_size=1, max_size=8)
)
def test_a_rate_is_a_division_wherever_there_are_requests(
    points: list[tuple[int | None, int | None]],
) -> None:
    errors, requests = [first for first, _ in points], [second for _, second in points]
    expected = [100 * (error or 0) / request if request else None for error, request in points]
    assert value("100 * e / r", len(points), e=errors, r=requests) == pytest.approx(expected)

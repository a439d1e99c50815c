"""CloudWatch's metric math, as far as it can be done faithfully; the rest is refused by name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

# The value of each period by the number of its first minute; a period without data has no entry.
Series = dict[int, float]
Value = float | Series | list[Series]
Expression = Tree[Token]

GRAMMAR = r"""
?start: either
?either: both | either ("OR" | "||") both -> or
?both: comparison | both ("AND" | "&&") comparison -> and
?comparison: sum | sum COMPARISON sum -> operation
?sum: product | sum SUM product -> operation
?product: signed | product PRODUCT signed -> operation
?signed: power | "-" signed -> negative
?power: atom | atom POWER signed -> operation
?atom: NUMBER -> number
     | NAME -> name
     | "[" either ("," either)* "]" -> array
     | FUNCTION "(" [argument ("," argument)*] ")" -> call
     | "(" either ")"
?argument: either | STRING -> text | FUNCTION -> keyword

COMPARISON: "==" | "!=" | "<=" | ">=" | "<" | ">"
SUM: "+" | "-"
PRODUCT: "*" | "/"
POWER: "^"
NAME: /[a-z][A-Za-z0-9_]*/
FUNCTION: /[A-Z][A-Z0-9_]*/
STRING: /"[^"]*"|'[^']*'/
%import common.NUMBER
%import common.WS
%ignore WS
"""

OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "and": lambda a, b: bool(a) and bool(b),
    "or": lambda a, b: bool(a) or bool(b),
}


class UnsupportedExpression(Exception):
    """An expression that is not evaluated here; the message names what is not supported."""


@dataclass(frozen=True)
class Request:
    """What the expressions of one alarm can see.

    `periods`: the periods under evaluation, oldest first, as the keys that series have.
    `metrics`: the metrics by Id; `expressions`: the parsed expressions by Id.
    """

    periods: Sequence[int]
    period_seconds: int
    metrics: Mapping[str, Series]
    expressions: Mapping[str, Expression]


@cache
def parse(text: str) -> Expression:
    """Parse an expression; raises UnsupportedExpression for bad syntax and functions that are not here."""
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        where = "its end" if at_end else repr(text[error.pos_in_stream or 0 :])
        raise UnsupportedExpression(f"the expression cannot be read at {where}: {text}") from error
    for call in tree.find_data("call"):
        if str(call.children[0]) not in FUNCTIONS:
            raise UnsupportedExpression(f"the function {call.children[0]} is not supported: {text}")
    return tree


def evaluate(query_id: str, request: Request) -> Series:
    """The time series of the metric or expression with this Id.

    Raises UnsupportedExpression when the expression names an unknown Id or gives anything but one series.
    """
    value = _named(query_id, request)
    if not isinstance(value, dict):
        raise UnsupportedExpression(f"{query_id} does not give one time series")
    return {moment: point for moment, point in value.items() if moment in set(request.periods)}


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


def _named(name: str, request: Request) -> Value:
    if name in request.metrics:
        return request.metrics[name]
    if name in request.expressions:
        return _value(request.expressions[name], request)
    raise UnsupportedExpression(f"there is no metric or expression with the Id {name}")


def _value(node: Any, request: Request) -> Value:
    children = node.children
    match node.data:
        case "number":
            return float(children[0])
        case "name":
            return _named(str(children[0]), request)
        case "negative":
            return _each(lambda point: -point, _value(children[0], request))
        case "operation":
            left, sign, right = children
            return _combine(OPERATORS[sign], _value(left, request), _value(right, request))
        case "and" | "or":
            left, right = children
            return _combine(OPERATORS[node.data], _value(left, request), _value(right, request))
        case "array":
            return [series for child in children for series in _series(_value(child, request))]
        case "call":
            name, *arguments = children
            return FUNCTIONS[str(name)](request, arguments)
        case _:
            raise UnsupportedExpression(f"{children[0]} cannot stand here")


def _combine(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply an operator to numbers, series and arrays of series.

    A value that only one of two series has is 0 in the other; a division by zero drops the data point.
    """
    if isinstance(left, list) and isinstance(right, list):
        raise UnsupportedExpression("an operator between two arrays is not supported")
    if isinstance(left, list):
        return [_one(_combine(operation, series, right)) for series in left]
    if isinstance(right, list):
        return [_one(_combine(operation, left, series)) for series in right]
    if isinstance(left, dict) or isinstance(right, dict):
        moments = _moments(side for side in (left, right) if isinstance(side, dict))
        return _dropped(
            {moment: _apply(operation, _at(left, moment), _at(right, moment)) for moment in moments}
        )
    return _apply(operation, left, right)


def _apply(operation: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        result = operation(left, right)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return float(result) if isinstance(result, int | float) else math.nan


def _dropped(series: Series) -> Series:
    return {moment: point for moment, point in series.items() if not math.isnan(point)}


def _at(value: float | Series, moment: int) -> float:
    return value.get(moment, 0.0) if isinstance(value, dict) else value


def _moments(series: Iterable[Series]) -> list[int]:
    return sorted({moment for one in series for moment in one})


def _each(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, list):
        return [_one(_each(function, series)) for series in value]
    if isinstance(value, dict):
        return {moment: function(point) for moment, point in value.items()}
    return function(value)


def _one(value: Value) -> Series:
    if not isinstance(value, dict):
        raise UnsupportedExpression("a time series is needed where the expression has a number or an array")
    return value


def _series(value: Value) -> list[Series]:
    return value if isinstance(value, list) else [_one(value)]


def _if(request: Request, arguments: list[Any]) -> Value:
    """IF(condition, then[, otherwise]): the documented cases, table by table.

    A point that the chosen series lacks is 0, except after a number as `then`, where it is dropped.
    """
    condition, then, *rest = _values(request, arguments, 2, 3, "IF")
    otherwise = rest[0] if rest else {}
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise UnsupportedExpression("IF takes no array")
    if not isinstance(condition, dict):
        return then if condition else otherwise
    chosen: Series = {}
    for moment, truth in condition.items():
        if truth:
            chosen[moment] = _at(then, moment)
        elif not isinstance(otherwise, dict):
            chosen[moment] = otherwise
        elif moment in otherwise or (rest and isinstance(then, dict)):
            chosen[moment] = _at(otherwise, moment)
    return chosen


def _fill(request: Request, arguments: list[Any]) -> Value:
    """FILL(series, number | series | REPEAT | LINEAR), over the periods under evaluation."""
    if len(arguments) != 2:
        raise UnsupportedExpression("FILL takes a time series and what it is filled with")
    value, filler = _value(arguments[0], request), arguments[1]
    if filler.data == "keyword":
        kind = str(filler.children[0])
        if kind not in ("REPEAT", "LINEAR"):
            raise UnsupportedExpression(f"FILL with {kind} is not supported")
        fill: Callable[[Series, Sequence[int]], Series] = _repeated if kind == "REPEAT" else _interpolated
    else:
        other = _value(filler, request)
        if isinstance(other, list):
            raise UnsupportedExpression("FILL takes no array as the filler")
        fill = _filled_with(other)
    filled = [fill(series, request.periods) for series in _series(value)]
    return filled if isinstance(value, list) else filled[0]


def _filled_with(other: float | Series) -> Callable[[Series, Sequence[int]], Series]:
    def fill(series: Series, periods: Sequence[int]) -> Series:
        filler = other if isinstance(other, dict) else dict.fromkeys(periods, other)
        return {**{moment: filler[moment] for moment in periods if moment in filler}, **series}

    return fill


def _repeated(series: Series, periods: Sequence[int]) -> Series:
    filled: Series = {}
    last: float | None = None
    for moment in periods:
        last = series.get(moment, last)
        if last is not None:
            filled[moment] = last
    return filled


def _interpolated(series: Series, periods: Sequence[int]) -> Series:
    """Straight lines across the gaps; before the first and after the last value nothing is filled."""
    filled = dict(series)
    known = sorted(series)
    for start, end in itertools.pairwise(known):
        slope = (series[end] - series[start]) / (end - start)
        filled |= {
            moment: series[start] + slope * (moment - start) for moment in periods if start < moment < end
        }
    return filled


def _over_array(
    name: str, combine: Callable[[list[float], int], float]
) -> Callable[[Request, list[Any]], Value]:
    def function(request: Request, arguments: list[Any]) -> Value:
        (value,) = _values(request, arguments, 1, 1, name)
        if not isinstance(value, list):
            raise UnsupportedExpression(
                f"{name} of one time series depends on how many data points CloudWatch fetches:"
                " it is not supported"
            )
        return {
            moment: combine([series[moment] for series in value if moment in series], len(value))
            for moment in _moments(value)
        }

    return function


def _of_each(name: str, function: Callable[[float], float]) -> Callable[[Request, list[Any]], Value]:
    return lambda request, arguments: _each(function, _values(request, arguments, 1, 1, name)[0])


def _metrics(request: Request, arguments: list[Any]) -> Value:
    """METRICS(): every metric of the alarm, no expression; METRICS("text"): those with it in their Id."""
    if any(argument.data != "text" for argument in arguments) or len(arguments) > 1:
        raise UnsupportedExpression("METRICS takes one text or nothing")
    wanted = str(arguments[0].children[0])[1:-1] if arguments else ""
    return [series for name, series in request.metrics.items() if wanted in name]


def _period(request: Request, arguments: list[Any]) -> Value:
    if (
        len(arguments) != 1
        or arguments[0].data != "name"
        or str(arguments[0].children[0]) not in request.metrics
    ):
        raise UnsupportedExpression("PERIOD takes a metric")
    return float(request.period_seconds)


def _time_series(request: Request, arguments: list[Any]) -> Value:
    (value,) = _values(request, arguments, 1, 1, "TIME_SERIES")
    if isinstance(value, dict | list):
        raise UnsupportedExpression("TIME_SERIES takes a number")
    return dict.fromkeys(request.periods, value)


def _values(request: Request, arguments: list[Any], least: int, most: int, name: str) -> list[Value]:
    if not least <= len(arguments) <= most:
        raise UnsupportedExpression(f"{name} with {len(arguments)} arguments is not supported")
    return [_value(argument, request) for argument in arguments]


FUNCTIONS: dict[str, Callable[[Request, list[Any]], Value]] = {
    "ABS": _of_each("ABS", abs),
    "AVG": _over_array("AVG", lambda points, count: sum(points) / count),
    "CEIL": _of_each("CEIL", lambda point: float(math.ceil(point))),
    "FILL": _fill,
    "FLOOR": _of_each("FLOOR", lambda point: float(math.floor(point))),
    "IF": _if,
    "MAX": _over_array("MAX", lambda points, _: max(points)),
    "METRICS": _metrics,
    "MIN": _over_array("MIN", lambda points, _: min(points)),
    "PERIOD": _period,
    "SUM": _over_array("SUM", lambda points, _: sum(points)),
    "TIME_SERIES": _time_series,
}

"""CloudWatch's metric math, as far as templates use it; the rest is refused by name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

# The value of each period by the number of its first minute; a period without data has no entry.
Series = dict[int, float]
Value = float | Series
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
    for kind, named in NOT_EVALUATED.items():
        for node in tree.find_data(kind):
            raise UnsupportedExpression(f"{named.format(*node.children)} is not supported: {text}")
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
            return _combine(operator.mul, -1.0, _value(children[0], request))
        case "operation":
            left, sign, right = children
            return _combine(OPERATORS[sign], _value(left, request), _value(right, request))
        case "and" | "or":
            left, right = children
            return _combine(OPERATORS[node.data], _value(left, request), _value(right, request))
        case _:
            name, *arguments = children
            return FUNCTIONS[str(name)](request, *(_value(argument, request) for argument in arguments))


def _combine(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply an operator to numbers and series.

    A value that only one of two series has is 0 in the other; a division by zero drops the data point.
    """
    if isinstance(left, dict) or isinstance(right, dict):
        moments = {moment for side in (left, right) if isinstance(side, dict) for moment in side}
        points = {moment: _apply(operation, _at(left, moment), _at(right, moment)) for moment in moments}
        return {moment: points[moment] for moment in sorted(points) if not math.isnan(points[moment])}
    return _apply(operation, left, right)


def _apply(operation: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        result = operation(left, right)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return float(result) if isinstance(result, int | float) else math.nan


def _at(value: float | Series, moment: int) -> float:
    return value.get(moment, 0.0) if isinstance(value, dict) else value


def _if(_request: Request, *arguments: Value) -> Value:
    """IF(condition, then[, otherwise]): the documented cases, table by table.

    A point that the chosen series lacks is 0, except after a number as `then`, where it is dropped.
    """
    if len(arguments) not in (2, 3):
        raise UnsupportedExpression(f"IF with {len(arguments)} arguments is not supported")
    condition, then, *rest = arguments
    otherwise = rest[0] if rest else {}
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


def _fill(request: Request, *arguments: Value) -> Value:
    """FILL(series, number or series), over the periods under evaluation."""
    series, *others = arguments
    if len(others) != 1 or not isinstance(series, dict):
        raise UnsupportedExpression("FILL takes a time series and what it is filled with")
    (other,) = others
    filler = other if isinstance(other, dict) else dict.fromkeys(request.periods, other)
    return {**{moment: filler[moment] for moment in request.periods if moment in filler}, **series}


FUNCTIONS: dict[str, Callable[..., Value]] = {"FILL": _fill, "IF": _if}
# What the grammar knows beside that, to refuse it by its name.
NOT_EVALUATED = {"array": "an array", "text": "the text {0}", "keyword": "{0}"}

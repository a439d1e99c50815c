"""Conditions of policy statements: whether one lets through no more than another.

"If your policy statement has multiple condition operators, [they] are evaluated using a logical AND", so are
"multiple context keys attached to a single condition operator"; multiple values of a key by OR, or by NOR
where the operator is a negated one; names of keys are not case-sensitive.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ecs_blue_green.deployer.effects.differences import text_of
from ecs_blue_green.deployer.review import patterns

IF_EXISTS = "IfExists"
FOR_ALL, FOR_ANY = "ForAllValues", "ForAnyValue"
# The operator that each negated one denies.
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnLike",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
# "The ArnEquals and ArnLike condition operators behave identically."
_SAME = {"ArnEquals": "ArnLike"}
# Which side of a number an operator lets through; the bound itself with it or not.
_BELOW, _ABOVE = (
    ("NumericLessThan", "NumericLessThanEquals"),
    ("NumericGreaterThan", "NumericGreaterThanEquals"),
)
# A condition with more combinations of values than these is compared as a whole.
MOST_PIECES = 64


@dataclass(frozen=True)
class Clause:
    """One operator and one key, which must hold together with all others of the condition.

    `operator` is the positive one where `negated`; `each` is how the values of a key with several are taken.
    """

    operator: str
    key: str
    values: frozenset[str]
    negated: bool = False
    if_exists: bool = False
    each: str = ""

    @property
    def holds_without_key(self) -> bool:
        """Whether it holds for a request that does not have the key."""
        return self.if_exists or self.each == FOR_ALL or (self.negated and not self.each)

    def implies(self, other: "Clause") -> bool:
        """Whether every request for which this holds is one for which the other does."""
        if (self.key, self.each, self.negated) != (other.key, other.each, other.negated):
            return False
        if self.holds_without_key and not other.holds_without_key:
            return False
        if self.negated:
            return other._within(self)
        return self._within(other)

    def _within(self, other: "Clause") -> bool:
        return all(
            any(_value_within(self.operator, value, other.operator, allowed) for allowed in other.values)
            for value in self.values
        )


@dataclass(frozen=True)
class Condition:
    """The condition of a statement; `text` is it for people, and two that say the same are equal."""

    clauses: frozenset[Clause] = frozenset()
    text: str = field(default="", compare=False)

    def implies(self, other: "Condition") -> bool:
        """Whether this one lets through no more than the other."""
        return all(any(mine.implies(theirs) for mine in self.clauses) for theirs in other.clauses)

    def pieces(self) -> Iterator["Condition"]:
        """Conditions with one value for each key, one of which holds where this one does."""
        single = [clause for clause in self.clauses if not clause.negated and clause.each != FOR_ALL]
        count = 1
        for clause in single:
            count *= len(clause.values)
        if count > MOST_PIECES:
            yield self
            return
        rest = self.clauses - set(single)
        split = ([replace(clause, values=frozenset({v})) for v in clause.values] for clause in single)
        for chosen in itertools.product(*split):
            yield Condition(rest | set(chosen), self.text)


def condition(written: Any, layer: str) -> Condition:
    """The condition of a statement, as it is written with its values filled in."""
    text = text_of(written, layer) or "" if written else ""
    if not isinstance(written, Mapping) or not all(isinstance(keys, Mapping) for keys in written.values()):
        # Only its text is known.
        return Condition(frozenset({Clause("", "", frozenset({text}))}) if text else frozenset(), text)
    clauses = (
        _clause(operator, key, values, layer)
        for operator, keys in written.items()
        for key, values in keys.items()
    )
    return Condition(frozenset(clauses), text)


def _clause(operator: str, key: str, values: Any, layer: str) -> Clause:
    each, _, name = operator.rpartition(":")
    plain = name.removesuffix(IF_EXISTS)
    positive = _NEGATED.get(plain, _SAME.get(plain, plain))
    listed = values if isinstance(values, list) else [values]
    return Clause(
        operator=positive,
        key=key.lower(),
        values=frozenset(_text(value, layer) for value in listed),
        negated=plain in _NEGATED,
        if_exists=name != plain,
        each=each,
    )


def _text(value: Any, layer: str) -> str:
    return str(value).lower() if isinstance(value, bool) else text_of(value, layer) or ""


def _value_within(operator: str, value: str, other: str, allowed: str) -> bool:
    """Whether what has the one value by its operator has the other by the other's."""
    if (operator, value) == (other, allowed):
        return True
    if other in ("StringLike", "ArnLike") and operator == other:
        return patterns.within(value, allowed)
    if (operator, other) == ("StringEquals", "StringLike"):
        return patterns.matches(value, allowed)
    if (operator, other) == ("StringLike", "StringEquals"):
        return not patterns.is_pattern(value) and value == allowed
    if other == "StringEqualsIgnoreCase" and operator in ("StringEquals", other):
        return value.lower() == allowed.lower()
    if operator == other == "IpAddress":
        return _subnet(value, allowed)
    return _numbers_within(operator, value, other, allowed)


def _subnet(inner: str, outer: str) -> bool:
    try:
        inner_network, outer_network = (
            ipaddress.ip_network(inner, strict=False),
            ipaddress.ip_network(outer, strict=False),
        )
    except ValueError:
        return False
    return isinstance(inner_network, type(outer_network)) and inner_network.subnet_of(outer_network)  # type: ignore[arg-type]


def _numbers_within(operator: str, value: str, other: str, allowed: str) -> bool:
    try:
        number, bound = float(value), float(allowed)
    except ValueError:
        return False
    for open_end, closed in (_BELOW, _ABOVE):
        if other in (open_end, closed) and operator in (open_end, closed, "NumericEquals"):
            strictly = number < bound if open_end in _BELOW else number > bound
            # On the bound itself: the other has it, or this one has not either.
            return strictly or (number == bound and (other == closed or operator == open_end))
    return operator == other == "NumericEquals" and number == bound

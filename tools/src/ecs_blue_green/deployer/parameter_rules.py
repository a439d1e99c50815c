"""Rules across parameters, which no template can state: what the layers declare, applied to a file."""

import math
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from ecs_blue_green.runtime import Rules

Declarations = Mapping[str, Mapping[str, Any]]
# The values of each parameter; of one that is no list, one.
Values = Mapping[str, list[str]]


class Problem(NamedTuple):
    """One thing that is wrong in a parameter file: where, the value as written, what would be right."""

    key: str
    value: str
    wanted: str

    def __str__(self) -> str:
        """As one line of the message."""
        return f"{self.key}: {self.value} {self.wanted}" if self.value else f"{self.key}: {self.wanted}"


def problems(values: Values, declared: Declarations, rules: Rules) -> Iterator[Problem]:
    """What breaks a rule. `values` includes the defaults, and lacks what is wrong by itself."""
    return chain(
        _not_belonging(values, rules),
        _needing(values, rules),
        _not_distinct(values, declared, rules),
        _above(values, rules),
        _longer(values, rules),
        _not_paired(values, rules),
        _no_cidr_blocks(values, rules),
    )


def shown(value: Any) -> str:
    """A value as a person wrote it, shortened; reprlib also survives what refers to itself."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    text = text if len(text) <= 80 else f"{text[:76]}..."
    return f'"{text}"' if isinstance(value, str) else text


def _not_belonging(values: Values, rules: Rules) -> Iterator[Problem]:
    for belonging in rules.belongs_to:
        if not {belonging.parameter, belonging.other} <= values.keys():
            continue
        has_value = any(values[belonging.parameter])
        wanted = values[belonging.other] == [belonging.value]
        where, other = f"parameters.{belonging.parameter}", f"{belonging.other}: {belonging.value}"
        if wanted and not has_value:
            yield Problem(where, "", f"is missing; it belongs to {other}")
        elif has_value and not wanted:
            yield Problem(where, shown(values[belonging.parameter]), f"must not be set without {other}")


def _needing(values: Values, rules: Rules) -> Iterator[Problem]:
    for need in rules.needs:
        # One that is wrong itself is not among the values.
        if any(values.get(need.parameter, [])) and need.other in values and not any(values[need.other]):
            where = f"parameters.{need.parameter}"
            yield Problem(where, shown(",".join(values[need.parameter])), f"needs {need.other}")


def _not_distinct(values: Values, declared: Declarations, rules: Rules) -> Iterator[Problem]:
    for distinct in rules.distinct:
        members = values.get(distinct.parameter, [])
        if not any(members):
            continue
        where = f"parameters.{distinct.parameter}"
        noun = _noun(distinct.parameter, declared[distinct.parameter])
        if len({*members} - {""}) < distinct.at_least:
            least = _NUMBERS.get(distinct.at_least, distinct.at_least)
            yield Problem(where, shown(members), f"must be {least} different {noun}s or more")
        elif len(set(members)) < len(members):
            yield Problem(where, shown(members), f"must not name a {noun} twice")


def _above(values: Values, rules: Rules) -> Iterator[Problem]:
    for rule in rules.not_above:
        low, high = _number(values, rule.lower), _number(values, rule.upper)
        if low is not None and high is not None and low > high:
            yield Problem(f"parameters.{rule.lower}", str(low), f"must not be above {rule.upper} ({high})")


def _longer(values: Values, rules: Rules) -> Iterator[Problem]:
    for time in rules.not_longer:
        named = [str(title) for product in (*time.sum, *time.limit) for title in product]
        if not values.keys() >= set(named):
            continue
        total, most = _sum(time.sum, values), _sum(time.limit, values) + time.more
        if total > most:
            yield Problem(
                f"parameters.{named[0]}",
                values[named[0]][0],
                f"{_formula(time.sum)} is {total}, and must not be above {_formula(time.limit, time.more)},"
                f" which is {most}: {time.because}",
            )


def _not_paired(values: Values, rules: Rules) -> Iterator[Problem]:
    for pairs in rules.pairs:
        first, second = _number(values, pairs.first), _number(values, pairs.second)
        fitting = pairs.pairs.get(str(first), ())
        if first is not None and second is not None and second not in fitting:
            listed = ", ".join(map(str, sorted(fitting)))
            yield Problem(
                f"parameters.{pairs.second}",
                str(second),
                f"must be one of {listed} ({pairs.unit}) with {pairs.first} {first}"
                if fitting
                else f"cannot be checked: {pairs.of} has no {pairs.first} {first}",
            )


def _no_cidr_blocks(values: Values, rules: Rules) -> Iterator[Problem]:
    for cidr in rules.cidr:
        value = values.get(cidr.parameter, [""])[0]
        if value:
            # Not at the top: few files have such a value.
            import ipaddress

            try:
                ipaddress.ip_network(value)
            except ValueError as error:
                yield Problem(f"parameters.{cidr.parameter}", value, f"must be a CIDR block: {error}")


def _number(values: Values, title: str) -> int | None:
    return int(float(values[title][0])) if title in values else None


def _sum(products: Iterable[Iterable[str]], values: Mapping[str, list[str]]) -> int:
    return sum(math.prod(int(float(values[title][0])) for title in product) for product in products)


def _formula(products: Iterable[Iterable[str]], more: int = 0) -> str:
    text = " + ".join(" x ".join(product) for product in products)
    return text + (f" {'+' if more > 0 else '-'} {abs(more)}" if more else "")


_NUMBERS = {2: "two", 3: "three", 4: "four"}


def _noun(title: str, declaration: Mapping[str, Any]) -> str:
    """What a list's members are: `List<AWS::EC2::Subnet::Id>` has subnets, like one named `SubnetIds`."""
    kind: str = declaration["Type"].removeprefix("List<").removesuffix(">")
    parts = kind.split("::")
    if len(parts) > 2:
        return re.sub(r"(?<=.)([A-Z])", r" \1", parts[2]).lower()
    named = re.search(r"([A-Z][a-z]+)Ids$", title)
    return named[1].lower() if named else "value"

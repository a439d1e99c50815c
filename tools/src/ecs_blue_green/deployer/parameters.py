"""Is a value one that a template's `Parameters` block accepts? The block is the schema.

CloudFormation would say the same, but one problem at a time and after the first stacks exist.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html

Editors are told the same in a JSON schema, which is made of the same forms. The checks are not made with it:
production does not install a library for that, and it would answer in words of its own.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

# What CloudFormation checks against the account, checked here for its form.
_RESOURCE_ID = "[0-9a-f]{8}(?:[0-9a-f]{9})?"
_AWS_TYPES = {
    "AWS::EC2::VPC::Id": (f"vpc-{_RESOURCE_ID}", "a VPC id such as vpc-0123456789abcdef0"),
    "AWS::EC2::Subnet::Id": (f"subnet-{_RESOURCE_ID}", "a subnet id such as subnet-0123456789abcdef0"),
    "AWS::EC2::SecurityGroup::Id": (f"sg-{_RESOURCE_ID}", "a security group id such as sg-0123456789abcdef0"),
}

# Bytes that CloudFormation takes as a parameter's value at most (November 2026).
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST_VALUE = 4096

# So many allowed values are listed in a message.
LISTED_VALUES = 24

# So many digits a number has that is sought as an example of a text.
_DIGITS = 18


def is_list(declaration: Mapping[str, Any]) -> bool:
    """Whether the declared parameter takes several values."""
    kind: str = declaration["Type"]
    return kind == "CommaDelimitedList" or kind.startswith("List<")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


class Form(NamedTuple):
    """What one value must be. The deployer's check and the schema that editors know are made of it.

    `pattern` is of the whole text; `wanted` is told of a value that is none of the `allowed`, does not match
    or is not between `low` and `high`, which is for numbers.
    """

    wanted: str = ""
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    shortest: int = 0
    longest: int = LONGEST_VALUE
    kind: Literal["text", "integer", "number"] = "text"

    def problem(self, value: str) -> str | None:
        """What is wrong with a value and what would be right, or None."""
        if self.allowed and value not in self.allowed:
            return self.wanted
        if self.pattern and not _compiled(self.pattern).fullmatch(value):
            return self.wanted
        if self.low is not None and float(value) < self.low:
            return self.wanted
        if self.high is not None and float(value) > self.high:
            return self.wanted
        if not self.shortest <= len(value) <= self.longest:
            return f"must have {self.shortest} to {self.longest} characters"
        if len(value.encode()) > LONGEST_VALUE:
            return f"must have {LONGEST_VALUE} bytes at most, not {len(value.encode())}"
        return None

    def json_schema(self) -> dict[str, Any]:
        """The same for what an editor has read as YAML, where `7` is a number and `true` no text.

        What was lost by then is left to the deployer: the range of a number in quotes, the pattern of one
        without, the way in which it was written.
        """
        found: dict[str, Any] = {}
        if self.allowed:
            found["enum"] = [*(value for text in self.allowed for value in _unquoted(text)), *self.allowed]
        elif self.kind != "text":
            found["type"] = [self.kind, "string"]
            found |= {} if self.low is None else {"minimum": self.low}
            found |= {} if self.high is None else {"maximum": self.high}
        else:
            found["type"] = ["string"]
            if self.problem("1.5") is None:
                found["type"].append("number")
            elif digits := [count for count in range(1, _DIGITS + 1) if self.problem("1" * count) is None]:
                found["type"].append("integer")
                found |= {"minimum": 10 ** (digits[0] - 1)} if digits[0] > 1 else {}
                found |= {"maximum": 10 ** digits[-1] - 1} if digits[-1] < _DIGITS else {}
            found["type"] += ["boolean"] if self.problem("true") is None else []
            found["type"] += ["null"] if self.problem("") is None else []
        if self.pattern and not self.allowed:
            found["pattern"] = f"^(?:{self.pattern})$"
        found |= {"minLength": self.shortest} if self.shortest else {}
        found |= {"maxLength": self.longest} if self.longest < LONGEST_VALUE else {}
        # No word of JSON schema: the YAML language server and VS Code show it in place of their own.
        found |= {"errorMessage": self.wanted} if self.wanted else {}
        return found

    def list_schema(self, at_least: int) -> dict[str, Any]:
        """The schema of a list of such values: as YAML has lists, or as one text with commas.

        So many must be different at least; of a parameter that may be empty, none is right as well.
        """
        one = self.json_schema()
        is_optional = self.problem("") is None
        pattern = self.pattern or "|".join(map(re.escape, self.allowed)) or "[^,]*"
        several = rf"^\s*(?:{pattern})\s*(?:,\s*(?:{pattern})\s*)"
        text = several + (f"{{{at_least - 1},}}$" if at_least > 1 else "*$")
        found: dict[str, Any] = {
            "type": ["array", *(["string"] if at_least > 1 else one.get("type", ["string"]))],
            "items": one,
            "pattern": rf"^\s*$|{text}" if at_least > 1 and is_optional else text,
        }
        if at_least and is_optional:
            found["type"] = [*dict.fromkeys((*found["type"], "null"))]
            found["anyOf"] = [{"maxItems": 0}, {"minItems": at_least}]
        elif not is_optional:
            found["minItems"] = max(1, at_least)
        found |= {"uniqueItems": True} if at_least else {}
        found |= {"errorMessage": self.wanted} if self.wanted else {}
        return found


def form(declaration: Mapping[str, Any]) -> Form:
    """What a value must be by a parameter's declaration; of a list, each of its values."""
    kind = declaration["Type"].removeprefix("List<").removesuffix(">")
    allowed = tuple(map(str, declaration.get("AllowedValues", ())))
    if kind in _AWS_TYPES:
        pattern, wanted = _AWS_TYPES[kind]
        return Form(f"must be {wanted}", pattern=pattern)
    if allowed:
        return Form(f"must be one of {_listed(allowed)}", allowed)
    if kind == "Number":
        return _number_form(declaration)
    pattern = declaration.get("AllowedPattern", "")
    return Form(
        str(declaration.get("ConstraintDescription") or f"must match {pattern}") if pattern else "",
        pattern=pattern,
        shortest=int(declaration.get("MinLength", 0)),
        longest=int(declaration.get("MaxLength", LONGEST_VALUE)),
    )


def problem(declaration: Mapping[str, Any], values: list[str]) -> str | None:
    """What is wrong with a parameter's values and what would be right, or None.

    `declaration` is one entry of a template's `Parameters`; a parameter that is no list has one value.
    """
    wanted = form(declaration)
    return next((wrong for wrong in map(wanted.problem, values) if wrong), None)


def json_schema(declaration: Mapping[str, Any], at_least: int = 0) -> dict[str, Any]:
    """The schema of a parameter's value in a file; `at_least` different ones, where it is a list."""
    wanted = form(declaration)
    default = declaration.get("Default", "")
    return {
        **({"description": declaration["Description"]} if "Description" in declaration else {}),
        **({"default": default} if default != "" else {}),
        **(wanted.list_schema(at_least) if is_list(declaration) else wanted.json_schema()),
    }


def _number_form(declaration: Mapping[str, Any]) -> Form:
    # CloudFormation knows numbers only; a service that counts refuses half a task. What takes decimals shows
    # it in its default.
    whole = "." not in str(declaration.get("Default", ""))
    low, high = declaration.get("MinValue"), declaration.get("MaxValue")
    wanted = "must be a whole number" if whole else "must be a number"
    if low is not None and high is not None:
        wanted += f" from {low} to {high}"
    elif low is not None:
        wanted += f" not below {low}"
    elif high is not None:
        wanted += f" not above {high}"
    return Form(
        wanted,
        # Decimal notation only: CloudFormation hands the text on as it is, and services refuse 1e3 or 0x10.
        pattern=r"-?[0-9]{1,18}" if whole else r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?",
        low=_number(low),
        high=_number(high),
        kind="integer" if whole else "number",
    )


def _number(text: Any) -> float | None:
    """A bound, which a template may have as text; whole where it is."""
    if text is None:
        return None
    number = float(text)
    return int(number) if number.is_integer() else number


def _unquoted(text: str) -> Iterator[Any]:
    """What YAML reads where this text is written without quotes, if that is no text."""
    if text in ("true", "false"):
        yield text == "true"
    elif re.fullmatch("0|-?[1-9][0-9]*", text, re.ASCII):
        yield int(text)
    elif not text:
        yield None


def _listed(allowed: Iterable[Any]) -> str:
    """The allowed values; of many, the ends."""
    choices = [str(choice) or '""' for choice in allowed]
    if len(choices) > LISTED_VALUES:
        choices = [*choices[:3], f"... {choices[-1]} ({len(choices)} values)"]
    return ", ".join(choices)

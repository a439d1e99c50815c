"""Is a value one that a template's `Parameters` block accepts? The block is the schema.

CloudFormation would say the same, but one problem at a time and after the first stacks exist.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

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


def is_list(declaration: Mapping[str, Any]) -> bool:
    """Whether the declared parameter takes several values."""
    kind: str = declaration["Type"]
    return kind == "CommaDelimitedList" or kind.startswith("List<")


def problem(declaration: Mapping[str, Any], values: list[str]) -> str | None:
    """What is wrong with a parameter's values and what would be right, or None.

    `declaration` is one entry of a template's `Parameters`; a parameter that is no list has one value.
    """
    for value in values:
        wrong = _value_problem(declaration, value)
        if wrong:
            return wrong
    return None


def _value_problem(declaration: Mapping[str, Any], value: str) -> str | None:
    kind = declaration["Type"].removeprefix("List<").removesuffix(">")
    explanation = declaration.get("ConstraintDescription")
    if kind in _AWS_TYPES:
        form, wanted = _AWS_TYPES[kind]
        return None if re.fullmatch(form, value, re.ASCII) else f"must be {wanted}"
    if kind == "Number":
        return _number_problem(declaration, value)
    allowed = declaration.get("AllowedValues")
    if allowed and value not in map(str, allowed):
        return f"must be one of {_listed(allowed)}"
    pattern = declaration.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value, re.ASCII):
        return str(explanation or f"must match {pattern}")
    shortest, longest = int(declaration.get("MinLength", 0)), int(declaration.get("MaxLength", LONGEST_VALUE))
    if not shortest <= len(value) <= longest:
        return f"must have {shortest} to {longest} characters"
    if len(value.encode()) > LONGEST_VALUE:
        return f"must have {LONGEST_VALUE} bytes at most, not {len(value.encode())}"
    return None


def _number_problem(declaration: Mapping[str, Any], value: str) -> str | None:
    allowed = declaration.get("AllowedValues")
    if allowed:
        return None if value in map(str, allowed) else f"must be one of {_listed(allowed)}"
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
    # Decimal notation only: CloudFormation hands the text on as it is, and services refuse 1e3 or 0x10.
    if not re.fullmatch(r"-?[0-9]{1,18}" if whole else r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?", value):
        return wanted
    number = float(value)
    if (low is not None and number < float(low)) or (high is not None and number > float(high)):
        return wanted
    return None


def _listed(allowed: Iterable[Any]) -> str:
    """The allowed values; of many, the ends."""
    choices = [str(choice) or '""' for choice in allowed]
    if len(choices) > LISTED_VALUES:
        choices = [*choices[:3], f"... {choices[-1]} ({len(choices)} values)"]
    return ", ".join(choices)

"""A template as YAML that people review: AWS's order, short forms, the same bytes for the same document."""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml
from cfn_flip.yaml_dumper import CONVERTED_SUFFIXES, FN_PREFIX
from yaml.representer import SafeRepresenter
from yaml.resolver import Resolver

# Bytes of the longest template that CloudFormation takes in a call, and of the longest that it reads from a
# bucket, which are called 1 MB (November 2026). A pipeline's action takes those, too: it reads its artifact.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST = 51_200
LONGEST_IN_BUCKET = 1_000_000

# Characters in a line, more than any has (libyaml takes 32 bits).
NO_WRAP = 2**31 - 1

# A function whose arguments have no more characters than this is one line: `!Equals [!Ref A, 'true']`.
ROW_CHARACTERS = 110

# Texts that some reader of YAML takes for a number or a truth value, and PyYAML does not: those of YAML 1.2
# (`1e3`; a commit's id may be 12e4567) and two of YAML 1.1 (`y`); one that begins with 0 may be octal.
# https://yaml.org/spec/1.2.2/#103-core-schema, https://yaml.org/type/bool.html
AMBIGUOUS = re.compile(r"0.*|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[yYnN]")

# The characters with which anything begins that is no text, or `AMBIGUOUS`: most texts need no closer look.
BEGINNINGS = Resolver.yaml_implicit_resolvers.keys()

# YAML's tag of a text; what takes a text without quotes for something else; and how the rest is written.
TEXT = "tag:yaml.org,2002:str"
RESOLVE: Callable[..., str] = Resolver().resolve
PLAIN = SafeRepresenter()

# How AWS's documentation and people order a template and a resource. What is not named here follows in
# the order of the code.
SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
)
ATTRIBUTES = (
    "Type",
    "Metadata",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Properties",
)


def template(document: Mapping[str, Any]) -> str:
    """The text of a template, its sections and attributes in the order of AWS's documentation."""
    document = ordered(document, SECTIONS)
    document["Resources"] = {
        title: ordered(resource, ATTRIBUTES) for title, resource in document["Resources"].items()
    }
    return dump(document)


def sent(text: str, document: Mapping[str, Any]) -> str:
    """What CloudFormation is given for a template: its text, or where that is too long, the document as JSON.

    The JSON may be too long as well.
    """
    if len(text.encode()) <= LONGEST:
        return text
    return as_json(document)


def as_json(document: Mapping[str, Any]) -> str:
    """The shortest JSON of a document: without blanks."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def dump(document: Mapping[str, Any]) -> str:
    """The text of a document, its keys in their order, with the short forms that cfn_flip writes.

    Block style, as AWS's samples have it: a line for each property and each member of a list, so that a diff
    shows the one that changed. Unlike in cfn_flip, a text of several lines is a block, also behind `!Sub`; a
    short function is one line; what appears twice is written twice; and no line is broken that the module
    does not break, whatever the environment variables say. All of this is read in reviews.

    libyaml writes what is said to it event by event. PyYAML's own way there, by a node of each value, takes
    twice the time. (Every wheel of PyYAML has libyaml.)
    """
    events: list[yaml.Event] = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)]
    add(events, document)
    events += yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()
    text: str = yaml.emit(events, Dumper=yaml.CSafeDumper, allow_unicode=True, width=NO_WRAP)
    return text


def ending_with_blank(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The lines in texts of several lines that end with a blank or a tab, each with where the text is.

    Such a text cannot be a block in YAML: it would be one line, in quotes and escaped.
    """
    if isinstance(value, str):
        if "\n" in value:
            yield from ((place, line) for line in value.split("\n") if line.endswith((" ", "\t")))
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in pairs:
        if not isinstance(member, str) or "\n" in member:
            yield from ending_with_blank(member, f"{place}.{key}" if place else str(key))


def ordered(mapping: Mapping[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    """The mapping with the keys of `first` in front, in that order."""
    keys = [key for key in first if key in mapping] + [key for key in mapping if key not in first]
    return {key: mapping[key] for key in keys}


def is_function(key: str) -> bool:
    """Whether this only key of a map makes it a call of one of CloudFormation's functions."""
    return key in CONVERTED_SUFFIXES or key.startswith(FN_PREFIX)


def called(value: Any) -> tuple[str | None, Any]:
    """A function's tag and argument: `!Ref` and `Vpc` of `{"Ref": "Vpc"}`. Any other value has no tag.

    Nor has the attribute of a name that is computed. `!GetAtt [Nested, !Ref Name]` could say it, but
    cfn_flip, with which many read, takes Name for the attribute.
    """
    if type(value) is dict and len(value) == 1:
        ((key, argument),) = value.items()
        if is_function(key):
            if key == "Fn::GetAtt" and isinstance(argument, list):
                if not all(isinstance(part, str) for part in argument):
                    return None, value
                argument = ".".join(argument)
            return f"!{key.removeprefix(FN_PREFIX)}", argument
    return None, value


def add(events: list[yaml.Event], value: Any) -> None:
    """Add the events by which libyaml writes a value."""
    if type(value) is str:
        events.append(text_event(value))
        return
    tag, value = called(value)
    if type(value) is dict:
        events.append(yaml.MappingStartEvent(None, tag, not tag, flow_style=bool(tag) and is_row(value)))
        for key, member in value.items():
            add(events, key)
            add(events, member)
        events.append(yaml.MappingEndEvent())
    elif type(value) is list:
        # Numbers are on one line however many there are.
        flow_style = is_row(value) if tag else all(type(member) is int for member in value)
        events.append(yaml.SequenceStartEvent(None, tag, not tag, flow_style=flow_style))
        for member in value:
            add(events, member)
        events.append(yaml.SequenceEndEvent())
    elif type(value) is str:
        events.append(text_event(value, tag))
    else:
        node = PLAIN.represent_data(value)
        events.append(yaml.ScalarEvent(None, tag, (not tag, False), node.value))


# Most texts appear more than once.
@functools.cache
def text_event(value: str, tag: str | None = None) -> yaml.ScalarEvent:
    """The event of a text, in quotes where a reader could take it for something else."""
    style = "|" if "\n" in value else None
    if tag:
        return yaml.ScalarEvent(None, tag, (False, False), value, style=style)
    is_plain = value[:1] not in BEGINNINGS
    if not is_plain:
        if AMBIGUOUS.fullmatch(value):
            style = "'"
        is_plain = RESOLVE(yaml.ScalarNode, value, (True, False)) == TEXT
    return yaml.ScalarEvent(None, None, (is_plain, True), value, style=style)


def is_row(argument: dict[str, Any] | list[Any]) -> bool:
    """Whether a function with this argument stands on one line: with single values, and functions of them.

    One with a map stands on several: a property is a line of its own. The map that stands for a function
    inside a function (`!ImportValue {'Fn::Sub': ...}`) is no such map.
    """
    if isinstance(argument, dict) and not (len(argument) == 1 and all(map(is_function, argument))):
        return False
    parts = members(argument)
    return all(map(is_single, parts)) and sum(map(characters, parts)) <= ROW_CHARACTERS


def is_single(value: Any) -> bool:
    """Whether this is one short value, or a list or function of nothing but such values."""
    tag, value = called(value)
    if not isinstance(value, dict | list):
        return "\n" not in str(value)
    if isinstance(value, dict) and not (tag and is_row(value)):
        return False
    return not any(isinstance(called(member)[1], dict | list) for member in members(value))


def characters(value: Any) -> int:
    """About as many as the value takes on its line."""
    _, value = called(value)
    if isinstance(value, dict | list):
        return sum(map(characters, members(value)))
    return len(str(value)) + 2


def members(value: dict[str, Any] | list[Any]) -> list[Any]:
    """The values of a list, the keys and values of a map."""
    return [part for pair in value.items() for part in pair] if isinstance(value, dict) else value

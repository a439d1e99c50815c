"""A template as YAML that people review: AWS's order, short forms, the same bytes for the same document."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from cfn_flip.yaml_dumper import CONVERTED_SUFFIXES, FN_PREFIX, fn_representer

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

# YAML's tags.
TEXT, SEQUENCE, MAP = (f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))

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
    """The text of a document, its keys in their order."""
    text: str = yaml.dump(
        document, Dumper=Dumper, default_flow_style=False, allow_unicode=True, width=NO_WRAP, sort_keys=False
    )
    return text


def ending_with_blank(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The lines in texts of several lines that end with a blank or a tab, each with where the text is.

    Such a text cannot be a block in YAML: it would be one line, in quotes and escaped.
    """
    if isinstance(value, str):
        if "\n" in value:
            yield from ((place, line) for line in value.split("\n") if line.endswith((" ", "\t")))
    elif isinstance(value, Mapping | list):
        members = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, member in members:
            if not isinstance(member, str) or "\n" in member:
                yield from ending_with_blank(member, f"{place}.{key}" if place else str(key))


def ordered(mapping: Mapping[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    """The mapping with the keys of `first` in front, in that order."""
    keys = [key for key in first if key in mapping] + [key for key in mapping if key not in first]
    return {key: mapping[key] for key in keys}


def is_function(key: str) -> bool:
    """Whether this only key of a map makes it a call of one of CloudFormation's functions."""
    return key in CONVERTED_SUFFIXES or key.startswith(FN_PREFIX)


def is_row(function: yaml.CollectionNode) -> bool:
    """Whether a function stands on one line: with single values, and functions of them.

    One with a map stands on several: a property is a line of its own. The map that stands for a function
    inside a function (`!ImportValue {'Fn::Sub': ...}`) is no such map.
    """
    if isinstance(function, yaml.MappingNode):
        keys = [key.value for key, _ in function.value]
        if len(keys) != 1 or not is_function(keys[0]):
            return False
    nodes = members(function)
    return all(is_single(node) for node in nodes) and sum(map(characters, nodes)) <= ROW_CHARACTERS


def is_single(node: yaml.Node) -> bool:
    """Whether a node is one short value, or a list or function of nothing but such values."""
    if isinstance(node, yaml.ScalarNode):
        return "\n" not in node.value
    is_map = isinstance(node, yaml.MappingNode) and not node.flow_style
    return not is_map and all(isinstance(member, yaml.ScalarNode) for member in members(node))


def characters(node: yaml.Node) -> int:
    """About as many as the node takes on its line."""
    if isinstance(node, yaml.ScalarNode):
        return len(node.value) + 2
    return sum(map(characters, members(node)))


def members(node: Any) -> list[yaml.Node]:
    """The values of a list, the keys and values of a map."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


class Dumper(yaml.CSafeDumper):
    """Writes CloudFormation's short forms as cfn_flip does, with libyaml, in a tenth of the time.

    Block style, as AWS's samples have it: a line for each property and each member of a list, so that a diff
    shows the one that changed. Unlike in cfn_flip, a text of several lines is a block, also behind `!Sub`; a
    short function is one line; and no line is broken that the module does not break, whatever the environment
    variables say. All of this is read in reviews. (Every wheel of PyYAML has libyaml.)
    """

    def represent_data(self, data: Any) -> yaml.Node:
        """The node of a value. Nothing is kept of the values before: what appears twice is written twice."""
        represent = self.yaml_representers.get(type(data))
        node: yaml.Node = represent(self, data) if represent else super().represent_data(data)
        return node

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        """The node of a text or a number."""
        return super().represent_scalar(tag, value, "|" if "\n" in value else style)

    def represent_mapping_or_function(self, value: dict[str, Any]) -> yaml.Node:
        """The node of a dictionary: `{"Ref": "Vpc"}` is `!Ref Vpc`."""
        if len(value) == 1:
            ((key, argument),) = value.items()
            if is_function(key) and not is_computed(key, argument):
                node: yaml.Node = fn_representer(self, key.removeprefix(FN_PREFIX), argument)
                if isinstance(node, yaml.CollectionNode):
                    node.flow_style = is_row(node)
                return node
        represent = self.represent_data
        nodes = [(represent(key), represent(member)) for key, member in value.items()]
        return yaml.MappingNode(MAP, nodes, flow_style=False)

    def represent_list_or_row(self, value: list[Any]) -> yaml.Node:
        """The node of a list: a line for each member, but numbers on one line however many there are."""
        is_row = all(type(member) is int for member in value)
        return yaml.SequenceNode(
            SEQUENCE, [self.represent_data(member) for member in value], flow_style=is_row
        )

    def represent_text(self, value: str) -> yaml.Node:
        """The node of a text, in quotes where another reader could take it for something else."""
        style = "|" if "\n" in value else "'" if AMBIGUOUS.fullmatch(value) else None
        return yaml.ScalarNode(TEXT, value, style=style)

    def ignore_aliases(self, _data: Any) -> bool:
        """Write what appears twice twice."""
        return True


def is_computed(key: str, argument: Any) -> bool:
    """Whether this is the attribute of a name that is computed: `!GetAtt Nested.Arn` cannot say it.

    `!GetAtt [Nested, !Ref Name]` could, but cfn_flip, with which many read, takes Name for the attribute.
    """
    return (
        key == "Fn::GetAtt"
        and isinstance(argument, list)
        and not all(isinstance(part, str) for part in argument)
    )


Dumper.add_representer(dict, Dumper.represent_mapping_or_function)
Dumper.add_representer(list, Dumper.represent_list_or_row)
Dumper.add_representer(str, Dumper.represent_text)

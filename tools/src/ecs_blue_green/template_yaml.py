"""A template as YAML that people review: AWS's order, short forms, the same bytes for the same document."""

import json
from collections.abc import Mapping
from typing import Any

import yaml
from cfn_flip.yaml_dumper import CONVERTED_SUFFIXES, FN_PREFIX, fn_representer

# Bytes of the longest template that CloudFormation takes in a call (November 2026); a longer one needs a
# bucket.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST = 51_200

# Characters in a line, more than any has (libyaml takes 32 bits).
NO_WRAP = 2**31 - 1

# A list or map of single values that is no longer than this is one line. A template has a longest length,
# and a reviewer sees more of it at once.
ROW_CHARACTERS = 110

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
        title: ordered(resource, ATTRIBUTES)
        | {key: Block(value) for key, value in resource.items() if key == "Properties"}
        for title, resource in document["Resources"].items()
    }
    return dump(document)


def sent(text: str, document: Mapping[str, Any]) -> str:
    """What CloudFormation is given for a template: its text, or where that is too long, the document as JSON.

    The JSON has no blanks, and may be too long as well.
    """
    if len(text.encode()) <= LONGEST:
        return text
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def dump(document: Mapping[str, Any]) -> str:
    """The text of a document, its keys in their order."""
    text: str = yaml.dump(
        document, Dumper=Dumper, default_flow_style=False, allow_unicode=True, width=NO_WRAP, sort_keys=False
    )
    return text


def ordered(mapping: Mapping[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    """The mapping with the keys of `first` in front, in that order."""
    keys = [key for key in first if key in mapping] + [key for key in mapping if key not in first]
    return {key: mapping[key] for key in keys}


class Block(dict[str, Any]):
    """A map with a line for each key, however short: in a diff each is then a change of its own."""


def is_row(nodes: list[yaml.Node]) -> bool:
    """Whether these nodes, of a list or of a map, stand on one line: single values, and rows of them."""
    return all(is_single(node) for node in nodes) and sum(map(characters, nodes)) <= ROW_CHARACTERS


def is_single(node: Any) -> bool:
    """Whether a node is one short value, or a row of nothing but such values."""
    if isinstance(node, yaml.ScalarNode):
        return "\n" not in node.value
    return bool(node.flow_style) and all(isinstance(member, yaml.ScalarNode) for member in members(node))


def characters(node: Any) -> int:
    """About as many as the node takes on its line."""
    if isinstance(node, yaml.ScalarNode):
        return len(node.value) + 2
    return sum(map(characters, members(node)))


def members(node: yaml.CollectionNode) -> list[yaml.Node]:
    """The values of a list, the keys and values of a map."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


class Dumper(yaml.CSafeDumper):
    """Writes CloudFormation's short forms as cfn_flip does, with libyaml, in a tenth of the time.

    Unlike there, a text of several lines is a block, also behind `!Sub`; a short list or map of single values
    is one line; and no line is broken that the module does not break, whatever the environment variables say.
    All of this is read in reviews. (Every wheel of PyYAML has libyaml.)
    """

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        """The node of a text or a number."""
        return super().represent_scalar(tag, value, "|" if "\n" in value else style)

    def represent_mapping_or_function(self, value: dict[str, Any]) -> yaml.Node:
        """The node of a dictionary: `{"Ref": "Vpc"}` is `!Ref Vpc`."""
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in CONVERTED_SUFFIXES or key.startswith(FN_PREFIX):
                node: yaml.Node = fn_representer(self, key.removeprefix(FN_PREFIX), argument)
                if isinstance(node, yaml.CollectionNode):
                    node.flow_style = is_row(members(node))
                return node
        mapping: yaml.MappingNode = self.represent_dict(value)
        mapping.flow_style = is_row(members(mapping))
        return mapping

    def represent_list_or_row(self, value: list[Any]) -> yaml.Node:
        """The node of a list, numbers on one line however many there are."""
        sequence = self.represent_sequence("tag:yaml.org,2002:seq", value)
        sequence.flow_style = is_row(sequence.value) or all(type(member) is int for member in value)
        return sequence

    def represent_text(self, value: str) -> yaml.Node:
        """The node of a text, in quotes where another reader could take it for an octal number."""
        return self.represent_scalar("tag:yaml.org,2002:str", value, "'" if value.startswith("0") else None)

    def ignore_aliases(self, _data: Any) -> bool:
        """Write what appears twice twice."""
        return True


Dumper.add_representer(dict, Dumper.represent_mapping_or_function)
Dumper.add_representer(Block, Dumper.represent_dict)
Dumper.add_representer(list, Dumper.represent_list_or_row)
Dumper.add_representer(str, Dumper.represent_text)

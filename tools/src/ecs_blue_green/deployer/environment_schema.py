"""`build/params.schema.json`: what a parameter file may have, for editors that know JSON schema.

Made of what `environment.py` checks with. Rules across parameters, ARNs of other regions and the length of
names are not in it: those are told by `make generate` and by whatever reads the file.
"""

from collections.abc import Mapping
from typing import Any

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer import parameters as schema
from ecs_blue_green.deployer.parameter_rules import Declarations
from ecs_blue_green.runtime import BelongsTo, Parameter, Runtime

FILE = "params.schema.json"

# The newest that the YAML language server has always known.
_DIALECT = "http://json-schema.org/draft-07/schema#"

# Patterns mean the same to all programs in ASCII alone, so every other character is let through.
TAG_CHARACTER = r"[^\x00-\x1f!-*,;<>?\[-^`{-\x9f]"

_DESCRIPTIONS = {
    "account": "Id of the AWS account in which the environment lives",
    "region": "AWS region in which the environment lives",
    "project": "First part of all names; the same in all environments, and no other team's in the account",
    "protected": "Whether deleting by mistake is prevented",
    "tags": "Tags of all resources, besides Project, Environment and Layer",
    "parameters": "Parameters of the layers' templates; what is left out has its default",
    environment.TEMPLATE_BUCKET: "Existing bucket of the account, for templates that are too long for a call",
}


def document(layers: Mapping[str, Declarations], runtime: Runtime) -> dict[str, Any]:
    """The schema of the files that go with these templates.

    `layers` has each layer's `Parameters` block by the layer's slug; `runtime` says which parameters the
    deployer fills in, and which lists have different values.
    """
    declared = environment.declarations(layers)
    keys = {key: form.json_schema() for key, form in environment.key_forms(declared).items()}
    reserved = "|".join(environment.RESERVED)
    keys["project"]["allOf"] = [
        {
            "pattern": f"^(?!{reserved})",
            "errorMessage": f"must not begin with {reserved.replace('|', ' or ')}",
        }
    ]
    keys["tags"] = _tags()
    keys["parameters"] = _parameters(declared, environment.filled_in(layers, runtime), runtime)
    known = (*environment.KEYS, environment.TEMPLATE_BUCKET)
    return {
        "$schema": _DIALECT,
        "title": "A parameter file",
        "description": "All that differs between environments. Generated: change the layers' PARAMETERS.",
        "type": "object",
        "properties": {key: {"description": _DESCRIPTIONS[key], **keys[key]} for key in known},
        "required": [key for key in environment.KEYS if key != "tags"],
        "additionalProperties": False,
    }


def _parameters(declared: Declarations, filled_in: set[str], runtime: Runtime) -> dict[str, Any]:
    different = {rule.parameter: rule.at_least for rule in runtime.rules.distinct}
    settable = {title: block for title, block in declared.items() if title not in filled_in}
    return {
        "type": "object",
        "properties": {
            title: schema.json_schema(block, different.get(Parameter(title), 0))
            for title, block in settable.items()
        },
        "required": [title for title, block in settable.items() if "Default" not in block],
        "additionalProperties": False,
        "allOf": [_belonging(rule, declared) for rule in runtime.rules.belongs_to],
    }


def _belonging(rule: BelongsTo, declared: Declarations) -> dict[str, Any]:
    """A parameter is there where another one has a value, and has none elsewhere."""
    other: dict[str, Any] = {"properties": {rule.other: {"const": rule.value}}}
    if str(declared[rule.other].get("Default")) != rule.value:
        other["required"] = [rule.other]
    empty = {
        "maxItems": 0,
        "maxLength": 0,
        "errorMessage": f"must not be set without {rule.other}: {rule.value}",
    }
    return {
        "if": other,
        "then": {"required": [rule.parameter]},
        "else": {"properties": {rule.parameter: empty}},
    }


def _tags() -> dict[str, Any]:
    filled_in = [key.lower() for key in environment.FILLED_IN_TAGS]
    reserved = "|".join(f"{_any_case(key)}$" for key in filled_in)
    key, value = environment.LONGEST_TAG_KEY, environment.LONGEST_TAG
    return {
        "type": ["object", "null"],
        "maxProperties": environment.MOST_TAGS,
        "propertyNames": {
            "allOf": [
                {
                    "pattern": f"^{TAG_CHARACTER}{{1,{key}}}$",
                    "errorMessage": f"must have a key of 1 to {key} {environment.TAG_CHARACTERS}",
                },
                {
                    "pattern": f"^(?!{_any_case('aws')}:|{reserved})",
                    "errorMessage": f"must not be {', '.join(filled_in)}, nor begin with aws:",
                },
            ]
        },
        "additionalProperties": {
            "type": ["string", "number", "boolean"],
            "pattern": f"^{TAG_CHARACTER}{{1,{value}}}$",
            "errorMessage": f"must be text of 1 to {value} {environment.TAG_CHARACTERS}",
        },
    }


def _any_case(word: str) -> str:
    """A pattern for a word in upper or lower case: schemas have no flag for it."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" for letter in word)

"""CloudFormation's resource schemas, as cfn-lint ships them: what replaces a resource, where its tags are.

cfn-lint itself is not imported: that takes half a second, and only its files are needed.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecs_blue_green.emulator import engine

Json = Any


@cache
def document(resource_type: str, region: str) -> dict[str, Any] | None:
    """The schema of a type, None for one that the region does not have."""
    digest = _types(region).get(resource_type)
    if digest is None:
        return None
    schema: dict[str, Any] = json.loads((_folder() / "resources" / f"{digest}.json").read_bytes())
    return schema


def known(resource_type: str) -> bool:
    """Whether the type exists in the region of the current request."""
    return resource_type in _types(engine.region())


def replacing(resource_type: str) -> tuple[str, ...]:
    """The properties whose change replaces the resource."""
    # The schema of a record does not say it; AWS's specification of the type does.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-route53-recordset.html#cfn-route53-recordset-name
    more = ("Name",) if resource_type == "AWS::Route53::RecordSet" else ()
    return (*names(_schema(resource_type), "createOnlyProperties"), *more)


def perhaps_replacing(resource_type: str) -> tuple[str, ...]:
    """The properties whose change replaces the resource in some cases."""
    return names(_schema(resource_type), "conditionalCreateOnlyProperties")


def tag_property(resource_type: str) -> str | None:
    """The property that stack tags are added to, None for a type that takes none."""
    tagging = _schema(resource_type).get("tagging", {})
    path = tagging.get("tagProperty") if tagging.get("taggable", True) else None
    return path.removeprefix("/properties/") if path else None


def property_type(resource_type: str, name: str) -> str:
    """The JSON type of a property."""
    properties = _schema(resource_type).get("properties", {})
    return str(properties.get(name, {}).get("type", ""))


def names(schema: dict[str, Any], key: str) -> tuple[str, ...]:
    """Top-level property names of a list of paths; a nested path says nothing about the whole property."""
    names_of = (path.removeprefix("/properties/") for path in schema.get(key, []))
    return tuple(name for name in names_of if "/" not in name)


def _schema(resource_type: str) -> dict[str, Any]:
    return document(resource_type, engine.region()) or {}


@cache
def _types(region: str) -> dict[str, str]:
    """The file of each type's schema."""
    types: dict[str, str] = json.loads((_folder() / "providers" / f"{region}.json").read_bytes())
    return types


@cache
def _folder() -> Path:
    # Finding a top-level package does not run it.
    module = find_spec("cfnlint")
    if module is None or module.origin is None:
        raise ModuleNotFoundError("cfn-lint is not installed: run make .venv-emulator/ready")
    return Path(module.origin).parent / "data" / "schemas"

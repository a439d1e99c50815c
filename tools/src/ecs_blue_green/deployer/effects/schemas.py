"""What a resource type's schema says of a change: which properties replace the resource, which AWS sets.

The schemas are CloudFormation's own, as cfn-lint ships them. cfn-lint itself is not imported: that takes a
second, and only its files are wanted.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer.changes import Recreation

Location = tuple[str, ...]

# A value that an update in place cannot change, by the name of its attribute: an ARN, an id, a name or an
# address is what a resource is known by elsewhere. No schema says which attributes stay; others, such as
# a version or a status, are taken to move with any update. A list (`LoadBalancerArns`) is no identity.
IDENTITY = re.compile(r"^(?!.*Version).*(Arn|ARN|Id|ID|Name|Uri|URI|Url|URL|Address)$")


# What replaces a resource by AWS's specification of its type, and not by its schema.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-route53-recordset.html#cfn-route53-recordset-name
UNTOLD: Mapping[str, tuple[Location, ...]] = {"AWS::Route53::RecordSet": (("Name",),)}


@dataclass(frozen=True)
class Schema:
    """What one resource type's schema says; locations are property names from the top, `*` for any member."""

    type: str
    create_only: tuple[Location, ...]
    conditional: tuple[Location, ...]
    read_only: tuple[Location, ...]
    write_only: tuple[Location, ...]
    identifier: tuple[str, ...]
    properties: frozenset[str]
    taggable: bool
    tags_updatable: bool

    def recreation(self, changed: Location, before: Any, after: Any) -> Recreation:
        """Whether a change at this location, from one value to the other, replaces the resource.

        A value of None is one that is not there.
        """
        if any(_touches(pattern, changed, before, after) for pattern in self.create_only):
            return "Always"
        if any(_touches(pattern, changed, before, after) for pattern in self.conditional):
            return "Conditionally"
        return "Never"

    def is_read_only(self, changed: Location) -> bool:
        """Whether a template cannot set this location: AWS does."""
        # Some identifiers are listed as read-only although a template may give them.
        return any(
            _touches(pattern, changed, None, None) and pattern not in self.create_only
            for pattern in self.read_only
        )

    def is_write_only(self, changed: Location) -> bool:
        """Whether AWS never returns the value at this location, so that its drift cannot be detected."""
        return any(_touches(pattern, changed, None, None) for pattern in self.write_only)

    def stays(self, attribute: str | None) -> bool:
        """Whether what Ref (None) or this attribute gives is the same after an update in place."""
        return attribute is None or attribute in self.identifier or bool(IDENTITY.match(attribute))

    def named(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties that name the resource, where the template names it; a second one cannot have them.

        That is its identifier, where the template gives all of it, or the property that is called like the
        type (`ServiceName` of a service).
        """
        is_named = all(name in properties and (name,) in self.create_only for name in self.identifier)
        own = {"Name", f"{self.type.rpartition(':')[2]}Name"} & properties.keys()
        names = self.identifier if is_named else [name for name in own if (name,) in self.create_only]
        return {name: properties[name] for name in names}

    def reference(self, properties: Mapping[str, Any]) -> Any:
        """What Ref gives for a resource with these properties, None where only AWS knows.

        Ref gives the primary identifier; it is known where that is one property and the template sets it.
        https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
        """
        return properties.get(self.identifier[0]) if len(self.identifier) == 1 else None


def schema(resource_type: str, region: str) -> Schema | None:
    """The schema of a resource type, None for one that CloudFormation does not have in this region."""
    digest = _types(region).get(resource_type)
    return _read(digest) if digest else None


def document(resource_type: str, region: str) -> Mapping[str, Any]:
    """The whole schema of a resource type as published. Raises KeyError for a type that does not exist."""
    content: Mapping[str, Any] = json.loads(_file(_types(region)[resource_type]).read_bytes())
    return content


@cache
def _types(region: str) -> Mapping[str, str]:
    folder = _folder() / "providers"
    path = folder / f"{region}.json"
    # A region that is newer than the locked cfn-lint: the oldest region has every type that there is.
    path = path if path.exists() else folder / "us-east-1.json"
    files: Mapping[str, str] = json.loads(path.read_bytes())
    return files


@cache
def _read(digest: str) -> Schema:
    written = json.loads(_file(digest).read_bytes())
    tagging = written.get("tagging", {})
    properties = frozenset(written["properties"])
    return Schema(
        type=written["typeName"],
        create_only=(
            *_locations(written, "createOnlyProperties"),
            *UNTOLD.get(written["typeName"], ()),
        ),
        conditional=_locations(written, "conditionalCreateOnlyProperties"),
        read_only=_locations(written, "readOnlyProperties"),
        write_only=_locations(written, "writeOnlyProperties"),
        identifier=tuple(location[-1] for location in _locations(written, "primaryIdentifier")),
        properties=properties,
        # Older schemas have no `tagging`: there the property shows it.
        taggable=bool(tagging.get("taggable", "Tags" in properties)),
        tags_updatable=bool(tagging.get("tagUpdatable", True)),
    )


def _file(digest: str) -> Path:
    return _folder() / "resources" / f"{digest}.json"


@cache
def _folder() -> Path:
    # Finding a top-level package does not run it.
    package = find_spec("cfnlint")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("cfn-lint is not installed: run make")
    return Path(package.origin).parent / "data" / "schemas"


def _locations(schema: Mapping[str, Any], key: str) -> tuple[Location, ...]:
    return tuple(tuple(path.split("/")[2:]) for path in schema.get(key, []))


def _touches(pattern: Location, changed: Location, before: Any, after: Any) -> bool:
    """Whether a change at `changed` is one of what `pattern` names."""
    for name, part in zip(pattern, changed, strict=False):
        if name not in ("*", part):
            return False
    rest = pattern[len(changed) :]
    return not rest or _at(before, rest) != _at(after, rest)


def _at(value: Any, location: Location) -> list[Any]:
    """The values that a location names inside a value."""
    if not location:
        return [value]
    name, *rest = location
    if isinstance(value, dict):
        members = list(value.values()) if name == "*" else [value[name]] if name in value else []
    else:
        members = value if isinstance(value, list) and name == "*" else []
    return [nested for member in members for nested in _at(member, tuple(rest))]

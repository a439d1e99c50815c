"""From a template's spelling to an API's, by the service model that botocore ships.

CloudFormation writes ContainerDefinitions where the API writes containerDefinitions; free-form maps keep
their keys.
"""

import html
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from ecs_blue_green import models


def request(service: str, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The request of an API operation for a template's properties, without those that it does not know.

    Raises ValueError for an unknown member further down, where nothing may be lost.
    """
    shape = operation_model(service, operation).input_shape
    members = _members(shape)
    known = {name: value for name, value in properties.items() if name.lower() in members}
    spelled: dict[str, Any] = _spell(known, shape)
    return spelled


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service, loaded once. Raises botocore's UnknownServiceError."""
    return ServiceModel(models.loader().load_service_model(service, "service-2"), service)


def operation_model(service: str, operation: str) -> OperationModel:
    """The model of one operation."""
    return service_model(service).operation_model(operation)


def _spell(value: Any, shape: Shape | None) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = _members(shape)
        unknown = [name for name in value if name.lower() not in members]
        if unknown:
            raise ValueError(f"{shape.name} has no member {unknown[0]}")
        return {
            members[name.lower()]: _spell(inner, shape.members[members[name.lower()]])
            for name, inner in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_spell(inner, shape.member) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _spell(inner, shape.value) for name, inner in value.items()}
    return value


def _members(shape: Shape | None) -> dict[str, str]:
    return {name.lower(): name for name in shape.members} if isinstance(shape, StructureShape) else {}


def to_xml(value: Any, shape: Shape | None) -> str:
    """A value as the members of a query protocol's answer; what the shape does not know is left out."""
    if isinstance(shape, StructureShape):
        return "".join(
            f"<{name}>{to_xml(value[name], member)}</{name}>"
            for name, member in shape.members.items()
            if name in value
        )
    if isinstance(shape, ListShape):
        return "".join(f"<member>{to_xml(item, shape.member)}</member>" for item in value)
    return html.escape(str(value).lower() if isinstance(value, bool) else str(value), quote=False)

"""The six layers. One module is one template, one file in `build/`, one stack.

A module is a file, or a folder with its resources in groups. An underscore in front marks what layers share.

`LAYERS` only names them. Their order of deployment is nowhere written down: the deployer derives it from
what the generated templates export and import.
"""

from collections.abc import Mapping
from typing import Protocol

from troposphere import Template

from templates import (
    container_repository,
    infrastructure,
    pipeline,
    service,
    service_preference,
    task_definition,
)
from templates._runtime import Runtime


class Layer(Protocol):
    """A layer's module. Beside `build` it may have `RUNTIME`, what it says to whoever deploys it."""

    def build(self) -> Template:
        """The layer's template."""


LAYERS: Mapping[str, Layer] = {
    "infrastructure": infrastructure,
    "container-repository": container_repository,
    "task-definition": task_definition,
    "service": service,
    "service-preference": service_preference,
    "pipeline": pipeline,
}


def runtime(layer: Layer) -> Runtime:
    """What a layer says of itself."""
    said: Runtime = getattr(layer, "RUNTIME", Runtime())
    return said

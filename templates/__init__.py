"""The six layers. Each module is one template, one file in `build/` and one stack.

A module is a file, or a folder with groups of resources. A leading underscore marks what layers share.

`LAYERS` only names them. The deployer derives their order of deployment from the exports and imports of the
generated templates.
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
    """A layer's module. Besides `build` it may have `RUNTIME`, which tells the deployer about it."""

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
    """What a layer declares in `RUNTIME`."""
    said: Runtime = getattr(layer, "RUNTIME", Runtime())
    return said

"""Secrets that would stand in plain text in a task definition, through a variable with a dynamic reference.

CloudFormation puts the value in its place, and whoever may read the task definition reads it there.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.effects.states import ResolvedState
from ecs_blue_green.deployer.rules import TASK_DEFINITION

_REFERENCE = re.compile(r"\{\{resolve:(?:secretsmanager|ssm-secure):[^}]*\}\}")


class PlainSecret(NamedTuple):
    """A variable of a container, and the reference that it holds."""

    container: str
    variable: str
    reference: str

    @property
    def words(self) -> str:
        """What is wrong with it."""
        return (
            f"{self.variable} of {self.container} has {self.reference}, whose value would stand in plain text"
            " in the task definition"
        )

    def __str__(self) -> str:
        """That, and what to do."""
        return f"{self.words}: {remedies.SECRET_OF_THE_CONTAINER()}"


def found(state: ResolvedState) -> Iterator[PlainSecret]:
    """Those of all layers, as far as a value is known before it is deployed."""
    for layer in state.stacks:
        for resource in state.resources(layer).values():
            if resource.type != TASK_DEFINITION:
                continue
            for container in resource.properties.get("ContainerDefinitions", []):
                for variable in container.get("Environment", []):
                    match = _REFERENCE.search(str(variable.get("Value", "")))
                    if match:
                        yield PlainSecret(str(container.get("Name")), str(variable.get("Name")), match[0])

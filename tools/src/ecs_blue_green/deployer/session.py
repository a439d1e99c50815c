"""A command at work on one environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.project import Project

# Tells a person something.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """What a command works with: the project's files, the clients of AWS, and what tells a person."""

    project: Project
    aws: Aws
    say: Say

    @property
    def environment(self) -> Environment:
        """The environment that the command is about."""
        return self.project.environment

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The project's layers, in the order of deployment."""
        return self.project.layers

    @property
    def cloudformation(self) -> Any:
        """The client of CloudFormation."""
        return self.aws.client("cloudformation")

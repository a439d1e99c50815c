"""A project as its files have it: everything that is read before anything is asked of AWS.

Neither boto3 nor troposphere is imported here: a review needs neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.runtime import Runtime, Unusable, read_runtime


@dataclass(frozen=True)
class Build:
    """The layers in `<root>/build/`; `declared` is what they say of themselves, or why it cannot be used."""

    root: Path
    layers: Mapping[str, Layer]
    declared: Runtime | BadInput

    @property
    def runtime(self) -> Runtime:
        """What the layers say of themselves. Raises BadInput where that cannot be used."""
        if isinstance(self.declared, BadInput):
            raise self.declared
        return self.declared

    def read_environment(self, name: str, *, tolerant: bool = False) -> Environment:
        """The environment of `<root>/params/<name>.yaml`. Raises BadInput with all that is wrong there.

        The layers' rules are part of that; `tolerant` does without, where they cannot be used.
        """
        parameters = {slug: layer.parameters for slug, layer in self.layers.items()}
        runtime = _usable(self.declared) if tolerant else self.runtime
        return environment.load(self.root / "params", name, parameters, runtime)


@dataclass(frozen=True)
class Project(Build):
    """The same for one environment, with the layers in the order of deployment.

    `waits_for` has for each layer those that must be deployed before it.
    """

    environment: Environment
    waits_for: Mapping[str, set[str]]


def read_build(root: Path) -> Build:
    """What is in `<root>/build/`. Raises BadInput where there is no template, or one cannot be used."""
    try:
        declared: Runtime | BadInput = read_runtime(root / "build")
    except Unusable as error:
        declared = BadInput(error.what, error.why, error.remedy)
    return Build(root, layers.read(root / "build", _usable(declared)), declared)


def read(root: Path, name: str) -> Project:
    """The project and its environment `name`. Raises BadInput for everything that is wrong with the files."""
    build = read_build(root)
    layers.refuse_unknown(build.layers, build.runtime)
    return _of_environment(build, build.read_environment(name))


def read_tolerantly(root: Path, name: str) -> Project:
    """The same for what must work without what the layers say: then the reason is in its place."""
    build = read_build(root)
    try:
        layers.refuse_unknown(build.layers, build.runtime)
    except BadInput as error:
        build = Build(root, build.layers, error)
    return _of_environment(build, build.read_environment(name, tolerant=True))


def _of_environment(build: Build, settings: Environment) -> Project:
    waits_for = layers.dependencies(build.layers, settings)
    ordered = {slug: build.layers[slug] for slug in layers.in_order(waits_for)}
    return Project(build.root, ordered, build.declared, settings, waits_for)


def _usable(declared: Runtime | BadInput) -> Runtime | None:
    return None if isinstance(declared, BadInput) else declared

"""What is deployed: a folder with `build/` and `params/`, made for one run."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paths import PROJECT
from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer

# Any name but `local`, for which the deployer would start an emulator of its own.
ENV = "dev"


@dataclass(frozen=True)
class Project:
    """A project's layers, in an order of deployment, and what each waits for."""

    root: Path
    settings: Environment
    layers: Mapping[str, Layer]
    waits_for: Mapping[str, set[str]]


def read(root: Path) -> Project:
    """The project in a folder."""
    found = layers.read(root / "build")
    declared = {slug: layer.parameters for slug, layer in found.items()}
    settings = environment.load(root / "params", ENV, declared)
    waits_for = layers.dependencies(found, settings)
    return Project(root, settings, {slug: found[slug] for slug in layers.in_order(waits_for)}, waits_for)


def write_own(root: Path) -> None:
    """The six templates of the tests' project, with the parameters that the emulator's account fits."""
    shutil.copytree(PROJECT / "build", root / "build")
    (root / "params").mkdir()
    shutil.copy(PROJECT / "params" / "local.yaml", root / "params" / f"{ENV}.yaml")

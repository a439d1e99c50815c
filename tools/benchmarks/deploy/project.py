"""What is deployed: a folder with `build/` and `params/`, made for one run."""

import shutil
from pathlib import Path

from benchmarks.paths import PROJECT
from ecs_blue_green.deployer import project
from ecs_blue_green.deployer.project import Project

# Any name but `local`, for which the deployer would start an emulator of its own.
ENV = "dev"


def read(root: Path) -> Project:
    """The project in a folder. Nothing need say what its layers are to a deployer."""
    return project.read_tolerantly(root, ENV)


def write_own(root: Path) -> None:
    """The six templates of the tests' project, with the parameters that the emulator's account fits."""
    shutil.copytree(PROJECT / "build", root / "build")
    (root / "params").mkdir()
    shutil.copy(PROJECT / "params" / "local.yaml", root / "params" / f"{ENV}.yaml")

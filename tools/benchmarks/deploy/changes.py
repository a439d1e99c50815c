"""Changes to stacks that are there: how long each deployer takes for them, and what CloudFormation takes."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deploy import measure, path
from benchmarks.deploy.deployers import Deployer, forget
from benchmarks.deploy.measure import Run
from benchmarks.deploy.project import ENV, read, write_own
from benchmarks.deploy.times import USUAL
from ecs_blue_green.deployer.project import Project

ONE = "one parameter of one layer"
# What is set in the parameter file, in each of the rounds.
Values = Mapping[str, Sequence[str]]
CHANGES: Mapping[str, Values] = {
    # Of service-preference alone.
    ONE: {"ScalingTargetPercent": ("55", "50", "45")},
    # Of container-repository, and of those that import from it: task-definition and pipeline.
    "three layers": {
        "ImageRetentionCount": ("11", "12", "13"),
        "TaskMemory": ("1024", "2048", "512"),
        "ArtifactRetentionDays": ("31", "32", "33"),
    },
}
ROUNDS = 3


@dataclass(frozen=True)
class Changed:
    """The fastest run of a change, and what CloudFormation itself took of it in seconds."""

    run: Run
    critical_path: float


def measured(deployer: Deployer, scale: float, rounds: int = ROUNDS) -> dict[str, Changed]:
    """Each change, by its name, to stacks that the deployer has created on an AWS that answers at once.

    AWS takes `scale` times as long as `times.py` says for the changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        write_own(root)
        project = read(root)
        with measure.served(Path(folder), project.environment.region, 0.0) as server:
            server.run(deployer, project)
        with measure.served(Path(folder), project.environment.region, scale) as server:
            found = {}
            for name, values in CHANGES.items():
                runs = []
                for number in range(rounds):
                    for title, choices in values.items():
                        _set(root, title, choices[number])
                    forget(root)
                    project = read(root)
                    _write_configurations(project)
                    before = path.operations(server.client(), project)
                    run = server.run(deployer, project)
                    took = path.of_change(
                        server.client(),
                        project,
                        before,
                        USUAL.scaled(scale),
                        with_change_sets=deployer.makes_change_sets,
                    )
                    runs.append(Changed(run, took))
                found[name] = min(runs, key=lambda one: one.run.seconds)
    return found


def _write_configurations(project: Project) -> None:
    """What `make generate` writes for an environment's pipeline, which has to fit to its parameter file."""
    for file in (project.root / "build" / "config" / ENV).glob("*.json"):
        file.write_text(project.environment.configuration(file.stem, project.layers[file.stem].parameters))


def _set(root: Path, title: str, value: str) -> None:
    """Give a parameter a value, in place of the one that the file has."""
    file = root / "params" / f"{ENV}.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(f"  {title}:")]
    file.write_text("\n".join([*lines, f'  {title}: "{value}"']) + "\n")

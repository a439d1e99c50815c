"""Changes to stacks that are there: how long each deployer takes for them, and what CloudFormation takes."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
    ONE: {"ScalingTargetPercent": ("55", "50", "45", "55", "50")},
    # Of container-repository, and of those that import from it: task-definition and pipeline.
    "three layers": {
        "ImageRetentionCount": ("11", "12", "13", "14", "15"),
        "TaskMemory": ("1024", "2048", "512", "1024", "2048"),
        "ArtifactRetentionDays": ("31", "32", "33", "34", "35"),
    },
}
ROUNDS = 5


@dataclass(frozen=True)
class Changed:
    """The fastest run of a change, and what CloudFormation itself took of it in seconds."""

    run: Run
    critical_path: float


def measured(
    deployers: Sequence[Deployer], scale: float, rounds: int = ROUNDS
) -> dict[str, dict[str, Changed]]:
    """Each change, by the deployer's name and its own, to stacks that were created at once.

    AWS takes `scale` times as long as `times.py` says for the changes. The deployers take turns, each on an
    emulator of its own.
    """
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(_site(one, scale)) for one in deployers]
        runs: dict[str, dict[str, list[Changed]]] = {
            one.name: {change: [] for change in CHANGES} for one in deployers
        }
        for number in range(rounds):
            for change, values in CHANGES.items():
                given = {title: choices[number] for title, choices in values.items()}
                for site in sites:
                    runs[site.deployer.name][change].append(site.change(given, scale))
    return {
        name: {change: min(found, key=lambda one: one.run.seconds) for change, found in changes.items()}
        for name, changes in runs.items()
    }


@dataclass(frozen=True)
class _Site:
    """Where a deployer has created its stacks."""

    deployer: Deployer
    root: Path
    server: measure.Server

    def change(self, given: Mapping[str, str], scale: float) -> Changed:
        """Give parameters these values, and deploy."""
        for title, value in given.items():
            _set(self.root, title, value)
        forget(self.root)
        project = read(self.root)
        _write_configurations(project)
        before = path.operations(self.server.client(), project)
        run = self.server.run(self.deployer, project)
        took = path.of_change(
            self.server.client(),
            project,
            before,
            USUAL.scaled(scale),
            with_change_sets=self.deployer.makes_change_sets,
        )
        return Changed(run, took)


@contextlib.contextmanager
def _site(deployer: Deployer, scale: float) -> Iterator[_Site]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        write_own(root)
        project = read(root)
        with measure.served(Path(folder), project.environment.region, 0.0) as server:
            server.run(deployer, project)
        with measure.served(Path(folder), project.environment.region, scale) as server:
            yield _Site(deployer, root, server)


def _write_configurations(project: Project) -> None:
    """What `make generate` writes for an environment's pipeline, which has to fit to its parameter file."""
    for file in (project.root / "build" / "config" / ENV).glob("*.json"):
        file.write_text(project.environment.configuration(file.stem, project.layers[file.stem].parameters))


def _set(root: Path, title: str, value: str) -> None:
    """Give a parameter a value, in place of the one that the file has."""
    file = root / "params" / f"{ENV}.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(f"  {title}:")]
    file.write_text("\n".join([*lines, f'  {title}: "{value}"']) + "\n")

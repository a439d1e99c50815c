"""`build/` and `params/` of a git revision, or of the working tree."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.environment import Environment, TemplateMissing
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.project import Build, read_build
from ecs_blue_green.runtime import FILE, Runtime

FOLDERS = ("build", "params")


@dataclass(frozen=True)
class Revision:
    """What a revision deploys: its layers in the order of deployment, and its environments by name.

    `broken` has the environments whose parameter file cannot be used, each with the reason.
    `configurations` has the text of each file below `build/config/`, by its path there. `runtime` is what the
    layers say of themselves: None where the revision is older than that, and where `unusable` says why.
    """

    label: str
    layers: Mapping[str, Layer]
    environments: Mapping[str, Environment]
    broken: Mapping[str, str]
    configurations: Mapping[str, str]
    runtime: Runtime | None = None
    unusable: str = ""


def read_revision(root: Path, name: str | None) -> Revision:
    """The revision of this name in the repository at `root`; None is what is on disk.

    Raises BadInput when git does not know the revision, or its templates cannot be used. What is on disk must
    have all that the deployer needs; what is in git cannot be repaired, so it is read as far as it goes.
    """
    if name is None:
        return _read(root, "the working tree")
    commit = _commit(root, name)
    label = name if commit.startswith(name) else f"{name} ({commit[:7]})"
    with _unpacked(root, commit) as folder:
        return _read(folder, label, tolerant=True)


def changed_files(root: Path, base: str, head: str | None) -> list[str]:
    """The paths below `root` that differ between two revisions; files that git does not know are left out."""
    revisions = [_commit(root, base)] + ([_commit(root, head)] if head else [])
    return _git(root, "diff", "--name-only", "--relative", *revisions).decode().splitlines()


def lacks(root: Path, base: str, head: str | None) -> int:
    """How many commits of `base` are not in `head`: what they changed appears reverted."""
    return int(_git(root, "rev-list", "--count", f"{_commit(root, head or 'HEAD')}..{_commit(root, base)}"))


def _read(folder: Path, label: str, *, tolerant: bool = False) -> Revision:
    if not any((folder / "build").glob("*.yaml")):
        return Revision(label, {}, {}, {}, {})
    build = read_build(folder)
    if not tolerant:
        _ = build.runtime
    environments, broken = {}, {}
    for name in environment.names(folder / "params"):
        try:
            environments[name] = build.read_environment(name, tolerant=True)
        except TemplateMissing:
            raise
        except BadInput as problem:
            broken[name] = str(problem)
    config = folder / "build" / "config"
    return Revision(
        label,
        _ordered(build.layers, environments),
        environments,
        broken,
        {
            str(path.relative_to(config)): path.read_text(encoding="utf-8")
            for path in sorted(config.rglob("*.json"))
        },
        *_declared(build),
    )


def _declared(build: Build) -> tuple[Runtime | None, str]:
    """What the layers say of themselves, or why that cannot be used: older revisions do not say it."""
    if not isinstance(build.declared, BadInput):
        return build.declared, ""
    is_older = not (build.root / "build" / FILE).exists()
    return None, "" if is_older else str(build.declared)


def _ordered(unordered: Mapping[str, Layer], environments: Mapping[str, Environment]) -> Mapping[str, Layer]:
    # The order is the same in every environment: it comes from the templates.
    for settings in environments.values():
        order = layers.in_order(layers.dependencies(unordered, settings))
        return {slug: unordered[slug] for slug in order}
    return unordered


def _commit(root: Path, name: str) -> str:
    try:
        # A name that begins with a hyphen would be an option.
        return (
            _git(root, "rev-parse", "--verify", "--quiet", f"{name.lstrip('-')}^{{commit}}").decode().strip()
        )
    except subprocess.CalledProcessError as error:
        # Git is silent where it only does not know the name, and not about a folder that it does not read.
        reason = error.stderr.decode(errors="replace").strip()
        if reason:
            raise BadInput(
                f"git cannot look up revision {name} in {root}",
                reason.splitlines()[0].removeprefix("fatal: "),
                "see what git reports there (git status), or name a commit, a branch or a tag",
            ) from None
        raise BadInput(
            f"git knows no revision {name}",
            f"looked for it in {root}",
            "name a commit, a branch or a tag that is here (git fetch gets others)",
        ) from None


@contextmanager
def _unpacked(root: Path, commit: str) -> Iterator[Path]:
    present = _git(root, "ls-tree", "--name-only", commit, "--", *FOLDERS).decode().split()
    with tempfile.TemporaryDirectory() as name:
        if present:
            archive = _git(root, "archive", "--format=tar", commit, *present)
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(name, filter="data")
        yield Path(name)


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, check=True)  # noqa: S607 (the person's git)
    except OSError as error:
        raise BadInput("git cannot be run", str(error), "install git") from error
    return done.stdout

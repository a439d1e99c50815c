"""The source of a release: the committed state of the repository, and earlier commits of the application."""

import io
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path


class SourceError(Exception):
    """There is no committed state to release; the message says why."""


@dataclass(frozen=True)
class Source:
    """A snapshot: the commit, its folder, and how many files of the working copy are not part of it."""

    commit: str
    folder: Path
    uncommitted: int


def snapshot(root: Path, folder: Path) -> Source:
    """Unpack the last commit of the repository at `root` into `folder`. Raises SourceError."""
    commit = _git(root, "rev-parse", "HEAD").strip()
    _unpack(root, commit, folder, ".")
    return Source(commit, folder, len(_git(root, "status", "--porcelain").splitlines()))


def application(root: Path, commit: str, folder: Path) -> Path | None:
    """The application as of an earlier commit, unpacked below `folder`; None where the commit is not here."""
    place = folder / commit
    if not place.exists():
        try:
            _unpack(root, commit, place, "app")
        except SourceError:
            return None
    return place


def set_health_rate(source: Source, environment: str, rate: str) -> None:
    """Have the snapshot be what somebody pushes who sets `HealthRate` for this environment.

    The parameter file gets the value and `build/` is generated again, so that the pipeline finds it fresh.
    Raises SourceError.
    """
    file = source.folder / "params" / f"{environment}.yaml"
    text = file.read_text()
    line = f'  HealthRate: "{rate}"'
    if re.search(r"^  HealthRate:.*$", text, re.MULTILINE):
        text = re.sub(r"^  HealthRate:.*$", line, text, flags=re.MULTILINE)
    else:
        text = re.sub(r"^parameters:[ \t]*$", f"parameters:\n{line}", text, count=1, flags=re.MULTILINE)
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "generate.py"], cwd=source.folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SourceError(f"generate.py refuses HealthRate {rate}: {done.stderr.strip()}")


def _unpack(root: Path, commit: str, folder: Path, path: str) -> None:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, path],  # noqa: S607 - the user's git
        cwd=root,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        raise SourceError(archive.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the user's git
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise SourceError("git is not installed: the source of a release is a commit") from error
    if done.returncode:
        raise SourceError(f"the source of a release is a commit: {done.stderr.strip()}")
    return done.stdout

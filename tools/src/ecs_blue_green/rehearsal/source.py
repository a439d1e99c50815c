"""The source of a release: the committed state of the repository, and earlier commits of the application."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from ecs_blue_green import parameter_file
from ecs_blue_green.deployer import configurations
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.runtime import Image


class SourceError(BadInput):
    """There is no committed state to release."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "there is no release to rehearse", why, "commit what is to be released, then rehearse again"
        )


@dataclass(frozen=True)
class Code:
    """The application as files: its folder, its Dockerfile, and what starts it in the folder.

    Without a command, the folder is a Python package.
    """

    folder: Path
    dockerfile: Path
    command: tuple[str, ...] = ()


def code(root: Path, image: Image) -> Code:
    """The application in the repository's files at `root`, of which `image` says where it is."""
    return Code(root / image.folder, root / image.dockerfile_path, image.command)


@dataclass(frozen=True)
class Source:
    """A snapshot: the commit, its folder, and how many files of the working copy are not part of it.

    `image` says what in it the application's image is built of.
    """

    commit: str
    folder: Path
    uncommitted: int
    image: Image

    @property
    def code(self) -> Code:
        """The application in it."""
        return code(self.folder, self.image)


def commit(root: Path) -> str:
    """The last commit of the repository at `root`. Raises SourceError."""
    return _git(root, "rev-parse", "--verify", "HEAD").strip()


def snapshot(root: Path, folder: Path, image: Image) -> Source:
    """Unpack the last commit of the repository at `root` into `folder`. Raises SourceError.

    `image` says what in it the application's image is built of.
    """
    last = commit(root)
    _unpack(root, last, folder, ".")
    return Source(last, folder, len(_git(root, "status", "--porcelain").splitlines()), image)


def earlier_code(root: Path, earlier: str, folder: Path, image: Image) -> Code | None:
    """The application as of an earlier commit, unpacked below `folder`; None where the commit is not here."""
    place = folder / earlier
    if not place.exists():
        try:
            _unpack(root, earlier, place, image.folder, *filter(None, [image.dockerfile]))
        except SourceError:
            return None
    return code(place, image)


def set_parameter(source: Source, environment: str, title: str, value: str) -> None:
    """Have the snapshot be what somebody pushes who sets a parameter for this environment.

    The parameter file gets the value, and so do the files below `build/config/` that are made from it, as the
    pipeline finds them in a fresh `build/`. Raises SourceError.
    """
    file = source.folder / "params" / f"{environment}.yaml"
    try:
        settings = parameter_file.read(file)
        settings["parameters"][title] = value
    except FileNotFoundError as error:
        raise SourceError(f"params/{environment}.yaml is not committed") from error
    except (ValueError, TypeError, LookupError) as error:
        raise SourceError(f"params/{environment}.yaml, as committed, has no parameters") from error
    file.write_text(yaml.safe_dump(settings))
    try:
        configurations.write(source.folder, environment)
    except BadInput as error:
        raise SourceError(str(error)) from error


def _unpack(root: Path, commit: str, folder: Path, *paths: str) -> None:
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, *paths],  # noqa: S607 - the user's git
        cwd=root,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        raise SourceError(archive.stderr.decode().strip())
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        # A link that leads out of the repository, for one: nothing is written outside of `folder`.
        raise SourceError(f"commit {commit[:7]} cannot be unpacked: {error}") from error


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
        message = done.stderr.strip().removeprefix("fatal: ")
        raise SourceError(f"the source of a release is a commit, and git says: {message}")
    return done.stdout

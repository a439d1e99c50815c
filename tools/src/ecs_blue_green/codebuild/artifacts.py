"""A build's output: which files it is made of, and the archive that the next action gets."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from ecs_blue_green.codebuild.specification import Artifacts


class MissingFile(Exception):
    """A file that the specification lists is not there."""


def collect(artifacts: Artifacts, folder: Path, archive: Path) -> list[str]:
    """Write the files of the build in `folder` to `archive` (zip) and give their names in it.

    Raises MissingFile when a pattern matches nothing. CodeBuild fails for certain only when none of them
    does ("no matching artifact paths found"); what it does about one of several is UNVERIFIED.
    """
    base = folder / artifacts.base_directory
    excluded = {path for pattern in artifacts.exclude_paths for path in base.glob(pattern)}
    files: dict[str, Path] = {}
    for pattern in artifacts.files:
        paths = [path for path in _matching(base, pattern) if path not in excluded]
        if not paths:
            raise MissingFile(f"no matching artifact paths found: {pattern}")
        for path in paths:
            files[path.name if artifacts.discard_paths else path.relative_to(base).as_posix()] = path
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, path in sorted(files.items()):
            target.write(path, name)
    return sorted(files)


def pack(folder: Path, archive: Path) -> Path:
    """Write all files of a folder to an archive (zip), as the source action hands them on."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(folder).as_posix())
    return archive


def unpack(archive: Path, folder: Path) -> None:
    """Lay the files of an artifact into a folder, as an action finds its input."""
    with zipfile.ZipFile(archive) as source:
        source.extractall(folder)


def _matching(base: Path, pattern: str) -> Iterator[Path]:
    return (path for path in sorted(base.glob(pattern)) if path.is_file())

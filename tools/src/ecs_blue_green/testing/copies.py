"""Copies of a repository that are edited as teams edit theirs, with the environments that are here."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# What a make above says of itself.
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
# What make lint and its like leave in an environment.
OF_LINT = ("proven", "zizmor")
AUTHOR = ("-c", "user.name=Team", "-c", "user.email=team@example.com")


def copied(repository: Path, root: Path, without: str | None = None) -> Path:
    """Copy what git knows or would add to `root`, perhaps without a folder, as a repository of one commit."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=repository, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        path = repository / name
        # One that is deleted is listed until its deletion is committed.
        if path.is_file() and not (without and Path(name).is_relative_to(without)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, root / name)
    git(root, "init", "--quiet", "--initial-branch=main")
    link_environments(repository, root)
    commit(root, "Copy")
    return root


def link_environments(repository: Path, root: Path) -> None:
    """Nothing is installed in a copy, which is a repository by now: its environments are links.

    What make remembers there of the files that it has linted is the copy's own.
    """
    with (root / ".git" / "info" / "exclude").open("a", encoding="utf-8") as exclude:
        exclude.write(".venv*\n")
    for environment in repository.glob(".venv*"):
        (root / environment.name).mkdir()
        for path in environment.iterdir():
            if path.name not in OF_LINT:
                (root / environment.name / path.name).symlink_to(path)


def commit(root: Path, message: str) -> None:
    """Commit what there is, also when it is nothing new."""
    git(root, "add", "--all")
    git(root, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)


def git(root: Path, *arguments: str) -> str:
    """What git says in a copy."""
    command = ("git", *arguments)
    return subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(root: Path, *command: str) -> tuple[int, str]:
    """Run a command in a copy: its exit status, and what it says."""
    environ = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    done = subprocess.run(
        command,
        cwd=root,
        env={**environ, "GIT_CEILING_DIRECTORIES": str(root.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def parameter_files(root: Path) -> list[Path]:
    """The environments of a copy."""
    return sorted((root / "params").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    """A parameter file."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def edit(path: Path, *, to: Path | None = None, parameters: Mapping[str, Any] = {}, **settings: Any) -> None:
    """Set parameters of a file, where None takes one away, and what stands beside them."""
    document = {**read(path), **settings}
    values = {**document["parameters"], **parameters}
    document["parameters"] = {title: value for title, value in values.items() if value is not None}
    # What stands above the file's first key is for editors and readers.
    head = re.match(r"(?:#.*\n)*", path.read_text(encoding="utf-8"))
    text = (head[0] if head else "") + yaml.safe_dump(document, sort_keys=False)
    (to or path).write_text(text, encoding="utf-8")


def replace(path: Path, pattern: str, new: str) -> None:
    """Put a text in the place of what matches, which must be there."""
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"))
    if not count:
        raise LookupError(f"{path} has no {pattern}")
    path.write_text(text, encoding="utf-8")

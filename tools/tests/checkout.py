"""The project of the tests as a repository of its own, for what reads commits."""

import shutil
import subprocess
from pathlib import Path

from tests.paths import PROJECT

AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def committed(folder: Path) -> Path:
    """Copy the project to `folder`, which is made, and commit it there."""
    return commit(shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__")))


def commit(folder: Path) -> Path:
    """Make a folder a repository with one commit, and give it back."""
    for command in (("init", "--quiet"), ("add", "--all"), (*AUTHOR, "commit", "--quiet", "-m", "Project")):
        subprocess.run(["git", *command], cwd=folder, check=True)  # noqa: S607 (the person's git)
    return folder

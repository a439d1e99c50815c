"""Clones that have what is installed here, and are older than that: make installs nothing in them."""

import os
import shutil
import subprocess
from pathlib import Path

from ecs_blue_green.testing import copies
from tests.paths import TOOLS

REPOSITORY = TOOLS.parent
CACHES = (".mypy_cache", ".ruff_cache", "tools/.mypy_cache", "tools/.ruff_cache")
# 2000-01-01: a ZIP archive knows nothing before 1980.
LONG_AGO = 946684800
# About the repository that teams copy, not about a copy.
SHAPES = "tests/shapes"


def cloned(source: Path, root: Path) -> Path:
    """A clone of the last commit of `source`, on a branch main whatever is checked out there."""
    # Without advice where the last commit is that of no branch, as in a job on GitHub.
    clone = ("git", "-c", "advice.detachedHead=false", "clone", "--quiet", str(source), str(root))
    subprocess.run(clone, check=True)
    copies.git(root, "switch", "--quiet", "--force-create", "main")
    for path in root.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (LONG_AGO, LONG_AGO))
    copies.link_environments(REPOSITORY, root)
    for name, value in (("name", "Team"), ("email", "team@example.com")):
        copies.git(root, "config", f"user.{name}", value)
    for name in CACHES:
        if (REPOSITORY / name).exists():
            shutil.copytree(REPOSITORY / name, root / name)
    return root


def without_shapes(root: Path) -> None:
    """Take out what is no team's, as `make init` does."""
    shutil.rmtree(root / SHAPES, ignore_errors=True)

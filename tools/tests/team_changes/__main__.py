"""Change copies of this repository as teams do, and run in each what a team runs.

Usage: python -m tests.team_changes [CHANGE ...]     without one: all of them, each in a copy of its own

A copy is a clone of the last commit. Nothing is installed: it uses the environments and caches that are here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ecs_blue_green.testing import copies
from tests.paths import TOOLS
from tests.team_changes.changes import CHANGES

REPOSITORY = TOOLS.parent
# About the repository that teams copy, not about a copy.
SHAPES = "tests/shapes"
# The last: the tests of the tool that read outside tools/, and so the only ones that could notice.
COMMANDS = (
    ("make", "generate", "docs", "check", "test"),
    ("sh", "-c", "cd tools && ../.venv/bin/python -m pytest -q -n logical tests/documents"),
)
CACHES = (".mypy_cache", ".ruff_cache", "tools/.mypy_cache", "tools/.ruff_cache")
# 2000-01-01: a ZIP archive knows nothing before 1980.
LONG_AGO = 946684800


def main(arguments: list[str] | None = None) -> int:
    """Run the changes; 1 when something is red after one, with what it said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("changes", nargs="*", metavar="CHANGE", help=", ".join(CHANGES))
    wanted = parser.parse_args(arguments).changes or list(CHANGES)
    if unknown := sorted(set(wanted) - CHANGES.keys()):
        parser.error(f"there is no change {', '.join(unknown)}: there are {', '.join(CHANGES)}")
    results = [_run(name) for name in wanted]
    _say(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


def _run(name: str) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="team-") as folder:
        root = Path(folder) / "copy"
        _copy(root)
        CHANGES[name](root)
        for command in COMMANDS:
            code, said = copies.run(root, *command)
            if code:
                _say(f"{name}: red after {time.monotonic() - began:.0f} s\n{said}")
                return False
            copies.commit(root, name)
    _say(f"{name}: green, {time.monotonic() - began:.0f} s")
    return True


def _copy(root: Path) -> None:
    """A clone that has the environments of this one: they are newer than all that they are made of."""
    # Without advice where the last commit is that of no branch, as in a job on GitHub.
    clone = ("git", "-c", "advice.detachedHead=false", "clone", "--quiet", str(REPOSITORY), str(root))
    subprocess.run(clone, check=True)
    for path in root.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (LONG_AGO, LONG_AGO))
    # A copy has none any more.
    shutil.rmtree(root / SHAPES, ignore_errors=True)
    copies.link_environments(REPOSITORY, root)
    for name in CACHES:
        if (REPOSITORY / name).exists():
            shutil.copytree(REPOSITORY / name, root / name)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

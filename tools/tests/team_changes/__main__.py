"""Change copies of this repository as teams do, and run in each what a team runs.

Usage: python -m tests.team_changes [CHANGE ...]     without one: all of them, each in a copy of its own

A copy is a clone of the last commit. Nothing is installed: it uses the environments and caches that are here.
As many copies as there are cores are worked on at the same time, each with one worker of pytest: linting and
generating take one core, whatever else is there.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ecs_blue_green.testing import copies
from tests.team_changes.changes import CHANGES
from tests.team_changes.clones import REPOSITORY, cloned, without_shapes
from tests.team_changes.journeys import JOURNEYS
from tests.team_changes.pages import NotAsTold

# The last: the tests of the tool that read outside tools/, and so the only ones that could notice.
COMMANDS = (
    ("make", "generate", "docs", "check", "test"),
    ("sh", "-c", "cd tools && ../.venv/bin/python -m pytest -q -n logical tests/documents"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the changes; 1 when something is red after one, with what it said."""
    known = {**JOURNEYS, **CHANGES}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("changes", nargs="*", metavar="CHANGE", help=", ".join(known))
    wanted = parser.parse_args(arguments).changes or list(known)
    if unknown := sorted(set(wanted) - known.keys()):
        parser.error(f"there is no change {', '.join(unknown)}: there are {', '.join(known)}")
    os.environ["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "1"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(_run, wanted))
    _say(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


def _run(name: str) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="team-") as folder:
        root = cloned(REPOSITORY, Path(folder) / "copy")
        try:
            if name in JOURNEYS:
                # What a journey's page has somebody run, it has run.
                JOURNEYS[name](root)
            else:
                without_shapes(root)
                CHANGES[name](root)
            for command in COMMANDS[name in JOURNEYS :]:
                code, said = copies.run(root, *command)
                if code:
                    raise NotAsTold(said)
                copies.commit(root, name)
        except NotAsTold as red:
            _say(f"{name}: red after {time.monotonic() - began:.0f} s\n{red}")
            return False
    _say(f"{name}: green, {time.monotonic() - began:.0f} s")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

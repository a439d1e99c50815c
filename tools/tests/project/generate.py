"""Stands in for a project's: the templates are frozen, the pipeline's configurations are made.

Usage: generate.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.errors import Failure

ROOT = Path(__file__).resolve().parent
RELEASED = "task-definition"


def configurations() -> Iterator[tuple[Path, str]]:
    """Each environment's file and its text. Raises BadInput."""
    declared = {slug: layer.parameters for slug, layer in layers.read(ROOT / "build").items()}
    for name in environment.names(ROOT / "params"):
        values = environment.load(ROOT / "params", name, declared)
        path = ROOT / "build" / "config" / name / f"{RELEASED}.json"
        yield path, values.configuration(RELEASED, declared[RELEASED])


def main() -> int:
    """Write the files, or with --check compare them: 1 when one is stale, 2 for wrong parameters."""
    try:
        stale = {path: text for path, text in configurations() if path.read_text() != text}
    except Failure as failure:
        sys.stderr.write(f"error: {failure}\n")
        return failure.exit_code
    if "--check" in sys.argv:
        if stale:
            sys.stderr.write(f"error: build/ is stale in {len(stale)} file(s)\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long do the two commands of README's first screen take in a clean clone?

Usage: python -m benchmarks.first [--rounds N]

Each round is a clean clone of the last commit, on this machine: `make deploy`, which makes the environments
anew with what pip or uv have cached, and `make rehearse` after it. The fastest of the rounds counts. How long
the packages take to arrive where nothing is cached depends on the network; their installed size is printed.
"""

import argparse
import sys
import time
from pathlib import Path

from benchmarks.installed import HERE, clone, measured, run

COMMANDS = ("deploy", "rehearse")


def main() -> int:
    """Measure and print; there is no target."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="clean clones (3)")
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for _ in range(rounds):
        with clone(HERE) as folder:
            for command, found in times.items():
                found.append(seconds(folder, command))
            installed = measured(folder)
    for command, found in times.items():
        print(f"make {command:12}{min(found):6.1f} s")
    print(f"installed        {installed.megabytes:6.0f} MB in {installed.distributions} distributions")
    return 0


def seconds(folder: Path, command: str) -> float:
    """How long a command takes in a clone."""
    began = time.monotonic()
    run(folder, "make", command)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())

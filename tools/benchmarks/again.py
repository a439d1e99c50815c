"""How long do `make deploy` with nothing to do and `make rehearse` take, beside commit 80c2dba?

Usage: python -m benchmarks.again [PART ...] [--pairs N]

deploy    `make deploy YES=1` where everything is deployed, from the start of make to its end
rehearse  `make rehearse`, and the most memory that all its processes have at one time

In clean clones of both commits, whose environments are made first. The commits take turns; a ratio is the
median of those of the pairs. Memory is the proportional share of each process (PSS), so that what they share
is counted once; it is read from /proc, ten times a second.
"""

import argparse
import contextlib
import operator
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.installed import BEFORE, HERE, clone, run, surroundings
from benchmarks.target import Target

LOOK_SECONDS = 0.1
PROC = Path("/proc")


class Round(NamedTuple):
    """What one command took: wall time and processor time in seconds, and the most memory in MiB."""

    seconds: float
    processor: float
    memory: float


class Part(NamedTuple):
    """A command, and what is to be reached of it."""

    command: tuple[str, ...]
    limits: Mapping[str, float]


PARTS: Mapping[str, Part] = {
    "deploy": Part(("make", "deploy", "YES=1"), {"seconds": 0.65}),
    "rehearse": Part(("make", "rehearse"), {"seconds": 0.65, "memory": 0.65}),
}


def main() -> int:
    """Measure and print; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--pairs", type=int, default=5, help="rounds in which each commit has its turn (5)")
    given = parser.parse_args()
    chosen = given.parts or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}: {', '.join(PARTS)}")
    targets: list[Target] = []
    with clone(BEFORE) as before, clone(HERE) as here:
        for folder in (before, here):
            run(folder, "make", "deploy", "YES=1")
        for name in chosen:
            # What is compiled on first use is no part of it.
            for folder in (before, here):
                measured(folder, PARTS[name].command)
            pairs = [
                (measured(before, PARTS[name].command), measured(here, PARTS[name].command))
                for _ in range(given.pairs)
            ]
            print(f"{' '.join(PARTS[name].command):26}{BEFORE:>12}{'here':>12}{'ratio':>8}")
            for what, unit in zip(Round._fields, ("s", "s", "MiB"), strict=True):
                told, ratio = compared(pairs, operator.attrgetter(what))
                print(f"{what:20}{unit:6}{told[0]:12.1f}{told[1]:12.1f}{ratio:8.2f}")
                if what in PARTS[name].limits:
                    targets.append(Target(f"make {name}: {what}", ratio, PARTS[name].limits[what]))
            print(flush=True)
    for target in targets:
        print(target)
    return 0 if all(target.reached for target in targets) else 1


def compared(
    pairs: list[tuple[Round, Round]], figure: Callable[[Round], float]
) -> tuple[tuple[float, float], float]:
    """The medians of both commits, and the median of the ratios."""
    both = [(figure(before), figure(here)) for before, here in pairs]
    before, here = (statistics.median(column) for column in zip(*both, strict=True))
    return (before, here), statistics.median(after / first for first, after in both)


def measured(folder: Path, command: tuple[str, ...]) -> Round:
    """Run a command in a clone to its end. Exits where it fails."""
    log = folder.parent / "log"
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with watched(process.pid) as most:
            _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()}")
    return Round(seconds, used.ru_utime + used.ru_stime, max(most, default=0.0))


@contextlib.contextmanager
def watched(root: int) -> Iterator[list[float]]:
    """The memory of a process and of all below it in MiB, each time that it is looked at in the block."""
    found: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            found.append(sum(map(share, below(root))) / 1024)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def below(root: int) -> set[int]:
    """A process, and all that it and its own have started and that are there."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, fresh = {root}, {root}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def share(process: int) -> int:
    """The proportional share of the memory of a process, in KiB; none of one that has ended."""
    with contextlib.suppress(OSError, ValueError):
        for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long do `make deploy` with nothing to do and `make rehearse` take, beside commit 80c2dba?

Usage: python -m benchmarks.again [PART ...] [--pairs N]

deploy    `make deploy YES=1` where everything is deployed, from the start of make to its end
rehearse  `make rehearse`, and the most memory that all its processes have at one time

Both commits play the minutes in which CodeDeploy waits in the same time: what a rehearsal takes beyond them
is told too, without a target, and so is what had the most memory.

In clean clones of both commits, whose environments are made first. The commits take turns; a ratio is the
median of those of the pairs. Memory is the proportional share of each process (PSS), so that what they share
is counted once; it is read from /proc, ten times a second.
"""

import argparse
import contextlib
import json
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
# While traffic shifts, and before the old tasks end; as a rehearsal's report names them.
WAITS = ("AllowTraffic", "wait before termination")


class Round(NamedTuple):
    """Of one command: seconds, those that were no wait, those of the processor; the most memory in MiB."""

    seconds: float
    beyond_waits: float
    processor: float
    memory: float


class Moment(NamedTuple):
    """The memory of all processes at one time, in MiB, by what they were started as."""

    total: float
    of: Mapping[str, float]


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
            pairs = []
            for _ in range(given.pairs):
                (first, _), (after, fullest) = (
                    measured(folder, PARTS[name].command) for folder in (before, here)
                )
                pairs.append((first, after))
            print(f"{' '.join(PARTS[name].command):26}{BEFORE:>12}{'here':>12}{'ratio':>8}")
            for what, unit in zip(Round._fields, ("s", "s", "s", "MiB"), strict=True):
                told, ratio = compared(pairs, operator.attrgetter(what))
                print(f"{what.replace('_', ' '):20}{unit:6}{told[0]:12.1f}{told[1]:12.1f}{ratio:8.2f}")
                if what in PARTS[name].limits:
                    targets.append(Target(f"make {name}: {what}", ratio, PARTS[name].limits[what]))
            largest = sorted(fullest.of.items(), key=operator.itemgetter(1), reverse=True)
            print(f"memory here: {', '.join(f'{what} {size:.0f}' for what, size in largest if size >= 1)}")
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


def measured(folder: Path, command: tuple[str, ...]) -> tuple[Round, Moment]:
    """Run a command in a clone to its end, and what had the most memory meanwhile. Exits where it fails."""
    report = folder / ".local" / "rehearsal" / "report.json"
    report.unlink(missing_ok=True)
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
        with watched(process.pid) as moments:
            _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()}")
    fullest = max(moments, key=operator.attrgetter("total"), default=Moment(0.0, {}))
    processor = used.ru_utime + used.ru_stime
    return Round(seconds, seconds - waits(report), processor, fullest.total), fullest


def waits(report: Path) -> float:
    """The seconds in which CodeDeploy waited in a rehearsal, at a second a minute; 0 without a rehearsal."""
    if not report.is_file():
        return 0.0
    spans = json.loads(report.read_text(encoding="utf-8"))["spans"]
    return float(sum(span["end"] - span["start"] for span in spans if span["name"] in WAITS))


@contextlib.contextmanager
def watched(root: int) -> Iterator[list[Moment]]:
    """The memory of a process and of all below it, each time that it is looked at in the block."""
    found: list[Moment] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            of: dict[str, float] = {}
            for process in below(root):
                name = started_as(process)
                of[name] = of.get(name, 0.0) + share(process) / 1024
            found.append(Moment(sum(of.values()), of))

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


def started_as(process: int) -> str:
    """The program of a process, or what Python runs, with its first argument; "" of one that has ended."""
    with contextlib.suppress(OSError, ValueError):
        line = (PROC / str(process) / "cmdline").read_bytes().decode(errors="replace")
        first, *others = (Path(word).name for word in line.split("\0") if word and not word.startswith("-"))
        return " ".join(others[:2] if first.startswith("python") else (first, *others[:1]))
    return ""


def share(process: int) -> int:
    """The proportional share of the memory of a process, in KiB; none of one that has ended."""
    with contextlib.suppress(OSError, ValueError):
        for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())

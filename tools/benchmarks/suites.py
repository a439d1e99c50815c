"""How long do the tests take that commit 80c2dba had, there and here?

Usage: python -m benchmarks.suites [--pairs N] [--slowest N]

Each on its own commit, in a clean clone with an environment of its own, by the command that people type
(`make test`, here also `make test-tools`), in pairs that alternate. `moved_tests.csv` says what each test is
called here; a test whose case has another name here is run with all cases of its function. Those that have no
successor are not run, and listed with the reason. Then all tests that are here, and the slowest of them with
the reason why they must be slow (`slow_tests.csv`).
"""

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.installed import BEFORE, HERE, clone, run, surroundings
from benchmarks.target import Target

MOVED = Path(__file__).with_name("moved_tests.csv")
WHY_SLOW = Path(__file__).with_name("slow_tests.csv")
PLUGIN = Path(__file__).with_name("selection")
# What `make test` and its like do not collect, since it needs more programs.
ELSEWHERE = ("security/", "tests/security/")
MOST = 0.50


class Suite(NamedTuple):
    """What makes its environment, what runs it, and the folder it is run in."""

    made_by: tuple[str, ...]
    target: str
    folder: str


SUITES: Mapping[str, tuple[Suite, ...]] = {
    BEFORE: (Suite((".venv/ready",), "test", ""),),
    HERE: (
        Suite((".venv/develop", ".venv-emulator/ready"), "test", ""),
        Suite((".venv/develop", ".venv-emulator/ready"), "test-tools", "tools/"),
    ),
}


@dataclass(frozen=True)
class Ended:
    """A run of pytest."""

    seconds: float
    counts: str
    failed: tuple[str, ...]
    slowest: tuple[tuple[float, str], ...]


def main() -> int:
    """Measure and print; 1 when the target is missed, or a test fails here."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=2, help="runs of each commit (2)")
    parser.add_argument("--slowest", type=int, default=20, help="how many of all tests are listed (20)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folders = {commit: stack.enter_context(clone(commit)) for commit in SUITES}
        for commit, suites in SUITES.items():
            run(folders[commit], "make", *dict.fromkeys(name for one in suites for name in one.made_by))
        pairs, lost = compared(read(), collected(folders[HERE], SUITES[HERE]))
        listed(lost)
        wanted = {BEFORE: [old for old, _ in pairs], HERE: [new for _, new in pairs]}
        times: Mapping[str, list[float]] = {BEFORE: [], HERE: []}
        red = False
        for number in range(arguments.pairs):
            # Who begins has the cold caches.
            for commit in (BEFORE, HERE) if number % 2 == 0 else (HERE, BEFORE):
                ended = [measured(folders[commit], one, wanted[commit]) for one in SUITES[commit]]
                times[commit].append(sum(one.seconds for one in ended))
                told(commit, times[commit][-1], ended)
                red = red or (commit == HERE and any(one.failed for one in ended))
        if arguments.slowest:
            ended = [measured(folders[HERE], one, None, arguments.slowest) for one in SUITES[HERE]]
            told("all", sum(one.seconds for one in ended), ended)
            slowest = sorted((one for suite in ended for one in suite.slowest), reverse=True)
            for seconds, test in slowest[: arguments.slowest]:
                print(f"{seconds:6.1f} s  {test}\n          {why_slow(test)}")
            print()
    before, here = (statistics.median(times[commit]) for commit in (BEFORE, HERE))
    target = Target(f"{len(pairs)} tests of {BEFORE}: seconds", here / before, MOST)
    print(f"{BEFORE} {before:.0f} s, here {here:.0f} s (median of {arguments.pairs})\n\n{target}")
    return 0 if target.reached and not red else 1


class Row(NamedTuple):
    """A line of `moved_tests.csv`."""

    old: str
    new: str
    reason: str


def read() -> list[Row]:
    """Where each test is now."""
    with MOVED.open(encoding="utf-8") as file:
        return [Row(line["old"], line["new"], line["reason"]) for line in csv.DictReader(file)]


def compared(rows: Iterable[Row], here: Collection[str]) -> tuple[list[tuple[str, str]], list[Row]]:
    """The tests to run, old and new name, and those without a successor."""
    functions = {name.partition("[")[0] for name in here}
    pairs, lost = [], []
    for row in rows:
        if row.old.startswith(ELSEWHERE) or row.new.startswith(ELSEWHERE):
            continue
        function = row.new.partition("[")[0]
        if row.new in here:
            pairs.append((row.old, row.new))
        elif function in functions:
            pairs.append((row.old, function))
        else:
            lost.append(row if not row.new else row._replace(reason=f"{row.new} is not there"))
    return pairs, lost


def listed(lost: Sequence[Row]) -> None:
    """Print the functions of tests without a successor, with the reason."""
    counts = Counter((row.old.partition("[")[0], row.reason) for row in lost)
    print(f"{len(lost)} tests have no successor:")
    for (function, reason), count in counts.items():
        print(f"  {count:4} {function}: {reason}")


def collected(folder: Path, suites: Sequence[Suite]) -> set[str]:
    """The tests that are there, by their names from the top of the repository."""
    found = set()
    for suite in suites:
        command = (str(folder / ".venv/bin/python"), "-m", "pytest", "--collect-only", "-q")
        said = run(folder / suite.folder, *command)
        found |= {f"{suite.folder}{line}" for line in said.splitlines() if "::" in line}
    return found


def measured(folder: Path, suite: Suite, names: Sequence[str] | None, slowest: int = 0) -> Ended:
    """Run tests of a suite, all of them where none are named."""
    own = sorted({name.removeprefix(suite.folder) for name in names or () if is_of(name, suite)})
    # pytest loads it in each of its workers, which inherit the variables.
    given = ["-p", "selection", *sorted({name.partition("::")[0] for name in own})] if own else []
    given += [f"--durations={slowest}", "--durations-min=0"] if slowest else []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(own))
        file.flush()
        variables = {"PYTEST_ADDOPTS": " ".join(given), "SELECTION": file.name, "PYTHONPATH": str(PLUGIN)}
        began = time.monotonic()
        done = subprocess.run(
            ["make", suite.target],  # noqa: S607 (the person's make)
            cwd=folder,
            env=surroundings() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
    counts = re.search(r"(?m)^(?:=+ )?(\d+ (?:passed|failed).*?) in [\d.]+s", done.stdout)
    if counts is None:
        raise SystemExit(f"make {suite.target} in {folder} ran no test:\n{done.stdout[-4000:]}")
    return Ended(
        seconds,
        counts[1],
        tuple(re.findall(r"(?m)^(?:FAILED|ERROR) (.*)$", done.stdout)),
        tuple(
            (float(took), f"{suite.folder}{test}")
            for took, test in re.findall(r"(?m)^ *([\d.]+)s (?:call|setup|teardown) +(.*)$", done.stdout)
        ),
    )


def is_of(name: str, suite: Suite) -> bool:
    """Whether a test belongs to a suite."""
    return name.startswith(suite.folder) and (bool(suite.folder) or not name.startswith("tools/"))


def why_slow(test: str) -> str:
    """Why a test, or what is in its folder, takes time."""
    with WHY_SLOW.open(encoding="utf-8") as file:
        reasons = {line["path"]: line["reason"] for line in csv.DictReader(file)}
    fitting = [path for path in reasons if test.startswith(path)]
    return reasons[max(fitting, key=len)] if fitting else "nobody says why"


def told(what: str, seconds: float, ended: Sequence[Ended]) -> None:
    """Print how a run ended."""
    print(f"{what:10}{seconds:7.0f} s  {'; '.join(one.counts for one in ended)}", flush=True)
    for failure in (failure for one in ended for failure in one.failed):
        print(f"  failed: {failure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

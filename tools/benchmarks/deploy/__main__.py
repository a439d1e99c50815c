"""How does the deployer compare with Sceptre and with `aws cloudformation deploy` in a loop?

Usage: python -m benchmarks.deploy [PART ...]

plain   the six stacks on the emulator, which answers at once: creating them, then a run with nothing to do
slow    the same where calls, change sets and resources take the time that benchmarks/deploy/times.py says
change  one parameter of one layer, and a change in three layers, on an AWS that answers at once
update  the same on a slow AWS
growth  sets of 6 to 120 small layers; draws docs/pictures/benchmark-deploy.svg

All take forty minutes, nearly all of which is waiting. Exit status 1 when a target is missed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.deploy import changes, growth, measure, picture, tables, targets
from benchmarks.deploy.deployers import AWS_CLI, OURS, SCEPTRE
from benchmarks.deploy.project import write_own
from benchmarks.deploy.times import USUAL
from benchmarks.paths import REPOSITORY
from benchmarks.target import Target

PICTURE = REPOSITORY / "docs" / "pictures" / "benchmark-deploy.svg"
ALL = (OURS, SCEPTRE, AWS_CLI)
ROUNDS = 5
# Of changes on a slow AWS, which take minutes.
SLOW_ROUNDS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    chosen = parser.parse_args(arguments).parts or list(PARTS)
    for name in chosen:
        if name not in PARTS:
            parser.error(f"there is no part {name}: {', '.join(PARTS)}")
    reached = True
    for name in chosen:
        text, found = PARTS[name]()
        print(f"\n{text}\n", *found, sep="\n", flush=True)
        reached = reached and all(target.reached for target in found)
    return 0 if reached else 1


def plain() -> tuple[str, list[Target]]:
    """One deployer after the other, several times."""
    rounds = [{one.name: measure.both(one, write_own) for one in ALL} for _ in range(ROUNDS)]
    pairs = {one.name: measure.fastest([found[one.name] for found in rounds]) for one in ALL}
    heading = f"Six stacks, AWS answers at once; the fastest of {ROUNDS} rounds"
    return f"{heading}\n{tables.of_pairs(pairs)}", targets.of_plain(pairs)


def slow() -> tuple[str, list[Target]]:
    """All deployers at the same time, each on an emulator of its own: they do little but wait."""
    with ThreadPoolExecutor() as pool:
        runs = {one.name: pool.submit(measure.both, one, write_own, 1.0) for one in ALL}
        pairs = {name: run.result() for name, run in runs.items()}
    heading = f"Six stacks, {USUAL.call * 1000:.0f} ms a call, {USUAL.change_set:.0f} s a change set"
    return f"{heading}\n{tables.of_pairs(pairs, with_path=True)}", targets.of_slow(pairs)


def grow() -> tuple[str, list[Target]]:
    """Sets of many layers, and their picture."""
    series = growth.series(lambda text: print(text, file=sys.stderr, flush=True))
    PICTURE.write_text(picture.drawn(series), encoding="utf-8")
    return f"Sets of small layers, AWS answers at once\n{tables.of_series(series)}", targets.of_growth(series)


def change() -> tuple[str, list[Target]]:
    """Changes on an AWS that answers at once: one deployer after the other."""
    found = changes.measured(ALL, 0.0)
    heading = f"Changes, AWS answers at once; the fastest of {changes.ROUNDS} rounds"
    return f"{heading}\n{tables.of_changes(found)}", targets.of_changes(found)


def update() -> tuple[str, list[Target]]:
    """The same on a slow AWS, one after the other: the start of one would delay the looks of another.

    Of the first round nobody knows how long an update of these stacks takes.
    """
    found = changes.measured(ALL, 1.0, SLOW_ROUNDS)
    heading = (
        f"Changes, {USUAL.call * 1000:.0f} ms a call, {USUAL.change_set:.0f} s a change set;"
        f" the fastest of {SLOW_ROUNDS} rounds"
    )
    text = f"{heading}\n{tables.of_changes(found)}"
    return text, [*targets.of_changes(found), *targets.over_path(found)]


PARTS: dict[str, Callable[[], tuple[str, list[Target]]]] = {
    "plain": plain,
    "change": change,
    "slow": slow,
    "update": update,
    "growth": grow,
}

if __name__ == "__main__":
    sys.exit(main())

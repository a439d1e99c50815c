"""All benchmarks, or some, one after the other.

Usage: python -m benchmarks [PART ...]     make benchmark ARGS="PART ..."

Each part prints what it found; after the last one it is told which parts reached their targets. Exit status 1
when one missed a target or failed.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.paths import TOOLS

MISSED = 1


class Part(NamedTuple):
    """A module of this package with its arguments, and what it answers."""

    command: tuple[str, ...]
    question: str


# Those that take long come last.
PARTS: Mapping[str, Part] = {
    "generate": Part(("generate",), "generate.py beside its imports"),
    "source": Part(("source",), "the size of the code's rooms beside 80c2dba"),
    "review": Part(("review",), "how often a review is right beside the library of cdk diff; needs Node.js"),
    "pipeline": Part(("pipeline",), "a release whose actions run side by side"),
    "environments": Part(("environments",), "generate.py and a review with 1 to 50 environments"),
    "plain": Part(("deploy", "plain"), "the deployer beside Sceptre and the AWS CLI, AWS answers at once"),
    "change": Part(("deploy", "change"), "updates beside Sceptre and the AWS CLI, AWS answers at once"),
    "first": Part(("first",), "the two commands of README's first screen in a clean clone"),
    "installed": Part(("installed",), "what is installed, and the first deploy, beside 80c2dba"),
    "again": Part(("again",), "a deploy with nothing to do, and a rehearsal with its memory, beside 80c2dba"),
    "update": Part(("deploy", "update"), "updates beside Sceptre and the AWS CLI, AWS takes its time"),
    "slow": Part(("deploy", "slow"), "the deployer beside Sceptre and the AWS CLI, AWS takes its time"),
    "tests": Part(("suites",), "the tests beside 80c2dba, and the slowest"),
    "growth": Part(("deploy", "growth"), "the deployers with 6 to 120 layers"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; 1 when one missed a target or failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:12} {part.question}" for name, part in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them where none is named")
    chosen = parser.parse_args(arguments).parts or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}: {', '.join(PARTS)}")
    ended = {name: _run(name) for name in chosen}
    print("\n== all\n")
    for name, (code, seconds) in ended.items():
        outcome = {0: "reached", MISSED: "MISSED"}.get(code, f"failed with {code}")
        print(f"{name:12}{seconds / 60:6.1f} min  {outcome}")
    return int(any(code for code, _ in ended.values()))


def _run(name: str) -> tuple[int, float]:
    """The exit status of a part, and the seconds that it took."""
    module, *arguments = PARTS[name].command
    print(f"\n== {name}: {PARTS[name].question}\n", flush=True)
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *arguments], cwd=TOOLS, check=False)
    return code.returncode, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())

"""How does the deployer compare with Sceptre and with `aws cloudformation deploy` in a loop?

Usage: python -m benchmarks.deploy [PART ...]

Parts: `plain`, the six stacks on the emulator, which answers at once.
"""

import argparse
import sys
from collections.abc import Mapping

from benchmarks.deploy import measure
from benchmarks.deploy.deployers import AWS_CLI, OURS, SCEPTRE
from benchmarks.deploy.measure import Pair
from benchmarks.deploy.project import write_own

PARTS = ("plain",)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploy", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.parse_args()
    pairs = {one.name: measure.both(one, write_own) for one in (OURS, SCEPTRE, AWS_CLI)}
    print(text_of(pairs))
    return 0


def text_of(pairs: Mapping[str, Pair]) -> str:
    """The measured pairs as a table."""
    lines = [f"{'':28}{'create':>10}{'calls':>8}{'again':>10}{'calls':>8}"]
    for name, pair in pairs.items():
        lines.append(
            f"{name:28}{pair.created.seconds:>8.1f} s{pair.created.calls:>8}"
            f"{pair.again.seconds:>8.1f} s{pair.again.calls:>8}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

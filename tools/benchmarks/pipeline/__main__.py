"""How much shorter is a release when its actions run side by side?

Usage: python -m benchmarks.pipeline [ACTION=SECONDS ...]

The times of the actions are laid out in the article's order, one after the other, and as the generated
pipeline has them; printed are the critical path of each, their ratio, and which actions left the path. A time
that is not given is measured by a release on the emulator, with stand-ins for docker and the network: what it
takes on AWS is for you to fill in.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from benchmarks.pipeline.layout import ARTICLE, article, generated
from benchmarks.pipeline.measure import measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; 2 for a time that is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("times", nargs="*", metavar="ACTION=SECONDS", help="such as ImageBuild=180")
    given: dict[str, float] = {}
    for text in parser.parse_args(arguments).times:
        action, _, seconds = text.partition("=")
        try:
            given[action] = float(seconds)
        except ValueError:
            parser.error(f"{text} is not ACTION=SECONDS")
        if action not in ARTICLE:
            parser.error(f"there is no action {action}: {', '.join(ARTICLE)}")
    times = given if given.keys() >= set(ARTICLE) else {**measured(), **given}
    print(text_of(times, set(given)))
    return 0


def text_of(times: Mapping[str, float], given: set[str]) -> str:
    """The comparison as text."""
    theirs, ours = article(times), generated(times)
    lines = [
        f"{name:24}{times[name]:8.1f} s  {'given' if name in given else 'measured here'}" for name in ARTICLE
    ]
    for name, path in (("article", theirs), ("here", ours)):
        lines.append(f"{name:8}{path.seconds:8.1f} s  {' > '.join(path.actions)}")
    left = [action for action in theirs.actions if action not in ours.actions]
    ratio = theirs.seconds / ours.seconds
    lines.append(f"ratio   {ratio:8.2f}    left the path: {', '.join(left) or 'nothing'}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

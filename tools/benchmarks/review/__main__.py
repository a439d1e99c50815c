"""How often is a review right about a changed property, and how often is the library behind `cdk diff`?

Usage: python -m benchmarks.review

Each property of `documented.csv` is changed once in our templates; both are asked what that does to the
resource, and both are compared with what AWS documents. The library is installed beside its package.json on
the first run. Exit status 1 when one of our answers about a property that the templates use is wrong, the
library is right as often, or a review of the largest change takes longer than a second.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.review import documented, largest
from benchmarks.review.documented import ANSWERS, Edit, Row, is_right

TARGET_SECONDS = 1.0
PEER = Path(__file__).with_name("peer")
PEER_ANSWERS: Mapping[str, str] = {
    "WILL_REPLACE": "Replacement",
    "MAY_REPLACE": "Conditional",
    "WILL_UPDATE": "No interruption",
}


def main() -> int:
    """Measure and print."""
    begun = time.monotonic()
    table = documented.rows()
    asked: list[tuple[Row, Edit, str]] = []
    for row in table:
        for edit in documented.edits(row):
            change = documented.ours(edit)
            if change is not None:
                asked.append((row, edit, ANSWERS[change.action]))
                break
    ours = [answer for _, _, answer in asked]
    peers = peer([edit for _, edit, _ in asked])
    used = documented.used_properties()
    of_ours = [i for i, (row, _, _) in enumerate(asked) if (row.type, row.property) in used]
    others = [i for i in range(len(asked)) if i not in of_ours]
    print(f"{len(asked)} of {len(table)} properties changed, {time.monotonic() - begun:.1f} s")
    print(f"{'documented':<28}{'properties':>10}{'ours':>8}{'cdk':>8}  right")
    for title, which in (("used by the templates", of_ours), ("others of these types", others)):
        print(f"{title:<28}{len(which):>10}{right(asked, ours, which):>8}{right(asked, peers, which):>8}")
        for kind in sorted({asked[i][0].update_requires for i in which}):
            some = [i for i in which if asked[i][0].update_requires == kind]
            scores = right(asked, ours, some), right(asked, peers, some)
            print(f"  {kind:<26}{len(some):>10}{scores[0]:>8}{scores[1]:>8}")
    print("\nWhere the two differ, or one is wrong:")
    for (row, _, answer), other in zip(asked, peers, strict=True):
        if answer != other or not is_right(row, answer):
            who = {(True, True): "both", (True, False): "ours", (False, True): "cdk"}.get(
                (is_right(row, answer), is_right(row, other)), "neither"
            )
            print(f"  {row.type} {row.property}: documented {row.update_requires} ({row.source})")
            print(f"    ours {answer}, cdk {other}: {who} right; {row.url}")
    took = largest.seconds()
    print(f"\nA review of a change to every layer: {took:.2f} s (target {TARGET_SECONDS:.0f} s)")
    missed = took > TARGET_SECONDS or right(asked, ours, of_ours) < len(of_ours)
    return 1 if missed or right(asked, ours, of_ours) <= right(asked, peers, of_ours) else 0


def right(asked: list[tuple[Row, Edit, str]], answers: list[str], which: list[int]) -> int:
    """How many of these answers are right."""
    return sum(is_right(asked[i][0], answers[i]) for i in which)


def peer(edits: list[Edit]) -> list[str]:
    """The library's answers."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        sys.exit("error: node and npm are needed for the comparison")
    if not (PEER / "node_modules").exists():
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=PEER, check=True
        )
    asked = [
        {
            "before": documented.built()[edit.layer].template,
            "after": edit.after,
            "logicalId": edit.logical_id,
        }
        for edit in edits
    ]
    done = subprocess.run(
        [node, "diff.mjs"], cwd=PEER, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return [PEER_ANSWERS.get(impact, "No change") for impact in json.loads(done.stdout)]


if __name__ == "__main__":
    sys.exit(main())

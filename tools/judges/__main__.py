"""Ask our emulator, ministack and moto the same, and write down where they differ.

Usage: python -m judges

Writes tools/judges/record.json and docs/emulator-differences.md. Exit status 1 when a difference has no
judgement in tools/judges/judgements.yaml, or a judgement no difference any more.
"""

import argparse
import sys
from collections.abc import Sequence

from judges import calls, document, servers
from judges.answers import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, write and say what is not judged."""
    argparse.ArgumentParser(
        prog="python -m judges", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    answers = {}
    for name in document.SERVERS:
        with servers.ALL[name]() as endpoint:
            session = Session(endpoint)
            calls.every_call(session)
        answers[name] = session.answers
        sys.stderr.write(f"{name}: {len(session.answers)} calls\n")
    document.record(answers, servers.versions())
    kept = document.read()
    missing, needless = document.unjudged(kept)
    for what in sorted(missing):
        sys.stderr.write(f"nobody has judged: {what}\n")
    for what in sorted(needless):
        sys.stderr.write(f"judged, and answered alike: {what}\n")
    if missing:
        return 1
    document.DOCUMENT.write_text(document.rendered(kept), encoding="utf-8")
    return 1 if needless else 0


if __name__ == "__main__":
    sys.exit(main())

"""`build/` of two checkouts, compared as documents: order and words of comments do not count.

Usage: BASE/.venv/bin/python tools/nets/build.py BASE NEW

What may differ: how Verify installs what it needs, and files that BASE has not. Exit code 0: nothing else
does.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfn_flip
import yaml

VERIFY = ("pipeline.yaml", "Resources", "VerifyProject", "Properties", "Source", "BuildSpec")
INSTALLATION = ("phases", "install", "commands")


def document(file: Path) -> Any:
    """A file of `build/` with CloudFormation's short forms written out; Verify's specification too."""
    text = file.read_text(encoding="utf-8")
    found = json.loads(text if file.suffix == ".json" else cfn_flip.to_json(text))
    if file.name == VERIFY[0]:
        *way, last = VERIFY[1:]
        inner = found
        for key in way:
            inner = inner[key]
        inner[last] = yaml.safe_load(inner[last])
    return found


def differences(base: Any, new: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where two documents differ, and what is there on each side."""
    if isinstance(base, dict) and isinstance(new, dict):
        for key in {**base, **new}:
            yield from differences(base.get(key), new.get(key), (*where, key))
    elif base != new:
        yield where, base, new


def main() -> int:
    """Compare every file of BASE with the one of NEW."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    sides = [
        {
            str(file.relative_to(tree / "build")): file
            for file in sorted((tree / "build").rglob("*"))
            if file.is_file()
        }
        for tree in (options.base, options.new)
    ]
    wrong = 0
    for name in sides[0]:
        if name not in sides[1]:
            print(f"{name} is missing")
            wrong += 1
            continue
        for where, *values in differences(document(sides[0][name]), document(sides[1][name]), (name,)):
            allowed = where == (*VERIFY, *INSTALLATION)
            wrong += not allowed
            print(f"{'allowed' if allowed else 'DIFFERS'}: {'/'.join(where)}")
            for sign, value in zip("-+", values, strict=True):
                print(f"  {sign} {json.dumps(value, ensure_ascii=False)}")
        if sides[0][name].read_bytes() != sides[1][name].read_bytes():
            # Such a stack is not found unchanged without a change set, and a plan kept before is out of date.
            print(f"other bytes: {name}")
    for name in sides[1].keys() - sides[0].keys():
        print(f"new: {name}")
    print(f"{len(sides[0])} files, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""The operations of AWS that the deployer is seen to call while its tests run.

`operations.csv` has them, each with the room of the deployer that calls it. The tests write it
(`tools/tests/called_operations.py`), fail when one calls what is not in it, and compare it with the source.
"""

import csv
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("operations.csv")


class Operation(NamedTuple):
    """An operation, by botocore's names, and who calls it: a folder or a module of the deployer."""

    service: str
    operation: str
    room: str


@cache
def read() -> frozenset[Operation]:
    """The operations as they are committed."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return frozenset(Operation(**row) for row in csv.DictReader(file))


def write(operations: Iterable[Operation]) -> None:
    """Put these in the place of what is committed."""
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Operation._fields)
        writer.writerows(sorted(operations))
    read.cache_clear()

"""Which exports a template imports, for whoever reads one: the deployer and the emulator."""

from collections.abc import Callable, Iterator
from typing import Any


def import_values(value: Any, holds: Callable[[str], bool | None] = lambda _: None) -> Iterator[Any]:
    """The names of all exports that a part of a template imports, as they stand there.

    `holds` says whether a condition of the template is true. Of an Fn::If whose condition is known, only what
    it gives is looked at; of any other, both.
    """
    if isinstance(value, list):
        for member in value:
            yield from import_values(member, holds)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key == "Fn::ImportValue":
                yield member
            elif key == "Fn::If" and (truth := holds(member[0])) is not None:
                yield from import_values(member[1 if truth else 2], holds)
            else:
                yield from import_values(member, holds)

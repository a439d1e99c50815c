"""Which exports a template imports, for whoever reads one: the deployer and the emulator."""

from collections.abc import Callable
from typing import Any


def import_values(value: Any, holds: Callable[[str], bool | None] = lambda _: None) -> list[Any]:
    """The names of all exports that a part of a template imports, as they stand there.

    `holds` says whether a condition of the template is true. Of an Fn::If whose condition is known, only what
    it gives is looked at; of any other, both.
    """
    found: list[Any] = []
    _add(value, holds, found)
    return found


def _add(value: Any, holds: Callable[[str], bool | None], found: list[Any]) -> None:
    if isinstance(value, list):
        for member in value:
            if isinstance(member, dict | list):
                _add(member, holds, found)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key == "Fn::ImportValue":
                found.append(member)
            elif key == "Fn::If" and (truth := holds(member[0])) is not None:
                _add(member[1 if truth else 2], holds, found)
            elif isinstance(member, dict | list):
                _add(member, holds, found)

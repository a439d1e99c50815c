"""The generated tables of the Japanese pages: those of the English ones, text by text through a dictionary.

`japanese.yaml` has the English texts as keys, as gettext has. A text that was changed, or is new, stays
English until somebody translates it; it never gets the translation of something else. A test finds what is
left over.
"""

import re
from functools import cache

import yaml

from ecs_blue_green import project

FILE = project.root() / "docs" / "japanese.yaml"


def table(english: str) -> str:
    """A Markdown table of the English page, in Japanese, with links that work from `docs/`."""
    return "\n".join(_row(line) for line in english.splitlines())


@cache
def texts() -> dict[str, str]:
    """English texts and their Japanese ones."""
    found: dict[str, str] = yaml.safe_load(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def parts(english: str) -> set[str]:
    """Every text of an English table that could have a translation."""
    return {part for line in english.splitlines() for cell in _cells(line) for part in _split(cell)}


def _row(line: str) -> str:
    return (
        "| " + " | ".join("<br>".join(map(_translated, cell.split("<br>"))) for cell in _cells(line)) + " |"
    )


def _cells(line: str) -> list[str]:
    return re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))


def _split(cell: str) -> list[str]:
    found: list[str] = []
    for part in cell.split("<br>"):
        values = _DEFAULT.fullmatch(part)
        found += [values["default"], values["allowed"]] if values else [part]
    return found


_DEFAULT = re.compile(r"Default: (?P<default>.*?)\. Allowed: (?P<allowed>.*)")


def _translated(part: str) -> str:
    values = _DEFAULT.fullmatch(part)
    if values:
        return f"既定値: {_translated(values['default'])}。指定できる値: {_translated(values['allowed'])}"
    found = texts().get(part, part)
    found = re.sub(r"^(\d+) to (\d+)$", r"\1 から \2", found)
    found = re.sub(r"^(\d+) or more$", r"\1 以上", found)
    found = re.sub(r"\((\d+) values\)$", r"(\1 種類)", found)
    return re.sub(r"\]\((?!https?:|#)", "](../", found)

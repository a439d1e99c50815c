"""docs/architecture.md follows a parameter, a change set, a release, a Ctrl-C: each name is in the code."""

import ast
import re
from pathlib import Path

import pytest

from tests.paths import TOOLS

ROOT = TOOLS.parent
PACKAGE = TOOLS / "src" / "ecs_blue_green"
SECTION = (
    (ROOT / "docs" / "architecture.md").read_text().split("\n## Reading the code\n")[1].split("\n## ")[0]
)
WAYS = re.findall(r"^### (.*)\n((?:(?!### ).*\n)*)", f"{SECTION}\n", re.MULTILINE)
# In a copy, which leaves this folder out, templates and parameter files are a team's own.
IS_A_COPY = not (ROOT / "tests" / "shapes").exists()
# `module.function`, and `folder/file`.
NAMES = sorted(
    name
    for name in set(re.findall(r"`([a-z_]+(?:\.\w+)+)`", SECTION))
    if not name.endswith(".py") and not (IS_A_COPY and name.startswith("templates."))
)
FILES = sorted(set(re.findall(r"`((?:build|templates)/[\w/.-]+)`", SECTION)))
# Lines of a terminal.
SCREEN = 24


def module(parts: list[str]) -> tuple[Path, list[str]] | None:
    """The file of the longest part that is a module, in the package or at the top, and the rest."""
    for length in range(len(parts), 0, -1):
        for root in (PACKAGE, ROOT):
            path = root.joinpath(*parts[:length])
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file():
                    return file, parts[length:]
    return None


def has(body: list[ast.stmt], rest: list[str]) -> bool:
    """Whether something that is defined or imported has the first name, and what is in it the others.

    It is read and not imported: what the emulator is made of can only be imported where ministack is.
    """
    if not rest:
        return True
    for node in body:
        if isinstance(node, ast.ImportFrom) and rest[0] in {name.asname or name.name for name in node.names}:
            return True
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == rest[0]:
            return has(node.body, rest[1:])
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if rest[0] in {name.id for name in names if isinstance(name, ast.Name)}:
            return True
    return False


def exists(name: str) -> bool:
    found = module(name.split("."))
    return found is not None and has(ast.parse(found[0].read_text()).body, found[1])


def test_there_are_four_ways() -> None:
    assert [title.partition(":")[0] for title, _ in WAYS] == [
        "One parameter",
        "One change set",
        "One release",
        "One Ctrl-C",
    ]
    assert len(NAMES) > 40


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_in_the_code(name: str) -> None:
    assert exists(name), f"correct docs/architecture.md, Reading the code: there is no {name}"


@pytest.mark.parametrize("name", ["deployer.nowhere.read", "deployer.project.nothing", "nowhere.nothing"])
def test_a_name_that_is_not_in_the_code_is_found(name: str) -> None:
    assert not exists(name)


@pytest.mark.parametrize(("title", "text"), WAYS, ids=lambda value: value[:14])
def test_each_way_fits_on_a_screen(title: str, text: str) -> None:
    assert len(text.strip().splitlines()) < SCREEN, title


@pytest.mark.skipif(IS_A_COPY, reason="the templates are a team's")
@pytest.mark.parametrize("name", FILES)
def test_each_file_is_there(name: str) -> None:
    assert (ROOT / name).is_file()

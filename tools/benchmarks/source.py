"""How large, wide and deep is the code, room by room, beside commit 80c2dba?

Usage: python -m benchmarks.source [commit ...]

Counted in the files of each commit as git has them (80c2dba and HEAD unless others are named), without tests:

- files and lines of each room, and the share of their lines that are docstrings
- functions with more than six parameters, `self` and `cls` aside, and the widest
- the longest function, templates aside, and the names that are given to values most often
- names of ministack's that begin with an underscore, and in how many places they are used
"""

import ast
import builtins
import collections
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from benchmarks.installed import BEFORE, HERE, run
from benchmarks.paths import REPOSITORY

WIDE = 6
COMMONEST = 10
PACKAGE = "tools/src/ecs_blue_green/"
# Where a room's files are, in either commit; the first that fits counts.
ROOMS = {
    "deployer": (PACKAGE + "deployer/", "stacks/"),
    "pipeline, codebuild": (
        PACKAGE + "pipeline/",
        PACKAGE + "codebuild/",
        "local/pipeline/",
        "local/codebuild/",
    ),
    "rehearsal": (PACKAGE + "rehearsal/", "local/rehearsal/"),
    "emulator": (PACKAGE + "emulator/", "local/"),
    "templates": ("templates/",),
    "other": (PACKAGE, "documents/"),
}
# Modules of ministack's, by the name under which the emulator has them.
ENGINE = "engine"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Room:
    """What was counted in the files of one room."""

    files: int = 0
    lines: int = 0
    docstrings: int = 0
    wide: list[tuple[int, str]] = field(default_factory=list)
    longest: tuple[int, str] = (0, "")
    names: collections.Counter[str] = field(default_factory=collections.Counter)
    private: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, path: str, source: str) -> None:
        """Count one file."""
        tree = ast.parse(source)
        self.files += 1
        self.lines += source.count("\n")
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
                self.docstrings += _lines(node.body[0])
            if isinstance(node, Function):
                where = f"{PurePosixPath(path).name}: {node.name}"
                self.wide += [(width, where)] if (width := _parameters(node)) > WIDE else []
                self.longest = max(self.longest, (_lines(node), where))
            self.names.update(_given(node))
            self.private.update(_private(node))


def main() -> int:
    """Count and print; there is no target."""
    for commit in sys.argv[1:] or [BEFORE, HERE]:
        rooms = {name: Room() for name in ROOMS}
        for path, source in files(commit):
            name = next((name for name, starts in ROOMS.items() if path.startswith(starts)), None)
            if name is not None:
                rooms[name].add(path, source)
        print("\n".join([commit, *table(rooms), ""]))
    return 0


def table(rooms: dict[str, Room]) -> Iterator[str]:
    """The lines that say what was counted."""
    print_row = "{:22}{:>7}{:>8}{:>12}{:>7}  {}".format
    yield print_row("", "files", "lines", "docstrings", "wide", "longest function")
    for name, room in rooms.items():
        if room.files:
            longest = f"{room.longest[1]}, {room.longest[0]} lines"
            share = f"{100 * room.docstrings / room.lines:.0f} %"
            yield print_row(name, room.files, room.lines, share, len(room.wide), longest)
    wide = sorted((width, where) for room in rooms.values() for width, where in room.wide)
    widest = f"; the widest: {wide[-1][1]}, {wide[-1][0]}" if wide else ""
    yield f"more than {WIDE} parameters: {len(wide)}{widest}"
    private = sum((room.private for room in rooms.values()), collections.Counter[str]())
    yield f"private names of ministack: {len(private)}, in {private.total()} places"
    code = [room for name, room in rooms.items() if name != "templates"]
    given = sum((room.names for room in code), collections.Counter[str]())
    yield "commonest names: " + ", ".join(f"{name} {times}" for name, times in given.most_common(COMMONEST))


def files(commit: str) -> Iterator[tuple[str, str]]:
    """Path and text of each Python file that a commit has outside of tests."""
    for path in _git("ls-tree", "-r", "--name-only", commit).splitlines():
        if path.endswith(".py") and "tests" not in PurePosixPath(path).parts:
            yield path, _git("show", f"{commit}:{path}")


def _git(*arguments: str) -> str:
    return run(REPOSITORY, "git", *arguments)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _parameters(function: Function) -> int:
    given = function.args
    names = [parameter.arg for parameter in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    return len([name for name in names if name not in {"self", "cls"}])


def _given(node: ast.AST) -> Sequence[str]:
    """The name that a value is given here: by an assignment, a loop or a parameter."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.arg) and node.arg not in {"self", "cls", "_"} and node.arg not in dir(builtins):
        return [node.arg]
    return []


def _private(node: ast.AST) -> Sequence[str]:
    """`alb._tgs`, where the emulator says `engine.alb._tgs`."""
    if (
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and isinstance(node.value, ast.Attribute)
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == ENGINE
    ):
        return [f"{node.value.attr}.{node.attr}"]
    return []


if __name__ == "__main__":
    sys.exit(main())

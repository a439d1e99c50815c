"""Every test of BASE is still there in NEW, with as many asserts, or somebody says why not.

Usage: python3 tools/nets/tests.py BASE NEW [--data FOLDER] [--run] [--workers N]

Ids, outcomes and asserts of BASE are recorded in FOLDER/tests.json the first time, which runs its whole suite
(7 minutes). Of NEW the ids are collected; with --run its suites are run, and what passed must pass. Renames
and removals are in reasons.csv: a regular expression for old ids; the new id (`\\1` and the like are filled
in; empty where there is none, or where it is found without; without a parameter where any case of it will
do); the reason, which also lets a function have fewer asserts. Where NEW has tools/benchmarks/,
moved_tests.csv is written there. Exit code 0: nothing is lost.
"""

import argparse
import ast
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trees import Tree, moved, recorded, report

HERE = Path(__file__).resolve().parent
# Where tests are: the folder to run pytest in, and what to give it.
SUITES = ((".", ()), (".", ("security",)), (".", ("tests/security",)), ("tools", ()))
REASONS = HERE / "reasons.csv"
MOVED = Path("tools") / "benchmarks" / "moved_tests.csv"


class Id(NamedTuple):
    """A test's id in its parts; `param` is empty or has its brackets."""

    path: str
    name: str
    param: str

    def __str__(self) -> str:
        """As pytest writes it."""
        return f"{self.path}::{self.name}{self.param}"


def parts(text: str) -> Id:
    """The parts of `path::Class::name[param]`."""
    path, _, rest = text.partition("::")
    name, bracket, param = rest.partition("[")
    return Id(path, name, bracket + param)


def suites(tree: Tree) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The suites that a checkout has."""
    for folder, arguments in SUITES:
        places = arguments or ("tests",)
        if any(any((tree.path / folder / place).rglob("test_*.py")) for place in places):
            yield folder, arguments


def outcomes(tree: Tree, *, run: bool, workers: int) -> dict[str, str]:
    """Every test's outcome by its id from the top of the repository; empty where it was only collected."""
    found: dict[str, str] = {}
    for folder, arguments in suites(tree):
        # security/ wants programs that not every machine has.
        runs = run and not arguments
        given = ["-n", str(workers), "--dist", "worksteal"] if runs else ["--collect-only"]
        told = pytest(tree, folder, [*arguments, *given])
        failed = [test for test, outcome in told.items() if outcome == "failed"]
        # Some measure time: on a busy machine they fail beside others.
        if 0 < len(failed) < 20:
            told |= pytest(tree, folder, failed)
        prefix = "" if folder == "." else f"{folder}/"
        found |= {f"{prefix}{test}": outcome for test, outcome in told.items()}
    return found


def pytest(tree: Tree, folder: str, arguments: list[str]) -> dict[str, str]:
    """Run pytest in a folder of the repository and give every test's outcome by its id there."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [
            str(tree.path / tree.interpreter("pytest")),
            "-m",
            "pytest",
            "-q",
            "-p",
            "outcomes",
            *arguments,
        ]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables |= {"PYTHONPATH": str(HERE / "plugin"), "NETS_OUTCOMES": file.name, "TZ": "UTC"}
        # In the repository's own folder: what is tested says where it is.
        done = subprocess.run(command, cwd=tree.path / folder, env=variables, capture_output=True, text=True)
        print("\n".join(done.stdout.splitlines()[-1:]), file=sys.stderr)
        text = Path(file.name).read_text()
        if not text or done.returncode not in (0, 1):
            raise SystemExit(f"{command} in {folder}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found: dict[str, str] = json.loads(text)
        return found


def asserts(tree: Tree) -> dict[str, int]:
    """How many asserts each function of the tests has, what is inside it included, by `path::Class::name`."""
    found: dict[str, int] = {}
    folders = dict.fromkeys(
        f"{folder}/{place}" for folder, given in suites(tree) for place in given or ("tests",)
    )
    for folder in folders:
        for file in sorted((tree.path / folder).rglob("*.py")):
            path = str(file.relative_to(tree.path))
            for name, node in functions(ast.parse(file.read_text(encoding="utf-8")), ()):
                # What is overloaded, or defined under a condition, is one.
                found[f"{path}::{name}"] = found.get(f"{path}::{name}", 0) + count(node)
    return found


def functions(node: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a module, and the methods of its classes."""
    for member in ast.iter_child_nodes(node):
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "::".join([*above, member.name]), member
        elif isinstance(member, ast.ClassDef):
            yield from functions(member, (*above, member.name))
        elif isinstance(member, ast.If | ast.With | ast.Try):
            yield from functions(member, above)


def count(node: ast.AST) -> int:
    """The asserts, and what says that something is raised or must not be reached."""
    return sum(
        isinstance(inner, ast.Assert)
        or (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr in ("raises", "fail", "warns")
        )
        for inner in ast.walk(node)
    )


def facts(tree: Tree, *, run: bool, workers: int) -> dict[str, Any]:
    """What is recorded of a checkout."""
    return {"outcomes": outcomes(tree, run=run, workers=workers), "asserts": asserts(tree)}


def moved_params(param: str) -> list[str]:
    """A parameter, and where it is a path or a module of the old layout, what it may be called in the new."""
    inner = param[1:-1]
    dotted = moved(inner.replace(".", "/") + "/").strip("/")
    found = [inner, moved(inner)]
    if dotted.startswith("tools/"):
        module = dotted.removeprefix("tools/").removeprefix("src/").replace("/", ".")
        found += [module, module.removeprefix("ecs_blue_green.")]
    return [f"[{one}]" if param else "" for one in dict.fromkeys(found)]


def tail(param: str) -> str:
    """What is left of a parameter that is a path or a module when the file moves: its last name."""
    inner = re.sub(r"\.(py|md|yaml|yml)$", "", param.strip("[]"))
    return re.split(r"[./]", inner)[-1].lstrip("_")


class Index:
    """The tests of the new layout, by what may be left of an old id."""

    def __init__(self, ids: list[Id]) -> None:
        self.exact = {str(one) for one in ids}
        self.by: dict[tuple[str, ...], list[Id]] = defaultdict(list)
        for one in ids:
            self.by["file", Path(one.path).name, one.name, one.param].append(one)
            self.by["name", one.name, one.param].append(one)

    def successors(self, old: Id) -> list[Id]:
        """The tests that an old one has become: the likeliest only, more where it is in both houses."""
        for param in moved_params(old.param):
            for path in (moved(old.path), old.path):
                if str(new := Id(path, old.name, param)) in self.exact:
                    return [new]
            if found := self.by.get(("file", Path(old.path).name, old.name, param)):
                return found
        named = self.by.get(("name", old.name, old.param), [])
        return named if len(named) == 1 else []


def by_tail(ids: Iterable[Id]) -> dict[tuple[str, ...], Id]:
    """The ids of which the parameter's last name is that of no other."""
    found: dict[tuple[str, ...], list[Id]] = defaultdict(list)
    for one in ids:
        if one.param:
            found[Path(one.path).name, one.name, tail(one.param)].append(one)
    return {key: several[0] for key, several in found.items() if len(several) == 1}


def matched(base: Iterable[str], new: Iterable[str]) -> dict[str, list[str]]:
    """The successors of every old id, none where there is none."""
    index = Index([parts(one) for one in new])
    found = {one: [str(heir) for heir in index.successors(parts(one))] for one in base}
    taken = {heir for heirs in found.values() for heir in heirs}
    # Parameters that are files of the repository: what is left of them when they move is their name.
    left = by_tail(parts(one) for one in found if not found[one])
    free = by_tail(parts(one) for one in new if one not in taken)
    for key in left.keys() & free.keys():
        found[str(left[key])] = [str(free[key])]
    return found


def reasons() -> list[tuple[re.Pattern[str], str, str]]:
    """What somebody has written down: old ids, the new one, why."""
    with REASONS.open(newline="", encoding="utf-8") as file:
        return [(re.compile(row["old"]), row["new"], row["reason"]) for row in csv.DictReader(file)]


def explained(old: str, table: list[tuple[re.Pattern[str], str, str]]) -> tuple[str, str] | None:
    """The new id and the reason for an old id, None where there is no line for it."""
    for pattern, new, reason in table:
        if match := pattern.fullmatch(old):
            return match.expand(new), reason
    return None


def present(name: str, new: Mapping[str, Any]) -> str:
    """A test of the new layout, or a function with cases, by a name whose path may be out of date."""
    known = {*new, *(one.partition("[")[0] for one in new)}
    wanted = parts(name)
    alike = {
        one
        for one in known
        if (Path(parts(one).path).name, *parts(one)[1:]) == (Path(wanted.path).name, *wanted[1:])
    }
    return name if name in known or len(alike) != 1 else alike.pop()


def compared(
    base: dict[str, Any], new: dict[str, Any], rows: list[tuple[str, str, str]]
) -> Iterator[tuple[str, str]]:
    """What is lost. Fills `rows` with every old id, its new one and the reason."""
    table = reasons()
    cases = Counter(one.partition("[")[0] for one in new["outcomes"])
    heirs: Counter[str] = Counter()
    found = matched(base["outcomes"], new["outcomes"])
    for old, outcome in base["outcomes"].items():
        successors, reason = found[old], ""
        said = None if successors else explained(old, table)
        if said:
            successors, reason = ([present(said[0], new["outcomes"])] if said[0] else []), said[1]
        rows += [(old, successor, reason) for successor in successors or [""]]
        if not successors and not reason:
            yield old, "has no successor, and no reason why"
        for successor in successors:
            # A case that reasons.csv names may be that of several.
            heirs[successor] += not said or successor not in new["outcomes"]
            # A name without a parameter is any of its cases that nobody else has become.
            if successor not in new["outcomes"] and successor not in cases:
                yield old, f"{successor}, which reasons.csv names, is not there"
            after = new["outcomes"].get(successor, "")
            if after and after != outcome and after != "passed" and outcome:
                yield old, f"was {outcome}, {successor} is {after}"
    for heir, number in heirs.items():
        is_case = heir in new["outcomes"]
        free = 1 if is_case else cases[heir] - sum(one.startswith(f"{heir}[") for one in heirs)
        if number > free and (is_case or heir in cases):
            yield heir, f"is the successor of {number} tests, and has {free} cases for them"
    yield from fewer_asserts(base, new, table, rows)


def fewer_asserts(
    base: dict[str, Any],
    new: dict[str, Any],
    table: list[tuple[re.Pattern[str], str, str]],
    rows: list[tuple[str, str, str]],
) -> Iterator[tuple[str, str]]:
    """Functions, of tests and of what helps them, that assert less than before."""
    became: dict[str, set[str]] = defaultdict(set)
    for old, successor, _ in rows:
        if successor:
            became[old.partition("[")[0]].add(successor.partition("[")[0])
    tests = {old.partition("[")[0] for old, _, _ in rows}
    index = Index([parts(one) for one in new["asserts"]])
    for old, before in base["asserts"].items():
        if not before or explained(old, table):
            continue
        heirs = became[old] if old in tests else {str(one) for one in index.successors(parts(old))}
        if old in tests and not heirs:
            continue  # Said above, test by test.
        after = max((new["asserts"].get(heir, 0) for heir in heirs), default=0)
        if after < before:
            yield old, f"had {before} asserts, {', '.join(sorted(heirs)) or 'nothing'} has {after}"


def main() -> int:
    """Record BASE where that is not done yet, look at NEW, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("new")
    parser.add_argument("--data", type=Path, default=Path("nets-data"), help="where recordings are kept")
    parser.add_argument("--run", action="store_true", help="run the suites of NEW, not only collect them")
    parser.add_argument("--workers", type=int, default=2, help="processes of a run (%(default)s)")
    options = parser.parse_args()
    base = recorded(
        options.data / "tests.json", lambda: facts(Tree(options.base), run=True, workers=options.workers)
    )
    tree = Tree(options.new)
    new = facts(tree, run=options.run, workers=options.workers)
    rows: list[tuple[str, str, str]] = []
    code = report(compared(base, new, rows), "tests", len(base["outcomes"]))
    renamed = sum(old != successor for old, successor, _ in rows)
    explained_rows = sum(bool(row[2]) for row in rows)
    print(f"{len(new['outcomes'])} tests now; {renamed} under another id, {explained_rows} with a reason")
    if (tree.path / MOVED.parent).is_dir():
        with (tree.path / MOVED).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("old", "new", "reason"), *rows])
        print(f"wrote {MOVED}")
    return code


if __name__ == "__main__":
    sys.exit(main())

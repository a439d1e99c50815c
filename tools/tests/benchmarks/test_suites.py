"""The tests that are timed beside an older commit: each has a successor, or it is said why not."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.__main__ as frame
from benchmarks import suites
from benchmarks.deploy import __main__ as deploy
from benchmarks.installed import HERE
from benchmarks.suites import PLUGIN, SUITES, Row
from tests.paths import TOOLS

TWO = """
import pytest

@pytest.mark.parametrize("case", ["a", "b"])
def test_cases(case): pass

@pytest.mark.parametrize("case", ["a", "b"])
def test_all(case): pass

def test_other(): pass
"""


def functions(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef))


def test_successor_of_each_test_is_there() -> None:
    """Rename a test, and its line in moved_tests.csv goes with it."""
    there: dict[str, set[str]] = {}
    gone = set()
    for row in suites.read():
        path, _, name = row.new.partition("[")[0].partition("::")
        if row.new and path not in there:
            there[path] = set(functions(TOOLS.parent / path)) if (TOOLS.parent / path).exists() else set()
        if row.new and name not in there[path]:
            gone.add(f"{path}::{name}")
        assert row.new or row.reason, row
    assert not gone


def test_case_with_another_name_stands_for_all_and_what_is_gone_is_listed() -> None:
    rows = [
        Row("old.py::test_a[1]", "new.py::test_a[1]", ""),
        Row("old.py::test_b[line 3]", "new.py::test_b[line 3]", ""),
        Row("old.py::test_c", "", "nothing to test"),
        Row("old.py::test_d", "new.py::test_d", ""),
        Row("security/old.py::test_e", "new.py::test_a[1]", ""),
    ]
    pairs, lost = suites.compared(rows, {"new.py::test_a[1]", "new.py::test_b[line 4]"})
    assert pairs == [
        ("old.py::test_a[1]", "new.py::test_a[1]"),
        ("old.py::test_b[line 3]", "new.py::test_b"),
    ]
    assert [(row.old, row.reason) for row in lost] == [
        ("old.py::test_c", "nothing to test"),
        ("old.py::test_d", "new.py::test_d is not there"),
    ]


def test_slow_tests_have_a_reason_by_the_file_or_its_folder() -> None:
    reason = suites.why_slow("tools/tests/deployer/test_bad_input.py::test_a[1]")
    assert reason and reason != suites.why_slow("tools/tests/deployer/test_x.py::test_b")
    assert suites.why_slow("other.py::test_c") == "nobody says why"
    with suites.WHY_SLOW.open() as file:
        paths = [line.split(",", 1)[0] for line in file][1:]
    assert not [path for path in paths if not (TOOLS.parent / path).exists()]


def test_suites_here_have_every_test_once() -> None:
    for name in ("tests/app/test_x.py::test_a", "tools/tests/test_x.py::test_a"):
        assert [suites.is_of(name, one) for one in SUITES[HERE]].count(True) == 1


def test_what_is_named_is_run_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TWO)
    (tmp_path / "names").write_text("test_two.py::test_cases[b]\ntest_two.py::test_all")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "selection", "--no-header", "-rA", "-n", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PLUGIN), "SELECTION": str(tmp_path / "names")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line.split("::")[1] for line in done.stdout.splitlines() if line.startswith("PASSED")]
    assert sorted(passed) == ["test_all[a]", "test_all[b]", "test_cases[b]"]


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, 1), 1), ((2, 0), 1)])
def test_frame_ends_as_its_parts(
    codes: tuple[int, ...], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {
        f"part-{number}": frame.Part(("source", str(number)), "how much?") for number, _ in enumerate(codes)
    }
    monkeypatch.setattr(frame, "PARTS", parts)
    monkeypatch.setattr(frame, "_run", lambda name: (codes[int(name[-1])], 60.0))
    assert frame.main([]) == code
    said = capsys.readouterr().out
    assert said.count("MISSED") == codes.count(1) and said.count("failed with 2") == codes.count(2)


def test_every_benchmark_is_a_part() -> None:
    modules = {path.stem for path in (TOOLS / "benchmarks").glob("*.py") if "\ndef main(" in path.read_text()}
    packages = {path.parent.name for path in (TOOLS / "benchmarks").glob("*/__main__.py")}
    assert {part.command[0] for part in frame.PARTS.values()} == (modules | packages) - {"__main__"}
    of_deploy = [part.command[1] for part in frame.PARTS.values() if part.command[0] == "deploy"]
    assert sorted(of_deploy) == sorted(deploy.PARTS)

"""What is compared of two commands, and what their processes have in memory."""

import json
import os
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from benchmarks import again
from benchmarks.again import Round
from tests.paths import TOOLS

MIB = 64


def test_ratio_is_that_of_the_pairs_and_not_of_the_medians() -> None:
    pairs = [
        (Round(10, 0, 0, 0), Round(5, 0, 0, 0)),
        (Round(20, 0, 0, 0), Round(30, 0, 0, 0)),
        (Round(40, 0, 0, 0), Round(8, 0, 0, 0)),
    ]
    assert again.compared(pairs, attrgetter("seconds")) == ((20, 8), 0.5)


@pytest.mark.skipif(
    not (again.PROC / "self" / "smaps_rollup").exists(), reason="reads Linux's tables of memory"
)
def test_memory_is_that_of_all_processes_below() -> None:
    hold = f"text = b'x' * ({MIB} << 20); print('ready', flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = again.below(process.pid)
        assert len(found) == 2
        assert os.getpid() not in found
        assert again.started_as(process.pid) == start
        assert MIB < sum(map(again.share, found)) / 1024 < 3 * MIB
        process.communicate("\n")
    assert again.below(process.pid) == {process.pid}
    assert again.share(process.pid) == 0
    assert again.started_as(process.pid) == ""


def test_waits_are_those_of_codedeploy(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert again.waits(report) == 0
    names = ("Verify", "AllowTraffic", "wait before termination")
    report.write_text(json.dumps({"spans": [{"name": name, "start": 1, "end": 5} for name in names]}))
    assert again.waits(report) == 8


def test_make_in_a_clone_does_not_get_the_variables_of_make_benchmark(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@echo [$(ARGS)] [$(MAKELEVEL)]\n")
    script = f"from benchmarks import installed; print(installed.run({str(tmp_path)!r}, 'make'), end='')"
    (tmp_path / "outer.mk").write_text(f'all:\n\t@{sys.executable} -c "{script}"\n')
    command = ["make", "--file", str(tmp_path / "outer.mk"), "ARGS=tests"]
    assert subprocess.check_output(command, cwd=TOOLS, text=True) == "[] [0]\n"

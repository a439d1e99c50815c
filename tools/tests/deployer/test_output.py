"""Output that cannot be written: a command does what it was asked for, and says what was lost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from tests.checkout import committed

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("repository") / "project")


def review(repository: Path, *arguments: str, stdout: IO[str] | int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "deploy.py", "review", "--base", "HEAD", "--head", "HEAD", *arguments]
    return subprocess.run(
        command, cwd=repository, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_reader_that_goes_away_changes_neither_exit_code_nor_anything_else(
    repository: Path, form: str
) -> None:
    command = [sys.executable, "deploy.py", "review", "--base", "HEAD", "--head", "HEAD", form]
    with subprocess.Popen(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_full_disk_is_told(repository: Path) -> None:
    with FULL.open("w") as full:
        done = review(repository, "--json", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the output is not complete: No space left on device\nnext:  ")


def test_closed_output_is_no_failure(repository: Path) -> None:
    command = f'"{sys.executable}" deploy.py review --base HEAD --head HEAD >&- 2>&-'
    assert subprocess.run(command, shell=True, cwd=repository, check=False).returncode == 0  # noqa: S602


def test_what_is_written_arrives(repository: Path) -> None:
    document: dict[str, Any] = json.loads(review(repository, "--json", stdout=subprocess.PIPE).stdout)
    assert document["exit_code"] == 0

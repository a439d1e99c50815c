"""A clone whose git writes Windows' line ends: nothing in it has them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import commit
from tests.installation.repository import REPOSITORY, copy


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it is here, committed, and cloned with core.autocrlf=true."""
    folder = tmp_path_factory.mktemp("line-ends")
    commit(copy(folder / "origin"))
    command = ("git", "clone", "--quiet", "-c", "core.autocrlf=true", "origin", "clone")
    subprocess.run(command, cwd=folder, check=True)
    return folder / "clone"


def test_every_file_has_the_bytes_of_the_repository(clone: Path) -> None:
    found = [path.relative_to(clone) for path in clone.rglob("*") if path.is_file()]
    found = [name for name in found if name.parts[0] != ".git"]
    assert Path("build/pipeline.yaml") in found
    assert [name for name in found if (clone / name).read_bytes() != (REPOSITORY / name).read_bytes()] == []


def test_its_build_is_fresh_and_its_scripts_run(clone: Path) -> None:
    command = (sys.executable, "generate.py", "--check")
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for script in (".ci/run", "requirements/install"):
        subprocess.run(("/bin/sh", "-n", script), cwd=clone, check=True)

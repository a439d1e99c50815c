"""The package as a wheel, and a copy of this repository that has the wheel in the place of tools/."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ecs_blue_green import codebuild
from tests.checkout import commit
from tests.installation import repository
from tests.installation.test_verify import as_it_is, verify

# With the environment that is there, however old.
WHEEL = ("make", "--old-file=.venv/ready", "wheel")


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a checkout of its own, with this environment."""
    folder = commit(repository.copy(tmp_path_factory.mktemp("checkout") / "repository"))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    """The wheel of the commit."""
    printed = run(checkout, *WHEEL).split()
    made = checkout / printed[0]
    assert printed[1] == f"sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}"
    return made


def test_wheel_of_a_commit_is_the_same_bytes_whoever_makes_it(
    checkout: Path, wheel: Path, tmp_path: Path
) -> None:
    run(tmp_path, "git", "clone", "--quiet", str(checkout), "clone")
    clone = tmp_path / "clone"
    (clone / ".venv").symlink_to(sys.prefix)
    # What is not committed is not in it, and neither are the times of files.
    (clone / "tools" / "src" / "ecs_blue_green" / "notes.txt").touch()
    again = run(clone, *WHEEL).split()[0]
    assert (clone / again).read_bytes() == wheel.read_bytes()


def test_wheel_is_of_the_commit_or_there_is_none(checkout: Path, wheel: Path) -> None:
    module = checkout / "tools" / "src" / "ecs_blue_green" / "__init__.py"
    text = module.read_text()
    module.write_text(text + "\n")
    done = subprocess.run(WHEEL, cwd=checkout, capture_output=True, text=True, check=False)
    module.write_text(text)
    assert done.returncode == 2
    assert "tools/ has uncommitted changes, and the wheel is built from the commit" in done.stderr
    assert wheel.exists()


def test_wheel_brings_one_name_and_every_file_of_the_package(wheel: Path) -> None:
    source = repository.REPOSITORY / "tools" / "src"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ecs_blue_green"}
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= names


def test_copy_with_the_wheel_generates_deploys_and_verifies(wheel: Path, tmp_path: Path) -> None:
    """As docs/updating.md says it."""
    copy = repository.copy(tmp_path / "copy")
    shutil.copy(wheel, copy / "requirements")
    for name in ("generate.in", "emulator.in"):
        file = copy / "requirements" / name
        lines = [
            f"./requirements/{wheel.name}" if line == "flit_core" else line
            for line in file.read_text().splitlines()
        ]
        assert f"./requirements/{wheel.name}" in lines
        file.write_text("\n".join([*lines, ""]))
    shutil.rmtree(copy / "tools")
    run(copy, "make", "lock", f"UV={Path(sys.prefix) / 'bin' / 'uv'}")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name in ("generate", "deploy", "emulator"):
        assert digest in (copy / "requirements" / f"{name}.txt").read_text()

    committed = {path: path.read_bytes() for path in (copy / "build").rglob("*") if path.is_file()}
    assert "wrote" not in run(copy, "make", "generate", PYTHON=sys.executable)
    assert {path: path.read_bytes() for path in (copy / "build").rglob("*") if path.is_file()} == committed

    said = run(copy, "make", "deploy", "YES=1", PYTHON=sys.executable)
    assert said.count("CREATE_COMPLETE") == len(list((copy / "build").glob("*.yaml")))
    where = run(
        copy, ".venv-emulator/bin/python", "-c", "import ecs_blue_green; print(ecs_blue_green.__file__)"
    )
    assert where.startswith(str(copy / ".venv-emulator"))

    for name in (".venv", ".venv-emulator", ".local"):
        shutil.rmtree(copy / name)
    ended, installed = verify(copy, as_it_is(), tmp_path / "output.zip")
    assert ended.status == codebuild.SUCCEEDED, ended.text
    assert "ecs-blue-green" in installed

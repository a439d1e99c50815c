"""`requirements/install`, by pip and by uv: a locked set, then the package from its folder."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import repository

Install = Callable[..., subprocess.CompletedProcess[str]]
WHERE = "import ecs_blue_green as found; print(found.__file__, getattr(found, 'EDITED', 'as it was'))"
FILES = "from importlib.metadata import files; print(*files('ecs-blue-green'), sep='\\n')"


def locked(*names: str) -> str:
    """The entries of these distributions, with their hashes, in the locked sets."""
    text = (repository.REQUIREMENTS / "emulator.txt").read_text()
    entries = (re.search(rf"^{name}==(?:.*\\\n)+.*\n", text, re.MULTILINE) for name in names)
    return "".join(entry[0] for entry in entries if entry)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What `requirements/install` needs of the repository, with small sets."""
    root = tmp_path / "project"
    shutil.copytree(
        repository.REPOSITORY / "tools" / "src",
        root / "tools" / "src",
        ignore=shutil.ignore_patterns(*repository.HIDDEN),
    )
    shutil.copy(repository.REPOSITORY / "tools" / "pyproject.toml", root / "tools")
    (root / "requirements").mkdir()
    shutil.copy(repository.REQUIREMENTS / "install", root / "requirements")
    (root / "requirements" / "small.txt").write_text(locked("flit-core"))
    (root / "requirements" / "more.txt").write_text(locked("six", "jmespath"))
    return root


@pytest.fixture(params=["pip", "uv"])
def install(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Install:
    """Run it in the project, with or without uv on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    uv = programs / "uv"
    if request.param == "uv":
        uv.symlink_to(Path(sys.prefix) / "bin" / "uv")
    else:
        # As a shim of a version manager without a uv behind it.
        uv.write_text("#!/bin/sh\nexit 1\n")
        uv.chmod(0o755)

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["/bin/sh", "requirements/install", *arguments],
            cwd=project,
            env={
                **os.environ,
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "PYTHON": sys.executable,
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert request.param in done.stderr.splitlines()[-1] or done.returncode
        return done

    return run


def test_environment_that_is_activated_is_made_anew(project: Path) -> None:
    """Its own uv was found on PATH, and removed with it before it could make it."""
    bin_folder = project / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "uv").symlink_to(Path(sys.prefix) / "bin" / "uv")
    # Whoever runs the tests may have activated an environment with a uv too.
    others = [one for one in os.environ["PATH"].split(os.pathsep) if not (Path(one) / "uv").exists()]
    path = os.pathsep.join([str(bin_folder), *others])
    done = subprocess.run(
        ["/bin/sh", "requirements/install", ".venv", "requirements/small.txt"],
        cwd=project,
        env={**os.environ, "PATH": path, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert python(project, WHERE).startswith(str(project / "tools"))


def python(project: Path, program: str) -> str:
    """What a program prints in the environment."""
    command = [str(project / ".venv" / "bin" / "python"), "-I", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_package_is_installed_from_its_folder_and_an_edit_takes_effect(
    project: Path, install: Install
) -> None:
    done = install(".venv", "requirements/small.txt")
    assert done.returncode == 0, done.stderr
    *_, said = done.stderr.splitlines()
    assert re.fullmatch(
        r"\.venv: requirements/small\.txt and tools/, \d+ distributions in \d+ s \(\w+, Python 3\..*\)", said
    )
    module = project / "tools" / "src" / "ecs_blue_green" / "__init__.py"
    assert python(project, WHERE).split()[0] == str(module)
    module.write_text(f"{module.read_text()}\nEDITED = 'edited'\n")
    assert python(project, WHERE).split()[1] == "edited"

    # Nothing but the package can be imported because of it.
    listed = python(project, FILES).splitlines()
    assert [name for name in listed if ".dist-info/" not in name] == ["ecs_blue_green.pth"]
    assert [path.name for path in (project / "tools" / "src").iterdir()] == ["ecs_blue_green"]


def test_more_is_added_to_what_is_there(project: Path, install: Install) -> None:
    assert install(".venv", "requirements/small.txt").returncode == 0
    (project / ".venv" / "mark").touch()
    done = install("--add", ".venv", "requirements/more.txt")
    assert done.returncode == 0, done.stderr
    assert "requirements/more.txt, 2 distributions in" in done.stderr
    assert (project / ".venv" / "mark").exists()
    python(project, "import six, jmespath, ecs_blue_green")


@pytest.mark.parametrize(("variable", "compiled"), [("", False), ("1", True)], ids=["writes", "cannot write"])
def test_all_is_compiled_where_python_may_not_write_what_it_compiled(
    project: Path, install: Install, variable: str, compiled: bool
) -> None:
    done = install(".venv", "requirements/more.txt", PYTHONDONTWRITEBYTECODE=variable)
    assert done.returncode == 0, done.stderr
    folders = (project / ".venv").glob("lib/python3*/site-packages")
    assert bool([*next(folders).glob("jmespath/__pycache__/lexer.*.pyc")]) is compiled


def test_distribution_with_another_hash_is_refused(project: Path, install: Install) -> None:
    file = project / "requirements" / "small.txt"
    file.write_text(re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", file.read_text()))
    done = install(".venv", "requirements/small.txt")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


def test_set_without_the_package_where_there_is_no_folder_says_what_to_do(
    project: Path, install: Install
) -> None:
    shutil.rmtree(project / "tools")
    done = install(".venv", "requirements/small.txt")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "make: requirements/small.txt has no ecs_blue_green, and there is no tools/ to install it from:"
        " name its wheel there (docs/updating.md)"
    )


def test_set_that_builds_nothing_gets_no_package(project: Path, install: Install) -> None:
    assert install(".venv", "requirements/more.txt").returncode == 0
    assert (
        python(project, "from importlib.util import find_spec; print(find_spec('ecs_blue_green'))") == "None"
    )

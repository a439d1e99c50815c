"""`build/` is written from whatever `templates/` has, also where no layer is made with troposphere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

PROGRAM = """\
from pathlib import Path
from ecs_blue_green import generate
generate.run(Path(__file__).resolve().parent)
"""
# Gives back what is in build/, so that it is complete without any library.
TEMPLATES = {
    "__init__": """\
from pathlib import Path
from types import SimpleNamespace
from ecs_blue_green.deployer import layers

class Layer:
    def __init__(self, document):
        self.document = document
    def build(self):
        return SimpleNamespace(to_dict=lambda: self.document)

BUILD = Path(__file__).parents[1] / "build"
LAYERS = {slug: Layer(layer.template) for slug, layer in layers.read(BUILD).items()}

def runtime(layer):
    return SimpleNamespace(stack_policy=None)
""",
    "_runtime": """\
import json
from templates import BUILD

def document(layers):
    return json.loads((BUILD / "runtime.json").read_text())
""",
    "_exports": """\
def problems(documents):
    return ()
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for folder in ("build", "params"):
        shutil.copytree(PROJECT / folder, root / folder)
    (root / "generate.py").write_text(PROGRAM)
    (root / "templates").mkdir()
    for name, text in TEMPLATES.items():
        (root / "templates" / f"{name}.py").write_text(text)
    return root


def generated(root: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code and what was printed, from another folder, without that of the file on the path."""
    done = subprocess.run(
        [sys.executable, "-P", root / "generate.py", *arguments],
        cwd=root.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_modules_are_those_of_the_folder_that_is_handed_over(root: Path) -> None:
    path = root / "build" / "config" / "prod" / "task-definition.json"
    before = path.read_bytes()
    path.write_text("{}")
    assert generated(root, "--check")[0] == 1
    code, output, errors = generated(root)
    assert (code, errors) == (0, "")
    assert "wrote build/config/prod/task-definition.json\n" in output
    assert path.read_bytes() == before
    assert generated(root, "--check") == (0, "", "")


def test_mistake_in_a_module_is_told_with_its_line(root: Path) -> None:
    (root / "templates" / "_exports.py").write_text("import no_such_module\n")
    assert generated(root) == (
        1,
        "",
        "error: no file was written, because of an error in templates/_exports.py, line 1:"
        " ModuleNotFoundError: No module named 'no_such_module'\n",
    )


def test_usage_is_that_of_generate_py(root: Path) -> None:
    code, output, _ = generated(root, "--help")
    assert (code, output.partition("\n")[0]) == (0, "usage: generate.py [-h] [--check]")
    assert generated(root, "--chekc")[0] == 2

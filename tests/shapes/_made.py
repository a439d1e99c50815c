"""A copy of this repository that has a shape."""

import ast
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ecs_blue_green.testing import copies

from tests import ROOT

# A shape is a file here that is none of the tests.
NO_SHAPES = ("_", "test_", "conftest")
SHAPES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith(NO_SHAPES)
)
# Shapes that teams have together.
COMBINATIONS = (
    ("database_secret", "side_containers"),
    ("existing_cluster", "graviton"),  # on Spot
    ("existing_cluster", "side_containers"),
    ("graviton", "spot"),
    ("internal_load_balancer", "own_domain"),  # with a certificate
    ("listener_rules", "slow_start"),
)
TABLES = "templates/_application.py"
# What of a shape is no row: parameters, files of an application, and what goes with the sample.
NO_ROWS = ("PARAMETERS", "FILES", "REMOVED")


def made(root: Path, *shapes: str) -> Path:
    """Make the copy, and commit it before and after its edits and what is generated from them.

    Raises RuntimeError with what the generator says.
    """
    copies.copied(ROOT, root, without="tests/shapes")
    for shape in shapes:
        write(root, shape)
    code, said = copies.run(root, ".venv/bin/python", "generate.py")
    if code:
        raise RuntimeError(said)
    copies.commit(root, ", ".join(shapes))
    return root


def write(root: Path, shape: str) -> None:
    """Write the tables of a shape over those of a copy, its parameters into each file, its own files."""
    text = source(shape)
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    for name, node in assigned(tree):
        if name == "PARAMETERS":
            _write_parameters(root, ast.literal_eval(node.value))
        elif name == "FILES":
            for path, content in ast.literal_eval(node.value).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(content, encoding="utf-8")
        elif name == "REMOVED":
            for path in ast.literal_eval(node.value):
                shutil.rmtree(root / path)
        else:
            value = ast.get_source_segment(text, node.value)
            assert value
            _write_table(root / TABLES, name, value, [ast.unparse(one) for one in imports])


def source(shape: str) -> str:
    """The file of a shape."""
    return (Path(__file__).parent / f"{shape}.py").read_text(encoding="utf-8")


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.Assign]]:
    """The assignments of a file, by name."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            yield ast.unparse(target), node


def _write_parameters(root: Path, parameters: dict[str, Any]) -> None:
    for path in copies.parameter_files(root):
        settings = copies.read(path)
        copies.edit(path, parameters={title: _of(settings, value) for title, value in parameters.items()})


def _of(settings: dict[str, Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace("{account}", settings["account"]).replace("{region}", settings["region"])


def _write_table(path: Path, name: str, value: str, imports: Sequence[str]) -> None:
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and node.value:
            old = ast.get_source_segment(text, node.value)
            assert old
            head, tail = text.split(f"{name}: {ast.unparse(node.annotation)} = {old}")
            text = f"{head}{name}: {ast.unparse(node.annotation)} = {value}{tail}"
    first = text.index("from templates.")
    path.write_text(text[:first] + "".join(f"{one}\n" for one in imports) + text[first:], encoding="utf-8")

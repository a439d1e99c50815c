"""Which part of the package may import which: the arrows of the design, read from the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import TOOLS

SOURCE = TOOLS / "src"
PACKAGE = "ecs_blue_green"
# The parts of a project, which the package never imports: it reads files.
PROJECT = ("app", "deploy", "generate", "templates", "tests", "benchmarks")

# What every part of the deployer may use.
GROUND = (
    "runtime",
    *(
        f"deployer.{path.stem}"
        for path in sorted((SOURCE / PACKAGE / "deployer").glob("*.py"))
        if path.stem not in ("__init__", "command_line")
    ),
)
# From a module (the longest prefix counts) to the only other modules of the package that it may import.
ALLOWED: dict[str, tuple[str, ...]] = {
    "__main__": ("interpreters", "project", "emulator", "rehearsal"),
    "interpreters": (),
    "project": (),
    # What may be read by everybody reads nobody.
    "runtime": (),
    "template_yaml": (),
    "deployer": ("deployer", "runtime"),
    "deployer.cloudformation": (*GROUND, "deployer.cloudformation"),
    "deployer.effects": (*GROUND, "deployer.effects"),
    "deployer.release": (*GROUND, "deployer.release", "deployer.cloudformation"),
    "deployer.drift": (*GROUND, "deployer.drift", "deployer.cloudformation"),
    # A review is told offline: without CloudFormation, plans and locks.
    "deployer.review": (*GROUND, "deployer.review", "deployer.effects"),
    "deployer.planning": (
        *GROUND,
        "deployer.planning",
        "deployer.cloudformation",
        "deployer.effects",
        "deployer.release",
    ),
    "deployer.execution": (
        *GROUND,
        "deployer.execution",
        "deployer.planning",
        "deployer.cloudformation",
    ),
    # The one door to the emulator.
    "deployer.aws": ("deployer", "emulator"),
    # generate.py needs these, so they must not bring boto3 along.
    "deployer.environment": ("deployer.errors", "deployer.parameters", "runtime"),
    "deployer.errors": (),
    "deployer.parameters": (),
    "emulator": ("emulator", "interpreters", "runtime"),
    "codebuild": ("codebuild",),
    "pipeline": ("pipeline", "codebuild"),
    "rehearsal": ("rehearsal", "pipeline", "codebuild", "emulator", "interpreters", "project", "runtime"),
    # What a push would bring is made from the files, as the deployer reads them.
    "rehearsal.source": ("deployer.environment", "deployer.errors", "deployer.layers", "runtime"),
    # What a project's tests use: everything that runs here, and nothing that is asked of a person.
    "testing": ("testing", "emulator", "interpreters", "pipeline", "codebuild", "deployer", "runtime"),
    "documents": ("documents", "deployer", "project", "runtime", "template_yaml"),
    "workflows": ("workflows", "project"),
}
# The reviewed YAML is deployed, not a fresh rendering; and what generates it talks to nobody.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "": ("troposphere", "awacs", *PROJECT),
    "template_yaml": ("troposphere", "awacs", "boto3", "botocore", *PROJECT),
    "runtime": ("troposphere", "awacs", "boto3", "botocore", *PROJECT),
    "deployer": ("troposphere", "awacs", "ministack", *PROJECT),
    "deployer.environment": ("boto3", "botocore", "troposphere"),
    "deployer.errors": ("boto3", "botocore"),
    "deployer.parameters": ("boto3", "botocore"),
}


def modules() -> Iterator[tuple[str, Path]]:
    """The package's modules by their dotted name, without its own."""
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        names = path.relative_to(SOURCE / PACKAGE).with_suffix("").parts
        yield ".".join(names[:-1] if names[-1] == "__init__" else names), path


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, as precisely as its import statements name them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                # `from ecs_blue_green import project` names a module, `from ... import root` does not.
                below = SOURCE.joinpath(*module.split("."), alias.name)
                is_module = below.with_suffix(".py").exists() or below.is_dir()
                yield f"{module}.{alias.name}" if is_module else module


def is_in(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rule(name: str, rules: dict[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The rule for the longest prefix of a module's name."""
    found = [prefix for prefix in rules if not prefix or is_in(name, (prefix,))]
    return rules[max(found, key=len)] if found else None


MODULES = {name: path for name, path in modules() if name}


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_the_design_allows(name: str) -> None:
    allowed, forbidden = rule(name, ALLOWED), rule(name, FORBIDDEN) or ()
    assert allowed is not None, f"{name} has no rule"
    for wanted in imported(MODULES[name]):
        if wanted.split(".")[0] == PACKAGE:
            own = wanted.removeprefix(PACKAGE).lstrip(".")
            assert is_in(own, allowed), f"{name} must not import {wanted}"
        assert not is_in(wanted, forbidden), f"{name} must not import {wanted}"


def test_rules_name_modules_that_exist() -> None:
    packages = {name.rpartition(".")[0] for name in MODULES} | {""}
    assert set(ALLOWED) | set(FORBIDDEN) <= packages | MODULES.keys()

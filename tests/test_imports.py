"""Which part of this project may import which: the arrows of the design, read from the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ecs_blue_green
import pytest

ROOT = Path(__file__).resolve().parent.parent
# Where a package is that is not at the top.
FOLDERS = {"ecs_blue_green": Path(ecs_blue_green.__file__).parents[1]}
PARTS = ("app", "deploy", "ecs_blue_green", "generate", "templates", "tests")

# A layer is a module or a folder; what has an underscore in front is what layers share.
LAYERS = [path.stem for path in sorted((ROOT / "templates").glob("[a-z]*"))]
# From a module (the longest prefix counts) to the only other modules of ours that it may import.
ALLOWED: dict[str, tuple[str, ...]] = {
    "app": ("app",),
    "deploy": ("ecs_blue_green.deployer",),
    "generate": (
        "templates",
        "ecs_blue_green.template_yaml",
        "ecs_blue_green.runtime",
        "ecs_blue_green.deployer.environment",
        "ecs_blue_green.deployer.errors",
    ),
    "templates": ("templates._",),
    # A layer never imports a layer.
    **{f"templates.{layer}": (f"templates.{layer}", "templates._") for layer in LAYERS},
    # What runs as a Lambda function has nothing of ours around it.
    "templates.service_preference.hooks": (),
    "tests": ("app", "ecs_blue_green", "generate", "templates", "tests"),
}
# The reviewed YAML is deployed, not a fresh rendering; and what generates it talks to nobody.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "app": ("boto3", "botocore", "troposphere", "awacs", "ministack"),
    "deploy": ("troposphere", "awacs", "ministack"),
    "generate": ("boto3", "botocore", "ministack"),
    "templates.service_preference.hooks": ("troposphere", "awacs"),
    "templates": ("boto3", "botocore", "ministack", "yaml", "os", "time", "datetime", "random"),
}


def modules() -> Iterator[tuple[str, Path]]:
    """Our modules by their dotted name."""
    for part in PARTS:
        single = ROOT / f"{part}.py"
        for path in [single] if single.exists() else sorted((ROOT / part).rglob("*.py")):
            names = path.relative_to(ROOT).with_suffix("").parts
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
                # `from templates import _iam` names a module, `from templates._iam import allow` does not.
                below = FOLDERS.get(module.split(".")[0], ROOT).joinpath(*module.split("."), alias.name)
                is_module = below.with_suffix(".py").exists() or below.is_dir()
                yield f"{module}.{alias.name}" if is_module else module


def is_in(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(
        name == prefix or name.startswith(prefix if prefix.endswith("_") else f"{prefix}.")
        for prefix in prefixes
    )


def rule(name: str, rules: dict[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The rule for the longest prefix of a module's name."""
    found = [prefix for prefix in rules if is_in(name, (prefix,))]
    return rules[max(found, key=len)] if found else None


MODULES = dict(modules())


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_the_design_allows(name: str) -> None:
    allowed, forbidden = rule(name, ALLOWED), rule(name, FORBIDDEN) or ()
    if name == "templates":
        allowed = ("templates",)  # the list of the layers
    for wanted in imported(MODULES[name]):
        if allowed is not None and wanted.split(".")[0] in PARTS:
            assert is_in(wanted, allowed), f"{name} must not import {wanted}"
        assert not is_in(wanted, forbidden), f"{name} must not import {wanted}"


def test_rules_name_modules_that_exist() -> None:
    packages = {name.rpartition(".")[0] for name in MODULES}
    assert set(ALLOWED) | set(FORBIDDEN) <= packages | MODULES.keys()

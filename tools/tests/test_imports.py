"""Which part of the package may import which: the arrows of the design, read from the code."""

import re

import pytest

from ecs_blue_green.testing import imports
from tests.paths import TOOLS

SOURCE = TOOLS / "src"
PACKAGE = "ecs_blue_green"
# The parts of a project, which no module of the package imports: it reads files. Only `generate` asks Python
# for the modules of templates/, by name and while it runs.
PROJECT = ("app", "deploy", "generate", "templates", "tests", "benchmarks")

# What every part of the deployer may use.
GROUND = (
    "imported_exports",
    "runtime",
    "shapes",
    *(
        f"deployer.{path.stem}"
        for path in sorted((SOURCE / PACKAGE / "deployer").glob("*.py"))
        if path.stem not in ("__init__", "command_line")
    ),
)
# From a module (the longest prefix counts) to the only other modules of the package that it may import.
ALLOWED: dict[str, tuple[str, ...]] = {
    "__main__": ("ending", "failure", "interpreters", "project", "emulator", "rehearsal", "init"),
    # What may be read by everybody reads nobody.
    "failure": (),
    "ending": (),
    "interpreters": ("failure",),
    "project": (),
    "dockerfile": (),
    "parameter_file": (),
    "runtime": ("failure", "shapes"),
    "shapes": (),
    "template_yaml": (),
    "imported_exports": (),
    "fargate": (),
    "models": (),
    "generate": (
        "ending",
        "runtime",
        "template_yaml",
        "deployer.effects",
        "deployer.environment",
        "deployer.environment_schema",
        "deployer.errors",
        "deployer.layers",
        "deployer.plain_secrets",
    ),
    "deployer": ("deployer", "ending", "failure", "imported_exports", "runtime", "shapes", "template_yaml"),
    "deployer.cloudformation": (*GROUND, "deployer.cloudformation"),
    "deployer.effects": (*GROUND, "deployer.effects"),
    "deployer.release": (*GROUND, "deployer.release", "deployer.cloudformation"),
    "deployer.drift": (*GROUND, "deployer.drift", "deployer.cloudformation", "deployer.effects"),
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
    # The one door to the emulator, and what has it start before this one is imported.
    "deployer.aws": ("deployer", "emulator"),
    "deployer.command_line": ("deployer", "emulator", "ending"),
    # generate needs these, so they must not bring boto3 along.
    "deployer.environment": (
        "deployer.errors",
        "deployer.nearest",
        "deployer.parameter_rules",
        "deployer.parameters",
        "deployer.remedies",
        "parameter_file",
        "runtime",
    ),
    "deployer.errors": ("failure",),
    "deployer.nearest": (),
    "deployer.parameter_rules": ("runtime",),
    "deployer.parameters": (),
    "emulator": ("emulator", "failure", "fargate", "imported_exports", "interpreters", "models", "runtime"),
    "emulator.account": ("parameter_file", "runtime"),
    "codebuild": ("codebuild",),
    # Programs of their own, which nobody imports.
    "codebuild.stand_ins.aws": ("ending",),
    "codebuild.stand_ins.docker": ("ending",),
    "pipeline": ("pipeline", "codebuild"),
    "rehearsal": (
        "rehearsal",
        "pipeline",
        "codebuild",
        "emulator",
        "deployer.errors",
        "dockerfile",
        "interpreters",
        "models",
        "parameter_file",
        "project",
        "runtime",
    ),
    # What a push would bring is made from the files, as the deployer reads them.
    "rehearsal.source": ("deployer.configurations", "deployer.errors", "parameter_file", "runtime"),
    # What a project's tests use: everything that runs here, and nothing that is asked of a person.
    "testing": (
        "testing",
        "emulator",
        "fargate",
        "interpreters",
        "pipeline",
        "codebuild",
        "deployer",
        "parameter_file",
        "runtime",
    ),
    # Becomes the command that was asked for.
    "testing.warm": ("__main__", "emulator", "ending", "failure"),
    "documents": ("documents", "deployer", "project", "runtime", "template_yaml"),
    # Of the deployer what reads and judges files: nothing is asked of AWS.
    "init": (
        "init",
        "dockerfile",
        "parameter_file",
        "runtime",
        "deployer.environment",
        "deployer.errors",
        "deployer.layers",
    ),
    "workflows": ("workflows", "parameter_file", "project"),
}
# The reviewed YAML is deployed, not a fresh rendering; and what generates it talks to nobody.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "": ("troposphere", "awacs", *PROJECT),
    "template_yaml": ("troposphere", "awacs", "boto3", "botocore", *PROJECT),
    "runtime": ("troposphere", "awacs", "boto3", "botocore", *PROJECT),
    "failure": ("boto3", "botocore"),
    "generate": ("troposphere", "awacs", "boto3", "botocore", "ministack", *PROJECT),
    "deployer": ("troposphere", "awacs", "ministack", *PROJECT),
    "deployer.environment": ("boto3", "botocore", "troposphere"),
    "deployer.errors": ("boto3", "botocore"),
    "deployer.parameters": ("boto3", "botocore"),
    "deployer.parameter_rules": ("boto3", "botocore", "troposphere"),
}


# By their names below the package, without itself.
MODULES = {
    name.removeprefix(f"{PACKAGE}."): path
    for name, path in imports.modules(SOURCE, [PACKAGE]).items()
    if name != PACKAGE
}


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_the_design_allows(name: str) -> None:
    allowed, forbidden = imports.rule(name, ALLOWED), imports.rule(name, FORBIDDEN) or ()
    assert allowed is not None, f"{name} has no rule"
    for wanted in imports.imported(MODULES[name], SOURCE, {}):
        if wanted.split(".")[0] == PACKAGE:
            own = wanted.removeprefix(PACKAGE).lstrip(".")
            assert imports.is_in(own, allowed), f"{name} must not import {wanted}"
        assert not imports.is_in(wanted, forbidden), f"{name} must not import {wanted}"


def test_rules_name_modules_that_exist() -> None:
    packages = {name.rpartition(".")[0] for name in MODULES} | {""}
    assert set(ALLOWED) | set(FORBIDDEN) <= packages | MODULES.keys()


def test_what_ministack_remembers_has_one_name() -> None:
    folder = SOURCE / PACKAGE / "emulator"
    stores = re.findall(r"= (\w+\._\w+)  #", (folder / "stores.py").read_text())
    assert "alb._tgs" in stores
    others = {path: path.read_text() for path in folder.rglob("*.py") if path.name != "stores.py"}
    used = [(path.name, name) for path, text in others.items() for name in stores if f"engine.{name}" in text]
    assert not used

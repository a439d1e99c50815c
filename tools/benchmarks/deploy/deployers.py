"""Three ways to deploy the same templates: this project's, Sceptre, and the AWS CLI in a loop."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.deploy.project import ENV
from benchmarks.paths import PROJECT, REPOSITORY, TOOLS
from ecs_blue_green.deployer.project import Project

PEERS = REPOSITORY / ".venv-benchmarks" / "bin"
REQUIREMENTS = REPOSITORY / "requirements" / "benchmarks.txt"
_KEPT_OF_OUTPUT = 3000

Variables = Mapping[str, str]


@dataclass(frozen=True)
class Deployer:
    """How it is called, what it does with a project, and whether it makes change sets."""

    name: str
    deploy: Callable[[Project, Variables], None]
    makes_change_sets: bool = True


def version(package: str) -> str:
    """A peer's version, as it is locked."""
    found = re.search(rf"^{package}==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    return found[1] if found else ""


def _ours(project: Project, variables: Variables) -> None:
    """`deploy.py deploy --yes`, as a person starts it."""
    shutil.copy(PROJECT / "deploy.py", project.root)
    _run([sys.executable, "deploy.py", "deploy", "--env", ENV, "--yes"], variables, project.root)


def _core(project: Project, variables: Variables) -> None:
    _run([sys.executable, "-m", "benchmarks.deploy.core", str(project.root)], variables, TOOLS)


def _sceptre(project: Project, variables: Variables) -> None:
    """`sceptre launch`, with the dependencies declared."""
    folder = project.root / "sceptre"
    if not folder.exists():
        _write_sceptre(project, folder)
    _run([str(PEERS / "sceptre"), "--no-colour", "launch", "-y", ENV], variables, folder)


def forget(root: Path) -> None:
    """Have what a deployer made of the project's parameters made anew."""
    shutil.rmtree(root / "sceptre", ignore_errors=True)


def _aws_cli(project: Project, variables: Variables) -> None:
    """`aws cloudformation deploy`, once a template, in an order that somebody has written down."""
    templates = project.root / "sent"
    templates.mkdir(exist_ok=True)
    for slug, layer in project.layers.items():
        (templates / f"{slug}.yaml").write_text(layer.sent)
        given = project.environment.parameters_for(layer.parameters)
        tags = project.environment.stack_tags(slug)
        command = [
            *(str(PEERS / "aws"), "cloudformation", "deploy", "--no-fail-on-empty-changeset"),
            *("--template-file", str(templates / f"{slug}.yaml")),
            *("--stack-name", project.environment.stack_name(slug)),
            *("--capabilities", "CAPABILITY_NAMED_IAM"),
            *("--tags", *(f"{key}={value}" for key, value in tags.items())),
        ]
        if given:
            command += ["--parameter-overrides", *(f"{key}={value}" for key, value in given.items())]
        _run(command, variables, project.root)


OURS = Deployer("here", _ours)
# For templates that are not this project's.
CORE = Deployer("here", _core)
SCEPTRE = Deployer(f"Sceptre {version('sceptre')}", _sceptre, makes_change_sets=False)
AWS_CLI = Deployer(f"AWS CLI {version('awscli')} in a loop", _aws_cli)


def _write_sceptre(project: Project, folder: Path) -> None:
    config = folder / "config" / ENV
    config.mkdir(parents=True)
    (folder / "templates").mkdir()
    (folder / "config" / "config.yaml").write_text(
        json.dumps({"project_code": project.environment.project, "region": project.environment.region})
    )
    for slug, layer in project.layers.items():
        # As it is sent: the text is too long for a call where people read it.
        (folder / "templates" / f"{slug}.yaml").write_text(layer.sent)
        document = {
            "template": {"path": f"{slug}.yaml", "type": "file"},
            "stack_name": project.environment.stack_name(slug),
            "dependencies": [f"{ENV}/{name}.yaml" for name in sorted(project.waits_for[slug])],
            "parameters": dict(project.environment.parameters_for(layer.parameters)),
            "stack_tags": dict(project.environment.stack_tags(slug)),
        }
        (config / f"{slug}.yaml").write_text(yaml.safe_dump(document))


def _run(command: list[str], variables: Variables, folder: Path) -> None:
    """Run a command to its end. Raises RuntimeError, with the end of what it said, when it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout[-_KEPT_OF_OUTPUT:]}\n{done.stderr[-_KEPT_OF_OUTPUT:]}"
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")

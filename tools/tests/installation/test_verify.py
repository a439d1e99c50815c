"""Verify with its install phase, on what a push carries: as it is now, and as it was deployed before."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ecs_blue_green import codebuild
from ecs_blue_green.codebuild import Build, Project, specification
from ecs_blue_green.deployer import layers
from tests.installation import repository
from tests.paths import PROJECT

# As commit 80c2dba has it in build/pipeline.yaml. Pipelines that were deployed with it go on releasing.
AS_IT_WAS = """\
version: 0.2
env:
  shell: bash
phases:
  install:
    runtime-versions:
      python: 3.12
    commands:
      - sh requirements/install .venv requirements/main.txt
  build:
    commands:
      - .venv/bin/python generate.py --check
      - .venv/bin/cfn-lint
"""
LIST = "import importlib.metadata; print(*(found.name for found in importlib.metadata.distributions()))"


def verify(source: Path, build_specification: str, output: Path) -> tuple[Build, set[str]]:
    """Run Verify as CodeBuild does; gives the build, and the distributions that it installed."""
    found = specification.parse(build_specification)
    install, build = found.phases
    listed = replace(build, commands=(*build.commands, f'.venv/bin/python -c "{LIST}"'))
    project = Project("verify", replace(found, phases=(install, listed)), {}, False, 600)
    ended = codebuild.run(project, source, output=output, variables=repository.of_the_index())
    return ended, {name.lower() for name in ended.log[-1].split()}


@pytest.fixture
def pushed(tmp_path: Path) -> Iterator[Path]:
    """What a push carries."""
    yield repository.copy(tmp_path / "pushed")
    shutil.rmtree(tmp_path / "pushed")


def as_it_is(root: Path = repository.REPOSITORY) -> str:
    """The build specification of the generated template."""
    template = layers.parse((root / "build" / "pipeline.yaml").read_text())
    text: str = template["Resources"]["VerifyProject"]["Properties"]["Source"]["BuildSpec"]
    return text


def test_verify_installs_what_it_needs_and_nothing_else(pushed: Path, tmp_path: Path) -> None:
    ended, installed = verify(pushed, as_it_is(), tmp_path / "output.zip")
    assert ended.status == codebuild.SUCCEEDED, ended.text
    assert {"ecs-blue-green", "cfn-lint", "troposphere"} <= installed
    assert not {"boto3", "botocore", "ministack", "pytest", "mypy"} & installed


def test_deployed_before_verify_goes_on_with_its_line_of_installation(pushed: Path, tmp_path: Path) -> None:
    ended, installed = verify(pushed, AS_IT_WAS, tmp_path / "output.zip")
    assert ended.status == codebuild.SUCCEEDED, ended.text
    assert "ecs-blue-green" in installed


def test_line_of_installation_is_all_that_differs() -> None:
    """Of the templates that no team changes."""
    before, now = yaml.safe_load(AS_IT_WAS), yaml.safe_load(as_it_is(PROJECT))
    before["phases"]["install"]["commands"] = now["phases"]["install"]["commands"]
    assert before == now

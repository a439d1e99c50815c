"""CloudFormation takes no more than so many bytes in a call: some are left for what teams add."""

import importlib
import json

import pytest
from ecs_blue_green import template_yaml
from troposphere import Template

from templates import LAYERS, pipeline
from templates._steps import BuildStep
from templates.pipeline import build_projects

# What Verify does, in a step of one's own.
COMMANDS = (
    "sh requirements/install .venv requirements/generate.txt",
    ".venv/bin/python generate.py --check",
    ".venv/bin/cfn-lint",
)


def left(template: Template) -> int:
    """The bytes that are left when a template is sent as JSON, as one is that is too long as YAML."""
    document = json.loads(json.dumps(template.to_dict()))
    return template_yaml.LONGEST - len(template_yaml.as_json(document).encode())


@pytest.mark.parametrize("slug", LAYERS)
def test_every_template_has_room(slug: str) -> None:
    assert left(LAYERS[slug].build()) >= 1000


def test_pipeline_with_two_steps_more_needs_no_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    before = left(pipeline.build())
    steps = tuple(BuildStep(f"Verify{number}", COMMANDS) for number in (1, 2))
    # By its name: the layer has a function that is called like it.
    stages = importlib.import_module("templates.pipeline.stages")
    for module in (pipeline, build_projects, stages):
        monkeypatch.setattr(module, "BUILD_STEPS", steps)
    after = left(pipeline.build())
    print(f"{before:,} bytes are left, with two steps more {after:,}")  # noqa: T201 (shown by -rP)
    assert 0 <= after < before

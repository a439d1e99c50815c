"""What cfn-lint lacks: lengths behind Sub, sizes behind Ref, and a service of two controllers."""

import pytest
from ecs_blue_green.testing import limits
from ecs_blue_green.testing.resolved import Project

from templates import LAYERS
from templates.task_definition import FARGATE_SIZES
from tests import ROOT

PROJECT = Project(ROOT)
# As long as their patterns let them be.
LONGEST = {"Project": 20 * "p", "Environment": 10 * "e"}


def test_longest_names_are_those_that_the_parameters_allow() -> None:
    for layer in PROJECT.layers.values():
        for title, value in LONGEST.items():
            if title in layer.parameters:
                assert layer.parameters[title]["AllowedPattern"].endswith(f"{{0,{len(value) - 1}}}")


@pytest.mark.parametrize("parameters", [{}, LONGEST], ids=["local", "longest names"])
@pytest.mark.parametrize("slug", LAYERS)
def test_template_has_nothing_that_aws_refuses(slug: str, parameters: dict[str, str]) -> None:
    assert list(limits.problems(PROJECT.templates(parameters)[slug])) == []


def test_sizes_of_tasks_are_fargates() -> None:
    """Whose pairs a parameter file may have."""
    assert limits.fargate_sizes() == FARGATE_SIZES

"""The pipeline's own variables: their defaults, and what an execution is started with instead."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecs_blue_green.deployer.release import images
from ecs_blue_green.pipeline import Action, Execution, Workshop, definition, run_action

DECLARED = {
    "name": "shop",
    "stages": [],
    "variables": [{"name": "Again", "defaultValue": "no"}, {"name": "Asked"}],
}


def client(_service: str) -> Any:
    return SimpleNamespace(get_pipeline=lambda name: {"pipeline": DECLARED})


@pytest.mark.parametrize(
    ("given", "variable", "failure"),
    [
        ({}, "Again", "there is no build project no"),
        ({"Again": "2026-11-29"}, "Again", "there is no build project 2026-11-29"),
        ({}, "Asked", "#{variables.Asked} has no value"),
    ],
)
def test_action_is_given_the_value(
    given: dict[str, str], variable: str, failure: str, tmp_path: Path
) -> None:
    workshop = Workshop(client, definition.read_definition(client, "shop"), aws={})
    configuration = {"ProjectName": f"#{{variables.{variable}}}"}
    action = Action("Build", definition.CODEBUILD, 1, configuration, ("Source",), (), None)
    execution = Execution(tmp_path, "c0ffee", tmp_path, variables={"variables": given} if given else {})
    assert run_action(action, execution, workshop).failure == failure


def test_commit_that_was_built_again_is_the_commit() -> None:
    commit, other = 40 * "a", 40 * "b"
    assert images.commits([f"{commit}-2026-11-29", f"release-{commit}-2026-11-29", other]) == (commit,)

"""How far the pipeline is, from what GetPipeline and GetPipelineState answer."""

from typing import Any

import pytest

from ecs_blue_green.deployer.release.executions import Progress, progress

STAGES = {
    "Source": [("Push", "Source", "CodeStarSourceConnection")],
    "Build": [("Make", "Build", "CodeBuild"), ("Change", "Deploy", "CloudFormation")],
    "Ask": [("Person", "Approval", "Manual")],
    "Ship": [("Shift", "Deploy", "CodeDeployToECS"), ("Mark", "Build", "CodeBuild")],
}
DEFINITION = {
    "stages": [
        {
            "name": stage,
            "actions": [
                {"name": name, "actionTypeId": {"category": category, "provider": provider}}
                for name, category, provider in actions
            ],
        }
        for stage, actions in STAGES.items()
    ]
}


def state(inbound: dict[str, str] | None = None, **latest: tuple[str, str, str]) -> Any:
    """The stages' states: of each the latest execution, its status, and the action under way."""
    entries = []
    for stage, actions in STAGES.items():
        execution, status, under_way = latest.get(stage, ("", "", ""))
        entry: dict[str, Any] = {
            "stageName": stage,
            "actionStates": [
                {
                    "actionName": name,
                    "latestExecution": {"status": "InProgress" if name == under_way else "Succeeded"},
                }
                for name, *_ in actions
            ],
        }
        if execution:
            entry["latestExecution"] = {"pipelineExecutionId": execution, "status": status}
        if inbound and stage in inbound:
            entry["inboundExecutions"] = [{"pipelineExecutionId": inbound[stage], "status": "InProgress"}]
        entries.append(entry)
    return {"stageStates": entries}


DONE = ("Succeeded", "")


@pytest.mark.parametrize(
    ("found", "running", "wanted"),
    [
        pytest.param(state(), ["a"], Progress(True, None), id="not begun"),
        pytest.param(
            state(Source=("a", *DONE), Build=("a", "InProgress", "Make")),
            ["a"],
            Progress(True, None),
            id="builds",
        ),
        pytest.param(
            state(Source=("a", *DONE), Build=("a", *DONE)), ["a"], Progress(False, None), id="has built"
        ),
        pytest.param(
            state(Source=("a", *DONE), Build=("a", *DONE), Ask=("a", "InProgress", "Person")),
            ["a"],
            Progress(False, "a"),
            id="waits",
        ),
        pytest.param(
            state(
                Source=("b", *DONE), Build=("b", "InProgress", "Change"), Ask=("a", "InProgress", "Person")
            ),
            ["a", "b"],
            Progress(True, "a"),
            id="another one builds behind it",
        ),
        pytest.param(
            state({"Ask": "b"}, Source=("b", *DONE), Build=("b", *DONE), Ask=("a", "InProgress", "Person")),
            ["a", "b"],
            Progress(False, "a"),
            id="another one waits behind it",
        ),
        pytest.param(
            state(
                Source=("b", *DONE),
                Build=("b", *DONE),
                Ask=("b", "InProgress", "Person"),
                Ship=("a", "InProgress", "Shift"),
            ),
            ["a", "b"],
            Progress(False, None),
            id="another one is further on",
        ),
        pytest.param(
            state({"Ship": "a"}, Source=("b", *DONE), Build=("b", *DONE), Ask=("b", "InProgress", "Person")),
            ["a", "b"],
            Progress(False, None),
            id="another one waits further on",
        ),
        pytest.param(
            state(Source=("a", *DONE), Build=("a", "Failed", ""), Ask=("z", *DONE)),
            ["a"],
            Progress(True, None),
            id="the stage can be tried again",
        ),
    ],
)
def test_progress_of_executions(found: Any, running: list[str], wanted: Progress) -> None:
    assert progress(DEFINITION, found, running) == wanted


def test_pipeline_that_changes_no_stack_never_builds() -> None:
    definition = {"stages": [stage for stage in DEFINITION["stages"] if stage["name"] != "Build"]}
    assert not progress(definition, state(Source=("a", "InProgress", "Push")), ["a"]).building

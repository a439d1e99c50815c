"""How far the pipeline's executions are: whether one may still change a stack, or waits for approval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What stands in an action's type:
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference.html
CLOUDFORMATION = "CloudFormation"
APPROVAL = "Approval"


@dataclass(frozen=True)
class Progress:
    """How far the executions are that run.

    `building`: one of them has not passed the stages that change stacks. `approval` is one that waits for a
    person's approval, while none is further on than it.
    """

    building: bool
    approval: str | None


def progress(definition: Mapping[str, Any], state: Mapping[str, Any], running: Iterable[str]) -> Progress:
    """What GetPipeline and GetPipelineState tell of the executions in `running`."""
    categories = {
        (stage["name"], action["name"]): action["actionTypeId"]
        for stage in definition["stages"]
        for action in stage["actions"]
    }
    last = max(
        (
            place
            for place, stage in enumerate(definition["stages"])
            if any(action["actionTypeId"]["provider"] == CLOUDFORMATION for action in stage["actions"])
        ),
        default=-1,
    )
    stages = state["stageStates"]
    places = {execution: _place(stages, execution) for execution in running}
    waiting = {
        execution: place
        for execution, place in places.items()
        if place >= 0 and _waits(stages[place], execution, categories)
    }
    foremost = max(places.values(), default=-1)
    return Progress(
        building=any(not _has_passed(stages, execution, last) for execution in places),
        approval=next((execution for execution, place in waiting.items() if place == foremost), None),
    )


def _place(stages: list[Any], execution: str) -> int:
    """The furthest stage that the execution is in, or waits before; -1 where it is in none yet."""
    return max((place for place, stage in enumerate(stages) if execution in _ids(stage)), default=-1)


def _ids(stage: Any) -> set[str]:
    entries = [
        stage.get("latestExecution"),
        stage.get("inboundExecution"),
        *stage.get("inboundExecutions", []),
    ]
    return {entry["pipelineExecutionId"] for entry in entries if entry}


def _has_passed(stages: list[Any], execution: str, last: int) -> bool:
    """Whether the execution has left this stage and all before it behind."""
    place = _place(stages, execution)
    if place != last:
        return place > last
    latest = stages[place].get("latestExecution", {}) if place >= 0 else {}
    return latest.get("pipelineExecutionId") == execution and latest.get("status") == "Succeeded"


def _waits(stage: Any, execution: str, categories: Mapping[tuple[str, str], Any]) -> bool:
    latest = stage.get("latestExecution", {})
    if latest.get("pipelineExecutionId") != execution or latest.get("status") != "InProgress":
        return False
    under_way = [
        categories.get((stage["stageName"], action["actionName"]), {}).get("category")
        for action in stage.get("actionStates", [])
        if action.get("latestExecution", {}).get("status") == "InProgress"
    ]
    return bool(under_way) and set(under_way) == {APPROVAL}

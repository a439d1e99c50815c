"""Executions of the pipeline that wait for approval: which commit, with which image; and their approval."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.release import images, live
from ecs_blue_green.deployer.release.executions import APPROVAL
from ecs_blue_green.deployer.release.service import Service

# What is recorded with the approval; CloudTrail has who gave it.
SUMMARY = "by make approve"


@dataclass(frozen=True)
class Waiting:
    """An execution of the pipeline that waits for approval.

    `commit` and `subject` are empty where its source is no commit; `image` is the one that it made of it,
    `in_registry` None where the service has its images from somewhere else.
    """

    stage: str
    action: str
    token: str
    execution: str
    since: datetime | None = None
    commit: str = ""
    subject: str = ""
    image: str = ""
    in_registry: bool | None = None


def waiting(aws: Aws, environment: Environment, service: Service) -> list[Waiting]:
    """The pending approvals, the furthest stage first; none without a pipeline."""
    if not service.pipeline:
        return []
    client = aws.client("codepipeline")
    pipeline = client.get_pipeline(name=service.pipeline)["pipeline"]
    asks = {
        (stage["name"], action["name"])
        for stage in pipeline["stages"]
        for action in stage["actions"]
        if action["actionTypeId"]["category"] == APPROVAL
    }
    state: Any = client.get_pipeline_state(name=service.pipeline)
    return [
        _described(aws, environment, service, pipeline, stage, action)
        for stage in reversed(state["stageStates"])
        for action in stage.get("actionStates", [])
        if (stage["stageName"], action["actionName"]) in asks
        and action.get("latestExecution", {}).get("status") == "InProgress"
        and "token" in action["latestExecution"]
    ]


def approve(aws: Aws, service: Service, approval: Waiting) -> None:
    """Approve it. Raises Failed when it no longer waits."""
    client = aws.client("codepipeline")
    try:
        client.put_approval_result(
            pipelineName=service.pipeline,
            stageName=approval.stage,
            actionName=approval.action,
            result={"summary": SUMMARY, "status": "Approved"},
            token=approval.token,
        )
    except (
        client.exceptions.InvalidApprovalTokenException,
        client.exceptions.ApprovalAlreadyCompletedException,
    ) as error:
        raise Failed(
            f"execution {approval.execution} no longer waits for approval",
            "it was approved, rejected or stopped meanwhile",
            "run it again to see what waits now",
        ) from error


def _described(
    aws: Aws, environment: Environment, service: Service, pipeline: Any, stage: Any, action: Any
) -> Waiting:
    execution = stage["latestExecution"]["pipelineExecutionId"]
    details = aws.client("codepipeline").get_pipeline_execution(
        pipelineName=service.pipeline, pipelineExecutionId=execution
    )["pipelineExecution"]
    source: Any = next(iter(details.get("artifactRevisions", [])), {})
    commit = source.get("revisionId", "")
    tag = _tag(commit, pipeline, details)
    image = _image(aws, environment, service, tag) if commit else None
    return Waiting(
        stage["stageName"],
        action["actionName"],
        action["latestExecution"]["token"],
        execution,
        action["latestExecution"].get("lastStatusChange"),
        commit,
        _subject(source.get("revisionSummary", "")),
        f"{image.repository}:{tag}" if image else "",
        images.tags(aws, image) is not None if image else None,
    )


def _tag(commit: str, pipeline: Any, execution: Any) -> str:
    """The tag of the image: the commit, and behind it what the execution was given for a variable."""
    defaults = {variable["name"]: variable.get("defaultValue") for variable in pipeline.get("variables", [])}
    values = [
        variable["resolvedValue"]
        for variable in execution.get("variables", [])
        if variable["resolvedValue"] != defaults.get(variable["name"])
    ]
    return "-".join([commit, *values])


def _image(aws: Aws, environment: Environment, service: Service, tag: str) -> images.Image | None:
    """The image that the pipeline makes of a commit: in the repository of those that run, with its tag."""
    current = live.service_state(aws, service)
    for revision in live.revisions(current):
        for container in live.containers(aws, revision):
            own = (
                images.own(environment, container["image"])
                if container["name"] in current.containers
                else None
            )
            if own:
                return images.Image(own.repository, {"imageTag": tag})
    return None


def _subject(summary: str) -> str:
    """The first line of a commit's message, which a connection hands on inside JSON."""
    try:
        document = json.loads(summary)
        text = str(document["CommitMessage"])
    except (ValueError, KeyError, TypeError):
        text = summary
    return (text.splitlines() or [""])[0]

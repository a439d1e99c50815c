"""CodeDeploy's API calls, one function each, with its traps in one place.

A revision is, for ECS, the text of an AppSpec: it names the task definition. CodeDeploy knows it by its hash,
and a deployment tells only that: "The content property of the appSpecContent object in the returned revision
is always null" (https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeployment.html).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import yaml

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.errors import Blocked, Failed
from ecs_blue_green.deployer.release.service import Service

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.client import CodeDeployClient

# What one BatchGetDeployments call gives (botocore, codedeploy; November 2026).
BATCH = 25
ENDED = {"Succeeded", "Failed", "Stopped"}
# How a deployment that this project made to go back is recognised later, in its description.
ROLLBACK_MARK = "Rollback by deploy.py"
# The creator of the deployment with which CodeDeploy rolls back after a failure or a stop.
CODEDEPLOY_ROLLBACK = "codeDeployRollback"
# A deployment in one of these goes on:
# https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html
RUNNING: Any = ["Created", "Queued", "InProgress", "Baking", "Ready"]
# What an AppSpec may say of a service beside its task definition and load balancer.
# https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
MOVED = ("NetworkConfiguration", "PlatformVersion", "CapacityProviderStrategy")
AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"
# The two kinds of revision that hold an AppSpec's text, with the member that holds it.
_TEXTS = {"AppSpecContent": "appSpecContent", "String": "string"}


@dataclass(frozen=True)
class Group:
    """The deployment group of the service. `alarms` stop a deployment where `watches_alarms`."""

    application: str
    name: str
    configuration: str
    alarms: tuple[str, ...]
    watches_alarms: bool


@dataclass(frozen=True)
class Deployment:
    """One deployment. `error` is empty where nothing went wrong."""

    id: str
    status: str
    created: datetime
    creator: str
    description: str
    revision: Mapping[str, Any]
    error: str
    rolled_back_by: str | None
    rollback_message: str

    @property
    def ended(self) -> bool:
        """Whether CodeDeploy has finished it, which includes the end of the old tasks."""
        return self.status in ENDED

    @property
    def is_rollback(self) -> bool:
        """Whether it is a rollback to an earlier revision, by CodeDeploy or by the deployer."""
        return self.creator == CODEDEPLOY_ROLLBACK or self.description.startswith(ROLLBACK_MARK)

    @property
    def revision_key(self) -> str:
        """The same for two deployments of the same revision."""
        member = self.revision.get(_TEXTS.get(self.revision.get("revisionType", ""), ""), {})
        return str(member.get("sha256") or json.dumps(self.revision, sort_keys=True, default=str))


@dataclass(frozen=True)
class AppSpec:
    """A revision's text, the task definition (ARN) that it deploys, and what else it says of the service."""

    content: str
    task_definition: str
    properties: Mapping[str, Any] = field(default_factory=dict)


def group(client: "CodeDeployClient", service: Service) -> Group:
    """The deployment group of the service."""
    application, name = service.application, service.deployment_group
    description: Any = client.get_deployment_group(applicationName=application, deploymentGroupName=name)
    info = description["deploymentGroupInfo"]
    alarms = info.get("alarmConfiguration", {})
    return Group(
        application=application,
        name=name,
        configuration=info.get("deploymentConfigName", ""),
        alarms=tuple(alarm["name"] for alarm in alarms.get("alarms", [])),
        watches_alarms=bool(alarms.get("enabled")),
    )


def deployment(client: "CodeDeployClient", deployment_id: str) -> Deployment:
    """One deployment as it is now."""
    return _deployment(client.get_deployment(deploymentId=deployment_id)["deploymentInfo"])


def created_at(client: "CodeDeployClient", group: Group) -> datetime:
    """When the group's application was made: what was deployed under these names before is another service's.

    A group tells no time of its own (GetDeploymentGroup); it is in the stack of its application, and goes
    with that.
    """
    return client.get_application(applicationName=group.application)["application"]["createTime"]


def succeeded(client: "CodeDeployClient", group: Group, since: datetime) -> list[Deployment]:
    """The deployments created `since` then that succeeded, oldest first.

    In which order ListDeployments answers is documented nowhere, so all of its pages are read and sorted.
    """
    pages = client.get_paginator("list_deployments").paginate(
        applicationName=group.application,
        deploymentGroupName=group.name,
        includeOnlyStatuses=["Succeeded"],
        createTimeRange={"start": since},
    )
    ids = [deployment_id for page in pages for deployment_id in page["deployments"]]
    deployments: list[Deployment] = []
    for start in range(0, len(ids), BATCH):
        answer = client.batch_get_deployments(deploymentIds=ids[start : start + BATCH])
        deployments += [_deployment(info) for info in answer["deploymentsInfo"]]
    return sorted(deployments, key=lambda deployment: deployment.created)


def app_spec(client: "CodeDeployClient", group: Group, deployment: Deployment) -> AppSpec:
    """The AppSpec that a deployment deployed. Raises Failed for a revision that is no text."""
    kind = deployment.revision.get("revisionType", "")
    member = _TEXTS.get(kind)
    if member is None:
        raise Failed(
            f"the revision of deployment {deployment.id} cannot be read",
            f"its type is {kind or 'unknown'}, which is not the text of an AppSpec",
            "deploy it from the CodeDeploy console",
        )
    content = deployment.revision.get(member, {}).get("content")
    if not content:
        asked: Any = {"revisionType": kind, member: {"sha256": deployment.revision[member]["sha256"]}}
        answer: Any = client.get_application_revision(applicationName=group.application, revision=asked)
        content = answer["revision"][member]["content"]
    # JSON is YAML, so this reads both that CodeDeploy accepts.
    resources = yaml.safe_load(content)["Resources"]
    (service,) = resources[0].values()
    return AppSpec(content, str(service["Properties"]["TaskDefinition"]), service["Properties"])


def brought_properties(client: "CodeDeployClient", service: Service) -> tuple[Mapping[str, Any], ...]:
    """What deployments brought the service, as its properties: the last finished one, and one that runs.

    What CodeDeploy does where an AppSpec does not say is UNVERIFIED: it is taken to keep what runs,
    so what an earlier deployment said counts. A revision that cannot be read says nothing.
    """
    of = group(client, service)
    finished = [
        done for done in succeeded(client, of, created_at(client, of)) if done.creator != CODEDEPLOY_ROLLBACK
    ]
    properties: dict[str, Any] = {}
    for done in reversed(finished):
        properties = {**_moved(client, of, done), **properties}
        if properties.keys() >= set(MOVED):
            break
    running = client.list_deployments(
        applicationName=of.application, deploymentGroupName=of.name, includeOnlyStatuses=RUNNING
    )["deployments"]
    return _as_properties(properties), *(
        _as_properties({**properties, **_moved(client, of, deployment(client, deployment_id))})
        for deployment_id in running
    )


def _moved(client: "CodeDeployClient", group: Group, deployment: Deployment) -> dict[str, Any]:
    try:
        properties = app_spec(client, group, deployment).properties
    except Failed:
        return {}
    return {name: properties[name] for name in MOVED if name in properties}


def _as_properties(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    # A service has the one or the other.
    return {**properties, "LaunchType": None} if "CapacityProviderStrategy" in properties else properties


def create(
    client: "CodeDeployClient",
    group: Group,
    spec: AppSpec,
    description: str,
    *,
    configuration: str | None,
    alarms: tuple[str, ...],
) -> str:
    """Deploy an AppSpec, and return the deployment's id. Raises Blocked while another one is in progress.

    `alarms` are those that may stop it, where they are not all of the group's. `configuration` says how
    traffic shifts, the group's when None.
    """
    extra: Any = {"deploymentConfigName": configuration} if configuration else {}
    if group.watches_alarms and alarms != group.alarms:
        extra["overrideAlarmConfiguration"] = {
            "enabled": bool(alarms),
            "ignorePollAlarmFailure": False,
            "alarms": [{"name": name} for name in alarms],
        }
    try:
        created = client.create_deployment(
            applicationName=group.application,
            deploymentGroupName=group.name,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": spec.content}},
            description=description,
            **extra,
        )
    except client.exceptions.DeploymentLimitExceededException as error:
        raise Blocked(
            "another deployment has started meanwhile",
            error.response["Error"].get("Message", "").rstrip("."),
            remedies.ROLL_BACK_THAT_ONE(),
        ) from error
    return created["deploymentId"]


def end_wait(client: "CodeDeployClient", deployment_id: str, look: str) -> None:
    """End the wait before the old tasks go. Raises Blocked where the deployment does not wait for that.

    `look` is the command that shows how far it is.
    """
    try:
        client.continue_deployment(deploymentId=deployment_id, deploymentWaitType="TERMINATION_WAIT")
    except client.exceptions.DeploymentIsNotInReadyStateException as error:
        raise Blocked(
            f"deployment {deployment_id} does not wait for its old tasks",
            error.response["Error"].get("Message", "").rstrip("."),
            remedies.WAIT_FOR_TRAFFIC(status=look),
        ) from error
    except client.exceptions.DeploymentAlreadyCompletedException:
        return  # It has ended by itself.


def stop(client: "CodeDeployClient", deployment_id: str) -> None:
    """Stop a deployment with a rollback to the old tasks. Raises Blocked when it has ended."""
    try:
        client.stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=True)
    except client.exceptions.DeploymentAlreadyCompletedException as error:
        raise Blocked(
            f"deployment {deployment_id} has ended meanwhile",
            "there was nothing to stop",
            remedies.ROLL_BACK_AGAIN(),
        ) from error


def _deployment(info: Any) -> Deployment:
    error = info.get("errorInformation") or {}
    rollback = info.get("rollbackInfo") or {}
    return Deployment(
        id=info["deploymentId"],
        status=info["status"],
        created=info["createTime"],
        creator=info.get("creator", ""),
        description=info.get("description") or "",
        revision=info.get("revision") or {},
        error=": ".join(filter(None, [error.get("code"), error.get("message")])),
        rolled_back_by=rollback.get("rollbackDeploymentId"),
        rollback_message=rollback.get("rollbackMessage") or "",
    )

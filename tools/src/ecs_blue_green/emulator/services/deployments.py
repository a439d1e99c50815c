"""CodeDeploy's operations on deployments; what a deployment does is in `deployment`."""

from collections.abc import Iterator

from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import codedeploy, revisions
from ecs_blue_green.emulator.services.api import now, page
from ecs_blue_green.emulator.services.deployment import DEPLOYMENTS, Deployment, new_deployment_id
from ecs_blue_green.emulator.services.stages import plan

# botocore, codedeploy BatchGetDeployments (November 2026).
MOST_AT_ONCE = 25


def create_deployment(request: Record) -> Record:
    """Start a deployment of the revision that an AppSpec names."""
    group = codedeploy.group(request["applicationName"], request.get("deploymentGroupName", ""))
    if running := [deployment.id for deployment in _of_group(group) if deployment.running]:
        raise Refused(
            "DeploymentLimitExceededException",
            f"The Deployment Group '{group['deploymentGroupName']}' already has an active Deployment"
            f" '{running[0]}'",
        )
    target, hooks = revisions.app_spec(group["applicationName"], request.get("revision", {}))
    chosen = {
        **group,
        "deploymentConfigName": request.get("deploymentConfigName", group["deploymentConfigName"]),
    }
    shown = (
        "deploymentConfigName",
        "deploymentStyle",
        "blueGreenDeploymentConfiguration",
        "loadBalancerInfo",
    )
    info = {
        **{name: chosen[name] for name in shown if name in chosen},
        "applicationName": group["applicationName"],
        "deploymentGroupName": group["deploymentGroupName"],
        "deploymentId": new_deployment_id(),
        "revision": revisions.register(group["applicationName"], request["revision"]),
        "status": "InProgress",
        "createTime": now(),
        "startTime": now(),
        "creator": "user",
        "description": request.get("description", ""),
        "autoRollbackConfiguration": request.get(
            "autoRollbackConfiguration", group.get("autoRollbackConfiguration", {"enabled": False})
        ),
        "computePlatform": "ECS",
        **{name: request[name] for name in ("overrideAlarmConfiguration",) if name in request},
    }
    deployment = Deployment(info, target, plan(chosen, hooks), since=now())
    DEPLOYMENTS[deployment.id] = deployment
    advance_all()
    return {"deploymentId": deployment.id}


def get_deployment(request: Record) -> Record:
    """One deployment."""
    return {"deploymentInfo": _deployment(request).info}


def batch_get_deployments(request: Record) -> Record:
    """Several deployments, at most as many as CodeDeploy gives at once.

    One that does not exist is left out: botocore, codedeploy BatchGetDeployments has no error for it.
    """
    if len(request["deploymentIds"]) > MOST_AT_ONCE:
        raise Refused(
            "BatchLimitExceededException", f"The limit of {MOST_AT_ONCE} deployments has been exceeded."
        )
    known = [DEPLOYMENTS[item] for item in request["deploymentIds"] if item in DEPLOYMENTS]
    return {"deploymentsInfo": [deployment.info for deployment in known]}


def list_deployments(request: Record) -> Record:
    """The ids of deployments, the newest first, of a group or of all, in some states or in any."""
    if "deploymentGroupName" in request:
        codedeploy.group(request.get("applicationName", ""), request["deploymentGroupName"])
    statuses, created = request.get("includeOnlyStatuses"), request.get("createTimeRange", {})
    matching = [
        item
        for item in (deployment.info for deployment in DEPLOYMENTS.values())
        if all(request.get(name) in (None, item[name]) for name in ("applicationName", "deploymentGroupName"))
        and (not statuses or item["status"] in statuses)
        and created.get("start", 0) <= item["createTime"] <= created.get("end", item["createTime"])
    ]
    matching.sort(key=lambda item: item["createTime"], reverse=True)
    items, following = page([item["deploymentId"] for item in matching], request)
    return {"deployments": items, **following}


def stop_deployment(request: Record) -> Record:
    """Stop a deployment, and roll it back where the request or the group says so."""
    _running_deployment(request).end(
        "Stopped",
        "MANUAL_STOP",
        "The deployment was stopped by a user.",
        request.get("autoRollbackEnabled"),
    )
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled for execution."}


def continue_deployment(request: Record) -> Record:
    """Continue after a wait: for traffic (READY_WAIT) or for the termination of blue (TERMINATION_WAIT)."""
    deployment = _running_deployment(request)
    awaited = {"READY_WAIT": "ready", "TERMINATION_WAIT": "terminate"}[
        request.get("deploymentWaitType", "READY_WAIT")
    ]
    if deployment.stage["do"] != awaited:
        raise Refused(
            "DeploymentIsNotInReadyStateException",
            f"The deployment {deployment.id} is not waiting for {awaited}.",
        )
    if awaited == "ready":
        deployment.proceed()
    else:
        deployment.stage["minutes"] = 0
    advance_all()
    return {}


def put_hook_status(request: Record) -> Record:
    """Take the answer of a hook function."""
    deployment = _deployment(request)
    hook_id = request["lifecycleEventHookExecutionId"]
    if hook_id != deployment.hook_id:
        raise Refused(
            "InvalidLifecycleEventHookExecutionIdException",
            f"No hook of this deployment waits under {hook_id}.",
        )
    if request["status"] == "Succeeded":
        deployment.proceed()
        advance_all()
    elif request["status"] == "Failed":
        event = deployment.stage["event"]
        deployment.end(
            "Failed",
            "HOOK_EXECUTION_FAILURE",
            f"One or more of the lifecycle event validation functions failed: {event}",
        )
    else:
        raise Refused(
            "InvalidLifecycleEventHookExecutionStatusException", "The status must be Succeeded or Failed."
        )
    return {"lifecycleEventHookExecutionId": hook_id}


def list_deployment_targets(request: Record) -> Record:
    """The one target of an ECS deployment: its service."""
    return {"targetIds": [_deployment(request).target_id()]}


def get_deployment_target(request: Record) -> Record:
    """The service as the target of a deployment: its lifecycle events and task sets."""
    return {"deploymentTarget": _deployment(request).shown_target()}


def batch_get_deployment_targets(request: Record) -> Record:
    """The same for several targets of one deployment, which has one."""
    return {"deploymentTargets": [_deployment(request).shown_target()]}


def forget(application: str) -> None:
    """Forget the deployments of an application that was deleted."""
    for deployment in list(DEPLOYMENTS.values()):
        if deployment.info["applicationName"] == application:
            del DEPLOYMENTS[deployment.id]


def advance_all() -> None:
    """Carry out the stages that are due, in every running deployment."""
    for deployment in list(DEPLOYMENTS.values()):
        deployment.advance()


OPERATIONS = {
    "CreateDeployment": create_deployment,
    "GetDeployment": get_deployment,
    "BatchGetDeployments": batch_get_deployments,
    "ListDeployments": list_deployments,
    "StopDeployment": stop_deployment,
    "ContinueDeployment": continue_deployment,
    "PutLifecycleEventHookExecutionStatus": put_hook_status,
    "ListDeploymentTargets": list_deployment_targets,
    "GetDeploymentTarget": get_deployment_target,
    "BatchGetDeploymentTargets": batch_get_deployment_targets,
}
STORES = {"deployments": DEPLOYMENTS}


def _of_group(group: Record) -> Iterator[Deployment]:
    names = ("applicationName", "deploymentGroupName")
    return (
        deployment
        for deployment in DEPLOYMENTS.values()
        if all(deployment.info[name] == group[name] for name in names)
    )


def _deployment(request: Record) -> Deployment:
    deployment: Deployment | None = DEPLOYMENTS.get(request.get("deploymentId"))
    if deployment is None:
        raise Refused(
            "DeploymentDoesNotExistException",
            f"The deployment {request.get('deploymentId')} could not be found",
        )
    return deployment


def _running_deployment(request: Record) -> Deployment:
    deployment = _deployment(request)
    if not deployment.running:
        raise Refused(
            "DeploymentAlreadyCompletedException", f"The deployment {deployment.id} has already completed."
        )
    return deployment

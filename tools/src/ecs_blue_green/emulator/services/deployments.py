"""What runs in a deployment group: an ECS blue/green deployment, stage by stage.

A deployment moves when somebody looks: before each request the stages whose time has come are done, on the
listeners, target groups and task sets of the emulated account. Hooks are not called here. Where somebody
calls them, each waits for PutLifecycleEventHookExecutionStatus, as CodeDeploy waits for the function; where
nobody does, a placeholder answers, and the deployment says so.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import codedeploy, ecs, elbv2, revisions
from ecs_blue_green.emulator.services.api import new_id, now, page
from ecs_blue_green.emulator.services.stages import Stage, plan

DEPLOYMENTS = engine.new_store()

seconds_a_minute = 60.0
# Whether somebody calls the functions of the hooks and has them answer.
hooks_are_called = True
# CodeDeploy's quota for a lifecycle hook (user guide, limits; November 2026).
HOOK_MINUTES = 60
# botocore, codedeploy BatchGetDeployments.
MOST_AT_ONCE = 25

RUNNING = ("Created", "Queued", "InProgress", "Baking", "Ready")
ENDED = ("Succeeded", "Failed", "Stopped")


def create_deployment(request: Record) -> Record:
    """Start a deployment of the revision that an AppSpec names."""
    group = codedeploy.group(request["applicationName"], request.get("deploymentGroupName", ""))
    if running := [item["deploymentId"] for item in _of_group(group) if item["status"] in RUNNING]:
        raise Refused(
            "DeploymentLimitExceededException",
            f"The Deployment Group '{group['deploymentGroupName']}' already has an active Deployment"
            f" '{running[0]}'",
        )
    target, hooks = revisions.app_spec(group["applicationName"], request.get("revision", {}))
    deployment_id = f"d-{new_id().replace('-', '')[:9].upper()}"
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
    DEPLOYMENTS[deployment_id] = {
        **{name: chosen[name] for name in shown if name in chosen},
        "applicationName": group["applicationName"],
        "deploymentGroupName": group["deploymentGroupName"],
        "deploymentId": deployment_id,
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
        "_target": target,
        "_stages": plan(chosen, hooks),
        "_position": 0,
        "_since": now(),
        "_hook_id": None,
    }
    advance_all()
    return {"deploymentId": deployment_id}


def get_deployment(request: Record) -> Record:
    """One deployment."""
    return {"deploymentInfo": _shown(_deployment(request))}


def batch_get_deployments(request: Record) -> Record:
    """Several deployments, at most as many as CodeDeploy gives at once."""
    if len(request["deploymentIds"]) > MOST_AT_ONCE:
        raise Refused(
            "BatchLimitExceededException", f"The limit of {MOST_AT_ONCE} deployments has been exceeded."
        )
    found = [_shown(_deployment({"deploymentId": item})) for item in request["deploymentIds"]]
    return {"deploymentsInfo": found}


def list_deployments(request: Record) -> Record:
    """The ids of deployments, the newest first, of a group or of all, in some states or in any."""
    if "deploymentGroupName" in request:
        codedeploy.group(request.get("applicationName", ""), request["deploymentGroupName"])
    wanted, created = request.get("includeOnlyStatuses"), request.get("createTimeRange", {})
    found = [
        item
        for item in DEPLOYMENTS.values()
        if all(request.get(name) in (None, item[name]) for name in ("applicationName", "deploymentGroupName"))
        and (not wanted or item["status"] in wanted)
        and created.get("start", 0) <= item["createTime"] <= created.get("end", item["createTime"])
    ]
    found.sort(key=lambda item: item["createTime"], reverse=True)
    items, following = page([item["deploymentId"] for item in found], request)
    return {"deployments": items, **following}


def stop_deployment(request: Record) -> Record:
    """Stop a deployment, and roll it back where the request or the group says so."""
    deployment = _running_deployment(request)
    _end(
        deployment,
        "Stopped",
        "MANUAL_STOP",
        "The deployment was stopped by a user.",
        request.get("autoRollbackEnabled"),
    )
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled for execution."}


def continue_deployment(request: Record) -> Record:
    """Go on from a wait: for the go-ahead (READY_WAIT) or for the termination of blue (TERMINATION_WAIT)."""
    deployment = _running_deployment(request)
    awaited = {"READY_WAIT": "ready", "TERMINATION_WAIT": "terminate"}[
        request.get("deploymentWaitType", "READY_WAIT")
    ]
    if _stage(deployment)["do"] != awaited:
        raise Refused(
            "DeploymentIsNotInReadyStateException",
            f"The deployment {deployment['deploymentId']} is not waiting for {awaited}.",
        )
    if awaited == "ready":
        _next(deployment)
    else:
        _stage(deployment)["minutes"] = 0
    advance_all()
    return {}


def put_hook_status(request: Record) -> Record:
    """Take the answer of a hook function."""
    deployment = _deployment(request)
    hook_id = request["lifecycleEventHookExecutionId"]
    if hook_id != deployment["_hook_id"]:
        raise Refused(
            "InvalidLifecycleEventHookExecutionIdException",
            f"No hook of this deployment waits under {hook_id}.",
        )
    if request["status"] == "Succeeded":
        _next(deployment)
        advance_all()
    elif request["status"] == "Failed":
        event = _stage(deployment)["event"]
        _end(
            deployment,
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
    deployment = _deployment(request)
    return {"targetIds": [_target_id(deployment)]}


def get_deployment_target(request: Record) -> Record:
    """The service as the target of a deployment: its lifecycle events and task sets."""
    return {"deploymentTarget": _shown_target(_deployment(request))}


def batch_get_deployment_targets(request: Record) -> Record:
    """The same for several targets of one deployment: there is one."""
    return {"deploymentTargets": [_shown_target(_deployment(request))]}


def forget(application: str) -> None:
    """Forget the deployments of an application that was deleted."""
    for deployment_id in [key for key, item in DEPLOYMENTS.items() if item["applicationName"] == application]:
        del DEPLOYMENTS[deployment_id]


def advance_all() -> None:
    """Do the stages whose time has come, in every running deployment."""
    for deployment in list(DEPLOYMENTS.values()):
        while deployment["status"] in RUNNING and _advance(deployment):
            pass


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


def _advance(deployment: Record) -> bool:
    """Do the current stage if it is due; whether it was done and the next one may be."""
    if missing := _missing(deployment):
        _end(deployment, "Failed", *missing, rollback=False)
        return False
    if alarms := _active_alarms(deployment):
        _end(
            deployment,
            "Stopped",
            "ALARM_ACTIVE",
            f"One or more alarms have been activated: {', '.join(alarms)}",
        )
        return False
    stage = _stage(deployment)
    minutes = (now() - deployment["_since"]) / seconds_a_minute
    if stage["do"] == "hook" and not hooks_are_called:
        _answer_in_the_functions_place(deployment, stage)
        return True
    if stage["do"] == "hook":
        deployment["_hook_id"] = f"hook-{deployment['deploymentId']}-{stage['event']}"
        if minutes > HOOK_MINUTES:
            _end(deployment, "Failed", "TIMEOUT", f"The hook {stage['event']} did not report within an hour.")
        return False
    if stage["do"] == "ready":
        deployment["status"] = "Ready"
        if minutes > stage["minutes"]:
            _end(
                deployment,
                "Stopped",
                "TIMEOUT",
                "The deployment was not continued before its wait time ended.",
            )
        return False
    if minutes < stage.get("minutes", 0):
        return False
    try:
        _EFFECTS[stage["do"]](deployment, stage)
    except Refused as refused:
        _end(deployment, "Failed", "INTERNAL_ERROR", f"{refused.code}: {refused.message}")
        return False
    if deployment["status"] in RUNNING:
        _next(deployment)
    return True


def _answer_in_the_functions_place(deployment: Record, stage: Stage) -> None:
    """Go on as if the hook had succeeded, and say so where users look, and to whoever runs the emulator."""
    message = (
        f"{stage['event']}: a placeholder answered Succeeded in the place of {stage['function']};"
        " make rehearse gets the real answer"
    )
    deployment.setdefault("deploymentStatusMessages", []).append(message)
    with contextlib.suppress(OSError):  # The command that would have read it may be gone.
        sys.stdout.write(f"{deployment['deploymentId']} {message}\n")
        sys.stdout.flush()
    _next(deployment)


def _next(deployment: Record) -> None:
    deployment |= {
        "status": "InProgress",
        "_position": deployment["_position"] + 1,
        "_since": now(),
        "_hook_id": None,
    }


def _install(deployment: Record, stage: Stage) -> None:
    """Start green: a task set of the new revision, behind the target group that does not serve."""
    service = _service(deployment)
    blue = next(item for item in service["taskSets"] if item["status"] == "PRIMARY")
    pair = deployment["loadBalancerInfo"]["targetGroupPairInfoList"][0]["targetGroups"]
    arns = [_target_group(item["name"]) for item in pair]
    serving = blue["loadBalancers"][0]["targetGroupArn"]
    idle = next(arn for arn in arns if arn != serving)
    target = deployment["_target"]
    request = {
        **_service_reference(deployment),
        "taskDefinition": target["taskDefinition"],
        "externalId": deployment["deploymentId"],
        "loadBalancers": [
            {
                "targetGroupArn": idle,
                "containerName": target["containerName"],
                "containerPort": target["containerPort"],
            }
        ],
        "scale": {"value": 100.0, "unit": "PERCENT"},
        **target["moved"],
    }
    # Green may have no listener yet: the deployment attaches it.
    _forward(deployment, "prodTrafficRoute", {serving: 100, idle: 0})
    green = ecs.create_task_set(request)["taskSet"]
    green["startedBy"] = "CODE_DEPLOY"
    deployment |= {"_blue": blue["id"], "_green": green["id"], "_serving": serving, "_idle": idle}


def _test(deployment: Record, stage: Stage) -> None:
    _forward(deployment, "testTrafficRoute", {deployment["_idle"]: 100, deployment["_serving"]: 0})


def _shift(deployment: Record, stage: Stage) -> None:
    percent = stage["percent"]
    _forward(
        deployment, "prodTrafficRoute", {deployment["_idle"]: percent, deployment["_serving"]: 100 - percent}
    )
    if percent == 100:
        _make_primary(deployment, deployment["_green"])


def _terminate(deployment: Record, stage: Stage) -> None:
    ecs.delete_task_set({**_service_reference(deployment), "taskSet": deployment["_blue"], "force": True})
    _complete(deployment, "Succeeded")


_EFFECTS: dict[str, Callable[[Record, Stage], None]] = {
    "install": _install,
    "test": _test,
    "shift": _shift,
    "terminate": _terminate,
}


def _end(deployment: Record, status: str, code: str, message: str, rollback: bool | None = None) -> None:
    """End a deployment before its time, with blue as before where it is to be rolled back."""
    event = {
        "ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM",
        "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST",
    }.get(code, "DEPLOYMENT_FAILURE")
    configured = deployment["autoRollbackConfiguration"]
    if rollback is None:
        rollback = bool(configured.get("enabled") and event in configured.get("events", []))
    deployment["errorInformation"] = {"code": code, "message": message}
    if rollback:
        # A listener or a target group may be gone: then traffic stays as it is, and the deployment ends.
        with contextlib.suppress(Refused):
            _roll_back(deployment, message)
    _complete(deployment, status)


def _roll_back(deployment: Record, message: str) -> None:
    """Send all traffic to blue and remove green, as a deployment of its own."""
    if "_green" in deployment:
        _make_primary(deployment, deployment["_blue"])
        for route in ("prodTrafficRoute", "testTrafficRoute"):
            _forward(deployment, route, {deployment["_serving"]: 100, deployment["_idle"]: 0})
        with contextlib.suppress(Refused):
            ecs.delete_task_set(
                {**_service_reference(deployment), "taskSet": deployment["_green"], "force": True}
            )
    rollback_id = f"d-{new_id().replace('-', '')[:9].upper()}"
    kept = {name: value for name, value in deployment.items() if name not in ("errorInformation", "_green")}
    DEPLOYMENTS[rollback_id] = {
        **kept,
        "deploymentId": rollback_id,
        "creator": "codeDeployRollback",
        "createTime": now(),
        "rollbackInfo": {
            "rollbackTriggeringDeploymentId": deployment["deploymentId"],
            "rollbackMessage": message,
        },
    }
    _complete(DEPLOYMENTS[rollback_id], "Succeeded")
    deployment["rollbackInfo"] = {"rollbackDeploymentId": rollback_id, "rollbackMessage": message}


def _complete(deployment: Record, status: str) -> None:
    deployment |= {"status": status, "completeTime": now(), "_hook_id": None}
    if status == "Succeeded":
        deployment["_position"] = len(deployment["_stages"])
    group = codedeploy.GROUPS.get((deployment["applicationName"], deployment["deploymentGroupName"]))
    if group is None:
        return
    last = {"deploymentId": deployment["deploymentId"], "status": status}
    last |= {"createTime": deployment["createTime"], "endTime": deployment["completeTime"]}
    group["lastAttemptedDeployment"] = last
    if status == "Succeeded":
        group["lastSuccessfulDeployment"] = last


def _make_primary(deployment: Record, task_set: str) -> None:
    ecs.update_service_primary_task_set({**_service_reference(deployment), "primaryTaskSet": task_set})


def _forward(deployment: Record, route: str, weights: dict[str, int]) -> None:
    pair = deployment["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    for listener in pair.get(route, {}).get("listenerArns", []):
        elbv2.set_weights(listener, weights)


def _active_alarms(deployment: Record) -> list[str]:
    group = codedeploy.GROUPS.get((deployment["applicationName"], deployment["deploymentGroupName"]), {})
    configuration = deployment.get("overrideAlarmConfiguration", group.get("alarmConfiguration", {}))
    if not configuration.get("enabled"):
        return []
    names = [alarm["name"] for alarm in configuration.get("alarms", [])]
    return [name for name in names if stores.alarms.get(name, {}).get("StateValue") == "ALARM"]


def _stage(deployment: Record) -> Stage:
    stage: Stage = deployment["_stages"][deployment["_position"]]
    return stage


def _service_reference(deployment: Record) -> Record:
    group = codedeploy.group(deployment["applicationName"], deployment["deploymentGroupName"])
    service = group["ecsServices"][0]
    return {"cluster": service["clusterName"], "service": service["serviceName"]}


def _missing(deployment: Record) -> tuple[str, str] | None:
    """Where somebody deleted what is deployed to: CodeDeploy's code for it, and what is gone."""
    name = deployment["deploymentGroupName"]
    group = codedeploy.GROUPS.get((deployment["applicationName"], name))
    if group is None:
        return "DEPLOYMENT_GROUP_MISSING", f"The deployment group {name} does not exist."
    service = group["ecsServices"][0]
    if ecs.active_service(service["clusterName"], service["serviceName"]) is None:
        return "INVALID_ECS_SERVICE", f"The service {service['serviceName']} does not exist."
    return None


def _service(deployment: Record) -> Record:
    reference = _service_reference(deployment)
    found = ecs.active_service(reference["cluster"], reference["service"])
    if found is None:
        raise Refused("ECS_SERVICE_NOT_FOUND", f"The service {reference['service']} does not exist.")
    return found


def _target_group(name: str) -> str:
    for arn, group in stores.target_groups.items():
        if group["TargetGroupName"] == name:
            return str(arn)
    raise Refused("InvalidLoadBalancerInfoException", f"The target group {name} does not exist.")


def _of_group(group: Record) -> Iterator[Record]:
    key = (group["applicationName"], group["deploymentGroupName"])
    return (
        item for item in DEPLOYMENTS.values() if (item["applicationName"], item["deploymentGroupName"]) == key
    )


def _deployment(request: Record) -> Record:
    found: Record | None = DEPLOYMENTS.get(request.get("deploymentId"))
    if found is None:
        raise Refused(
            "DeploymentDoesNotExistException",
            f"The deployment {request.get('deploymentId')} could not be found",
        )
    return found


def _running_deployment(request: Record) -> Record:
    found = _deployment(request)
    if found["status"] not in RUNNING:
        raise Refused(
            "DeploymentAlreadyCompletedException",
            f"The deployment {found['deploymentId']} has already completed.",
        )
    return found


def _shown(deployment: Record) -> Record:
    return {name: value for name, value in deployment.items() if not name.startswith("_")}


def _target_id(deployment: Record) -> str:
    reference = _service_reference(deployment)
    return f"{reference['cluster']}:{reference['service']}"


def _shown_target(deployment: Record) -> Record:
    status = {"InProgress": "InProgress", "Ready": "Ready", "Succeeded": "Succeeded"}
    return {
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": deployment["deploymentId"],
            "targetId": _target_id(deployment),
            "targetArn": engine.arn("ecs", f"service/{_target_id(deployment).replace(':', '/')}"),
            "lastUpdatedAt": deployment.get("completeTime", deployment["_since"]),
            "status": status.get(deployment["status"], "Failed"),
            "lifecycleEvents": list(_lifecycle_events(deployment)),
            "taskSetsInfo": list(_task_sets(deployment)),
        },
    }


def _lifecycle_events(deployment: Record) -> Iterator[Record]:
    stages, position = deployment["_stages"], deployment["_position"]
    events = list(dict.fromkeys(stage["event"] for stage in stages if stage["do"] != "terminate"))
    for event in events:
        places = [place for place, stage in enumerate(stages) if stage["event"] == event]
        if places[-1] < position:
            status = "Succeeded"
        elif places[0] <= position:
            status = "InProgress" if deployment["status"] in RUNNING else "Failed"
        else:
            status = "Pending" if deployment["status"] in RUNNING else "Skipped"
        yield {"lifecycleEventName": event, "status": status}


def _task_sets(deployment: Record) -> Iterator[Record]:
    pair = deployment["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    arns = [_target_group(item["name"]) for item in pair["targetGroups"]]
    weights = elbv2.weights(pair["prodTrafficRoute"]["listenerArns"][0], arns)
    for task_set in _service(deployment)["taskSets"]:
        arn = task_set["loadBalancers"][0]["targetGroupArn"]
        yield {
            # The member's name is spelt like this in the service's model.
            "identifer": task_set["id"],
            "desiredCount": task_set["computedDesiredCount"],
            "pendingCount": 0,
            "runningCount": task_set["runningCount"],
            "status": task_set["status"],
            "trafficWeight": float(weights.get(arn, 0)),
            "targetGroup": {"name": stores.target_groups[arn]["TargetGroupName"]},
            "taskSetLabel": "Green" if task_set["id"] == deployment.get("_green") else "Blue",
        }

"""The part of a rehearsal inside the emulator: deployments wait for the real tasks, and tell what they want.

CodeDeploy's steps are `services.deployments`' alone. This adds operations of our own, with which the
rehearsal follows them (`Look`), reports what became of the tasks (`ReportTasks`), and has placeholders made
of what a parameter file names (`Provide`).
"""

from typing import Any

from ecs_blue_green.emulator import engine, placeholders
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.names import TASKS
from ecs_blue_green.emulator.services import codedeploy, deployments, ecs, elbv2
from ecs_blue_green.emulator.services.api import Service


def install() -> None:
    """Have Install last until its tasks are reported, and serve the operations."""
    create = deployments._EFFECTS["install"]

    def create_and_wait(deployment: Record, stage: Record) -> None:
        create(deployment, stage)
        wait = {"event": "Install", "do": "hook", "function": TASKS}
        deployment["_stages"].insert(deployment["_position"] + 1, wait)

    deployments._EFFECTS["install"] = create_and_wait
    operations = {"Look": look, "ReportTasks": report_tasks, "Provide": provide}
    engine.add_service("rehearsal", Service(operations, {}), ["Rehearsal"])


def look(request: Record) -> Record:
    """What the listeners, the service and a deployment are meant to be now.

    Takes applicationName, deploymentGroupName and, where one was created, deploymentId.
    """
    deployments.advance_all()
    group = codedeploy.group(request["applicationName"], request["deploymentGroupName"])
    named = group["ecsServices"][0]
    service = ecs.active_service(named["clusterName"], named["serviceName"]) or {}
    deployment = deployments.DEPLOYMENTS.get(request.get("deploymentId"))
    return {
        "listeners": {arn: elbv2.weights(arn, _target_groups(group)) for arn in _listeners(group)},
        # What each listener does with which requests; its default rule is the last.
        "rules": {arn: elbv2.rules(arn) for arn in _listeners(group)},
        "taskSets": service.get("taskSets", []),
        "deployment": _shown(deployment) if deployment else None,
    }


def report_tasks(request: Record) -> Record:
    """Take the news of a deployment's tasks: healthy, or why they never will be."""
    deployment = deployments.DEPLOYMENTS[request["deploymentId"]]
    if deployment["_hook_id"] != request["waitId"]:
        return {}
    if request["healthy"]:
        deployments._next(deployment)
        deployments.advance_all()
    else:
        deployments._end(deployment, "Failed", "TIMEOUT", request["reason"])
    return {}


def provide(request: Record) -> Record:
    """Make what has these `names` exist; gives what was made."""
    return {"made": placeholders.provide(request["names"])}


def _listeners(group: Record) -> list[str]:
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    routes = [pair.get("prodTrafficRoute"), pair.get("testTrafficRoute")]
    return [arn for route in routes if route for arn in route["listenerArns"]]


def _target_groups(group: Record) -> list[str]:
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    return [deployments._target_group(item["name"]) for item in pair["targetGroups"]]


def _shown(deployment: Record) -> Record:
    stages, position = deployment["_stages"], deployment["_position"]
    stage: dict[str, Any] = stages[position] if position < len(stages) else {}
    return {
        "status": deployment["status"],
        "stage": stage.get("event"),
        "lifecycleEvents": list(deployments._lifecycle_events(deployment)),
        "errorInformation": deployment.get("errorInformation"),
        "rollbackInfo": deployment.get("rollbackInfo"),
        "replacement": deployment.get("_green"),
        "waitId": deployment["_hook_id"],
        "waitsFor": stage.get("function"),
    }

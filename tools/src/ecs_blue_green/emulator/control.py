"""The part of a rehearsal inside the emulator: deployments wait for the real tasks, and show their state.

CodeDeploy's steps are `services.deployment`'s alone. This adds operations of our own, with which the
rehearsal follows them (`Look`), reports what became of the tasks (`ReportTasks`), and has placeholders made
of what a parameter file names (`Provide`).
"""

from ecs_blue_green.emulator import engine, placeholders
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.services import codedeploy, deployment, deployments, ecs, elbv2
from ecs_blue_green.emulator.services.api import Service
from ecs_blue_green.emulator.services.deployment import Deployment


def install() -> None:
    """Have Install wait until its tasks are reported, and serve the operations."""
    deployment.tasks_are_reported = True
    operations = {"Look": look, "ReportTasks": report_tasks, "Provide": provide}
    engine.add_service("rehearsal", Service(operations, {}), ["Rehearsal"])


def look(request: Record) -> Record:
    """The state that listeners, service and deployment should have now.

    Takes applicationName, deploymentGroupName and, where one was created, deploymentId.
    """
    deployments.advance_all()
    group = codedeploy.group(request["applicationName"], request["deploymentGroupName"])
    named = group["ecsServices"][0]
    service = ecs.active_service(named["clusterName"], named["serviceName"]) or {}
    followed = deployment.DEPLOYMENTS.get(request.get("deploymentId"))
    return {
        "listeners": {arn: elbv2.weights(arn, _target_groups(group)) for arn in _listeners(group)},
        # What each listener does with which requests; its default rule is the last.
        "rules": {arn: elbv2.rules(arn) for arn in _listeners(group)},
        "taskSets": service.get("taskSets", []),
        "deployment": _shown(followed) if followed else None,
    }


def report_tasks(request: Record) -> Record:
    """Record the report on a deployment's tasks: healthy, or why they never will be."""
    followed = deployment.DEPLOYMENTS[request["deploymentId"]]
    if followed.hook_id != request["waitId"]:
        return {}
    if request["healthy"]:
        followed.proceed()
        deployments.advance_all()
    else:
        followed.end("Failed", "TIMEOUT", request["reason"])
    return {}


def provide(request: Record) -> Record:
    """Create placeholders with these `names`; returns those that were created."""
    return {"made": placeholders.provide(request["names"])}


def _listeners(group: Record) -> list[str]:
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    routes = [pair.get("prodTrafficRoute"), pair.get("testTrafficRoute")]
    return [arn for route in routes if route for arn in route["listenerArns"]]


def _target_groups(group: Record) -> list[str]:
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    return [deployment.target_group(item["name"]) for item in pair["targetGroups"]]


def _shown(followed: Deployment) -> Record:
    stage = followed.stage
    return {
        "status": followed.info["status"],
        "stage": stage.get("event"),
        "lifecycleEvents": list(followed.lifecycle_events()),
        "errorInformation": followed.info.get("errorInformation"),
        "rollbackInfo": followed.info.get("rollbackInfo"),
        "replacement": followed.green,
        "waitId": followed.hook_id,
        "waitsFor": stage.get("function"),
    }

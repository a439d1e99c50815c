"""AWS::CodeDeploy::Application, DeploymentGroup and DeploymentConfig."""

from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.resources.handler import Created, Handler, generated_name
from ecs_blue_green.emulator.services import codedeploy, shapes


def _create_application(logical_id: str, properties: Record, stack_name: str) -> Created:
    name = properties.get("ApplicationName") or generated_name(stack_name, logical_id, 100)
    codedeploy.create_application(
        {"applicationName": name, "computePlatform": properties.get("ComputePlatform", "Server")}
    )
    return name, {}


def _update_application(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    return physical_id, {}  # only tags can change in place


def _delete_application(physical_id: str, properties: Record, logical_id: str) -> None:
    codedeploy.delete_application({"applicationName": physical_id})


def _create_group(logical_id: str, properties: Record, stack_name: str) -> Created:
    name = properties.get("DeploymentGroupName") or generated_name(stack_name, logical_id, 100)
    request = shapes.request("codedeploy", "CreateDeploymentGroup", properties)
    codedeploy.create_deployment_group({**request, "deploymentGroupName": name})
    return name, {}


def _update_group(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    # Every member is sent, so that what the template dropped goes.
    request = shapes.request("codedeploy", "CreateDeploymentGroup", new)
    dropped = shapes.request(
        "codedeploy", "CreateDeploymentGroup", {k: v for k, v in old.items() if k not in new}
    )
    group = codedeploy.group(new["ApplicationName"], physical_id)
    for member in dropped:
        group.pop(member, None)
    request.pop("tags", None)
    codedeploy.update_deployment_group(
        {**request, "currentDeploymentGroupName": physical_id, "deploymentGroupName": physical_id}
    )
    return physical_id, {}


def _delete_group(physical_id: str, properties: Record, logical_id: str) -> None:
    codedeploy.delete_deployment_group(
        {"applicationName": properties["ApplicationName"], "deploymentGroupName": physical_id}
    )


def _create_config(logical_id: str, properties: Record, stack_name: str) -> Created:
    name = properties.get("DeploymentConfigName") or generated_name(stack_name, logical_id, 100)
    request = shapes.request("codedeploy", "CreateDeploymentConfig", properties)
    codedeploy.create_deployment_config(
        {"computePlatform": "Server", **request, "deploymentConfigName": name}
    )
    return name, {}


def _delete_config(physical_id: str, properties: Record, logical_id: str) -> None:
    codedeploy.delete_deployment_config({"deploymentConfigName": physical_id})


HANDLERS = {
    "AWS::CodeDeploy::Application": Handler(
        create=_create_application,
        update=_update_application,
        delete=_delete_application,
        name="ApplicationName",
        taken=lambda name: name in codedeploy.APPLICATIONS,
    ),
    "AWS::CodeDeploy::DeploymentGroup": Handler(
        create=_create_group,
        update=_update_group,
        delete=_delete_group,
        name="DeploymentGroupName",
    ),
    # Every property replaces it, so that there is nothing to update.
    "AWS::CodeDeploy::DeploymentConfig": Handler(
        create=_create_config,
        delete=_delete_config,
        name="DeploymentConfigName",
        taken=lambda name: name in codedeploy.CONFIGS,
    ),
}

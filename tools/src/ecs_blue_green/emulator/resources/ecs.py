"""AWS::ECS::Cluster, TaskDefinition and Service."""

from ecs_blue_green.emulator import references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler, generated_name
from ecs_blue_green.emulator.services import ecs, shapes
from ecs_blue_green.emulator.services.api import tagged

TASK_PRINCIPAL = "ecs-tasks.amazonaws.com"


def _cluster_removable(physical_id: str, properties: Record) -> None:
    if any(
        key.startswith(f"{physical_id}/") and service["status"] == "ACTIVE"
        for key, service in stores.services.items()
    ):
        raise Refused(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )


def _create_definition(logical_id: str, properties: Record, stack_name: str) -> Created:
    request = shapes.request("ecs", "RegisterTaskDefinition", properties)
    request["family"] = properties.get("Family") or generated_name(stack_name, logical_id, 255)
    request["tags"] = tagged(properties.get("Tags", []))
    arn = ecs.register_task_definition(request)["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _update_definition(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    stores.ecs_tags[physical_id] = tagged(new.get("Tags", []))  # every other property replaces
    return physical_id, {"TaskDefinitionArn": physical_id}


def _check_definition(properties: Record) -> None:
    for name in ("ExecutionRoleArn", "TaskRoleArn"):
        if role := properties.get(name):
            references.require_role(role, TASK_PRINCIPAL, "ClientException", "Role is not valid")


def _create_service(logical_id: str, properties: Record, stack_name: str) -> Created:
    request = _service_request(properties)
    request["serviceName"] = properties.get("ServiceName") or generated_name(stack_name, logical_id, 255)
    service = ecs.create_service({**request, "tags": tagged(properties.get("Tags", []))})["service"]
    return service["serviceArn"], _service_attributes(service["serviceArn"])


def _update_service(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    """Send every property, as CloudFormation's handler has been seen to do.

    For CodeDeploy's services AWS then refuses any change: it takes the task definition for one.
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1529
    """
    name = physical_id.rpartition("/")[2]
    service = ecs.active_service(new.get("Cluster", "default").rpartition("/")[2], name)
    if service and ecs.by_code_deploy(service):
        raise Refused("InvalidParameterException", ecs.refusal("taskDefinition"))
    request = {name: value for name, value in _service_request(new).items() if name not in _AT_CREATION}
    ecs.update_service({**request, "service": name})
    return physical_id, _service_attributes(physical_id)


_AT_CREATION = ("serviceName", "launchType", "role", "schedulingStrategy", "deploymentController")


def _delete_service(physical_id: str, properties: Record, logical_id: str) -> None:
    cluster, name = physical_id.split("/")[1:]
    if ecs.active_service(cluster, name):
        ecs.delete_service({"cluster": cluster, "service": name, "force": True})


def _service_request(properties: Record) -> Record:
    members = {name: value for name, value in properties.items() if name not in ("Tags", "ServiceName")}
    return shapes.request("ecs", "CreateService", members)


def _service_attributes(arn: str) -> Record:
    return {"ServiceArn": arn, "Name": arn.rpartition("/")[2]}


HANDLERS = {
    "AWS::ECS::Cluster": Handler(
        name="ClusterName",
        taken=lambda name: name in stores.clusters,
        removable=_cluster_removable,
    ),
    "AWS::ECS::TaskDefinition": Handler(
        create=_create_definition, update=_update_definition, check=_check_definition
    ),
    "AWS::ECS::Service": Handler(
        create=_create_service, update=_update_service, delete=_delete_service, name="ServiceName"
    ),
}

"""ECS as far as a blue/green release sees it: services of the CODE_DEPLOY controller and their task sets.

Every other controller stays with ministack, behind the checks that all services share. No task is started
here; a task set counts as running what it should run.
"""

import math
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

from ecs_blue_green import fargate
from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services.api import new_id, now, page

CODE_DEPLOY = "CODE_DEPLOY"

# What UpdateService accepts for this controller (botocore, ecs UpdateService).
UPDATABLE = {
    "desiredCount",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
}
# What AWS calls others in its refusal (cloudformation-coverage-roadmap#1529; aws-cdk#23564, #25777).
REFUSED_AS = {
    "taskDefinition": "task definition",
    "networkConfiguration": "network parameters",
    "platformVersion": "platform version",
    "loadBalancers": "load balancers",
}

# Members of CreateService that CreateTaskSet lacks and that every task has to have.
NOT_OF_TASK_SETS = {
    "serviceConnectConfiguration": "Service Connect",
    "volumeConfigurations": "Configuring an Amazon EBS volume",
    "vpcLatticeConfigurations": "VPC Lattice",
    "gatewayConnectors": "A gateway",
}
# The capacity providers that AWS has, for every cluster to add.
FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")

# Called with the names of a cluster and a service when that is deleted.
on_deletion: list[Callable[[str, str], None]] = []


def active_service(cluster: str, name: str) -> Record | None:
    """The record of a service that has not been deleted, by the names of its cluster and its own."""
    service: Record | None = stores.services.get(f"{cluster}/{name}")
    return service if service and service["status"] == "ACTIVE" else None


def by_code_deploy(service: Record) -> bool:
    """Whether CodeDeploy controls the deployments of a service."""
    return bool(service.get("deploymentController", {}).get("type") == CODE_DEPLOY)


def task_definition_key(reference: str) -> str | None:
    """The key of a task definition by family (its newest ACTIVE revision), family:revision or ARN.

    None for an ARN of another account or region.
    """
    if reference.startswith("arn:"):
        if not reference.startswith(engine.arn("ecs", "task-definition/")):
            return None
        reference = reference.rpartition("/")[2]
    if ":" in reference:
        return reference
    revisions = [
        definition["revision"]
        for definition in stores.task_definitions.values()
        if definition["family"] == reference and definition["status"] == "ACTIVE"
    ]
    return f"{reference}:{max(revisions)}" if revisions else reference


def register_task_definition(request: Record) -> Record:
    """Register a revision whose size Fargate offers and whose container dependencies are valid."""
    if "FARGATE" in request.get("requiresCompatibilities", []):
        _require_fargate(request)
    _require_dependencies(request.get("containerDefinitions", []))
    return engine.ecs_operation("RegisterTaskDefinition", request)


def list_task_definitions(request: Record) -> Record:
    """The revisions of a family, or of all, by family and revision: botocore, ecs ListTaskDefinitions.

    familyPrefix is the full name of a family.
    """
    family, status = request.get("familyPrefix"), request.get("status", "ACTIVE")
    listed = sorted(
        (definition["family"], definition["revision"], definition["taskDefinitionArn"])
        for definition in stores.task_definitions.values()
        if definition["status"] == status and family in (None, definition["family"])
    )
    arns = [arn for _, _, arn in (listed[::-1] if request.get("sort") == "DESC" else listed)]
    answer, following = page(arns, request)
    return {"taskDefinitionArns": answer, **following}


def _require_dependencies(containers: list[Record]) -> None:
    """Refuse a container dependency that can never be met.

    The text about essential containers is AWS's (boto3#2436), the others are ours. What is refused is the
    service model's, ContainerDependency, and that a task of these would not start.
    """
    by_name = {container["name"]: container for container in containers}
    graph: dict[str, set[str]] = {}
    for container in containers:
        name, waits_for = container["name"], container.get("dependsOn", [])
        graph[name] = {dependency["containerName"] for dependency in waits_for}
        for dependency in waits_for:
            other = by_name.get(dependency["containerName"])
            if other is None:
                raise Refused(
                    "ClientException",
                    f"Container {name} depends on {dependency['containerName']}, which does not exist.",
                )
            condition = dependency.get("condition")
            if condition in ("COMPLETE", "SUCCESS") and other.get("essential", True):
                raise Refused(
                    "ClientException",
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential"
                    " container",
                )
            if condition == "HEALTHY" and not other.get("healthCheck"):
                raise Refused(
                    "ClientException",
                    f"Container {name} depends on {other['name']} with condition HEALTHY, which has no"
                    " health check.",
                )
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise Refused(
            "ClientException", f"Containers depend on each other: {', '.join(error.args[1])}."
        ) from error


def create_service(request: Record) -> Record:
    """Create a service, with its first task set where CodeDeploy controls it."""
    cluster = _cluster(request)
    name = request["serviceName"]
    if active_service(cluster["clusterName"], name):
        raise Refused("InvalidParameterException", "Creation of service was not idempotent.")
    definition = _require_definition(request.get("taskDefinition", ""))
    _require_launch(request, cluster)
    _require_fitting(request, definition)
    request = {
        **({} if request.get("capacityProviderStrategy") else {"launchType": "EC2"}),
        "desiredCount": 1,
        **request,
        "taskDefinition": definition["taskDefinitionArn"],
    }
    if not by_code_deploy(request):
        return engine.ecs_operation("CreateService", request)

    _require_code_deploy_shape(request)
    service = {
        "healthCheckGracePeriodSeconds": 0,
        "schedulingStrategy": "REPLICA",
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
        "enableECSManagedTags": False,
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        "platformVersion": "LATEST",
        **{key: value for key, value in request.items() if key not in ("cluster", "clientToken", "role")},
        "serviceArn": engine.arn("ecs", f"service/{cluster['clusterName']}/{name}"),
        "clusterArn": cluster["clusterArn"],
        "status": "ACTIVE",
        "deployments": [],
        "taskSets": [],
        "events": [],
        "createdAt": now(),
        "createdBy": f"arn:aws:iam::{engine.account()}:root",
    }
    stores.services[f"{cluster['clusterName']}/{name}"] = service
    stores.ecs_tags[service["serviceArn"]] = list(request.get("tags", []))
    engine.ecs._recount_cluster(cluster["clusterName"])
    _add_task_set(service, {**request, "scale": {"value": 100.0, "unit": "PERCENT"}}, "PRIMARY")
    return {"service": _shown(service)}


def update_service(request: Record) -> Record:
    """Change a service; one that CodeDeploy controls only in what needs no deployment."""
    service = _service(request)
    if not by_code_deploy(service):
        return engine.ecs_operation("UpdateService", request)
    for name, value in request.items():
        if name in ("cluster", "service", *UPDATABLE) or service.get(name) == value:
            continue
        raise Refused("InvalidParameterException", refusal(name))
    service |= {name: request[name] for name in UPDATABLE & request.keys()}
    for task_set in service["taskSets"]:
        _count(service, task_set)
    return {"service": _shown(service)}


def delete_service(request: Record) -> Record:
    """Delete a service; one whose desired count is above 0 only when forced."""
    service = _service(request)
    cluster = service["clusterArn"].rpartition("/")[2]
    if not by_code_deploy(service):
        answer = engine.ecs_operation("DeleteService", request)
        _tell_of_deletion(cluster, service["serviceName"])
        return answer
    if service["desiredCount"] > 0 and not request.get("force"):
        raise Refused(
            "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."
        )
    service |= {"status": "INACTIVE", "desiredCount": 0, "taskSets": []}
    engine.ecs._recount_cluster(cluster)
    _tell_of_deletion(cluster, service["serviceName"])
    return {"service": _shown(service)}


def _tell_of_deletion(cluster: str, name: str) -> None:
    for tell in on_deletion:
        tell(cluster, name)


def describe_services(request: Record) -> Record:
    """Services with their task sets, running what they should run."""
    for service in stores.services.values():
        if by_code_deploy(service):
            _count_all(service)
    return engine.ecs_operation("DescribeServices", request)


def delete_cluster(request: Record) -> Record:
    """Delete a cluster that has no active service."""
    name = _cluster(request)["clusterName"]
    if any(
        key.startswith(f"{name}/") and item["status"] == "ACTIVE" for key, item in stores.services.items()
    ):
        raise Refused(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    return engine.ecs_operation("DeleteCluster", request)


def create_task_set(request: Record) -> Record:
    """Add a task set to a service whose deployments an outside controller runs."""
    service = _controlled(request)
    definition = _require_definition(request["taskDefinition"])
    if len(service["taskSets"]) == 2:
        raise Refused("LimitExceededException", "The service already has two task sets.")
    _require_launch(request, _cluster(request))
    # One excludes the other, also where the service has the other.
    inherited = (
        {} if set(_EITHER) & request.keys() else {name: service[name] for name in _EITHER if name in service}
    )
    others = {name: value for name, value in service.items() if name not in _EITHER}
    _require_fitting({**others, **inherited, **request}, definition)
    return {"taskSet": _add_task_set(service, request, "ACTIVE")}


def update_service_primary_task_set(request: Record) -> Record:
    """Make a task set the primary one: the service takes its revision, network and target group."""
    service = _controlled(request)
    primary = _task_set(service, request["primaryTaskSet"])
    for task_set in service["taskSets"]:
        task_set["status"] = "ACTIVE"
    primary |= {"status": "PRIMARY", "updatedAt": now()}
    for name in ("launchType", "capacityProviderStrategy"):
        service.pop(name, None)
    for name in ("taskDefinition", "loadBalancers", *_INHERITED):
        if name in primary:
            service[name] = primary[name]
    return {"taskSet": primary}


def update_task_set(request: Record) -> Record:
    """Scale a task set, in percent of the service's desired count."""
    service = _controlled(request)
    task_set = _task_set(service, request["taskSet"])
    task_set |= {"scale": request["scale"], "updatedAt": now()}
    _count(service, task_set)
    return {"taskSet": task_set}


def delete_task_set(request: Record) -> Record:
    """Remove a task set; the primary one and a running one only when forced."""
    service = _controlled(request)
    task_set = _task_set(service, request["taskSet"])
    if not request.get("force") and task_set["status"] == "PRIMARY":
        raise Refused("InvalidParameterException", "The primary task set cannot be deleted without force.")
    service["taskSets"].remove(task_set)
    return {"taskSet": {**task_set, "status": "DRAINING"}}


def describe_task_sets(request: Record) -> Record:
    """The task sets of a service, or the named ones."""
    service = _controlled(request)
    _count_all(service)
    identifiers = request.get("taskSets")
    return {
        "taskSets": [
            {
                name: value
                for name, value in item.items()
                if name != "tags" or "TAGS" in request.get("include", [])
            }
            for item in service["taskSets"]
            if not identifiers or item["id"] in identifiers or item["taskSetArn"] in identifiers
        ],
        "failures": [],
    }


OPERATIONS = {
    "RegisterTaskDefinition": register_task_definition,
    "ListTaskDefinitions": list_task_definitions,
    "CreateService": create_service,
    "UpdateService": update_service,
    "DeleteService": delete_service,
    "DescribeServices": describe_services,
    "DeleteCluster": delete_cluster,
    "CreateTaskSet": create_task_set,
    "UpdateServicePrimaryTaskSet": update_service_primary_task_set,
    "UpdateTaskSet": update_task_set,
    "DeleteTaskSet": delete_task_set,
    "DescribeTaskSets": describe_task_sets,
}


def install() -> None:
    """Put these operations in the place of ministack's."""
    engine.ecs._resolve_td_key = task_definition_key
    reconcile = engine.ecs._reconcile_service_tasks

    def reconcile_others(cluster: str, key: str) -> None:
        if not by_code_deploy(stores.services[key]):
            reconcile(cluster, key)

    engine.ecs._reconcile_service_tasks = reconcile_others
    engine.add_json_operations(engine.ecs, OPERATIONS)


def _cluster(request: Record) -> Record:
    name = request.get("cluster", "default").rpartition("/")[2]
    cluster: Record | None = stores.clusters.get(name)
    if cluster is None:
        raise Refused("ClusterNotFoundException", "Cluster not found.")
    return cluster


def _service(request: Record) -> Record:
    service = active_service(_cluster(request)["clusterName"], request["service"].rpartition("/")[2])
    if service is None:
        raise Refused("ServiceNotFoundException", "Service not found.")
    return service


def _controlled(request: Record) -> Record:
    service = _service(request)
    if not by_code_deploy(service):
        raise Refused(
            "InvalidParameterException",
            "The service's deployment controller must be of type EXTERNAL or CODE_DEPLOY to have task sets.",
        )
    return service


def _task_set(service: Record, reference: str) -> Record:
    for task_set in service["taskSets"]:
        if reference in (task_set["id"], task_set["taskSetArn"]):
            matching: Record = task_set
            return matching
    raise Refused("TaskSetNotFoundException", "The specified task set wasn't found.")


def _add_task_set(service: Record, request: Record, status: str) -> Record:
    task_set_id = f"ecs-svc/{int(now() * 1000) % 10**9:09d}{new_id().replace('-', '')[:10]}"
    cluster = service["clusterArn"].rpartition("/")[2]
    inherited = {name: service[name] for name in _INHERITED if name in service}
    if not request.keys().isdisjoint(_EITHER):
        inherited = {name: value for name, value in inherited.items() if name not in _EITHER}
    task_set: Record = {
        **inherited,
        **{key: value for key, value in request.items() if key in _TASK_SET_MEMBERS},
        "id": task_set_id,
        "taskSetArn": engine.arn("ecs", f"task-set/{cluster}/{service['serviceName']}/{task_set_id}"),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": _require_definition(request["taskDefinition"])["taskDefinitionArn"],
        "status": status,
        "scale": request.get("scale", {"value": 0.0, "unit": "PERCENT"}),
        "createdAt": now(),
        "updatedAt": now(),
        "stabilityStatus": "STEADY_STATE",
        "stabilityStatusAt": now(),
    }
    _count(service, task_set)
    service["taskSets"].append(task_set)
    return task_set


# One excludes the other (botocore, ecs CreateService and CreateTaskSet).
_EITHER = ("launchType", "capacityProviderStrategy")
# What CodeDeploy takes where an AppSpec does not say is documented nowhere; here it is what runs.
_INHERITED = ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration")
_TASK_SET_MEMBERS = {
    "externalId",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "tags",
}


def _count(service: Record, task_set: Record) -> None:
    count = math.ceil(service["desiredCount"] * task_set["scale"]["value"] / 100)
    task_set |= {"computedDesiredCount": count, "runningCount": count, "pendingCount": 0}


def _count_all(service: Record) -> None:
    for task_set in service["taskSets"]:
        _count(service, task_set)
    service |= {"runningCount": sum(item["runningCount"] for item in service["taskSets"]), "pendingCount": 0}


def _shown(service: Record) -> Record:
    _count_all(service)
    shown: Record = engine.ecs._sanitize(service)
    return shown


def _require_definition(reference: str) -> Record:
    definition: Record | None = stores.task_definitions.get(task_definition_key(reference))
    if definition is None:
        raise Refused("ClientException", "TaskDefinition not found.")
    if definition["status"] != "ACTIVE":
        raise Refused("InvalidParameterException", "TaskDefinition is inactive")
    return definition


def _require_fargate(request: Record) -> None:
    """What Fargate needs of a revision: ECS guide, task-cpu-memory-error, and fargate-tasks-services."""
    if request.get("networkMode") != "awsvpc":
        raise Refused("ClientException", "Fargate only supports network mode 'awsvpc'.")
    cpu, memory = str(request.get("cpu", "0")), str(request.get("memory", "0"))
    if not fargate.has(cpu, memory):
        raise Refused(
            "ClientException",
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory.",
        )
    if request.get("executionRoleArn"):
        return
    for container in request.get("containerDefinitions", []):
        if ".dkr.ecr." in container["image"]:
            raise Refused(
                "ClientException",
                "Fargate requires task definition to have execution role ARN to support ECR images.",
            )
        driver = container.get("logConfiguration", {}).get("logDriver")
        if driver == "awslogs":
            raise Refused(
                "ClientException",
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            )


def _require_fitting(request: Record, definition: Record) -> None:
    """Check what a service or task set names: launch type, network, target groups and containers."""
    strategy = request.get("capacityProviderStrategy", [])
    on_fargate = bool(strategy) and all(item["capacityProvider"] in FARGATE_PROVIDERS for item in strategy)
    launch_type = request.get("launchType", "FARGATE" if on_fargate else "EC2")
    if launch_type not in definition.get("compatibilities", [launch_type]):
        raise Refused(
            "InvalidParameterException", f"Task definition does not support launch_type {launch_type}."
        )
    network = request.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if definition["networkMode"] == "awsvpc" and not network:
        raise Refused(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    _require_network(network or {})
    for load_balancer in request.get("loadBalancers", []):
        _require_load_balancer(load_balancer, definition)


def _require_launch(request: Record, cluster: Record) -> None:
    """Where tasks start: a launch type, or providers that the cluster has, and no Fargate for daemons."""
    strategy = request.get("capacityProviderStrategy", [])
    if strategy and request.get("launchType"):
        raise Refused(
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and"
            " try again.",
        )
    _require_providers(cluster, strategy)
    if request.get("schedulingStrategy") == "DAEMON" and request.get("launchType") == "FARGATE":
        raise Refused("InvalidParameterException", "DAEMON is not supported by the launch type FARGATE.")


def _require_providers(cluster: Record, strategy: list[Record]) -> None:
    known = cluster.get("capacityProviders", [])
    for item in strategy:
        if item["capacityProvider"] not in known:
            raise Refused(
                "InvalidParameterException",
                "The specified capacity provider strategy cannot contain a capacity provider that is not"
                " associated with the cluster. Associate the capacity provider with the cluster and try"
                " again.",
            )


def _require_network(network: Record) -> None:
    for subnet in network.get("subnets", []):
        if subnet not in stores.subnets:
            raise Refused(
                "InvalidParameterException",
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not "
                "exist (ErrorCode: InvalidSubnetID.NotFound)",
            )
    for group in network.get("securityGroups", []):
        if group not in stores.security_groups:
            raise Refused(
                "InvalidParameterException",
                f"Error retrieving security group information for [{group}]: The security group '{group}' "
                "does not exist (ErrorCode: InvalidGroup.NotFound)",
            )


def _require_load_balancer(load_balancer: Record, definition: Record) -> None:
    container = load_balancer.get("containerName")
    port = load_balancer.get("containerPort")
    containers = {item["name"]: item for item in definition["containerDefinitions"]}
    if container not in containers:
        raise Refused(
            "InvalidParameterException", f"The container {container} does not exist in the task definition."
        )
    if all(mapping.get("containerPort") != port for mapping in containers[container].get("portMappings", [])):
        raise Refused(
            "InvalidParameterException",
            f"The container {container} did not have a container port {port} defined.",
        )
    arn = load_balancer.get("targetGroupArn", "")
    group = stores.target_groups.get(arn)
    if group is None:
        raise Refused(
            "InvalidParameterException",
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS "
            "service role being passed has the proper permissions.",
        )
    if not group["LoadBalancerArns"]:
        raise Refused(
            "InvalidParameterException",
            f"The target group with targetGroupArn {arn} does not have an associated load balancer.",
        )


def _require_code_deploy_shape(request: Record) -> None:
    """What this controller does not accept; the wording is UNVERIFIED.

    AWS::ECS::Service, DeploymentConfiguration; botocore, ecs CreateService (schedulingStrategy); and what a
    task set of an outside controller cannot have: botocore, ecs CreateTaskSet has no member for it, so a new
    revision would be without. For Service Connect: containers-roadmap#1993.
    """
    configuration = request.get("deploymentConfiguration", {})
    for name in ("deploymentCircuitBreaker", "alarms", "strategy", "bakeTimeInMinutes"):
        if configuration.get(name):
            raise Refused(
                "InvalidParameterException",
                f"{name} is not supported by the {CODE_DEPLOY} deployment controller.",
            )
    for name, what in NOT_OF_TASK_SETS.items():
        if request.get(name) and request[name] != {"enabled": False}:
            raise Refused(
                "InvalidParameterException",
                f"{what} is not supported by the {CODE_DEPLOY} deployment controller.",
            )
    if request.get("schedulingStrategy") == "DAEMON":
        raise Refused(
            "InvalidParameterException",
            f"The scheduling strategy DAEMON is not supported by the {CODE_DEPLOY} deployment controller.",
        )
    if len(request.get("loadBalancers", [])) != 1:
        raise Refused(
            "InvalidParameterException",
            f"The {CODE_DEPLOY} deployment controller requires exactly one load balancer.",
        )


def refusal(name: str) -> str:
    """Why CodeDeploy's service cannot be changed in a member of UpdateService's request."""
    return (
        f"Unable to update {REFUSED_AS.get(name, name)} on services with a CODE_DEPLOY deployment "
        "controller. Use AWS CodeDeploy to trigger a new deployment."
    )

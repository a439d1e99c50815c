"""CodeDeploy: applications, deployment groups and deployment configurations, for the ECS platform.

What runs in a group is in `ecs_blue_green.emulator.services.deployments`.
"""

from collections.abc import Callable

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import ecs
from ecs_blue_green.emulator.services.api import new_id, now, page

APPLICATIONS = engine.new_store()
GROUPS = engine.new_store()
CONFIGS = engine.new_store()

# Called with the name of an application that is deleted.
on_deletion: list[Callable[[str], None]] = []

SERVICE_PRINCIPAL = "codedeploy.amazonaws.com"
PREFIX = "CodeDeployDefault."
# botocore, codedeploy TerminationWaitTimeInMinutes (November 2026).
MAX_TERMINATION_WAIT_MINUTES = 2880


def _canary(percentage: int, minutes: int) -> Record:
    return {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": percentage, "canaryInterval": minutes},
    }


def _linear(percentage: int, minutes: int) -> Record:
    return {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": percentage, "linearInterval": minutes},
    }


# The predefined configurations of the ECS platform (CodeDeploy user guide, deployment-configurations).
PREDEFINED: dict[str, Record] = {
    "ECSAllAtOnce": {"type": "AllAtOnce"},
    "ECSCanary10Percent5Minutes": _canary(10, 5),
    "ECSCanary10Percent15Minutes": _canary(10, 15),
    "ECSLinear10PercentEvery1Minutes": _linear(10, 1),
    "ECSLinear10PercentEvery3Minutes": _linear(10, 3),
}


def create_application(request: Record) -> Record:
    """Create an application."""
    name = request["applicationName"]
    if name in APPLICATIONS:
        raise Refused("ApplicationAlreadyExistsException", f"Application already exists: {name}")
    APPLICATIONS[name] = {
        "applicationId": new_id(),
        "applicationName": name,
        "createTime": now(),
        "linkedToGitHub": False,
        "computePlatform": request.get("computePlatform", "Server"),
    }
    return {"applicationId": APPLICATIONS[name]["applicationId"]}


def get_application(request: Record) -> Record:
    """One application."""
    return {"application": application(request["applicationName"])}


def list_applications(request: Record) -> Record:
    """The names of the applications."""
    items, following = page(list(APPLICATIONS), request)
    return {"applications": items, **following}


def delete_application(request: Record) -> Record:
    """Delete an application with its deployment groups and their deployments.

    It may not exist. CodeDeploy user guide, applications-delete: related deployment group information and
    deployment details are deleted too.
    """
    APPLICATIONS.pop(request["applicationName"], None)
    for key in [key for key in GROUPS if key[0] == request["applicationName"]]:
        del GROUPS[key]
    for tell in on_deletion:
        tell(request["applicationName"])
    return {}


def create_deployment_group(request: Record) -> Record:
    """Create a deployment group."""
    name = request["deploymentGroupName"]
    key = (request["applicationName"], name)
    platform = application(request["applicationName"])["computePlatform"]
    if key in GROUPS:
        raise Refused(
            "DeploymentGroupAlreadyExistsException", f"Deployment group name already exists: {name}"
        )
    _require_valid_group(request)
    GROUPS[key] = {
        "deploymentConfigName": f"{PREFIX}OneAtATime",
        **{member: value for member, value in request.items() if member != "tags"},
        "deploymentGroupId": new_id(),
        "computePlatform": platform,
    }
    return {"deploymentGroupId": GROUPS[key]["deploymentGroupId"]}


def update_deployment_group(request: Record) -> Record:
    """Change a deployment group; members that the request leaves out stay."""
    existing = group(request["applicationName"], request["currentDeploymentGroupName"])
    changes = {name: value for name, value in request.items() if name != "currentDeploymentGroupName"}
    _require_valid_group({**existing, **changes})
    existing |= {name: value for name, value in changes.items() if name != "applicationName"}
    return {"hooksNotCleanedUp": []}


def get_deployment_group(request: Record) -> Record:
    """One deployment group."""
    return {"deploymentGroupInfo": group(request["applicationName"], request["deploymentGroupName"])}


def list_deployment_groups(request: Record) -> Record:
    """The names of an application's deployment groups."""
    name = application(request["applicationName"])["applicationName"]
    items, following = page([key[1] for key in GROUPS if key[0] == name], request)
    return {"applicationName": name, "deploymentGroups": items, **following}


def delete_deployment_group(request: Record) -> Record:
    """Delete a deployment group; it may not exist. Its deployments stay, and one that runs fails.

    CodeDeploy user guide, deployment-groups-delete, says that all details go; the error code
    DEPLOYMENT_GROUP_MISSING (botocore, codedeploy ErrorInformation) says that a running one is still shown.
    """
    GROUPS.pop((request["applicationName"], request["deploymentGroupName"]), None)
    return {"hooksNotCleanedUp": []}


def create_deployment_config(request: Record) -> Record:
    """Create a custom deployment configuration."""
    name = request["deploymentConfigName"]
    if name.startswith(PREFIX):
        raise Refused("InvalidDeploymentConfigNameException", f"{PREFIX} is reserved for CodeDeploy: {name}")
    if name in CONFIGS:
        raise Refused(
            "DeploymentConfigAlreadyExistsException", f"Deployment configuration already exists: {name}"
        )
    CONFIGS[name] = {**request, "deploymentConfigId": new_id(), "createTime": now()}
    return {"deploymentConfigId": CONFIGS[name]["deploymentConfigId"]}


def get_deployment_config(request: Record) -> Record:
    """One deployment configuration, predefined or custom."""
    return {"deploymentConfigInfo": config(request["deploymentConfigName"])}


def list_deployment_configs(request: Record) -> Record:
    """The names of all deployment configurations."""
    items, following = page([*(f"{PREFIX}{name}" for name in PREDEFINED), *CONFIGS], request)
    return {"deploymentConfigsList": items, **following}


def delete_deployment_config(request: Record) -> Record:
    """Delete a deployment configuration that no group uses."""
    name = request["deploymentConfigName"]
    if any(item["deploymentConfigName"] == name for item in GROUPS.values()):
        raise Refused(
            "DeploymentConfigInUseException", f"The deployment configuration is still in use: {name}"
        )
    CONFIGS.pop(name, None)
    return {}


def application(name: str) -> Record:
    """The record of an application; raises Refused when there is none."""
    record: Record | None = APPLICATIONS.get(name)
    if record is None:
        raise Refused("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return record


def group(application_name: str, name: str) -> Record:
    """The record of a deployment group; raises Refused when there is none."""
    application(application_name)
    record: Record | None = GROUPS.get((application_name, name))
    if record is None:
        raise Refused("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return record


def config(name: str) -> Record:
    """A deployment configuration; raises Refused when there is none."""
    short = name.removeprefix(PREFIX)
    if name.startswith(PREFIX) and short in PREDEFINED:
        return {
            "deploymentConfigName": name,
            "computePlatform": "ECS",
            "trafficRoutingConfig": PREDEFINED[short],
        }
    record: Record | None = CONFIGS.get(name)
    if record is None:
        raise Refused(
            "DeploymentConfigDoesNotExistException", f"No deployment configuration found for name: {name}"
        )
    return record


def _require_valid_group(request: Record) -> None:
    role = request["serviceRoleArn"]
    references.require_role(
        role,
        SERVICE_PRINCIPAL,
        "InvalidRoleException",
        f"AWS CodeDeploy does not have the permissions required to assume the role {role}.",
    )
    references.require_topics([item["triggerTargetArn"] for item in request.get("triggerConfigurations", [])])
    _require_valid_alarms(request.get("alarmConfiguration", {}))
    rollback = request.get("autoRollbackConfiguration", {})
    if rollback.get("enabled") and not rollback.get("events"):
        raise Refused(
            "InvalidAutoRollbackConfigException",
            "The automatic rollback configuration is enabled, but lists no events",
        )
    if application(request["applicationName"])["computePlatform"] == "ECS":
        _require_valid_ecs_group(request)


def _require_valid_alarms(configuration: Record) -> None:
    """The causes that botocore gives for InvalidAlarmConfigException; a missing alarm is not among them."""
    names = [alarm.get("name", "") for alarm in configuration.get("alarms", [])]
    if configuration.get("enabled") and not names:
        raise Refused(
            "InvalidAlarmConfigException", "The alarm configuration is enabled, but the alarm list is empty."
        )
    if len(set(names)) < len(names):
        raise Refused("InvalidAlarmConfigException", "Two alarms with the same name have been specified.")


def _require_valid_ecs_group(request: Record) -> None:
    configuration = config(request.get("deploymentConfigName", f"{PREFIX}OneAtATime"))
    if configuration.get("computePlatform") != "ECS":
        raise Refused(
            "InvalidDeploymentConfigNameException",
            "The deployment configuration is not for the ECS compute platform",
        )
    style = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    if request.get("deploymentStyle") != style:
        raise Refused(
            "InvalidDeploymentStyleException",
            "An ECS deployment group has the type BLUE_GREEN and the option WITH_TRAFFIC_CONTROL.",
        )
    options = request.get("blueGreenDeploymentConfiguration", {})
    wait = options.get("terminateBlueInstancesOnDeploymentSuccess", {}).get("terminationWaitTimeInMinutes", 0)
    if not 0 <= wait <= MAX_TERMINATION_WAIT_MINUTES:
        raise Refused(
            "InvalidBlueGreenDeploymentConfigurationException",
            f"The termination wait time must be between 0 and {MAX_TERMINATION_WAIT_MINUTES} minutes",
        )
    services = request.get("ecsServices", [])
    if len(services) != 1:
        raise Refused("InvalidECSServiceException", "Exactly one ECS service must be specified.")
    _require_free_service(request, services[0])
    _require_target_group_pair(request.get("loadBalancerInfo", {}))


def _require_free_service(request: Record, named: Record) -> None:
    service = ecs.active_service(named["clusterName"], named["serviceName"])
    if service is None:
        raise Refused(
            "InvalidECSServiceException",
            f"The ECS service {named['serviceName']} does not exist in the cluster {named['clusterName']}.",
        )
    if not ecs.by_code_deploy(service):
        raise Refused(
            "InvalidECSServiceException",
            "Deployment group's ECSService must be configured for a CODE_DEPLOY deployment controller.",
        )
    mine = (request["applicationName"], request["deploymentGroupName"])
    for key, other in GROUPS.items():
        if key != mine and named in other.get("ecsServices", []):
            raise Refused(
                "ECSServiceMappingLimitExceededException",
                f"The ECS service {named['serviceName']} already is in another deployment group.",
            )


def _require_target_group_pair(info: Record) -> None:
    pairs = info.get("targetGroupPairInfoList", [])
    if len(pairs) != 1 or len(pairs[0].get("targetGroups", [])) != 2:
        raise Refused(
            "InvalidLoadBalancerInfoException", "Exactly one pair of two target groups must be specified."
        )
    known = {item["TargetGroupName"] for item in stores.target_groups.values()}
    for item in pairs[0]["targetGroups"]:
        if item["name"] not in known:
            raise Refused(
                "InvalidTargetGroupPairException", f"The target group {item['name']} does not exist."
            )
    routes = [pairs[0].get("prodTrafficRoute"), pairs[0].get("testTrafficRoute")]
    if not routes[0]:
        raise Refused("InvalidTargetGroupPairException", "A production traffic route must be specified.")
    for route in filter(None, routes):
        if len(route["listenerArns"]) != 1 or route["listenerArns"][0] not in stores.listeners:
            raise Refused(
                "InvalidTargetGroupPairException",
                f"A traffic route takes one listener that exists, not {route['listenerArns']}.",
            )


OPERATIONS = {
    "CreateApplication": create_application,
    "GetApplication": get_application,
    "ListApplications": list_applications,
    "DeleteApplication": delete_application,
    "CreateDeploymentGroup": create_deployment_group,
    "UpdateDeploymentGroup": update_deployment_group,
    "GetDeploymentGroup": get_deployment_group,
    "ListDeploymentGroups": list_deployment_groups,
    "DeleteDeploymentGroup": delete_deployment_group,
    "CreateDeploymentConfig": create_deployment_config,
    "GetDeploymentConfig": get_deployment_config,
    "ListDeploymentConfigs": list_deployment_configs,
    "DeleteDeploymentConfig": delete_deployment_config,
}
STORES = {"applications": APPLICATIONS, "groups": GROUPS, "configs": CONFIGS}

"""What the APIs refuse, request by request: what is not there, what is there already, what is too early."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import PUBLIC, Aws, error
from tests.emulator.parts import pipeline, ref, released, resource, values

NONE = "none"
NO_ARN = "arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:{}/none"
FORWARD_TO_NONE = [{"Type": "forward", "TargetGroupArn": NO_ARN.format("targetgroup")}]


@dataclass(frozen=True)
class Account:
    """What is there: a service with a deployment that waits for its hook, and a pipeline."""

    application: str
    group: str
    deployment: str
    balancer: str
    listener: str
    target_group: str


Request = Callable[[Account], dict[str, Any]]


@pytest.fixture(scope="module")
def account(aws: Aws) -> Account:
    names, request = released(aws, "there")
    deployment = aws.client("codedeploy").create_deployment(**request)["deploymentId"]
    aws.create("there-pipeline", pipeline(Name="there"))
    aws.create("there-topic", {"Topic": resource("SNS::Topic")}, Outputs=values(Topic=ref("Topic")))
    elbv2 = aws.client("elbv2")
    balancer = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    for family in ("gone", "for-ec2"):
        aws.client("ecs").register_task_definition(
            family=family, containerDefinitions=[{"name": "app", "image": "nginx", "memory": 64}]
        )
    aws.client("ecs").deregister_task_definition(taskDefinition="gone:1")
    return Account(
        names["Application"],
        names["Group"],
        deployment,
        balancer,
        elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"],
        elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"],
    )


def group_of(it: Account) -> dict[str, Any]:
    return {"applicationName": it.application, "deploymentGroupName": it.group}


def hook(it: Account, **changed: Any) -> dict[str, Any]:
    waiting = f"hook-{it.deployment}-AfterAllowTestTraffic"
    request = {"deploymentId": it.deployment, "lifecycleEventHookExecutionId": waiting, "status": "Succeeded"}
    return {**request, **changed}


def new_service(it: Account, **changed: Any) -> dict[str, Any]:
    """A service that would be created, were it not for what is changed."""
    network = {"awsvpcConfiguration": {"subnets": PUBLIC}}
    balancer = {"targetGroupArn": it.target_group, "containerName": "app", "containerPort": 1323}
    request = {
        "cluster": "there",
        "serviceName": "new",
        "taskDefinition": "there",
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "deploymentController": {"type": "CODE_DEPLOY"},
        "loadBalancers": [balancer],
        **changed,
    }
    return {name: value for name, value in request.items() if value is not None}


def behind_nothing(it: Account) -> dict[str, Any]:
    arn = NO_ARN.format("targetgroup")
    balancer = {"targetGroupArn": arn, "containerName": "app", "containerPort": 1323}
    return new_service(it, loadBalancers=[balancer])


def in_group(it: Account, group: str) -> dict[str, Any]:
    return new_service(
        it, networkConfiguration={"awsvpcConfiguration": {"subnets": PUBLIC, "securityGroups": [group]}}
    )


REVISION = {
    "family": "fargate",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "app", "image": "nginx"}],
}
ELEVEN = [f"/a/{number}" for number in range(11)]
NO_WEB_ACL = (
    "arn:aws:wafv2:ap-northeast-1:000000000000:regional/webacl/none/01234567-89ab-cdef-0123-456789abcdef"
)
TARGET = {"cluster": "there", "service": "api"}
SCALABLE = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}

# By service: an operation, a request that it refuses, and what is in the code or the message of the refusal.
REFUSALS: dict[str, list[tuple[str, Request, str]]] = {
    "codedeploy": [
        (
            "create_application",
            lambda it: {"applicationName": it.application},
            "ApplicationAlreadyExistsException",
        ),
        ("get_application", lambda it: {"applicationName": NONE}, "ApplicationDoesNotExistException"),
        (
            "get_deployment_group",
            lambda it: {**group_of(it), "deploymentGroupName": NONE},
            "DeploymentGroupDoesNotExistException",
        ),
        (
            "create_deployment_group",
            lambda it: {**group_of(it), "serviceRoleArn": "arn:aws:iam::000000000000:role/none"},
            "DeploymentGroupAlreadyExistsException",
        ),
        (
            "update_deployment_group",
            lambda it: {
                "applicationName": it.application,
                "currentDeploymentGroupName": it.group,
                "alarmConfiguration": {"enabled": True, "alarms": [{"name": "a"}, {"name": "a"}]},
            },
            "InvalidAlarmConfigException",
        ),
        (
            "create_deployment_config",
            lambda it: {"deploymentConfigName": "CodeDeployDefault.Mine"},
            "InvalidDeploymentConfigNameException",
        ),
        (
            "get_deployment_config",
            lambda it: {"deploymentConfigName": NONE},
            "DeploymentConfigDoesNotExistException",
        ),
        (
            "delete_deployment_config",
            lambda it: {"deploymentConfigName": "CodeDeployDefault.ECSCanary10Percent5Minutes"},
            "DeploymentConfigInUseException",
        ),
        ("get_deployment", lambda it: {"deploymentId": "d-000000000"}, "DeploymentDoesNotExistException"),
        (
            "continue_deployment",
            lambda it: {"deploymentId": it.deployment},
            "DeploymentIsNotInReadyStateException",
        ),
        (
            "put_lifecycle_event_hook_execution_status",
            lambda it: hook(it, lifecycleEventHookExecutionId="other"),
            "InvalidLifecycleEventHookExecutionIdException",
        ),
        (
            "put_lifecycle_event_hook_execution_status",
            lambda it: hook(it, status="Pending"),
            "InvalidLifecycleEventHookExecutionStatusException",
        ),
    ],
    "ecs": [
        ("describe_task_sets", lambda it: {"cluster": NONE, "service": "api"}, "ClusterNotFoundException"),
        ("describe_task_sets", lambda it: {**TARGET, "service": NONE}, "ServiceNotFoundException"),
        ("update_service", lambda it: {**TARGET, "service": NONE}, "ServiceNotFoundException"),
        ("delete_task_set", lambda it: {**TARGET, "taskSet": NONE}, "TaskSetNotFoundException"),
        ("create_task_set", lambda it: {**TARGET, "taskDefinition": "there"}, "LimitExceededException"),
        ("create_service", lambda it: new_service(it, serviceName="api"), "was not idempotent"),
        ("create_service", lambda it: new_service(it, taskDefinition=NONE), "ClientException"),
        ("create_service", lambda it: new_service(it, taskDefinition="gone:1"), "TaskDefinition is inactive"),
        (
            "create_service",
            lambda it: new_service(it, taskDefinition="for-ec2"),
            "support launch_type FARGATE",
        ),
        (
            "create_service",
            lambda it: new_service(it, networkConfiguration=None),
            "Network Configuration must be provided",
        ),
        ("create_service", lambda it: in_group(it, "sg-00000000000000000"), "InvalidGroup.NotFound"),
        ("create_service", lambda it: new_service(it, loadBalancers=[]), "exactly one load balancer"),
        ("create_service", behind_nothing, "validate the specified targetGroupArn"),
        (
            "register_task_definition",
            lambda it: {**REVISION, "memory": "768"},
            "No Fargate configuration exists",
        ),
        (
            "register_task_definition",
            lambda it: {**REVISION, "networkMode": "bridge"},
            "network mode 'awsvpc'",
        ),
    ],
    "elbv2": [
        (
            "create_listener",
            lambda it: {
                "LoadBalancerArn": NO_ARN.format("loadbalancer"),
                "Port": 8080,
                "Protocol": "HTTP",
                "DefaultActions": FORWARD_TO_NONE,
            },
            "LoadBalancerNotFound",
        ),
        (
            "create_listener",
            lambda it: {
                "LoadBalancerArn": it.balancer,
                "Port": 8080,
                "Protocol": "HTTP",
                "DefaultActions": FORWARD_TO_NONE,
            },
            "TargetGroupNotFound",
        ),
        (
            "modify_listener",
            lambda it: {"ListenerArn": NO_ARN.format("listener"), "Port": 81},
            "ListenerNotFound",
        ),
        (
            "modify_listener",
            lambda it: {"ListenerArn": it.listener, "DefaultActions": FORWARD_TO_NONE},
            "TargetGroupNotFound",
        ),
        ("describe_target_groups", lambda it: {"Names": [NONE]}, "TargetGroupNotFound"),
        ("describe_listeners", lambda it: {"ListenerArns": [NO_ARN.format("listener")]}, "ListenerNotFound"),
        ("describe_rules", lambda it: {"ListenerArn": NO_ARN.format("listener")}, "ListenerNotFound"),
        (
            "create_load_balancer",
            lambda it: {"Name": "narrow", "Subnets": PUBLIC[:1]},
            "two different Availability Zones",
        ),
        (
            "create_listener",
            lambda it: {
                "LoadBalancerArn": it.balancer,
                "Port": 8443,
                "Protocol": "HTTPS",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": it.target_group}],
            },
            "A certificate must be specified",
        ),
    ],
    "ssm": [
        ("get_parameters", lambda it: {"Names": ELEVEN}, "less than or equal to 10"),
        ("delete_parameters", lambda it: {"Names": ELEVEN}, "less than or equal to 10"),
    ],
    "wafv2": [("get_web_acl", lambda it: {"ARN": NO_WEB_ACL}, "WAFNonexistentItemException")],
    "application-autoscaling": [
        (
            "register_scalable_target",
            lambda it: {**SCALABLE, "ResourceId": "service/there/api"},
            "ValidationException",
        ),
        (
            "register_scalable_target",
            lambda it: {**SCALABLE, "ResourceId": "function:x", "MinCapacity": 1, "MaxCapacity": 2},
            "ValidationException",
        ),
        (
            "delete_scaling_policy",
            lambda it: {**SCALABLE, "ResourceId": "service/there/api", "PolicyName": NONE},
            "ObjectNotFoundException",
        ),
    ],
    "codepipeline": [
        (
            "get_pipeline_execution",
            lambda it: {"pipelineName": "there", "pipelineExecutionId": "0" * 36},
            "PipelineExecutionNotFoundException",
        ),
        ("start_pipeline_execution", lambda it: {"name": NONE}, "PipelineNotFoundException"),
        # An operation that nobody has needed yet says so.
        ("list_webhooks", lambda it: {}, "UnknownOperationException"),
    ],
    "cloudformation": [
        (
            "describe_change_set",
            lambda it: {"StackName": "there", "ChangeSetName": NONE},
            "ChangeSetNotFound",
        ),
        ("list_change_sets", lambda it: {"StackName": NONE}, "ValidationError"),
        ("create_stack", lambda it: {"StackName": "there", "TemplateBody": "{}"}, "AlreadyExistsException"),
    ],
}


@pytest.mark.parametrize(
    ("service", "operation", "request_of", "refusal"),
    [(service, *refusal) for service, refusals in REFUSALS.items() for refusal in refusals],
    ids=[f"{refusal[0]}-{refusal[2]}" for refusals in REFUSALS.values() for refusal in refusals],
)
def test_api_refuses(
    aws: Aws, account: Account, service: str, operation: str, request_of: Request, refusal: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(aws.client(service), operation)(**request_of(account))
    assert refusal in ": ".join(error(refused))


def test_primary_task_set_is_deleted_only_with_force(aws: Aws, account: Account) -> None:
    ecs = aws.client("ecs")
    sets = ecs.describe_task_sets(**TARGET)["taskSets"]
    primary = next(item["id"] for item in sets if item["status"] == "PRIMARY")
    with pytest.raises(ClientError) as refused:
        ecs.delete_task_set(**TARGET, taskSet=primary)
    assert error(refused)[1] == "The primary task set cannot be deleted without force."


def test_service_that_ecs_deploys_has_no_task_sets(aws: Aws, account: Account) -> None:
    ecs = aws.client("ecs")
    rolling = {"deploymentController": None, "loadBalancers": None, "serviceName": "rolling"}
    ecs.create_service(**new_service(account, **rolling))
    with pytest.raises(ClientError) as refused:
        ecs.create_task_set(cluster="there", service="rolling", taskDefinition="there")
    assert error(refused)[0] == "InvalidParameterException"


def test_execution_that_has_ended_is_not_stopped(aws: Aws, account: Account) -> None:
    codepipeline = aws.client("codepipeline")
    started = codepipeline.start_pipeline_execution(name="there")["pipelineExecutionId"]
    execution = {"pipelineName": "there", "pipelineExecutionId": started}
    codepipeline.stop_pipeline_execution(**execution)
    with pytest.raises(ClientError) as refused:
        codepipeline.stop_pipeline_execution(**execution)
    assert error(refused)[0] == "PipelineExecutionNotStoppableException"


def test_deployment_that_has_ended_is_not_continued(aws: Aws) -> None:
    _, request = released(aws, "ended")
    codedeploy = aws.client("codedeploy")
    deployment = codedeploy.create_deployment(**request)["deploymentId"]
    codedeploy.stop_deployment(deploymentId=deployment)
    with pytest.raises(ClientError) as refused:
        codedeploy.continue_deployment(deploymentId=deployment)
    assert error(refused)[0] == "DeploymentAlreadyCompletedException"


def test_deployment_config_exists_once(aws: Aws) -> None:
    routing = {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": 1, "canaryInterval": 1},
    }
    request = {"deploymentConfigName": "own", "computePlatform": "ECS", "trafficRoutingConfig": routing}
    aws.client("codedeploy").create_deployment_config(**request)
    with pytest.raises(ClientError) as refused:
        aws.client("codedeploy").create_deployment_config(**request)
    assert error(refused)[0] == "DeploymentConfigAlreadyExistsException"

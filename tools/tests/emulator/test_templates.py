"""The project's six stacks on the emulator, without the deployer: deploy, release, destroy, deploy again."""

import json
from typing import Any

import pytest

from ecs_blue_green import template_yaml
from ecs_blue_green.deployer.layers import parse
from tests.emulator.aws import PARAMETERS, Aws, fresh, until
from tests.paths import PROJECT

BUILD = PROJECT / "build"
LAYERS = (
    "infrastructure",
    "container-repository",
    "task-definition",
    "service",
    "service-preference",
    "pipeline",
)


def stack(layer: str) -> str:
    return f"templates-{layer}"


def values() -> dict[str, str]:
    """A value for each parameter that some template has and that has no default."""
    given = {
        name: ",".join(value) if isinstance(value, list) else value for name, value in PARAMETERS.items()
    }
    names = {f"{layer.title().replace('-', '')}StackName": stack(layer) for layer in LAYERS}
    return {**given, **names, "Project": "templates", "Environment": "local", "Protected": "false"}


def request(aws: Aws, layer: str, kind: str, **changed: str) -> dict[str, Any]:
    text = (BUILD / f"{layer}.yaml").read_text()
    body = template_yaml.sent(text, parse(text))
    cloudformation = aws.client("cloudformation")
    known = cloudformation.get_template_summary(TemplateBody=body)["Parameters"]
    given = {**values(), **changed}
    parameters = [
        {"ParameterKey": item["ParameterKey"], "ParameterValue": given[item["ParameterKey"]]}
        for item in known
        if item["ParameterKey"] in given
    ]
    return {
        "StackName": stack(layer),
        "ChangeSetName": fresh("change"),
        "ChangeSetType": kind,
        "TemplateBody": body,
        "Parameters": parameters,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }


def change(aws: Aws, layer: str, kind: str, **changed: str) -> str:
    """Make a change set and execute it; the stack's state afterwards."""
    cloudformation = aws.client("cloudformation")
    made = cloudformation.create_change_set(**request(aws, layer, kind, **changed))
    change_set = cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert change_set["Status"] == "CREATE_COMPLETE", change_set["StatusReason"]
    status: str = aws.execute(change_set)["StackStatus"]
    return status


def deploy(aws: Aws) -> None:
    for layer in LAYERS:
        assert change(aws, layer, "CREATE") == "CREATE_COMPLETE", aws.reasons(stack(layer))


def destroy(aws: Aws) -> None:
    for layer in reversed(LAYERS):
        aws.delete(stack(layer))


def exported(aws: Aws, layer: str, output: str) -> str:
    return aws.outputs(stack(layer))[output]


def traffic(aws: Aws) -> dict[str, int]:
    """The share of each target group on the production listener."""
    elbv2 = aws.client("elbv2")
    listener = exported(aws, "infrastructure", "ProductionListenerArn")
    action = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    groups = elbv2.describe_target_groups(
        TargetGroupArns=[item["TargetGroupArn"] for item in action["ForwardConfig"]["TargetGroups"]]
    )["TargetGroups"]
    names = {group["TargetGroupArn"]: group["TargetGroupName"] for group in groups}
    return {names[item["TargetGroupArn"]]: item["Weight"] for item in action["ForwardConfig"]["TargetGroups"]}


def release(aws: Aws) -> None:
    """Release a second revision as the pipeline does, with an answer for the smoke test."""
    ecs = aws.client("ecs")
    family = exported(aws, "task-definition", "TaskDefinitionFamily")
    current = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    kept = ("networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    revision = ecs.register_task_definition(
        family=family,
        containerDefinitions=current["containerDefinitions"],
        **{name: current[name] for name in kept},
    )["taskDefinition"]
    target = {
        "TaskDefinition": revision["taskDefinitionArn"],
        "LoadBalancerInfo": {
            "ContainerName": exported(aws, "task-definition", "ContainerName"),
            "ContainerPort": int(exported(aws, "task-definition", "ContainerPort")),
        },
    }
    content = {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": target}}],
        "Hooks": [
            {"AfterAllowTestTraffic": exported(aws, "service-preference", "SmokeTestFunctionName")},
        ],
    }
    codedeploy = aws.client("codedeploy")
    application = codedeploy.list_applications()["applications"][0]
    group = codedeploy.list_deployment_groups(applicationName=application)["deploymentGroups"][0]
    deployment = codedeploy.create_deployment(
        applicationName=application,
        deploymentGroupName=group,
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}},
    )["deploymentId"]
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment,
        lifecycleEventHookExecutionId=f"hook-{deployment}-AfterAllowTestTraffic",
        status="Succeeded",
    )

    def is_done() -> bool:
        info = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        return bool(info["status"] == "Succeeded")

    for _ in until(is_done):
        pass


def drifted(aws: Aws) -> dict[str, set[str]]:
    """What differs from the templates, by logical id."""
    cloudformation = aws.client("cloudformation")
    found: dict[str, set[str]] = {}
    for layer in LAYERS:
        cloudformation.detect_stack_drift(StackName=stack(layer))
        drifts = cloudformation.describe_stack_resource_drifts(
            StackName=stack(layer), StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], MaxResults=100
        )["StackResourceDrifts"]
        for item in drifts:
            paths = {difference["PropertyPath"] for difference in item.get("PropertyDifferences", [])}
            found[item["LogicalResourceId"]] = paths
    return found


def changed_alarm(aws: Aws) -> dict[str, Any]:
    """The request that gives one of the alarms another threshold."""
    client = aws.client("cloudwatch")
    known = client.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    alarm = client.describe_alarms()["MetricAlarms"][0]
    return {**{name: value for name, value in alarm.items() if name in known}, "Threshold": 77.0}


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> Aws:
    """The six stacks with their stack policies."""
    deploy(aws)
    for layer in ("infrastructure", "service"):
        aws.client("cloudformation").set_stack_policy(
            StackName=stack(layer), StackPolicyBody=(BUILD / f"{layer}.stack-policy.json").read_text()
        )
    return aws


def test_a_second_deployment_changes_nothing(deployed: Aws) -> None:
    cloudformation = deployed.client("cloudformation")
    for layer in LAYERS:
        made = cloudformation.create_change_set(**request(deployed, layer, "UPDATE"))
        change_set = cloudformation.describe_change_set(ChangeSetName=made["Id"])
        assert change_set["StatusReason"].startswith("The submitted information didn't contain changes."), (
            layer
        )


def test_a_bad_value_is_refused_before_anything_changes(deployed: Aws) -> None:
    """A revision with a size that Fargate does not offer: the schema cannot know, ECS does."""
    status = change(deployed, "task-definition", "UPDATE", TaskMemory="30720")
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "No Fargate configuration exists" in deployed.reasons(stack("task-definition"))[0]


def test_what_is_used_stays(deployed: Aws) -> None:
    cloudformation = deployed.client("cloudformation")
    for layer in ("infrastructure", "container-repository", "task-definition", "service"):
        cloudformation.delete_stack(StackName=stack(layer))
        assert deployed.settled(stack(layer))["StackStatus"].endswith(
            ("CREATE_COMPLETE", "ROLLBACK_COMPLETE")
        )
        newest = cloudformation.describe_stack_events(StackName=stack(layer))["StackEvents"][0]
        assert "cannot be deleted as it is in use by templates-" in newest["ResourceStatusReason"]


def test_the_stack_policy_guards_the_listeners(deployed: Aws) -> None:
    """A tag of a stack is a change of everything that has tags, the listeners too."""
    cloudformation = deployed.client("cloudformation")
    tags = [{"Key": "team", "Value": "other"}]
    made = cloudformation.create_change_set(**request(deployed, "infrastructure", "UPDATE"), Tags=tags)
    stack_now = deployed.execute(cloudformation.describe_change_set(ChangeSetName=made["Id"]))
    assert stack_now["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Action denied by stack policy" in deployed.reasons(stack("infrastructure"))[0]


def test_release_then_destroy_then_deploy_again(deployed: Aws) -> None:
    """The release has moved traffic and service off what the templates say: neither is in the way."""
    blue = exported(deployed, "infrastructure", "BlueTargetGroupName")
    green = exported(deployed, "infrastructure", "GreenTargetGroupName")
    assert traffic(deployed)[blue] > 0
    assert drifted(deployed) == {}
    release(deployed)
    assert traffic(deployed) == {blue: 0, green: 100}
    assert drifted(deployed) == {
        "ProductionListener": {"/DefaultActions/0/ForwardConfig", "/DefaultActions/0/TargetGroupArn"},
        "TestListener": {"/DefaultActions/0/ForwardConfig", "/DefaultActions/0/TargetGroupArn"},
        "Service": {"/LoadBalancers/0/TargetGroupArn"},
    }
    deployed.client("cloudwatch").put_metric_alarm(**changed_alarm(deployed))
    assert list(drifted(deployed).values()).count({"/Threshold"}) == 1
    destroy(deployed)
    assert deployed.client("cloudformation").list_exports()["Exports"] == []

    # The deployer removes what the templates retain; what is left would be in the way.
    logs = deployed.client("logs")
    retained = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert retained == ["/ecs/templates-local-api"]
    logs.delete_log_group(logGroupName=retained[0])
    deploy(deployed)
    assert traffic(deployed)[blue] > 0
    destroy(deployed)

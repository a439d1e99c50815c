"""The APIs that ministack lacks: what they answer, measured against botocore's service models."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from tests.emulator.aws import PUBLIC, VPC, Aws, error, until
from tests.emulator.parts import (
    attribute,
    blue_green_service,
    changed,
    math_alarm,
    network,
    pipeline,
    ref,
    released,
    scaling,
    values,
)

NUMBERS = ("integer", "long", "float", "double", "timestamp")


def misfits(value: Any, shape: Shape | None, path: str = "") -> Iterator[str]:
    """Where an answer differs from its model: unknown, missing or mistyped members."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no structure"
            return
        yield from (f"{path}/{name}: unknown" for name in value.keys() - shape.members.keys())
        yield from (f"{path}/{name}: missing" for name in set(shape.required_members) - value.keys())
        for name in value.keys() & shape.members.keys():
            yield from misfits(value[name], shape.members[name], f"{path}/{name}")
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from misfits(item, shape.member, f"{path}/{index}")
    elif isinstance(shape, MapShape):
        for name, item in value.items():
            yield from misfits(item, shape.value, f"{path}/{name}")
    elif shape is not None:
        expected: Any = {"string": str, "boolean": bool}.get(shape.type_name)
        if shape.type_name in NUMBERS:
            expected = (int, float)
        if expected and not isinstance(value, expected):
            yield f"{path}: {value!r} is no {shape.type_name}"
        allowed = getattr(shape, "enum", [])
        if allowed and value not in allowed:
            yield f"{path}: {value!r} is none of {allowed}"


@contextmanager
def measured(client: Any) -> Iterator[Callable[..., Any]]:
    """A way to call operations of a client whose raw answers must fit the model."""
    bodies: list[bytes] = []

    def remember(response_dict: dict[str, Any], **_: Any) -> None:
        bodies.append(response_dict["body"])

    client.meta.events.register("before-parse", remember)

    def call(operation: str, **request: Any) -> Any:
        name = client.meta.method_to_api_mapping[operation]
        answer = getattr(client, operation)(**request)
        shape = client.meta.service_model.operation_model(name).output_shape
        assert list(misfits(json.loads(bodies[-1] or b"{}"), shape)) == []
        return answer

    yield call
    client.meta.events.unregister("before-parse", remember)


def test_a_difference_from_the_model_is_found(aws: Aws) -> None:
    model = aws.client("codedeploy").meta.service_model.operation_model("GetDeployment").output_shape
    wrong = {"deploymentInfo": {"status": "Running", "surprise": 1, "createTime": "now"}}
    assert len(list(misfits(wrong, model))) == 3


@pytest.fixture(scope="module")
def shop(aws: Aws) -> tuple[dict[str, str], dict[str, Any]]:
    """A service with a deployment group, and the request for a release."""
    return released(aws, "shop")


def test_codedeploy(aws: Aws, shop: tuple[dict[str, str], dict[str, Any]]) -> None:
    names, request = shop
    group = {"applicationName": names["Application"], "deploymentGroupName": names["Group"]}
    with measured(aws.client("codedeploy")) as call:
        assert call("list_applications")["applications"] == [names["Application"]]
        call("get_application", applicationName=names["Application"])
        call("get_deployment_group", **group)
        call("list_deployment_groups", applicationName=names["Application"])
        assert "CodeDeployDefault.ECSAllAtOnce" in call("list_deployment_configs")["deploymentConfigsList"]
        call(
            "get_deployment_config", deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery1Minutes"
        )
        deployment = call("create_deployment", **request)["deploymentId"]
        assert call("list_deployments", **group, includeOnlyStatuses=["InProgress"])["deployments"] == [
            deployment
        ]
        info = call("get_deployment", deploymentId=deployment)["deploymentInfo"]
        assert info["revision"]["appSpecContent"].keys() == {"sha256"}, "a deployment tells only the hash"
        told = call(
            "get_application_revision", applicationName=names["Application"], revision=info["revision"]
        )
        content = request["revision"]["appSpecContent"]["content"]
        assert told["revision"]["appSpecContent"]["content"] == content
        call("batch_get_deployments", deploymentIds=[deployment])
        created = info["createTime"] - timedelta(seconds=1)  # Requests carry whole seconds.
        for day, count in ((created - timedelta(days=1), 0), (created, 1)):
            found = call("list_deployments", createTimeRange={"start": day, "end": day + timedelta(hours=1)})
            assert len(found["deployments"]) == count
        target = call("list_deployment_targets", deploymentId=deployment)["targetIds"][0]
        call("get_deployment_target", deploymentId=deployment, targetId=target)
        call("batch_get_deployment_targets", deploymentId=deployment, targetIds=[target])
        call("stop_deployment", deploymentId=deployment)
        call("get_deployment_group", **group)
        assert len(call("list_deployments", **group)["deployments"]) == 2, "the rollback is one, too"
    with pytest.raises(ClientError) as refused:
        aws.client("codedeploy").get_deployment(deploymentId="d-000000000")
    assert error(refused)[0] == "DeploymentDoesNotExistException"
    with pytest.raises(ClientError) as refused:
        aws.client("codedeploy").batch_get_deployments(deploymentIds=["d-000000000"] * 26)
    assert error(refused)[0] == "BatchLimitExceededException"


def test_ecs_services_and_task_sets(aws: Aws) -> None:
    aws.create(
        "sets", blue_green_service("sets", "api", "sets"), Outputs=values(Green=ref("GreenTargetGroup"))
    )
    target = {"cluster": "sets", "service": "api"}
    green = aws.outputs("sets")["Green"]
    with measured(aws.client("ecs")) as call:
        found = call("describe_services", cluster="sets", services=["api"], include=["TAGS"])["services"][0]
        assert found["deploymentController"] == {"type": "CODE_DEPLOY"}
        assert [item["status"] for item in found["taskSets"]] == ["PRIMARY"]
        # What waits for a service with one deployment (`aws ecs wait services-stable`) never sees its end.
        assert found["deployments"] == []
        assert (found["desiredCount"], found["runningCount"]) == (1, 1)
        balancer = {"targetGroupArn": green, "containerName": "app", "containerPort": 1323}
        made = call("create_task_set", **target, taskDefinition="sets", loadBalancers=[balancer])["taskSet"]
        assert made["computedDesiredCount"] == 0
        call("update_task_set", **target, taskSet=made["id"], scale={"value": 100.0, "unit": "PERCENT"})
        assert [item["runningCount"] for item in call("describe_task_sets", **target)["taskSets"]] == [1, 1]
        call("update_service_primary_task_set", **target, primaryTaskSet=made["taskSetArn"])
        found = call("describe_services", cluster="sets", services=["api"])["services"][0]
        assert {item["id"]: item["status"] for item in found["taskSets"]}[made["id"]] == "PRIMARY"
        assert found["loadBalancers"][0]["targetGroupArn"] == green
        blue = next(item["id"] for item in found["taskSets"] if item["status"] == "ACTIVE")
        call("delete_task_set", **target, taskSet=blue)
        call("update_service", **target, desiredCount=2)
        found = call("describe_services", cluster="sets", services=["api"])["services"][0]
        assert [item["runningCount"] for item in found["taskSets"]] == [2]
        call("delete_service", **target, force=True)


def test_codepipeline(aws: Aws) -> None:
    aws.create("line", pipeline(Name="line"))
    with measured(aws.client("codepipeline")) as call:
        call("get_pipeline", name="line")
        assert [item["name"] for item in call("list_pipelines")["pipelines"]] == ["line"]
        assert call("list_pipeline_executions", pipelineName="line")["pipelineExecutionSummaries"] == []
        call("get_pipeline_state", name="line")
        started = call("start_pipeline_execution", name="line")["pipelineExecutionId"]
        execution = {"pipelineName": "line", "pipelineExecutionId": started}
        running = call("list_pipeline_executions", pipelineName="line")["pipelineExecutionSummaries"]
        assert [item["status"] for item in running] == ["InProgress"]
        call("get_pipeline_state", name="line")
        call("get_pipeline_execution", **execution)
        call("stop_pipeline_execution", **execution, reason="enough")
        assert call("get_pipeline_execution", **execution)["pipelineExecution"]["status"] == "Stopped"
    with pytest.raises(ClientError) as refused:
        aws.client("codepipeline").get_pipeline(name="none")
    assert error(refused)[0] == "PipelineNotFoundException"


@pytest.mark.parametrize("service", ["codeconnections", "codestar-connections"])
def test_connections(aws: Aws, service: str) -> None:
    with measured(aws.client(service)) as call:
        name = service[:20]
        arn = call("create_connection", ProviderType="GitHub", ConnectionName=name)["ConnectionArn"]
        assert call("get_connection", ConnectionArn=arn)["Connection"]["ConnectionStatus"] == "AVAILABLE"
        call("list_tags_for_resource", ResourceArn=arn)
        assert arn in [item["ConnectionArn"] for item in call("list_connections")["Connections"]]
        call("delete_connection", ConnectionArn=arn)
        with pytest.raises(ClientError) as refused:
            call("get_connection", ConnectionArn=arn)
    assert error(refused)[0] == "ResourceNotFoundException"


def test_application_autoscaling(aws: Aws) -> None:
    aws.create("scaled-api", blue_green_service("scaled-api", "api", "scaled-api"))
    aws.create("scaling-api", scaling("scaled-api", "api"))
    with measured(aws.client("application-autoscaling")) as call:
        target = {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/scaled-api/api",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        call("describe_scalable_targets", ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]])
        call("describe_scaling_policies", ServiceNamespace="ecs", ResourceId=target["ResourceId"])
        call("describe_scaling_activities", ServiceNamespace="ecs")
        suspended = {"DynamicScalingInSuspended": True}
        call("register_scalable_target", **target, SuspendedState=suspended)
        found = call("describe_scalable_targets", ServiceNamespace="ecs")["ScalableTargets"][0]
        assert (found["MinCapacity"], found["SuspendedState"]["DynamicScalingInSuspended"]) == (1, True)
        call("deregister_scalable_target", **target)
        with pytest.raises(ClientError) as refused:
            call("deregister_scalable_target", **target)
    assert error(refused)[0] == "ObjectNotFoundException"


def test_alarms(aws: Aws) -> None:
    aws.create("alarms", math_alarm())
    with measured(aws.client("cloudwatch")) as call:
        call("describe_alarms")


# Deployments


def weights(aws: Aws, info: Any, route: str = "prodTrafficRoute") -> list[int]:
    """The shares of the first and the second target group of the pair on a listener."""
    pair = info["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    listener = pair[route]["listenerArns"][0]
    names = [item["name"] for item in pair["targetGroups"]]
    elbv2 = aws.client("elbv2")
    arns = [elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"] for name in names]
    action = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    shares = {item["TargetGroupArn"]: item["Weight"] for item in action["ForwardConfig"]["TargetGroups"]}
    return [shares.get(arn, 0) for arn in arns]


def hook_id(deployment: str) -> str:
    """The id under which the hook waits; on AWS the function that is called gets it."""
    return f"hook-{deployment}-AfterAllowTestTraffic"


def waiting_release(aws: Aws, name: str, **group: Any) -> tuple[Any, str]:
    """A release that waits for its hook."""
    _, request = released(aws, name, **group)
    codedeploy = aws.client("codedeploy")
    return codedeploy, codedeploy.create_deployment(**request)["deploymentId"]


def info_of(codedeploy: Any, deployment: str) -> Any:
    return codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]


def test_deployment_succeeds(aws: Aws) -> None:
    codedeploy, deployment = waiting_release(aws, "success")
    info = info_of(codedeploy, deployment)
    assert weights(aws, info) == [100, 0], "no user sees green before the hook has answered"
    assert weights(aws, info, "testTrafficRoute") == [0, 100]
    found = aws.client("ecs").describe_services(cluster="success", services=["api"])["services"][0]
    green = next(item for item in found["taskSets"] if item["status"] == "ACTIVE")
    assert (green["externalId"], green["startedBy"]) == (deployment, "CODE_DEPLOY")
    events = codedeploy.get_deployment_target(deploymentId=deployment, targetId="success:api")[
        "deploymentTarget"
    ]
    states = {item["lifecycleEventName"]: item["status"] for item in events["ecsTarget"]["lifecycleEvents"]}
    assert (states["Install"], states["AfterAllowTestTraffic"], states["AllowTraffic"]) == (
        "Succeeded",
        "InProgress",
        "Pending",
    )
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Succeeded"
    )
    for _ in until(lambda: weights(aws, info) == [0, 100]):
        pass
    for _ in until(lambda: info_of(codedeploy, deployment)["status"] == "Succeeded"):
        pass
    service = aws.client("ecs").describe_services(cluster="success", services=["api"])["services"][0]
    assert [item["status"] for item in service["taskSets"]] == ["PRIMARY"]
    assert service["taskDefinition"].endswith("success:2")


def rule_shares(aws: Aws, rule: str) -> list[tuple[str, dict[str, int]]]:
    """The type of each action of a rule, and its shares by target group."""
    found = aws.client("elbv2").describe_rules(RuleArns=[rule])["Rules"][0]["Actions"]
    return [
        (
            action["Type"],
            {
                group["TargetGroupArn"]: group["Weight"]
                for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
            },
        )
        for action in found
    ]


def test_deployment_moves_every_rule_that_names_the_pair(aws: Aws) -> None:
    names, request = released(aws, "ruled")
    codedeploy, elbv2 = aws.client("codedeploy"), aws.client("elbv2")
    group = codedeploy.get_deployment_group(
        applicationName=names["Application"], deploymentGroupName=names["Group"]
    )["deploymentGroupInfo"]
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    blue, green = (
        elbv2.describe_target_groups(Names=[item["name"]])["TargetGroups"][0]["TargetGroupArn"]
        for item in pair["targetGroups"]
    )
    other = elbv2.create_target_group(
        Name="ruled-other", Protocol="HTTP", Port=80, VpcId=VPC, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    production, test = (pair[route]["listenerArns"][0] for route in ("prodTrafficRoute", "testTrafficRoute"))

    def rule(listener: str, priority: int, *actions: dict[str, Any]) -> str:
        made = elbv2.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}/*"]}],
            Actions=list(actions),
        )
        return str(made["Rules"][0]["RuleArn"])

    to_blue = {"Type": "forward", "TargetGroupArn": blue}
    api = rule(production, 1, to_blue)
    both = rule(
        production,
        2,
        {
            "Type": "forward",
            "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn} for arn in (green, blue)]},
        },
    )
    elsewhere = rule(production, 3, {"Type": "forward", "TargetGroupArn": other})
    closed = rule(production, 4, {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}})
    tried = rule(test, 1, {"Type": "forward", "TargetGroupArn": green})

    deployment = codedeploy.create_deployment(**request)["deploymentId"]
    assert rule_shares(aws, api) == [("forward", {blue: 100, green: 0})]
    assert rule_shares(aws, tried) == [("forward", {blue: 0, green: 100})]
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Succeeded"
    )
    info = info_of(codedeploy, deployment)
    for _ in until(lambda: weights(aws, info) == [0, 100]):
        pass
    for moved in (api, both):
        assert rule_shares(aws, moved) == [("forward", {blue: 0, green: 100})]
    assert rule_shares(aws, elsewhere) == [("forward", {other: 1})]
    assert rule_shares(aws, closed) == [("fixed-response", {})]


def test_listener_whose_rules_alone_name_the_pair_keeps_its_default_action(aws: Aws) -> None:
    names, request = released(aws, "by-rules")
    codedeploy, elbv2 = aws.client("codedeploy"), aws.client("elbv2")
    group = codedeploy.get_deployment_group(
        applicationName=names["Application"], deploymentGroupName=names["Group"]
    )["deploymentGroupInfo"]
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    listener = pair["prodTrafficRoute"]["listenerArns"][0]
    blue, green = (
        elbv2.describe_target_groups(Names=[item["name"]])["TargetGroups"][0]["TargetGroupArn"]
        for item in pair["targetGroups"]
    )
    api = elbv2.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": blue}],
    )["Rules"][0]["RuleArn"]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[nothing])
    deployment = codedeploy.create_deployment(**request)["deploymentId"]
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Succeeded"
    )
    for _ in until(lambda: rule_shares(aws, api) == [("forward", {blue: 0, green: 100})]):
        pass
    found = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    assert [action["Type"] for action in found] == ["fixed-response"]
    target = codedeploy.get_deployment_target(deploymentId=deployment, targetId="by-rules:api")
    sets = target["deploymentTarget"]["ecsTarget"]["taskSetsInfo"]
    assert {item["taskSetLabel"]: item["trafficWeight"] for item in sets} == {"Blue": 0.0, "Green": 100.0}


def test_deployment_whose_hook_fails_is_rolled_back(aws: Aws) -> None:
    codedeploy, deployment = waiting_release(aws, "failed-hook")
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Failed"
    )
    info = info_of(codedeploy, deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "HOOK_EXECUTION_FAILURE")
    assert weights(aws, info) == [100, 0]
    assert weights(aws, info, "testTrafficRoute") == [100, 0]
    rollback = info_of(codedeploy, info["rollbackInfo"]["rollbackDeploymentId"])
    assert (rollback["status"], rollback["creator"]) == ("Succeeded", "codeDeployRollback")
    service = aws.client("ecs").describe_services(cluster="failed-hook", services=["api"])["services"][0]
    assert service["taskDefinition"].endswith("failed-hook:1")
    assert len(service["taskSets"]) == 1


def test_deployment_that_is_stopped_by_an_alarm_is_rolled_back(aws: Aws) -> None:
    aws.create("bell", math_alarm(AlarmName="bell"))
    alarms = {"Enabled": True, "Alarms": [{"Name": "bell"}]}
    codedeploy, deployment = waiting_release(aws, "belled", AlarmConfiguration=alarms)
    aws.client("cloudwatch").set_alarm_state(AlarmName="bell", StateValue="ALARM", StateReason="test")
    info = info_of(codedeploy, deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert weights(aws, info) == [100, 0]


def test_stopped_deployment_without_rollback_stays_where_it_is(aws: Aws) -> None:
    codedeploy, deployment = waiting_release(aws, "stopped")
    codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=False)
    info = info_of(codedeploy, deployment)
    assert info["status"] == "Stopped"
    assert "rollbackInfo" not in info
    service = aws.client("ecs").describe_services(cluster="stopped", services=["api"])["services"][0]
    assert len(service["taskSets"]) == 2
    with pytest.raises(ClientError) as refused:
        codedeploy.stop_deployment(deploymentId=deployment)
    assert error(refused)[0] == "DeploymentAlreadyCompletedException"


@pytest.mark.parametrize("waits_for", ["hook", "termination"])
def test_deployment_whose_group_is_deleted_fails(aws: Aws, waits_for: str) -> None:
    stack = f"deleted-at-{waits_for}"
    termination = {"Action": "TERMINATE", "TerminationWaitTimeInMinutes": 60}
    waits = {
        "DeploymentReadyOption": {"ActionOnTimeout": "CONTINUE_DEPLOYMENT", "WaitTimeInMinutes": 0},
        "TerminateBlueInstancesOnDeploymentSuccess": termination,
    }
    codedeploy, deployment = waiting_release(aws, stack, BlueGreenDeploymentConfiguration=waits)
    if waits_for == "termination":
        info = info_of(codedeploy, deployment)
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Succeeded"
        )
        for _ in until(lambda: weights(aws, info) == [0, 100]):
            pass
    group = info_of(codedeploy, deployment)
    codedeploy.delete_deployment_group(
        applicationName=group["applicationName"], deploymentGroupName=group["deploymentGroupName"]
    )
    info = info_of(codedeploy, deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "DEPLOYMENT_GROUP_MISSING")
    assert "rollbackInfo" not in info
    # With the application, all that is known of its deployments goes.
    aws.delete(stack)
    with pytest.raises(ClientError) as refused:
        info_of(codedeploy, deployment)
    assert error(refused)[0] == "DeploymentDoesNotExistException"


class Echo(http.server.BaseHTTPRequestHandler):
    """A target that answers with the header fields that it was sent."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output is not for this."""


def test_targets_are_told_of_the_client(aws: Aws) -> None:
    """As Elastic Load Balancing does it: protocol and port are the listener's, whatever the client says."""
    certificate = aws.client("acm").request_certificate(DomainName="shop.example")["CertificateArn"]
    resources = changed(
        network(), "TestListener", Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}]
    )
    outputs = values(Group=ref("GreenTargetGroup"), Name=attribute("Balancer", "DNSName"))
    aws.create("told", resources, Outputs=outputs)
    made = aws.outputs("told")
    with http.server.HTTPServer(("127.0.0.1", 0), Echo) as target:
        answering = threading.Thread(target=target.handle_request)
        answering.start()
        aws.client("elbv2").register_targets(
            TargetGroupArn=made["Group"], Targets=[{"Id": "127.0.0.1", "Port": target.server_port}]
        )
        sent = {
            "Host": f"{made['Name']}:9002",
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": "gopher",
            "X-Forwarded-Port": "70",
        }
        told = httpx2.get(aws.endpoint, headers=sent, trust_env=False).json()
        answering.join()
    assert told["host"] == f"{made['Name']}:9002"
    assert (told["x-forwarded-proto"], told["x-forwarded-port"]) == ("https", "9002")
    assert told["x-forwarded-for"].startswith("203.0.113.7, ")


def test_revisions_are_those_of_the_family_and_in_turn(aws: Aws) -> None:
    """By the full name of the family, though the member is called a prefix; families by name."""
    ecs = aws.client("ecs")
    for family in ("turn-longer", *["turn"] * 11):
        ecs.register_task_definition(
            family=family, containerDefinitions=[{"name": "a", "image": "a", "memory": 64}]
        )

    def listed(**request: Any) -> list[str]:
        pages = ecs.get_paginator("list_task_definitions").paginate(
            PaginationConfig={"PageSize": 4}, **request
        )
        return [arn.rpartition("/")[2] for page in pages for arn in page["taskDefinitionArns"]]

    in_turn = [f"turn:{number}" for number in range(1, 12)]
    assert listed(familyPrefix="turn") == in_turn
    assert listed(familyPrefix="turn", sort="DESC") == in_turn[::-1]
    assert [one for one in listed() if one.startswith("turn")] == ["turn:1", *in_turn[1:], "turn-longer:1"]
    ecs.deregister_task_definition(taskDefinition="turn:3")
    assert listed(familyPrefix="turn", status="INACTIVE") == ["turn:3"]


def test_deployments_that_are_not_there_are_left_out_of_many(aws: Aws) -> None:
    assert (
        aws.client("codedeploy").batch_get_deployments(deploymentIds=["d-ABCDEFGHI"])["deploymentsInfo"] == []
    )


def test_security_groups_are_found_by_a_filter(aws: Aws) -> None:
    """Of several ids those that are there, and without an error where none is."""
    ec2 = aws.client("ec2")
    made = ec2.create_security_group(GroupName="filtered", Description="filtered", VpcId=VPC)["GroupId"]

    def by(*ids: str) -> list[str]:
        groups = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": list(ids)}])
        return [group["GroupId"] for group in groups["SecurityGroups"]]

    assert by(made, "sg-0123456789abcdef0") == [made]
    assert by("sg-0123456789abcdef0") == []


def test_endpoints_are_told_with_their_groups_and_by_their_vpc(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="end", Description="end", VpcId=other)["GroupId"]
    ec2.create_vpc_endpoint(
        VpcId=other,
        ServiceName="com.amazonaws.ap-northeast-1.ecr.api",
        VpcEndpointType="Interface",
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )

    def of(vpc: str) -> Any:
        return ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]

    (endpoint,) = of(other)
    assert ([one["GroupId"] for one in endpoint["Groups"]], endpoint["PrivateDnsEnabled"]) == ([group], True)
    assert of(VPC) == []


def test_web_acl_is_found_by_its_arn(aws: Aws) -> None:
    waf = aws.client("wafv2")
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "found"}
    made = waf.create_web_acl(
        Name="found", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible, Rules=[]
    )["Summary"]
    assert waf.get_web_acl(ARN=made["ARN"])["WebACL"]["Name"] == "found"
    assert waf.get_web_acl(Name="found", Scope="REGIONAL", Id=made["Id"])["WebACL"]["ARN"] == made["ARN"]


def test_what_is_made_again_with_the_same_settings_is_the_same(aws: Aws) -> None:
    elbv2 = aws.client("elbv2")
    balancer = {"Name": "once", "Subnets": PUBLIC}
    first = elbv2.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"]
    assert elbv2.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"] == first
    with pytest.raises(ClientError) as refused:
        elbv2.create_load_balancer(**balancer, Scheme="internal")
    assert error(refused)[0] == "DuplicateLoadBalancerName"

    group = elbv2.create_target_group(Name="once", Protocol="HTTP", Port=80, VpcId=VPC, TargetType="ip")
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}]
    listener = {"LoadBalancerArn": first, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward}
    made = elbv2.create_listener(**listener)["Listeners"][0]["ListenerArn"]
    assert elbv2.create_listener(**listener)["Listeners"][0]["ListenerArn"] == made
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    with pytest.raises(ClientError) as refused:
        elbv2.create_listener(**{**listener, "DefaultActions": fixed})
    assert error(refused)[0] == "DuplicateListener"
    assert len(elbv2.describe_listeners(LoadBalancerArn=first)["Listeners"]) == 1


def test_stack_in_review_was_never_updated(aws: Aws) -> None:
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    made = aws.propose("reviewed", resources, kind="CREATE")
    cloudformation = aws.client("cloudformation")
    assert "LastUpdatedTime" not in cloudformation.describe_stacks(StackName="reviewed")["Stacks"][0]
    assert aws.execute(made)["LastUpdatedTime"]


def placed(found: Any) -> Any:
    """Where the tasks of a task set or service are: a launch type, or a strategy and no launch type."""
    return found.get("launchType"), [
        one["capacityProvider"] for one in found.get("capacityProviderStrategy", [])
    ]


def test_new_task_sets_are_where_the_appspec_says(aws: Aws) -> None:
    """On what it names, and where it names nothing on what runs: never on EC2, which nobody named."""
    _, request = released(aws, "placed")
    ecs, codedeploy = aws.client("ecs"), aws.client("codedeploy")
    ecs.put_cluster_capacity_providers(
        cluster="placed", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    plain = request["revision"]["appSpecContent"]["content"]
    spec = json.loads(plain)
    (target,) = spec["Resources"][0].values()
    target["Properties"]["CapacityProviderStrategy"] = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]

    def service() -> Any:
        return ecs.describe_services(cluster="placed", services=["api"])["services"][0]

    seen = [placed(service()["taskSets"][0])]
    for content in (plain, json.dumps(spec), plain):
        revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
        deployment = codedeploy.create_deployment(**{**request, "revision": revision})["deploymentId"]
        seen.append(placed(next(one for one in service()["taskSets"] if one["status"] == "ACTIVE")))
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=hook_id(deployment), status="Succeeded"
        )
        for _ in until(lambda of=deployment: info_of(codedeploy, of)["status"] == "Succeeded"):
            pass
        assert placed(service()) == placed(service()["taskSets"][0]) == seen[-1]
    assert seen == [("FARGATE", []), ("FARGATE", []), (None, ["FARGATE_SPOT"]), (None, ["FARGATE_SPOT"])]

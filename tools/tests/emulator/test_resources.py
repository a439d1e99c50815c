"""Each resource type that ministack lacks: created, referred to, updated or replaced, refused."""

import json
from typing import Any

import pytest

from tests.emulator.aws import PRIVATE, PUBLIC, VPC, Aws, Resources, fresh
from tests.emulator.parts import (
    attribute,
    blue_green_service,
    changed,
    deployment_group,
    math_alarm,
    metric,
    network,
    pipeline,
    project,
    ref,
    resource,
    role,
    rule,
    scaling,
    task_definition,
    values,
)


def change(change_set: Any, logical_id: str) -> Any:
    """The change of one resource in a change set."""
    for item in change_set["Changes"]:
        if item["ResourceChange"]["LogicalResourceId"] == logical_id:
            return item["ResourceChange"]
    raise AssertionError(f"{logical_id} does not change: {change_set}")


OF_TEMPLATES = (
    *("ApplicationAutoScaling::ScalableTarget", "ApplicationAutoScaling::ScalingPolicy"),
    *("CloudWatch::Alarm", "CodeBuild::Project", "CodeConnections::Connection", "CodeDeploy::Application"),
    *("CodeDeploy::DeploymentConfig", "CodeDeploy::DeploymentGroup", "CodePipeline::Pipeline"),
    *("CodeStarNotifications::NotificationRule", "EC2::SecurityGroup", "EC2::SecurityGroupEgress"),
    *("EC2::SecurityGroupIngress", "ECR::Repository", "ECS::Cluster", "ECS::Service", "ECS::TaskDefinition"),
    *("ElasticLoadBalancingV2::Listener", "ElasticLoadBalancingV2::ListenerCertificate"),
    "ElasticLoadBalancingV2::ListenerRule",
    *("ElasticLoadBalancingV2::LoadBalancer", "ElasticLoadBalancingV2::TargetGroup", "Events::Rule"),
    *("IAM::ManagedPolicy", "IAM::Policy", "IAM::Role", "IAM::RolePolicy", "Lambda::Function"),
    *("Lambda::Permission", "Logs::LogGroup", "S3::Bucket", "S3::BucketPolicy", "SNS::Subscription"),
    *("SNS::Topic", "SNS::TopicPolicy"),
)


@pytest.mark.parametrize("kind", OF_TEMPLATES)
def test_unknown_properties_are_invalid(kind: str, either: Aws) -> None:
    """Found in the change set, or when the resource is made: on AWS nobody knows which, type by type."""
    stack = f"unknown-{kind.replace('::', '-').lower()}"
    wrong = {"Wrong": resource(kind, Misspelt="x")}
    if either.validation.looks_at(f"AWS::{kind}"):
        path = "/Resources/Wrong/Properties"
        assert (path, "#: extraneous key [Misspelt] is not permitted") in either.invalid(stack, wrong)
    else:
        assert "extraneous key [Misspelt] is not permitted" in either.refused(stack, wrong)


@pytest.mark.parametrize(
    ("properties", "path", "reason"),
    [
        ({"Port": "eighty"}, "/Port", "'eighty' is not of type 'integer'"),
        ({"Port": 70000}, "/Port", "70000 is greater than the maximum of 65535"),
        ({"TargetType": "task"}, "/TargetType", "'task' is not one of"),
        ({"Matcher": {"HttpCodes": "200"}}, "/Matcher", "extraneous key [HttpCodes] is not permitted"),
    ],
    ids=["type", "range", "enumeration", "nested"],
)
def test_property_values_are_checked_by_the_schema(
    aws: Aws, properties: dict[str, Any], path: str, reason: str
) -> None:
    wrong = {"Wrong": resource("ElasticLoadBalancingV2::TargetGroup", VpcId=VPC, **properties)}
    found = aws.invalid(f"wrong-{path.strip('/').lower()}-{len(str(properties))}", wrong)
    assert [item for item, text in found if reason in text] == [f"/Resources/Wrong/Properties{path}"]


def test_names_are_checked_by_patterns_of_the_schema(aws: Aws) -> None:
    """AWS::SSM::Parameter's tags are a map, whose keys have a pattern with a class of Unicode's."""
    named = {"Setting": resource("SSM::Parameter", Type="String", Value="x", Tags={"team": "shop"})}
    aws.create("named", named)
    wrong = {"Setting": resource("SSM::Parameter", Type="String", Value="x", Tags={"team!": "shop"})}
    found = aws.invalid("named-wrong", wrong)
    assert ("/Resources/Setting/Properties/Tags", "#/Tags: extraneous key [team!] is not permitted") in found


def test_scalars_are_converted_as_cloudformation_does(aws: Aws) -> None:
    """YAML and parameters give text for numbers and truth values, and numbers for text."""
    family = {
        "Name": "app",
        "Image": "nginx",
        "Environment": [{"Name": "RATE", "Value": 1.0}],
        "Essential": "true",
    }
    aws.create(
        "converted",
        {
            "Definition": task_definition("converted", ContainerDefinitions=[family], Cpu=256, Memory=512),
            "Alarm": math_alarm()["Alarm"],
        },
    )
    definition = aws.client("ecs").describe_task_definition(taskDefinition="converted")["taskDefinition"]
    container = definition["containerDefinitions"][0]
    assert container["environment"] == [{"name": "RATE", "value": "1.0"}]
    assert container["essential"] is True
    assert (definition["cpu"], definition["memory"]) == ("256", "512")


def test_codepipeline_pipeline(aws: Aws) -> None:
    outputs = values(Ref=ref("Pipeline"), Version=attribute("Pipeline", "Version"))
    aws.create("pipeline", pipeline(), Outputs=outputs)
    name = aws.outputs("pipeline")["Ref"]
    found = aws.client("codepipeline").get_pipeline(name=name)["pipeline"]
    assert aws.outputs("pipeline")["Version"] == "1"
    assert (found["pipelineType"], found["executionMode"]) == ("V2", "QUEUED")
    assert found["stages"][0]["actions"][0]["configuration"]["FullRepositoryId"] == "acme/shop"

    in_place = changed(pipeline(), "Pipeline", ExecutionMode="SUPERSEDED")
    proposed = aws.propose("pipeline", in_place, Outputs=outputs)
    assert change(proposed, "Pipeline")["Replacement"] == "False"
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"
    assert aws.outputs("pipeline") == {"Ref": name, "Version": "2"}

    renamed = aws.propose("pipeline", pipeline(Name="other"), Outputs=outputs)
    assert change(renamed, "Pipeline")["Replacement"] == "True"
    aws.execute(renamed)
    assert [item["name"] for item in aws.client("codepipeline").list_pipelines()["pipelines"]] == ["other"]

    aws.delete("pipeline")
    assert aws.client("codepipeline").list_pipelines()["pipelines"] == []


def with_action(**changes: Any) -> Resources:
    """A pipeline whose build action is different."""
    stages = json.loads(json.dumps(pipeline()["Pipeline"]["Properties"]["Stages"]))
    stages[1]["Actions"][0].update(changes)
    return pipeline(Stages=stages)


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (
            pipeline(RoleArn="arn:aws:iam::000000000000:role/none"),
            "not authorized to perform AssumeRole on role",
        ),
        (pipeline(RoleArn=attribute("BuildRole", "Arn")), "not authorized to perform AssumeRole on role"),
        (pipeline(ArtifactStore={"Type": "S3", "Location": "nowhere"}), "bucket does not exist: nowhere"),
        (with_action(Configuration={"ProjectName": "none"}), "CodeBuild project none does not exist"),
        (with_action(Configuration={"Project": "x"}), "missing required configuration 'ProjectName'"),
        (with_action(InputArtifacts=[{"Name": "Other"}]), "Input Artifact Bundle Other in action Image"),
        (with_action(RoleArn="arn:aws:iam::000000000000:role/none"), "not authorized to perform AssumeRole"),
        (pipeline(PipelineType="V1"), "only supported for pipelines of type V2"),
    ],
    ids=["role", "trust", "bucket", "project", "configuration", "artifact", "action-role", "type"],
)
def test_codepipeline_pipeline_refuses(aws: Aws, resources: Resources, reason: str) -> None:
    stack = fresh("no-pipeline")
    resources["Connection"]["Properties"]["ConnectionName"] = stack
    assert reason in aws.refused(stack, resources)


def test_codebuild_project(aws: Aws) -> None:
    outputs = values(Ref=ref("Project"), Arn=attribute("Project", "Arn"))
    aws.create("project", project(), Outputs=outputs)
    name = aws.outputs("project")["Ref"]
    assert aws.outputs("project")["Arn"].endswith(f":project/{name}")
    found = aws.client("codebuild").batch_get_projects(names=[name])["projects"][0]
    assert found["source"]["buildspec"] == "version: 0.2"
    assert found["environment"]["privilegedMode"] is True
    assert found["environment"]["environmentVariables"] == [{"name": "A", "value": "b"}]

    proposed = aws.propose("project", project(TimeoutInMinutes=5), Outputs=outputs)
    assert change(proposed, "Project")["Replacement"] == "False"
    aws.execute(proposed)
    found = aws.client("codebuild").batch_get_projects(names=[name])["projects"][0]
    assert found["timeoutInMinutes"] == 5
    renamed = aws.propose("project", project(Name="other"), Outputs=outputs)
    assert change(renamed, "Project")["Replacement"] == "True"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"ServiceRole": "arn:aws:iam::000000000000:role/none"}, "not authorized to perform: sts:AssumeRole"),
        ({"Source": {"Type": "NO_SOURCE", "BuildSpec": "version: 0.2"}}, "both must be CODEPIPELINE"),
    ],
    ids=["role", "artifacts"],
)
def test_codebuild_project_refuses(aws: Aws, properties: dict[str, Any], reason: str) -> None:
    assert reason in aws.refused(fresh("no-project"), project(**properties))


def test_codedeploy_types(aws: Aws) -> None:
    config = resource(
        "CodeDeploy::DeploymentConfig",
        ComputePlatform="ECS",
        TrafficRoutingConfig={
            "Type": "TimeBasedCanary",
            "TimeBasedCanary": {"CanaryPercentage": 20, "CanaryInterval": 2},
        },
    )
    resources = {
        **blue_green_service("deploy-types", "api", "deploy-types"),
        **deployment_group("deploy-types", "api", DeploymentConfigName=ref("Config")),
        "Config": config,
    }
    outputs = values(Application=ref("Application"), Group=ref("DeploymentGroup"), Config=ref("Config"))
    aws.create("deploy-types", resources, Outputs=outputs)
    names = aws.outputs("deploy-types")
    client = aws.client("codedeploy")
    group = client.get_deployment_group(
        applicationName=names["Application"], deploymentGroupName=names["Group"]
    )
    info = group["deploymentGroupInfo"]
    assert (info["computePlatform"], info["deploymentConfigName"]) == ("ECS", names["Config"])
    assert info["ecsServices"] == [{"clusterName": "deploy-types", "serviceName": "api"}]
    found = client.get_deployment_config(deploymentConfigName=names["Config"])["deploymentConfigInfo"]
    assert found["trafficRoutingConfig"]["timeBasedCanary"] == {"canaryPercentage": 20, "canaryInterval": 2}

    in_place = changed(resources, "DeploymentGroup", AutoRollbackConfiguration=None)
    proposed = aws.propose("deploy-types", in_place, Outputs=outputs)
    assert change(proposed, "DeploymentGroup")["Replacement"] == "False"
    aws.execute(proposed)
    group = client.get_deployment_group(
        applicationName=names["Application"], deploymentGroupName=names["Group"]
    )
    assert "autoRollbackConfiguration" not in group["deploymentGroupInfo"]

    replacing: dict[str, dict[str, Any]] = {
        "DeploymentGroup": {"DeploymentGroupName": "other"},
        "Application": {"ComputePlatform": "Lambda"},
        "Config": {"TrafficRoutingConfig": {"Type": "AllAtOnce"}},
    }
    for logical_id, properties in replacing.items():
        replaced = aws.propose("deploy-types", changed(in_place, logical_id, **properties), Outputs=outputs)
        assert change(replaced, logical_id)["Replacement"] == "True", logical_id

    aws.delete("deploy-types")
    assert client.list_applications()["applications"] == []


PAIR = deployment_group("c", "s")["DeploymentGroup"]["Properties"]["LoadBalancerInfo"][
    "TargetGroupPairInfoList"
][0]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"ApplicationName": "none"}, "No application found for name: none"),
        (
            {"ServiceRoleArn": "arn:aws:iam::000000000000:role/none"},
            "permissions required to assume the role",
        ),
        ({"DeploymentConfigName": "CodeDeployDefault.ECSCanary"}, "No deployment configuration found"),
        ({"DeploymentStyle": {"DeploymentType": "IN_PLACE"}}, "has the type BLUE_GREEN"),
        (
            {"ECSServices": [{"ClusterName": "group-refuses", "ServiceName": "x"}]},
            "The ECS service x does not exist",
        ),
        (
            {
                "LoadBalancerInfo": {
                    "TargetGroupPairInfoList": [{**PAIR, "TargetGroups": [{"Name": "x"}, {"Name": "y"}]}]
                }
            },
            "The target group x does not exist",
        ),
        (
            {
                "LoadBalancerInfo": {
                    "TargetGroupPairInfoList": [{**PAIR, "ProdTrafficRoute": {"ListenerArns": ["arn:none"]}}]
                }
            },
            "takes one listener that exists",
        ),
        (
            {
                "LoadBalancerInfo": {
                    "TargetGroupPairInfoList": [{name: PAIR[name] for name in PAIR if "Prod" not in name}]
                }
            },
            "A production traffic route must be specified",
        ),
        ({"LoadBalancerInfo": None}, "Exactly one pair of two target groups"),
        ({"ECSServices": None}, "Exactly one ECS service"),
        ({"AlarmConfiguration": {"Enabled": True, "Alarms": []}}, "the alarm list is empty"),
        ({"AutoRollbackConfiguration": {"Enabled": True}}, "lists no events"),
        (
            {
                "BlueGreenDeploymentConfiguration": {
                    "TerminateBlueInstancesOnDeploymentSuccess": {"TerminationWaitTimeInMinutes": 2881}
                }
            },
            "between 0 and 2880 minutes",
        ),
    ],
    ids=[
        "application",
        "role",
        "configuration",
        "style",
        "service",
        "target-group",
        "listener",
        "no-listener",
        "no-pair",
        "no-service",
        "alarms",
        "rollback",
        "wait",
    ],
)
def test_codedeploy_group_refuses(aws: Aws, properties: dict[str, Any], reason: str) -> None:
    resources = {
        **blue_green_service("group-refuses", "api", "group-refuses"),
        **changed(deployment_group("group-refuses", "api"), "DeploymentGroup", **properties),
    }
    assert reason in aws.refused(fresh("group"), resources)


def test_codedeploy_group_refuses_a_service_that_ecs_deploys(aws: Aws) -> None:
    service = {"DeploymentController": {"Type": "ECS"}}
    resources = {
        **changed(blue_green_service("group-rolling", "api", "group-rolling"), "Service", **service),
        **deployment_group("group-rolling", "api"),
    }
    assert "must be configured for a CODE_DEPLOY deployment controller" in aws.refused("rolling", resources)


def test_codedeploy_group_refuses_a_configuration_for_another_platform(aws: Aws) -> None:
    routing = {"Type": "AllAtOnce"}
    config = resource("CodeDeploy::DeploymentConfig", ComputePlatform="Lambda", TrafficRoutingConfig=routing)
    resources = {
        **blue_green_service("group-lambda", "api", "group-lambda"),
        **deployment_group("group-lambda", "api", DeploymentConfigName=ref("Config")),
        "Config": config,
    }
    assert "is not for the ECS compute platform" in aws.refused("lambda-config", resources)


def test_codeconnections_connection(aws: Aws) -> None:
    def connection(**properties: Any) -> Resources:
        given = {"ConnectionName": "link", "ProviderType": "GitHub", **properties}
        return {"Connection": resource("CodeConnections::Connection", **given)}

    names = ("ConnectionArn", "ConnectionStatus", "OwnerAccountId")
    outputs = values(Ref=ref("Connection"), **{name: attribute("Connection", name) for name in names})
    aws.create("connection", connection(), Outputs=outputs)
    found = aws.outputs("connection")
    assert found["Ref"] == found["ConnectionArn"]
    assert (found["ConnectionStatus"], found["OwnerAccountId"]) == ("AVAILABLE", "000000000000")
    listed = aws.client("codestar-connections").list_connections()["Connections"]
    assert found["Ref"] in [item["ConnectionArn"] for item in listed]

    tagged = aws.propose("connection", connection(Tags=[{"Key": "a", "Value": "b"}]), Outputs=outputs)
    assert change(tagged, "Connection")["Replacement"] == "False"
    aws.execute(tagged)
    assert aws.outputs("connection") == found
    tags = aws.client("codeconnections").list_tags_for_resource(ResourceArn=found["Ref"])["Tags"]
    assert {"Key": "a", "Value": "b"} in tags
    renamed = aws.propose("connection", connection(ConnectionName="other"), Outputs=outputs)
    assert change(renamed, "Connection")["Replacement"] == "True"
    assert "already exists" in aws.refused("connection-twice", connection())
    aws.delete("connection")


def test_application_autoscaling_types(aws: Aws) -> None:
    aws.create("scaled-service", blue_green_service("scaled", "api", "scaled"))
    resources = scaling("scaled", "api")
    outputs = values(Target=ref("Target"), Policy=ref("Policy"), Arn=attribute("Policy", "Arn"))
    aws.create("scaling", resources, Outputs=outputs)
    found = aws.outputs("scaling")
    assert found["Target"] == "service/scaled/api|ecs:service:DesiredCount|ecs"
    assert found["Policy"] == found["Arn"]
    client = aws.client("application-autoscaling")
    target = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    policy = client.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"][0]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60

    grown = changed(resources, "Target", MinCapacity=2, MaxCapacity=4)
    proposed = aws.propose("scaling", grown, Outputs=outputs)
    assert change(proposed, "Target")["Replacement"] == "False"
    aws.execute(proposed)
    target = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    service = aws.client("ecs").describe_services(cluster="scaled", services=["api"])["services"][0]
    assert service["desiredCount"] == 2, "a changed range moves the count into it"
    renamed = aws.propose("scaling", changed(grown, "Policy", PolicyName="other"), Outputs=outputs)
    assert change(renamed, "Policy")["Replacement"] == "True"

    aws.delete("scaling")
    assert client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


def test_what_scales_a_service_goes_with_it(aws: Aws) -> None:
    """hako#69; terraform-provider-aws#10432, #14254; CloudFormation does not hear of it: copilot-cli#3342."""
    aws.create("ended-service", blue_green_service("ended", "api", "ended"))
    resources = scaling("ended", "api")
    aws.create("ended-scaling", resources)
    aws.client("ecs").delete_service(cluster="ended", service="api", force=True)
    client, asked = aws.client("application-autoscaling"), {"ServiceNamespace": "ecs"}
    path = "service/ended/api"
    assert client.describe_scalable_targets(**asked, ResourceIds=[path])["ScalableTargets"] == []
    assert client.describe_scaling_policies(**asked, ResourceId=path)["ScalingPolicies"] == []
    assert aws.propose("ended-scaling", resources)["Status"] == "FAILED"
    aws.delete("ended-scaling")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"ResourceId": "service/none/api"}, "ECS service doesn't exist: service/none/api"),
        ({"MinCapacity": 3}, "Maximum capacity cannot be less than minimum capacity"),
    ],
    ids=["service", "capacity"],
)
def test_scalable_target_refuses(aws: Aws, properties: dict[str, Any], reason: str) -> None:
    resources = changed(scaling("scaled", "api"), "Target", **properties)
    assert reason in aws.refused(fresh("no-scaling"), resources)


def test_security_group_rules(aws: Aws) -> None:
    def rules(**properties: Any) -> Resources:
        ingress = {
            "GroupId": ref("Group"),
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "CidrIp": "0.0.0.0/0",
        }
        egress: dict[str, Any] = {
            "GroupId": ref("Group"),
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "DestinationSecurityGroupId": attribute("Group", "GroupId"),
        }
        return {
            "Group": resource(
                "EC2::SecurityGroup", GroupDescription="rules", VpcId=VPC, SecurityGroupEgress=[]
            ),
            "Ingress": resource("EC2::SecurityGroupIngress", **{**ingress, **properties}),
            "Egress": resource("EC2::SecurityGroupEgress", **egress),
        }

    outputs = values(Group=ref("Group"), Id=attribute("Ingress", "Id"), Ref=ref("Ingress"))
    aws.create("rules", rules(), Outputs=outputs)
    found = aws.outputs("rules")
    assert found["Id"] == found["Ref"]
    assert found["Id"].startswith("sgr-")

    def group() -> Any:
        return aws.client("ec2").describe_security_groups(GroupIds=[found["Group"]])["SecurityGroups"][0]

    assert [rule["FromPort"] for rule in group()["IpPermissions"]] == [80]
    assert 443 in [rule.get("FromPort") for rule in group()["IpPermissionsEgress"]]

    described = aws.propose("rules", rules(Description="all"), Outputs=outputs)
    assert change(described, "Ingress")["Replacement"] == "False"
    aws.execute(described)
    assert group()["IpPermissions"][0]["IpRanges"][0]["Description"] == "all"
    moved = aws.propose("rules", rules(FromPort=8080, ToPort=8080, Description="all"), Outputs=outputs)
    assert change(moved, "Ingress")["Replacement"] == "True"
    aws.execute(moved)
    assert [rule["FromPort"] for rule in group()["IpPermissions"]] == [8080]

    assert "'sg-none' does not exist" in aws.refused("no-rule", rules(GroupId="sg-none"))
    twice = {**rules(), "Again": rules()["Ingress"]}
    assert "already exists" in aws.refused("rule-twice", twice)
    aws.delete("rules")


def test_iam_role_policy(aws: Aws) -> None:
    def policy(**properties: Any) -> Resources:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
        given = {
            "RoleName": ref("Role"),
            "PolicyName": "read",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            **properties,
        }
        return {"Role": role("ecs-tasks.amazonaws.com"), "Policy": resource("IAM::RolePolicy", **given)}

    outputs = values(Role=ref("Role"), Policy=ref("Policy"))
    aws.create("role-policy", policy(), Outputs=outputs)
    name = aws.outputs("role-policy")["Role"]
    assert aws.outputs("role-policy")["Policy"] == f"read|{name}"
    iam = aws.client("iam")
    found = iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"]
    assert found["Statement"][0]["Action"] == "s3:GetObject"

    wider = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    proposed = aws.propose("role-policy", policy(PolicyDocument=wider), Outputs=outputs)
    assert change(proposed, "Policy")["Replacement"] == "False"
    aws.execute(proposed)
    found = iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"]
    assert found["Statement"][0]["Action"] == "s3:*"
    renamed = aws.propose("role-policy", policy(PolicyName="other"), Outputs=outputs)
    assert change(renamed, "Policy")["Replacement"] == "True"
    aws.execute(renamed)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["other"]
    assert "The role with name none cannot be found" in aws.refused("no-role", policy(RoleName="none"))
    aws.delete("role-policy")


def test_metric_math_alarm(aws: Aws) -> None:
    outputs = values(Ref=ref("Alarm"), Arn=attribute("Alarm", "Arn"))
    aws.create("alarm", math_alarm(), Outputs=outputs)
    name = aws.outputs("alarm")["Ref"]
    assert aws.outputs("alarm")["Arn"].endswith(f":alarm:{name}")
    cloudwatch = aws.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert [item["Id"] for item in found["Metrics"]] == ["errors", "requests", "rate"]
    assert (found["DatapointsToAlarm"], found["TreatMissingData"]) == (2, "notBreaching")
    assert found["StateValue"] == "INSUFFICIENT_DATA"

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    proposed = aws.propose("alarm", math_alarm(Threshold=30), Outputs=outputs)
    assert change(proposed, "Alarm")["Replacement"] == "False"
    aws.execute(proposed)
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert (found["Threshold"], found["StateValue"]) == (30.0, "ALARM"), "an update keeps the state"
    renamed = aws.propose("alarm", math_alarm(AlarmName="other"), Outputs=outputs)
    assert change(renamed, "Alarm")["Replacement"] == "True"


RATE = {"Id": "rate", "Expression": "errors / requests"}


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ([metric("errors", "a"), metric("requests", "b")], "Exactly one element"),
        ([metric("errors", "a"), RATE, {**RATE, "Id": "other"}], "Exactly one element"),
        ([metric("errors", "a"), metric("errors", "b"), RATE], "must be unique"),
        ([metric("errors", "a"), metric("requests", "b", 300), RATE], "must have the same period"),
        ([metric("errors", "a"), {"Id": "rate", "Expression": "SEARCH('x')"}], "SEARCH is not supported"),
    ],
    ids=["none-returned", "two-returned", "ids", "periods", "search"],
)
def test_metric_math_alarm_refuses(aws: Aws, metrics: Any, reason: str) -> None:
    assert reason in aws.refused(fresh("no-alarm"), math_alarm(Metrics=metrics))


def test_listener_keeps_all_target_groups_and_weights(aws: Aws) -> None:
    resources = network()
    groups = [
        {"TargetGroupArn": ref("BlueTargetGroup"), "Weight": 90},
        {"TargetGroupArn": ref("GreenTargetGroup"), "Weight": 10},
    ]
    weighted = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    aws.create(
        "weighted",
        changed(resources, "Listener", DefaultActions=weighted),
        Outputs=values(
            Listener=ref("Listener"),
            Blue=ref("BlueTargetGroup"),
            Green=ref("GreenTargetGroup"),
            Balancer=ref("Balancer"),
        ),
    )
    names = aws.outputs("weighted")
    elbv2 = aws.client("elbv2")

    def action() -> Any:
        return elbv2.describe_listeners(ListenerArns=[names["Listener"]])["Listeners"][0]["DefaultActions"][0]

    def shares() -> dict[str, int]:
        found = action()["ForwardConfig"]["TargetGroups"]
        return {group["TargetGroupArn"]: group["Weight"] for group in found}

    assert shares() == {names["Blue"]: 90, names["Green"]: 10}
    assert "TargetGroupArn" not in action(), "only a single group is named on its own"

    both = [{"TargetGroupArn": names["Blue"], "Weight": 0}, {"TargetGroupArn": names["Green"], "Weight": 100}]
    elbv2.modify_listener(
        ListenerArn=names["Listener"],
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}],
    )
    assert shares() == {names["Blue"]: 0, names["Green"]: 100}

    simple = {"Type": "forward", "TargetGroupArn": names["Green"]}
    elbv2.modify_listener(ListenerArn=names["Listener"], DefaultActions=[simple])
    assert action()["TargetGroupArn"] == names["Green"]
    assert shares() == {names["Green"]: 1}
    blue = elbv2.describe_target_groups(TargetGroupArns=[names["Blue"]])["TargetGroups"][0]
    green = elbv2.describe_target_groups(TargetGroupArns=[names["Green"]])["TargetGroups"][0]
    assert (blue["LoadBalancerArns"], green["LoadBalancerArns"]) == ([], [names["Balancer"]])


def test_an_update_of_a_listener_takes_the_traffic_back_to_the_template(aws: Aws) -> None:
    """The danger that stack policies and guards are there for (aws-cdk#36649)."""
    outputs = values(Listener=ref("Listener"), Blue=ref("BlueTargetGroup"), Green=ref("GreenTargetGroup"))
    aws.create("reset", network(), Outputs=outputs)
    names = aws.outputs("reset")
    green = {"Type": "forward", "TargetGroupArn": names["Green"]}
    elbv2 = aws.client("elbv2")
    elbv2.modify_listener(ListenerArn=names["Listener"], DefaultActions=[green])
    aws.update("reset", changed(network(), "Listener", Port=8080), Outputs=outputs)
    found = elbv2.describe_listeners(ListenerArns=[names["Listener"]])["Listeners"][0]
    assert (found["Port"], found["DefaultActions"][0]["TargetGroupArn"]) == (8080, names["Blue"])


def test_rule_is_replaced_for_another_listener_alone(aws: Aws) -> None:
    aws.create("ruled", {**network(), "Rule": rule("/api/*", "BlueTargetGroup")})

    def proposed(**properties: Any) -> list[tuple[str, str]]:
        resources = {**network(), "Rule": rule("/api/*", "BlueTargetGroup")}
        found = change(aws.propose("ruled", changed(resources, "Rule", **properties)), "Rule")
        targets = [detail["Target"] for detail in found["Details"]]
        return [(found["Replacement"], target["RequiresRecreation"]) for target in targets]

    conditions = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*", "/v2/*"]}}]
    assert proposed(Conditions=conditions) == [("False", "Never")]
    assert proposed(Priority=20) == [("False", "Never")]
    assert proposed(ListenerArn=ref("TestListener")) == [("True", "Always")]


def test_an_update_of_a_rule_takes_its_traffic_back_to_the_template(aws: Aws) -> None:
    resources = {**network(), "Rule": rule("/api/*", "BlueTargetGroup")}
    outputs = values(Rule=ref("Rule"), Blue=ref("BlueTargetGroup"), Green=ref("GreenTargetGroup"))
    aws.create("reset-rule", resources, Outputs=outputs)
    names = aws.outputs("reset-rule")
    elbv2 = aws.client("elbv2")
    green = {"Type": "forward", "TargetGroupArn": names["Green"]}
    elbv2.modify_rule(RuleArn=names["Rule"], Actions=[green])
    aws.update("reset-rule", changed(resources, "Rule", Priority=20), Outputs=outputs)
    found = elbv2.describe_rules(RuleArns=[names["Rule"]])["Rules"][0]
    assert (found["Priority"], found["Actions"][0]["TargetGroupArn"]) == ("20", names["Blue"])


def test_a_task_definition_is_replaced_by_its_next_revision_and_retained(aws: Aws) -> None:
    def definition(**properties: Any) -> Resources:
        retained = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return {"Definition": {**task_definition("revised", **properties), **retained}}

    outputs = values(Ref=ref("Definition"), Arn=attribute("Definition", "TaskDefinitionArn"))
    aws.create("revised", definition(), Outputs=outputs)
    first = aws.outputs("revised")["Ref"]
    assert aws.outputs("revised")["Arn"] == first

    tags = aws.propose("revised", definition(Tags=[{"Key": "a", "Value": "b"}]), Outputs=outputs)
    assert change(tags, "Definition")["Replacement"] == "False"
    bigger = aws.propose("revised", definition(Memory="1024"), Outputs=outputs)
    found = change(bigger, "Definition")
    assert (found["Replacement"], found["PolicyAction"]) == ("True", "ReplaceAndRetain")
    target = found["Details"][0]["Target"]
    assert (target["Path"], target["BeforeValue"], target["AfterValue"]) == (
        "/Properties/Memory",
        "512",
        "1024",
    )
    aws.execute(bigger)

    ecs = aws.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix="revised", status="ACTIVE")["taskDefinitionArns"]
    assert arns == [first, aws.outputs("revised")["Ref"]]
    assert arns[1].endswith("revised:2")
    aws.delete("revised")
    assert len(ecs.list_task_definitions(familyPrefix="revised", status="ACTIVE")["taskDefinitionArns"]) == 2


def test_a_family_names_its_newest_active_revision(aws: Aws) -> None:
    ecs = aws.client("ecs")
    container = {"name": "app", "image": "nginx"}
    arns = [
        ecs.register_task_definition(family="newest", containerDefinitions=[container])["taskDefinition"][
            "taskDefinitionArn"
        ]
        for _ in range(2)
    ]
    ecs.deregister_task_definition(taskDefinition=arns[1])
    found = ecs.describe_task_definition(taskDefinition="newest")["taskDefinition"]
    assert found["taskDefinitionArn"] == arns[0]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Memory": "300"}, "No Fargate configuration exists for given values: 256 CPU, 300 memory."),
        ({"NetworkMode": "bridge"}, "Fargate only supports network mode 'awsvpc'."),
        ({"ExecutionRoleArn": "arn:aws:iam::000000000000:role/none"}, "Role is not valid"),
        (
            {"ContainerDefinitions": [{"Name": "a", "Image": "0.dkr.ecr.ap-northeast-1.amazonaws.com/a"}]},
            "execution role ARN to support ECR images",
        ),
        (
            {
                "ContainerDefinitions": [
                    {"Name": "a", "Image": "a", "LogConfiguration": {"LogDriver": "awslogs"}}
                ]
            },
            "execution role ARN to support log driver awslogs",
        ),
    ],
    ids=["memory", "network", "role", "execution-role", "logs"],
)
def test_task_definition_refuses(aws: Aws, properties: dict[str, Any], reason: str) -> None:
    assert reason in aws.refused(fresh("no-definition"), {"Wrong": task_definition("wrong", **properties)})


def test_lambda_function_in_a_vpc_and_what_watches_a_pipeline(aws: Aws) -> None:
    resources = {
        **pipeline(),
        "Topic": resource("SNS::Topic"),
        "FunctionRole": role("lambda.amazonaws.com"),
        "FunctionGroup": resource("EC2::SecurityGroup", GroupDescription="function", VpcId=VPC),
        "Function": resource(
            "Lambda::Function",
            Runtime="python3.13",
            Handler="index.handler",
            Role=attribute("FunctionRole", "Arn"),
            Code={"ZipFile": "def handler(event, context): pass"},
            VpcConfig={"SubnetIds": PRIVATE, "SecurityGroupIds": [ref("FunctionGroup")]},
        ),
        "Permission": resource(
            "Lambda::Permission",
            FunctionName=ref("Function"),
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
        ),
        "Subscription": resource(
            "SNS::Subscription",
            TopicArn=ref("Topic"),
            Protocol="lambda",
            Endpoint=attribute("Function", "Arn"),
        ),
        "TopicPolicy": resource(
            "SNS::TopicPolicy",
            Topics=[ref("Topic")],
            PolicyDocument={"Version": "2012-10-17", "Statement": []},
        ),
        "Rule": resource(
            "Events::Rule",
            EventPattern={"source": ["aws.codepipeline"]},
            Targets=[{"Id": "topic", "Arn": ref("Topic")}],
        ),
        "Notifications": resource(
            "CodeStarNotifications::NotificationRule",
            Name="failures",
            DetailType="BASIC",
            EventTypeIds=["codepipeline-pipeline-pipeline-execution-failed"],
            Resource={"Fn::Sub": "arn:aws:codepipeline:${AWS::Region}:${AWS::AccountId}:${Pipeline}"},
            Targets=[{"TargetType": "SNS", "TargetAddress": ref("Topic")}],
        ),
    }
    resources["Connection"]["Properties"]["ConnectionName"] = "watched"
    outputs = values(
        Function=ref("Function"),
        Arn=attribute("Function", "Arn"),
        Group=ref("FunctionGroup"),
        Topic=ref("Topic"),
        Rule=ref("Rule"),
        Notifications=ref("Notifications"),
    )
    aws.create("watched", resources, Outputs=outputs)
    names = aws.outputs("watched")
    assert ":notificationrule/" in names["Notifications"]
    config = aws.client("lambda").get_function_configuration(FunctionName=names["Function"])
    assert config["VpcConfig"]["SecurityGroupIds"] == [names["Group"]]
    assert config["VpcConfig"]["VpcId"] == VPC

    statement = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}
    updated = dict(resources)
    for logical_id, properties in (
        ("Function", {"Timeout": 9}),
        ("TopicPolicy", {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}),
        ("Rule", {"State": "DISABLED"}),
        ("Notifications", {"DetailType": "FULL"}),
        ("Topic", {"DisplayName": "watched"}),
    ):
        updated = changed(updated, logical_id, **properties)
    proposed = aws.propose("watched", updated, Outputs=outputs)
    for logical_id in ("Function", "TopicPolicy", "Rule", "Notifications", "Topic"):
        assert change(proposed, logical_id)["Replacement"] == "False", logical_id
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE", aws.reasons("watched")
    assert aws.outputs("watched") == names
    function = aws.client("lambda").get_function_configuration(FunctionName=names["Function"])
    assert function["Timeout"] == 9
    topic = aws.client("sns").get_topic_attributes(TopicArn=names["Topic"])["Attributes"]
    assert json.loads(topic["Policy"])["Statement"] == [statement]
    rule = aws.client("events").describe_rule(Name=names["Rule"])
    assert rule["State"] == "DISABLED"

    aws.delete("watched")
    assert aws.client("events").list_rules()["Rules"] == []


def lifecycle(*statuses: str) -> str:
    rules = [
        {"rulePriority": priority, "selection": {"tagStatus": status}}
        for priority, status in enumerate(statuses, 1)
    ]
    return json.dumps({"rules": rules})


def in_vpc(subnets: list[str], groups: list[str]) -> Any:
    return resource(
        "Lambda::Function",
        Role="arn:aws:iam::000000000000:role/function",
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": "pass"},
        VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": groups},
    )


def repository_with(lifecycle_policy: str) -> Any:
    return resource("ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": lifecycle_policy})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            resource(
                "SNS::Subscription", TopicArn="arn:aws:sns:ap-northeast-1:000000000000:x", Protocol="email"
            ),
            "Topic does not exist",
        ),
        (
            resource(
                "Lambda::Permission", FunctionName="none", Action="lambda:InvokeFunction", Principal="x"
            ),
            "Function not found",
        ),
        (
            resource(
                "CodeStarNotifications::NotificationRule",
                Name="x",
                DetailType="BASIC",
                EventTypeIds=["codepipeline-pipeline-pipeline-execution-failed"],
                Resource="arn:aws:codepipeline:ap-northeast-1:000000000000:none",
                Targets=[{"TargetType": "SNS", "TargetAddress": "arn:aws:sns:ap-northeast-1:000000000000:x"}],
            ),
            "does not exist",
        ),
        (
            resource(
                "S3::BucketPolicy", Bucket="none", PolicyDocument={"Version": "2012-10-17", "Statement": []}
            ),
            "bucket does not exist: none",
        ),
        (
            repository_with(
                json.dumps({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any"}}] * 2})
            ),
            "unique priorities",
        ),
        (
            repository_with("no rules" * 20),
            "Invalid parameter at 'LifecyclePolicyText'",
        ),
        (
            repository_with(lifecycle("any", "untagged")),
            "must have the highest value for rulePriority",
        ),
        (
            resource("ElasticLoadBalancingV2::TargetGroup", VpcId="vpc-none", Port=80, Protocol="HTTP"),
            "'vpc-none' is not found",
        ),
        (
            resource(
                "ElasticLoadBalancingV2::LoadBalancer",
                Subnets=PUBLIC,
                SecurityGroups=["sg-00000000000000000"],
            ),
            "security groups are invalid: sg-00000000000000000",
        ),
        (in_vpc(["subnet-00000000000000000"], []), "'subnet-00000000000000000' does not exist"),
        (in_vpc(PRIVATE, ["sg-00000000000000000"]), "'sg-00000000000000000' does not exist"),
        (
            resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=[PUBLIC[0], "subnet-00000000000000000"]),
            "'subnet-00000000000000000' does not exist",
        ),
        (
            resource(
                "ElasticLoadBalancingV2::ListenerCertificate",
                ListenerArn="arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:listener/none",
                Certificates=[{"CertificateArn": "arn:aws:acm:ap-northeast-1:000000000000:certificate/none"}],
            ),
            "One or more listeners not found",
        ),
        (resource("EC2::SecurityGroup", GroupDescription="x", VpcId="vpc-none"), "'vpc-none' does not exist"),
        (
            role("ecs-tasks.amazonaws.com", ManagedPolicyArns=["arn:aws:iam::aws:policy/Misspelt"]),
            "Policy arn:aws:iam::aws:policy/Misspelt does not exist",
        ),
    ],
    ids=[
        "subscription",
        "permission",
        "notifications",
        "bucket-policy",
        "lifecycle",
        "lifecycle-text",
        "lifecycle-order",
        "target-group",
        "balancer-group",
        "function-subnet",
        "function-group",
        "balancer-subnet",
        "certificate",
        "vpc",
        "managed-policy",
    ],
)
def test_missing_references_are_refused(aws: Aws, wrong: Any, reason: str) -> None:
    assert reason in aws.refused(fresh("no-reference"), {"Wrong": wrong})


def test_second_resource_of_what_there_is_one_of(aws: Aws) -> None:
    """Where the identifier is no name of the resource's own."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    service = blue_green_service("only", "api", "only")
    target = {**scaling("only", "api")["Target"], "DependsOn": "Service"}
    alone = {
        "BucketPolicy": resource("S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=policy),
        "RolePolicy": resource(
            "IAM::RolePolicy", RoleName=ref("Role"), PolicyName="x", PolicyDocument=policy
        ),
        "Target": target,
    }
    needed = {"Bucket": resource("S3::Bucket"), "Role": role("ecs-tasks.amazonaws.com"), **service}
    for logical_id, declared in alone.items():
        after = {"DependsOn": [logical_id]}
        again = {**needed, logical_id: declared, "Again": {**declared, **after}}
        assert "already exists" in aws.refused(fresh("again"), again)


def test_getatt_of_an_attribute_that_does_not_exist_fails(aws: Aws) -> None:
    resources = {"Topic": resource("SNS::Topic")}
    change_set = aws.propose(
        "no-attribute", resources, kind="CREATE", Outputs=values(X=attribute("Topic", "Url"))
    )
    assert aws.execute(change_set)["StackStatus"] == "ROLLBACK_COMPLETE"

"""Parts of templates, and a service that is ready for a release."""

import json
from typing import Any

from tests.emulator.aws import PRIVATE, PUBLIC, VPC, Aws, Resource, Resources


def resource(kind: str, /, *, after: str = "", **properties: Any) -> Resource:
    """A resource of a template."""
    depends = {"DependsOn": after} if after else {}
    return {"Type": f"AWS::{kind}", "Properties": properties, **depends}


def ref(name: str) -> dict[str, str]:
    """What Ref returns."""
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, Any]:
    """What Fn::GetAtt returns."""
    return {"Fn::GetAtt": [name, of]}


def role(*services: str, **properties: Any) -> Resource:
    """A role that services may assume."""
    statement = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return resource("IAM::Role", AssumeRolePolicyDocument=policy, **properties)


def values(**outputs: Any) -> Any:
    return {name: {"Value": value} for name, value in outputs.items()}


def changed(resources: Resources, logical_id: str, **properties: Any) -> Resources:
    """The same resources with other properties in one of them; None removes a property."""
    given = {**resources[logical_id]["Properties"], **properties}
    kept = {name: value for name, value in given.items() if value is not None}
    return {**resources, logical_id: {**resources[logical_id], "Properties": kept}}


def network() -> Resources:
    """A load balancer with a listener and two target groups, blue and green."""
    groups = {
        f"{colour}TargetGroup": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            Port=1323,
            Protocol="HTTP",
            TargetType="ip",
            VpcId=VPC,
            HealthCheckPath="/health",
        )
        for colour in ("Blue", "Green")
    }
    return {
        "BalancerGroup": resource("EC2::SecurityGroup", GroupDescription="balancer", VpcId=VPC),
        "Balancer": resource(
            "ElasticLoadBalancingV2::LoadBalancer",
            Type="application",
            Subnets=PUBLIC,
            SecurityGroups=[ref("BalancerGroup")],
        ),
        **groups,
        "Listener": listener(80, "BlueTargetGroup"),
        "TestListener": listener(9002, "GreenTargetGroup"),
    }


def listener(port: int, group: str) -> Resource:
    """A listener of `network`'s load balancer that forwards to one of its groups."""
    return resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Balancer"),
        Port=port,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ref(group)}],
    )


def rule(path: str, group: str, *, on: str = "Listener", priority: int = 10) -> Resource:
    """A rule of a listener of `network` that forwards a path to one of its groups."""
    return resource(
        "ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=ref(on),
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": ref(group)}],
    )


def task_definition(family: str = "api", **properties: Any) -> Resource:
    """A task definition for Fargate with one container, `app`, on port 1323."""
    container = {"Name": "app", "Image": "nginx", "PortMappings": [{"ContainerPort": 1323}]}
    given = {
        "Family": family,
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "Cpu": "256",
        "Memory": "512",
        "ContainerDefinitions": [container],
        **properties,
    }
    return resource("ECS::TaskDefinition", **given)


def blue_green_service(cluster: str, name: str, family: str = "api") -> Resources:
    """`network` with a cluster, a task definition and a service that CodeDeploy controls."""
    return {
        **network(),
        "Cluster": resource("ECS::Cluster", ClusterName=cluster),
        "TaskDefinition": task_definition(family),
        "Service": service(cluster, name, family),
    }


def service(cluster: str, name: str, family: str = "api", **properties: Any) -> Resource:
    """The service of `blue_green_service`."""
    given = {
        "ServiceName": name,
        "Cluster": cluster,
        "LaunchType": "FARGATE",
        "TaskDefinition": family,
        "DeploymentController": {"Type": "CODE_DEPLOY"},
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {"Subnets": PRIVATE, "SecurityGroups": [ref("BalancerGroup")]}
        },
        "LoadBalancers": [
            {"ContainerName": "app", "ContainerPort": 1323, "TargetGroupArn": ref("BlueTargetGroup")}
        ],
        **properties,
    }
    declared = resource("ECS::Service", **given)
    return {**declared, "DependsOn": ["Listener", "Cluster", "TaskDefinition"]}


def deployment_group(cluster: str, name: str, **properties: Any) -> Resources:
    """A CodeDeploy application and group for `blue_green_service`."""
    given = {
        "ApplicationName": ref("Application"),
        "ServiceRoleArn": attribute("DeployRole", "Arn"),
        "DeploymentConfigName": "CodeDeployDefault.ECSCanary10Percent5Minutes",
        "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
        "ECSServices": [{"ClusterName": cluster, "ServiceName": name}],
        "LoadBalancerInfo": {
            "TargetGroupPairInfoList": [
                {
                    "TargetGroups": [
                        {"Name": attribute("BlueTargetGroup", "TargetGroupName")},
                        {"Name": attribute("GreenTargetGroup", "TargetGroupName")},
                    ],
                    "ProdTrafficRoute": {"ListenerArns": [ref("Listener")]},
                    "TestTrafficRoute": {"ListenerArns": [ref("TestListener")]},
                }
            ]
        },
        "BlueGreenDeploymentConfiguration": {
            "DeploymentReadyOption": {"ActionOnTimeout": "CONTINUE_DEPLOYMENT", "WaitTimeInMinutes": 0},
            "TerminateBlueInstancesOnDeploymentSuccess": {
                "Action": "TERMINATE",
                "TerminationWaitTimeInMinutes": 10,
            },
        },
        "AutoRollbackConfiguration": {
            "Enabled": True,
            "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
        },
        **properties,
    }
    return {
        "DeployRole": role("codedeploy.amazonaws.com"),
        "Application": resource("CodeDeploy::Application", ComputePlatform="ECS"),
        "DeploymentGroup": {**resource("CodeDeploy::DeploymentGroup", **given), "DependsOn": "Service"},
    }


def pipeline(**properties: Any) -> Resources:
    """A pipeline with a source and a build, and all that it names."""
    source = {
        "Name": "Source",
        "Actions": [
            {
                "Name": "Source",
                "ActionTypeId": {
                    "Category": "Source",
                    "Owner": "AWS",
                    "Provider": "CodeStarSourceConnection",
                    "Version": "1",
                },
                "Configuration": {
                    "ConnectionArn": ref("Connection"),
                    "FullRepositoryId": "acme/shop",
                    "BranchName": "main",
                },
                "OutputArtifacts": [{"Name": "SourceCode"}],
            }
        ],
    }
    build = {
        "Name": "Build",
        "Actions": [
            {
                "Name": "Image",
                "ActionTypeId": {
                    "Category": "Build",
                    "Owner": "AWS",
                    "Provider": "CodeBuild",
                    "Version": "1",
                },
                "Configuration": {"ProjectName": ref("Project")},
                "InputArtifacts": [{"Name": "SourceCode"}],
                "RunOrder": 1,
            }
        ],
    }
    given = {
        "PipelineType": "V2",
        "ExecutionMode": "QUEUED",
        "RoleArn": attribute("PipelineRole", "Arn"),
        "ArtifactStore": {"Type": "S3", "Location": ref("Bucket")},
        "Stages": [source, build],
        **properties,
    }
    return {
        "Connection": resource("CodeConnections::Connection", ConnectionName="github", ProviderType="GitHub"),
        "PipelineRole": role("codepipeline.amazonaws.com"),
        "Bucket": resource("S3::Bucket"),
        **project(),
        "Pipeline": resource("CodePipeline::Pipeline", **given),
    }


def project(**properties: Any) -> Resources:
    given = {
        "ServiceRole": attribute("BuildRole", "Arn"),
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "version: 0.2"},
        "Artifacts": {"Type": "CODEPIPELINE"},
        "Environment": {
            "Type": "LINUX_CONTAINER",
            "ComputeType": "BUILD_GENERAL1_SMALL",
            "Image": "aws/codebuild/standard:7.0",
            "PrivilegedMode": "true",
            "EnvironmentVariables": [{"Name": "A", "Value": "b"}],
        },
        **properties,
    }
    return {
        "BuildRole": role("codebuild.amazonaws.com"),
        "Project": resource("CodeBuild::Project", **given),
    }


def scaling(cluster: str, name: str) -> Resources:
    return {
        "Target": resource(
            "ApplicationAutoScaling::ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=f"service/{cluster}/{name}",
            MinCapacity=1,
            MaxCapacity=2,
        ),
        "Policy": resource(
            "ApplicationAutoScaling::ScalingPolicy",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=ref("Target"),
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 60,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        ),
    }


def metric(identifier: str, name: str, period: int = 60) -> Any:
    return {
        "Id": identifier,
        "ReturnData": False,
        "MetricStat": {
            "Stat": "Sum",
            "Period": period,
            "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name},
        },
    }


def math_alarm(**properties: Any) -> Resources:
    given = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": "2",
        "Threshold": 20,
        "TreatMissingData": "notBreaching",
        "Metrics": [
            metric("errors", "HTTPCode_Target_5XX_Count"),
            metric("requests", "RequestCount"),
            {"Id": "rate", "Expression": "IF(requests >= 20, 100 * FILL(errors, 0) / requests, 0)"},
        ],
        **properties,
    }
    return {"Alarm": resource("CloudWatch::Alarm", **given)}


def released(aws: Aws, name: str, **group: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """A service with a deployment group, and the request for a deployment of its second revision."""
    resources = {**blue_green_service(name, "api", name), **deployment_group(name, "api", **group)}
    outputs = {"Application": {"Value": ref("Application")}, "Group": {"Value": ref("DeploymentGroup")}}
    aws.create(name, resources, Outputs=outputs)
    names = aws.outputs(name)
    registered = aws.client("ecs").register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "nginx", "portMappings": [{"containerPort": 1323}]}],
    )
    properties = {
        "TaskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
        "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 1323},
    }
    spec = {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
        "Hooks": [{"AfterAllowTestTraffic": "check"}],
    }
    request = {
        "applicationName": names["Application"],
        "deploymentGroupName": names["Group"],
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}},
    }
    return names, request

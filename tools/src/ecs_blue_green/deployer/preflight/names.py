"""Names that are taken: what a stack creates under a fixed name must not exist already.

CloudFormation would find out half-way, and only for stacks whose change set can be made at the beginning.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.effects.states import Resource
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter

CONNECTION = "AWS::CodeConnections::Connection"

# The errors with which each service says that a resource does not exist.
MISSING = {
    "ApplicationDoesNotExistException",
    "ClusterNotFoundException",
    "LoadBalancerNotFound",
    "NotFound",
    "PipelineNotFoundException",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
    "TargetGroupNotFound",
}


@dataclass(frozen=True)
class Named:
    """A resource with a fixed name that a stack will create."""

    layer: str
    logical_id: str
    name: str
    resource: Resource
    survey: Survey


def taken(survey: Survey) -> Iterator[Named]:
    """Every new resource whose name the template sets."""
    for layer, logical_id, resource in survey.new_resources():
        if resource.type in EXISTS:
            name = resource.properties.get(EXISTS[resource.type][0])
            if isinstance(name, str):
                yield Named(layer, logical_id, name, resource, survey)


def findings(aws: Aws, named: Named) -> Iterator[PreflightFinding]:
    """Whether the name is free."""
    _, exists, what = EXISTS[named.resource.type]
    try:
        taken = exists(aws, named)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        taken = False
    if taken:
        owner = _owner(aws, named)
        if owner and _is_free_in_time(named, *owner):
            return
        title = _parameter(named)
        key = parameter(title) if title else "project"
        value = named.name if title else named.survey.environment.project
        if owner:
            layer, logical_id = owner
            yield PreflightFinding(
                key,
                value,
                f"leads to the {what} {named.name}, which is {layer}:{logical_id} under another logical id",
                f"give it the logical id {logical_id} in {layer} back; do not delete it",
            )
        else:
            yield PreflightFinding(
                key,
                value,
                f"leads to the {what} {named.name}, which exists outside the stacks of this environment",
                "choose another name, or delete it if nobody needs it",
            )


def _parameter(named: Named) -> str:
    """The parameter that is the name, as the template says; empty where the name is made of the project's."""
    template = named.survey.layers[named.layer].resources[named.logical_id]
    value = template["Properties"][EXISTS[named.resource.type][0]]
    title = str(value.get("Ref", "")) if isinstance(value, dict) else ""
    return title if title in named.survey.environment.parameters else ""


def _owner(aws: Aws, named: Named) -> tuple[str, str] | None:
    """Layer and logical id under which a stack of this environment has the resource."""
    client = aws.client("cloudformation")
    for layer, stack in named.survey.stacks.items():
        if stack is None or not stack.exists:
            continue
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn):
            for resource in page["StackResourceSummaries"]:
                if (
                    resource["ResourceType"] == named.resource.type
                    and resource["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
                    and _is_called(aws, named, resource.get("PhysicalResourceId", ""))
                ):
                    return layer, resource["LogicalResourceId"]
    return None


def _is_called(aws: Aws, named: Named, physical_id: str) -> bool:
    """Whether a physical id is that of the resource with the name: the name, or an ARN that has it."""
    if named.resource.type == CONNECTION and physical_id:
        # Its ARN has an id that AWS chose.
        connection = aws.client("codeconnections").get_connection(ConnectionArn=physical_id)["Connection"]
        return bool(connection["ConnectionName"] == named.name)
    return named.name == physical_id or (
        physical_id.startswith("arn:") and named.name in re.split("[:/]", physical_id)
    )


def _is_free_in_time(named: Named, layer: str, logical_id: str) -> bool:
    """Whether it is the resource itself, or is left over in the failed stack, which is deleted before."""
    return layer == named.layer and (logical_id == named.logical_id or layer in named.survey.created)


def _cluster(aws: Aws, named: Named) -> bool:
    clusters = aws.client("ecs").describe_clusters(clusters=[named.name])["clusters"]
    # A deleted cluster can be seen for a while, and its name is free.
    return any(cluster["status"] != "INACTIVE" for cluster in clusters)


def _service(aws: Aws, named: Named) -> bool:
    cluster = named.resource.properties.get("Cluster")
    if not isinstance(cluster, str):
        return False
    services = aws.client("ecs").describe_services(cluster=cluster, services=[named.name])["services"]
    return any(service["status"] != "INACTIVE" for service in services)


def _repository(aws: Aws, named: Named) -> bool:
    return bool(aws.client("ecr").describe_repositories(repositoryNames=[named.name])["repositories"])


def _log_group(aws: Aws, named: Named) -> bool:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=named.name)["logGroups"]
    return any(group["logGroupName"] == named.name for group in groups)


def _build_project(aws: Aws, named: Named) -> bool:
    return bool(aws.client("codebuild").batch_get_projects(names=[named.name])["projects"])


def _pipeline(aws: Aws, named: Named) -> bool:
    return bool(aws.client("codepipeline").get_pipeline(name=named.name))


def _application(aws: Aws, named: Named) -> bool:
    return bool(aws.client("codedeploy").get_application(applicationName=named.name))


def _function(aws: Aws, named: Named) -> bool:
    return bool(aws.client("lambda").get_function_configuration(FunctionName=named.name))


def _topic(aws: Aws, named: Named) -> bool:
    place = named.survey.world.scope(named.layer).pseudo
    partition, region, account = (place[f"AWS::{part}"] for part in ("Partition", "Region", "AccountId"))
    arn = f"arn:{partition}:sns:{region}:{account}:{named.name}"
    return bool(aws.client("sns").get_topic_attributes(TopicArn=arn))


def _connection(aws: Aws, named: Named) -> bool:
    # "Connection names must be unique in an Amazon Web Services account" (botocore, Connection).
    client = aws.client("codeconnections")
    extra: dict[str, str] = {}
    while True:
        page = client.list_connections(**extra)
        if any(connection["ConnectionName"] == named.name for connection in page["Connections"]):
            return True
        if not page.get("NextToken"):
            return False
        extra = {"NextToken": page["NextToken"]}


def _load_balancer(aws: Aws, named: Named) -> bool:
    return bool(aws.client("elbv2").describe_load_balancers(Names=[named.name])["LoadBalancers"])


def _target_group(aws: Aws, named: Named) -> bool:
    return bool(aws.client("elbv2").describe_target_groups(Names=[named.name])["TargetGroups"])


# By type: the property that names it, how to see whether it is there, what to call it.
EXISTS: Mapping[str, tuple[str, Callable[[Aws, Named], bool], str]] = {
    "AWS::CodeBuild::Project": ("Name", _build_project, "CodeBuild project"),
    CONNECTION: ("ConnectionName", _connection, "connection"),
    "AWS::CodeDeploy::Application": ("ApplicationName", _application, "CodeDeploy application"),
    "AWS::CodePipeline::Pipeline": ("Name", _pipeline, "pipeline"),
    "AWS::ECR::Repository": ("RepositoryName", _repository, "repository"),
    "AWS::ECS::Cluster": ("ClusterName", _cluster, "cluster"),
    "AWS::ECS::Service": ("ServiceName", _service, "service"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", _load_balancer, "load balancer"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name", _target_group, "target group"),
    "AWS::Lambda::Function": ("FunctionName", _function, "function"),
    "AWS::Logs::LogGroup": ("LogGroupName", _log_group, "log group"),
    "AWS::SNS::Topic": ("TopicName", _topic, "topic"),
}

"""What a release goes through, by its names in AWS: service, listeners, target groups, deployment group.

The layers say which outputs have them. Where that is not known, they are found by the types of what the
deployed stacks have: to see what is live, and to go back, must not depend on a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.rules import DEPLOYMENT_GROUP, SERVICE
from ecs_blue_green.runtime import Controller, Output, Runtime

APPLICATION = "AWS::CodeDeploy::Application"
CLUSTER = "AWS::ECS::Cluster"
PIPELINE = "AWS::CodePipeline::Pipeline"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"


@dataclass(frozen=True)
class Service:
    """The service and all that CodeDeploy moves around it; empty is what is not deployed.

    The listener and the target groups are ARNs. `layer` has the deployment group, where that is known.
    """

    cluster: str = ""
    name: str = ""
    production_listener: str = ""
    blue: str = ""
    green: str = ""
    application: str = ""
    deployment_group: str = ""
    pipeline: str = ""
    layer: str = ""


def named(controller: Controller, stacks: Mapping[str, Stack | None]) -> Service:
    """What the stacks' outputs say, each in the output that the layers name."""

    def value(output: Output | None) -> str:
        stack = stacks.get(output.layer) if output else None
        return stack.outputs.get(output.title, "") if output and stack else ""

    return Service(
        cluster=value(controller.cluster),
        name=value(controller.service),
        production_listener=value(controller.production_listener),
        blue=value(controller.blue_target_group),
        green=value(controller.green_target_group),
        application=value(controller.application),
        deployment_group=value(controller.deployment_group),
        pipeline=value(controller.pipeline),
        layer=controller.deployment_group.layer,
    )


def located(aws: Aws, runtime: Runtime | BadInput, stacks: Mapping[str, Stack | None]) -> Service:
    """What a release goes through, as the layers say, or by types where it is not known what they say."""
    return found(aws, stacks) if isinstance(runtime, BadInput) else named(runtime.controller, stacks)


def found(aws: Aws, stacks: Mapping[str, Stack | None]) -> Service:
    """What the stacks' resources are by their types; the deployment group tells service, listeners, colours.

    Where CodeDeploy does not tell, the service is the stacks' own, and the listeners stay unknown.
    """
    resources = list(_resources(aws, stacks))

    def every(kind: str) -> list[str]:
        return [physical_id for _, other, physical_id in resources if other == kind]

    def first(kind: str) -> str:
        return next(iter(every(kind)), "")

    # arn:aws:ecs:<region>:<account>:service/<cluster>/<name>
    _, _, path = first(SERVICE).partition(":service/")
    cluster, _, name = path.rpartition("/")
    service = Service(
        cluster=cluster or first(CLUSTER),
        name=name,
        application=first(APPLICATION),
        deployment_group=first(DEPLOYMENT_GROUP),
        pipeline=first(PIPELINE),
        layer=next((layer for layer, kind, _ in resources if kind == DEPLOYMENT_GROUP), ""),
    )
    client = aws.client("codedeploy")
    for application, group in product(every(APPLICATION), every(DEPLOYMENT_GROUP)):
        # Whoever needs the group asks for it again, and tells why it cannot be had.
        with suppress(ClientError):
            answer: Any = client.get_deployment_group(applicationName=application, deploymentGroupName=group)
            # A group of another kind deploys functions or machines.
            if answer["deploymentGroupInfo"].get("ecsServices"):
                service = replace(service, application=application, deployment_group=group)
                return _completed(service, answer["deploymentGroupInfo"], every(TARGET_GROUP))
    return service


def _completed(service: Service, group: Any, target_groups: Iterable[str]) -> Service:
    """What the deployment group says of the service, its listener and its colours: the first is blue."""
    (pair,) = group["loadBalancerInfo"]["targetGroupPairInfoList"]
    # .../targetgroup/<name>/<id>
    arns = {arn.split("/")[-2]: arn for arn in target_groups}
    blue, green = (arns.get(target_group["name"], "") for target_group in pair["targetGroups"])
    return replace(
        service,
        cluster=group["ecsServices"][0]["clusterName"],
        name=group["ecsServices"][0]["serviceName"],
        production_listener=pair["prodTrafficRoute"]["listenerArns"][0],
        blue=blue,
        green=green,
    )


def _resources(aws: Aws, stacks: Mapping[str, Stack | None]) -> Iterator[tuple[str, str, str]]:
    """Layer, type and physical id of everything that the stacks have."""
    client = aws.client("cloudformation")
    for layer, stack in stacks.items():
        if stack is None or not stack.exists:
            continue
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn):
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceStatus"] != "DELETE_COMPLETE" and "PhysicalResourceId" in resource:
                    yield layer, resource["ResourceType"], resource["PhysicalResourceId"]

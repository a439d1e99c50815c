"""What the stacks of an environment leave behind when they are deleted, because their templates retain it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ecs_blue_green.deployer import template
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import fate
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.rules import TASK_DEFINITION


@dataclass(frozen=True)
class Retained:
    """A log group, or the active revisions (`arns`) of a task definition's family."""

    name: str
    arns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For the question to a person."""
        if self.arns:
            return f"{len(self.arns)} revision(s) of {self.name}"
        return f"the log group {self.name}"

    def remove(self, aws: Aws) -> str:
        """Take it away, and say what was done."""
        for arn in self.arns:
            aws.client("ecs").deregister_task_definition(taskDefinition=arn)
        if self.arns:
            return f"deregistered {self}"
        aws.client("logs").delete_log_group(logGroupName=self.name)
        return f"deleted {self}"


def of(aws: Aws, environment: Environment, layer: Layer) -> Iterator[Retained]:
    """What there is of what the layer's template retains, as far as its tags say that it is ours."""
    for resource in layer.resources.values():
        properties = resource.get("Properties", {})
        if fate.deletion_policy(resource) in (fate.DELETE, fate.SNAPSHOT) or not fate.is_taken_away(resource):
            continue
        if resource["Type"] == TASK_DEFINITION:
            family = template.text(properties["Family"], layer, environment)
            arns = tuple(_revisions(aws, environment, family))
            if arns:
                yield Retained(family, arns)
        else:
            group = template.text(properties["LogGroupName"], layer, environment)
            if _has_log_group(aws, environment, group):
                yield Retained(group)


def _revisions(aws: Aws, environment: Environment, family: str) -> Iterator[str]:
    client = aws.client("ecs")
    for page in client.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE"):
        for arn in page["taskDefinitionArns"]:
            # familyPrefix also finds longer families.
            if arn.rpartition("/")[2].rpartition(":")[0] != family:
                continue
            tags = client.describe_task_definition(taskDefinition=arn, include=["TAGS"]).get("tags", [])
            if _is_ours(environment, {tag["key"]: tag["value"] for tag in tags}):
                yield arn


def _has_log_group(aws: Aws, environment: Environment, name: str) -> bool:
    client = aws.client("logs")
    for group in client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        if group["logGroupName"] == name:
            arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
            return _is_ours(environment, client.list_tags_for_resource(resourceArn=arn)["tags"])
    return False


def _is_ours(environment: Environment, tags: Mapping[str, str]) -> bool:
    return tags.get("Project") == environment.project and tags.get("Environment") == environment.name

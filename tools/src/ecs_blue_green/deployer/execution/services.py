"""Why a stack takes so long: what ECS says of the services that CloudFormation is making or changing."""

from collections.abc import Iterator

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.rules import SERVICE


def newest_events(aws: Aws, stack_arn: str) -> Iterator[tuple[str, str]]:
    """The logical id of each service at which CloudFormation is at work, and ECS's newest event of it.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html
    """
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_arn)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == SERVICE and resource["ResourceStatus"].endswith("_IN_PROGRESS"):
                message = _newest(aws, resource.get("PhysicalResourceId", ""))
                if message:
                    yield resource["LogicalResourceId"], message


def _newest(aws: Aws, service_arn: str) -> str:
    # arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME; before it is made, CloudFormation does not know it.
    _, *names = service_arn.split("/")
    if len(names) != 2:
        return ""
    found = aws.client("ecs").describe_services(cluster=names[0], services=[service_arn])["services"]
    return next((event["message"] for service in found for event in service["events"]), "")

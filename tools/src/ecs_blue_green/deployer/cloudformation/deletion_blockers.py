"""What blocks the deletion of a stack, and how each blocker is removed.

`destroy` removes them in an environment that is not protected, `deploy` for the remains of a failed first
creation, which have never served anybody.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.rules import SERVICE

BUCKET = "AWS::S3::Bucket"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
STACK = "AWS::CloudFormation::Stack"

# What one DeleteObjects call takes (botocore, s3; November 2026).
DELETE_OBJECTS_AT_ONCE = 1000
DELETION_PROTECTION = "deletion_protection.enabled"
_PROTECTED = "is protected from deletion"


@dataclass(frozen=True)
class DeletionBlocker:
    """One resource of the stack, or the stack itself, and why it cannot be deleted."""

    type: str
    physical_id: str
    why: str

    def __str__(self) -> str:
        """For the question to a person."""
        return f"{self.physical_id} {self.why}"

    def remove(self, aws: Aws) -> str:
        """Remove it, and say what was done."""
        if self.type == BUCKET:
            _empty_bucket(aws, self.physical_id)
            return f"emptied {self.physical_id}"
        if self.type == SERVICE:
            _stop_service(aws, self.physical_id)
            return "stopped the service"
        if self.type == LOAD_BALANCER:
            off = [{"Key": DELETION_PROTECTION, "Value": "false"}]
            aws.client("elbv2").modify_load_balancer_attributes(
                LoadBalancerArn=self.physical_id, Attributes=off
            )
            return "disabled the load balancer's deletion protection"
        aws.client("cloudformation").update_termination_protection(
            StackName=self.physical_id, EnableTerminationProtection=False
        )
        return "disabled the stack's termination protection"


def find(
    aws: Aws, stack: Stack, *, protected_too: bool = False, staying: Container[str] = ()
) -> list[DeletionBlocker]:
    """The blockers of this stack's deletion; with `protected_too` also resources with deletion protection.

    `staying` are the logical ids of what is retained: that blocks nothing.
    """
    return list(_find(aws, stack, protected_too, staying))


def protected(aws: Aws, stack: Stack, staying: Container[str] = ()) -> list[DeletionBlocker]:
    """The stack's load balancers that are protected from deletion, without those that are retained."""
    return [
        DeletionBlocker(LOAD_BALANCER, physical_id, _PROTECTED)
        for logical_id, kind, physical_id in resources(aws, stack)
        if kind == LOAD_BALANCER and logical_id not in staying and _is_protected(aws, physical_id)
    ]


def _find(aws: Aws, stack: Stack, protected_too: bool, staying: Container[str]) -> Iterator[DeletionBlocker]:
    if stack.protected:
        yield DeletionBlocker(STACK, stack.arn, "is protected from termination")
    for logical_id, kind, physical_id in resources(aws, stack):
        if logical_id in staying:
            continue
        if kind == BUCKET and _has_objects(aws, physical_id):
            yield DeletionBlocker(BUCKET, physical_id, "has objects")
        elif kind == SERVICE and _runs(aws, physical_id):
            yield DeletionBlocker(SERVICE, physical_id, "runs")
        elif kind == LOAD_BALANCER and protected_too and _is_protected(aws, physical_id):
            yield DeletionBlocker(LOAD_BALANCER, physical_id, _PROTECTED)


def resources(aws: Aws, stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Logical id, type and physical id of what the stack has."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.arn)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            physical_id = resource.get("PhysicalResourceId", "")
            if physical_id and resource["ResourceStatus"] != "DELETE_COMPLETE":
                yield resource["LogicalResourceId"], resource["ResourceType"], physical_id


def _has_objects(aws: Aws, bucket: str) -> bool:
    try:
        page = aws.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        return False
    return bool(page.get("Versions") or page.get("DeleteMarkers"))


def _empty_bucket(aws: Aws, bucket: str) -> None:
    """Delete every version of every object."""
    client = aws.client("s3")
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in page.get("Versions", []) + page.get("DeleteMarkers", [])
        ]
        for start in range(0, len(versions), DELETE_OBJECTS_AT_ONCE):
            batch = versions[start : start + DELETE_OBJECTS_AT_ONCE]
            client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})


def _runs(aws: Aws, service_arn: str) -> bool:
    cluster, service = service_arn.split("/")[-2:]
    services: Any = aws.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    return bool(services) and services[0]["status"] == "ACTIVE"


def _stop_service(aws: Aws, service_arn: str) -> None:
    """Scale the service to 0 and delete it with its task sets.

    It is not documented that CloudFormation deletes a CODE_DEPLOY service that has task sets, so the
    deployer does not rely on it.
    """
    client = aws.client("ecs")
    cluster, service = service_arn.split("/")[-2:]
    client.update_service(cluster=cluster, service=service, desiredCount=0)
    client.delete_service(cluster=cluster, service=service, force=True)


def _is_protected(aws: Aws, load_balancer_arn: str) -> bool:
    client = aws.client("elbv2")
    try:
        attributes = client.describe_load_balancer_attributes(LoadBalancerArn=load_balancer_arn)["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "LoadBalancerNotFound":
            raise
        return False
    return {"Key": DELETION_PROTECTION, "Value": "true"} in attributes

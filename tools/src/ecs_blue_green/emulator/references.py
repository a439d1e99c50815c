"""What a resource refers to: looked up in the emulated account, refused in the service's words."""

import json
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused


def role(arn: str) -> Record | None:
    """The IAM role of an ARN, None when there is none."""
    path = arn.partition(":role/")[2]
    record: Record | None = stores.roles.get(path.rpartition("/")[2]) if path else None
    return record if record and record["Arn"] == arn else None


def assumable(arn: str, service: str) -> bool:
    """Whether the role exists and trusts a service (ecs-tasks.amazonaws.com) that acts for this account.

    Of the conditions only aws:SourceAccount is read; the others need a request that only AWS makes.
    """
    record = role(arn)
    if not record:
        return False
    document = record["AssumeRolePolicyDocument"]
    statements = json.loads(document) if isinstance(document, str) else document
    return any(_trusts(statement, service) for statement in _list(statements.get("Statement")))


def require_role(arn: str, service: str, code: str, message: str) -> None:
    """Raise Refused(code, message) unless `service` can assume the role."""
    if not assumable(arn, service):
        raise Refused(code, message)


def require_subnets(subnets: list[str]) -> None:
    """Raise Refused for the first subnet that does not exist."""
    for subnet in subnets:
        if subnet not in stores.subnets:
            raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")


def require_security_groups(groups: list[str]) -> None:
    """Raise Refused for the first security group that does not exist."""
    for group in groups:
        if group not in stores.security_groups:
            raise Refused("InvalidGroup.NotFound", f"The security group '{group}' does not exist")


def require_topics(topics: list[str]) -> None:
    """Raise Refused for the first SNS topic among the ARNs that does not exist."""
    for topic in topics:
        if ":sns:" in topic and topic not in stores.topics:
            raise Refused("NotFound", f"Topic does not exist: {topic}")


def require_bucket(name: str, code: str = "NoSuchBucket") -> None:
    """Raise Refused when the S3 bucket does not exist."""
    if name not in stores.buckets:
        raise Refused(code, f"The specified bucket does not exist: {name}")


def _trusts(statement: Record, service: str) -> bool:
    principal = statement.get("Principal", {})
    services = _list(principal.get("Service")) if isinstance(principal, dict) else []
    account = (
        statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount", engine.account())
    )
    return (
        statement.get("Effect") == "Allow"
        and "sts:AssumeRole" in _list(statement.get("Action"))
        and service in services
        and engine.account() in _list(account)
    )


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

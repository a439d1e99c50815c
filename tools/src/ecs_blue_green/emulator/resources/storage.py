"""AWS::ECR::Repository, AWS::S3::Bucket, AWS::S3::BucketPolicy and AWS::Logs::LogGroup."""

import json

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler

BUCKET_POLICY = "AWS::S3::BucketPolicy"


def _check_repository(properties: Record) -> None:
    text = properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
    if not text:
        return
    try:
        rules = json.loads(text)["rules"]
        priorities = [rule["rulePriority"] for rule in rules]
    except (ValueError, TypeError, LookupError):
        raise Refused("InvalidParameterException", "Invalid parameter at 'LifecyclePolicyText'") from None
    if len(set(priorities)) < len(priorities):
        raise Refused("InvalidParameterException", "Lifecycle policy rules must have unique priorities")
    last = max(priorities)
    for rule in rules:
        if rule["selection"]["tagStatus"] == "any" and rule["rulePriority"] != last:
            raise Refused(
                "InvalidParameterException",
                "A rule with tagStatus 'any' must have the highest value for rulePriority",
            )


def _bucket_removable(physical_id: str, properties: Record) -> None:
    bucket = stores.buckets.get(physical_id)
    if bucket and (bucket["objects"] or engine.s3._bucket_has_versions(physical_id)):
        raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty.")


def _check_bucket_policy(properties: Record) -> None:
    references.require_bucket(properties["Bucket"])


def _create_bucket_policy(logical_id: str, properties: Record, stack_name: str) -> Created:
    if properties["Bucket"] in stores.bucket_policies:
        raise Refused("AlreadyExists", f"The bucket policy already exists on bucket {properties['Bucket']}.")
    engine.resource_type(BUCKET_POLICY).create(logical_id, properties, stack_name)
    return properties["Bucket"], {}


def _update_bucket_policy(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    engine.resource_type(BUCKET_POLICY).create(logical_id, new, stack_name)
    return physical_id, {}


HANDLERS = {
    "AWS::ECR::Repository": Handler(
        name="RepositoryName", taken=lambda name: name in stores.repositories, check=_check_repository
    ),
    "AWS::S3::Bucket": Handler(
        name="BucketName",
        taken=lambda name: engine.s3._bucket_owner_account(name) is not None,
        removable=_bucket_removable,
    ),
    BUCKET_POLICY: Handler(
        create=_create_bucket_policy, update=_update_bucket_policy, check=_check_bucket_policy
    ),
    "AWS::Logs::LogGroup": Handler(name="LogGroupName", taken=lambda name: name in stores.log_groups),
}

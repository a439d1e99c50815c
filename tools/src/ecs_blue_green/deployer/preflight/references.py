"""Resources that parameters name and this project does not create: they must exist and be usable.

An ARN says by itself of which service it is, so a new parameter that holds one is checked without being
listed here.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.runtime import Bucket, Key

# The errors with which each service says that a resource does not exist.
MISSING = {
    "404",
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFoundException",
    "ResourceNotFoundException",
    "WAFNonexistentItemException",
}

# From an ARN, and what its parameter says of a key, to what is wrong and what somebody has to do, or None.
Look = Callable[[Aws, Environment, str, Key | None], "tuple[str, str] | None"]


def arns(survey: Survey, keys: Iterable[Key]) -> Iterator[tuple[str, str, Key | None]]:
    """The parameters that name something by an ARN and are new to AWS: title, value, and what a key is for.

    Where one parameter has a key in place of another's, a change of either says who uses which.
    """
    by_title = {str(key.parameter): key for key in keys}
    for title, value in survey.environment.parameters.items():
        key = by_title.get(title)
        instead = key.unless if key else None
        if value.startswith("arn:") and survey.concerns(title, *filter(None, [instead])):
            yield title, value, None if instead and survey.value(instead) else key


def findings(
    aws: Aws, survey: Survey, title: str, arn: str, key: Key | None = None
) -> Iterator[PreflightFinding]:
    """What is wrong with the thing that a parameter names; `key` says who must be let use it.

    Nothing for a service that is not known here.
    """
    look = LOOKS.get(arn.split(":")[2])
    if look is None:
        return
    try:
        wrong = look(aws, survey.environment, arn, key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        wrong = f"does not exist in account {survey.environment.account}", ""
    if wrong:
        reason, act = wrong
        yield PreflightFinding(parameter(title), arn, reason, act)


def _certificate(aws: Aws, environment: Environment, arn: str, key: Key | None) -> tuple[str, str] | None:
    status = aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    if status == "ISSUED":
        return None
    act = "finish its validation in the ACM console" if status == "PENDING_VALIDATION" else ""
    return f"is {status}, and a load balancer takes an issued certificate only", act


def _connection(aws: Aws, environment: Environment, arn: str, key: Key | None) -> None:
    # Whether it is AVAILABLE matters when the pipeline is made: `preflight/connection.py`.
    aws.client("codeconnections").get_connection(ConnectionArn=arn)


def _key(aws: Aws, environment: Environment, arn: str, key: Key | None) -> tuple[str, str] | None:
    client = aws.client("kms")
    state = client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        return f"is {state}", ""
    if key is None:
        return None
    statements = list(_allowing(json.loads(client.get_key_policy(KeyId=arn)["Policy"])))
    services = [service.format(region=environment.region) for service in key.services]
    missing = " and ".join(
        principal for principal in services if not any(_names(stated, principal) for stated in statements)
    )
    lacks = [f"does not let {missing} use it"] if missing else []
    through = (key.through or "").format(region=environment.region)
    if through and not any(_lets_roles(stated, environment, through) for stated in statements):
        lacks.append(
            "does not let this account use it through SNS (kms:ViaService):"
            " docs/security.md has the statement"
        )
    return (f"has a policy that {' and '.join(lacks)}", "add that to the key's policy") if lacks else None


def _names(statement: Mapping[str, Any], service: str) -> bool:
    """Whether a statement is about a service. What everybody may do only through another one is not."""
    return service in _principals(statement, "Service") or (
        "*" in _principals(statement, "AWS") and not _through(statement)
    )


def _lets_roles(statement: Mapping[str, Any], environment: Environment, service: str) -> bool:
    """Whether a statement is about this environment's roles, by name or as everybody, through a service.

    Not the account as a whole (`:root`): that leaves it to the roles' own policies, which have no key.
    """
    roles = re.compile(f"arn:[^:]+:iam::{environment.account}:role/(.+/)?{environment.stack_name('')}[^/]+")
    whom = _principals(statement, "AWS")
    limits = _through(statement)
    if limits and not any(fnmatch.fnmatchcase(service, limit) for limit in limits):
        return False
    return "*" in whom or any(roles.fullmatch(principal) for principal in whom)


def _principals(statement: Mapping[str, Any], kind: str) -> list[str]:
    """Whom a statement is about, of the kind `Service` or `AWS`; `*` is everybody."""
    principal = statement.get("Principal", {})
    return _list({"AWS": principal}.get(kind, []) if isinstance(principal, str) else principal.get(kind, []))


def _through(statement: Mapping[str, Any]) -> list[str]:
    """Through which services alone a statement holds, as patterns; through any where there is none."""
    return [
        value
        for operator, condition in statement.get("Condition", {}).items()
        if re.search("string(equals|like)", operator.lower())
        for key, values in condition.items()
        if key.lower() == "kms:viaservice"
        for value in _list(values)
    ]


def _web_acl(aws: Aws, environment: Environment, arn: str, key: Key | None) -> None:
    aws.client("wafv2").get_web_acl(ARN=arn)


def _secret(aws: Aws, environment: Environment, arn: str, key: Key | None) -> tuple[str, str] | None:
    secret = aws.client("secretsmanager").describe_secret(SecretId=arn)
    return ("is scheduled for deletion", "") if "DeletedDate" in secret else None


def _stored_parameter(
    aws: Aws, environment: Environment, arn: str, key: Key | None
) -> tuple[str, str] | None:
    # The ARN does not show whether the name begins with a slash. The value is not read.
    name = arn.partition(":parameter/")[2]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name, f"/{name}"]}]
    parameters = aws.client("ssm").describe_parameters(ParameterFilters=filters)["Parameters"]
    return None if parameters else ("does not exist in this account and region", "")


def _policy(aws: Aws, environment: Environment, arn: str, key: Key | None) -> None:
    aws.client("iam").get_policy(PolicyArn=arn)


LOOKS: Mapping[str, Look] = {
    "acm": _certificate,
    "codeconnections": _connection,
    "codestar-connections": _connection,
    "iam": _policy,
    "kms": _key,
    "secretsmanager": _secret,
    "ssm": _stored_parameter,
    "wafv2": _web_acl,
}


def buckets(survey: Survey, named: Iterable[Bucket]) -> Iterator[tuple[Bucket, str]]:
    """Of the parameters that name a bucket those that are new to AWS, with the bucket's name."""
    for bucket in named:
        name = survey.value(bucket.parameter)
        if name and survey.concerns(bucket.parameter):
            yield bucket, name


def bucket_findings(aws: Aws, survey: Survey, bucket: Bucket, name: str) -> Iterator[PreflightFinding]:
    """What is wrong with a bucket for logs: the load balancer is not created when it cannot write.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    region = survey.environment.region
    client = aws.client("s3")
    try:
        bucket_region = client.head_bucket(Bucket=name).get("BucketRegion", region)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        yield PreflightFinding(parameter(bucket.parameter), name, "does not exist")
        return
    if bucket_region != region:
        yield PreflightFinding(
            parameter(bucket.parameter), name, f"is in {bucket_region}, and must be in {region}"
        )
        return
    if bucket.written_by == "nobody":
        return
    try:
        policy = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        policy = {}
    if not _lets_write(policy):
        reason = "has no policy that lets Elastic Load Balancing write"
        act = "add s3:PutObject for its principal to the policy"
        yield PreflightFinding(parameter(bucket.parameter), name, reason, act)


def _lets_write(policy: Mapping[str, Any]) -> bool:
    """Whether anybody has permission to write: the principal differs from region to region."""
    writing = {"s3:PutObject", "s3:*", "s3:Put*", "*"}
    return any(writing & set(_list(stated.get("Action", []))) for stated in _allowing(policy))


def _allowing(policy: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (stated for stated in _list(policy.get("Statement", [])) if stated["Effect"] == "Allow")


def _list(value: Any) -> list[Any]:
    """IAM's policies have a list or its only member."""
    return value if isinstance(value, list) else [value]

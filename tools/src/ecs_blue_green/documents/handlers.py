"""What CloudFormation asks for on the caller's behalf, for the resource types in `build/`.

The handlers of a type say so in its schema, as cfn-lint ships it. What they leave out, and what they ask for
without need, is listed here with the reason.
"""

import fnmatch
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from ecs_blue_green.deployer.effects.schemas import document
from ecs_blue_green.documents.generated import LAYERS, RUNTIME
from ecs_blue_green.documents.policy_files import is_reading, resource_types, resources

LOG_GROUP = "AWS::Logs::LogGroup"
# Any region that has all types would do: handlers are the same everywhere.
REGION = "us-east-1"
HANDLERS = ("create", "read", "update", "delete")
# CodeBuild's and CodePipeline's schemas name no or not all permissions, and a new connection to GitHub is
# handed on. https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
UNTOLD = (
    "codebuild:BatchGetProjects",
    "codebuild:CreateProject",
    "codebuild:DeleteProject",
    "codebuild:UpdateProject",
    "codeconnections:PassConnection",
)
# A type whose schema has no handlers: CloudFormation calls the service's own API for it.
UNTOLD_OF_TYPES = {
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": {
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:DescribeListenerCertificates",
        "elasticloadbalancing:RemoveListenerCertificates",
    }
}
# What CloudWatch Logs asks KMS for in the name of whoever gives a key to a log group. No handler tells: AWS's
# page wants such permissions for roles that call CloudWatch Logs, and their lack has been seen.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
# https://github.com/aws-samples/aws-secure-environment-accelerator/pull/1293
UNTOLD_OF_KEYS = {LOG_GROUP: {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}}


class NotNeeded(NamedTuple):
    """Actions that the handlers of a type ask for without need, unless a template sets the property."""

    actions: str
    unless: str | None = None


# What handlers change when a template sets what is not set, or associates what is not ours. What they only
# read they may read whatever it is for: which of it they skip is not documented.
NOT_NEEDED: Mapping[str, tuple[NotNeeded, ...]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        NotNeeded("application-autoscaling:*ScheduledAction", "ScheduledActions"),
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        NotNeeded("codedeploy:*Deployment", "Deployment"),
        NotNeeded("codedeploy:*ApplicationRevision", "Deployment"),
        NotNeeded("codedeploy:*OnPremises*", "OnPremisesInstanceTagFilters"),
    ),
    # Settings of the account are not a stack's.
    "AWS::ECS::Cluster": (NotNeeded("ecs:*AccountSetting*"),),
    # Deployments are CodeDeploy's.
    "AWS::ECS::Service": (NotNeeded("ecs:StopServiceDeployment"),),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        NotNeeded("elasticloadbalancing:ModifyCapacityReservation", "MinimumLoadBalancerCapacity"),
        NotNeeded("elasticloadbalancing:ModifyIpPools", "Ipv4IpamPoolId"),
    ),
    # ECS registers the targets.
    "AWS::ElasticLoadBalancingV2::TargetGroup": (NotNeeded("elasticloadbalancing:*Targets", "Targets"),),
    "AWS::IAM::ManagedPolicy": (
        NotNeeded("iam:*GroupPolicy", "Groups"),
        NotNeeded("iam:*UserPolicy", "Users"),
    ),
    "AWS::Lambda::Function": (NotNeeded("lambda:PassCapacityProvider", "CapacityProviderConfig"),),
    LOG_GROUP: (
        NotNeeded("firehose:*", "DataProtectionPolicy"),
        NotNeeded("logs:*LogDelivery", "DataProtectionPolicy"),
        NotNeeded("logs:*DataProtectionPolicy", "DataProtectionPolicy"),
        NotNeeded("logs:*ResourcePolicy", "ResourcePolicyDocument"),
        NotNeeded("logs:PutBearerTokenAuthentication", "BearerTokenAuthenticationEnabled"),
        NotNeeded("logs:PutLogGroupDeletionProtection", "DeletionProtectionEnabled"),
    ),
    "AWS::S3::Bucket": (
        NotNeeded("s3:*BucketMetadata*", "MetadataConfiguration"),
        NotNeeded("s3tables:*", "MetadataConfiguration"),
        # No object by CloudFormation.
        NotNeeded("s3:*Object"),
        NotNeeded("s3:*ObjectAcl"),
    ),
    # The web ACL is the load balancer's.
    "AWS::WAFv2::WebACLAssociation": (
        NotNeeded("amplify:*"),
        NotNeeded("apigateway:*"),
        NotNeeded("apprunner:*"),
        NotNeeded("appsync:*"),
        NotNeeded("bedrock-agentcore:*"),
        NotNeeded("cognito-idp:*"),
        NotNeeded("ec2:*VerifiedAccess*"),
        NotNeeded("wafv2:*PermissionPolicy"),
    ),
}
# Reading that is not about settings: what is in a bucket, and what comes with the secret of a Cognito client
# (botocore, DescribeUserPoolClient). A function's code is in the template.
CONTENTS = {"cognito-idp:DescribeUserPoolClient", "s3:GetObject", "s3:GetObjectVersion"}


def handlers() -> set[str]:
    """What CloudFormation needs on the caller's behalf, for the layers that have no role of theirs."""
    needed = {
        action
        for resource_type, actions in asked().items()
        for action in actions
        if not is_superfluous(action, resource_type)
    }
    # Some permissions are written as the service logs them, which IAM does not know.
    return {action for action in needed | set(UNTOLD) if resource_types(action) is not None}


def asked() -> dict[str, set[str]]:
    """All that the handlers of the resource types can ask for, by type."""
    found: dict[str, set[str]] = {}
    for layer in LAYERS.values():
        # A layer with a role of its own changes with that; drift is detected with the caller's permissions.
        kinds = ("read",) if layer.runtime.role else HANDLERS
        for resource_type in {resource["Type"] for resource in layer.resources.values()}:
            found.setdefault(resource_type, set()).update(_permissions(resource_type, kinds))
    return found


@cache
def keys() -> Mapping[str, Mapping[str, set[str]]]:
    """The parameters with keys of what the stacks encrypt, with what each service that asks does with them.

    A key for those who publish alone is not asked of whoever makes a topic.
    """
    found = {named.parameter: _keyed(named.parameter) for named in RUNTIME.keys}
    return {title: services for title, services in found.items() if any(services.values())}


def _keyed(title: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for layer in LAYERS.values():
        for resource in layer.resources.values() if not layer.runtime.role else ():
            if f'{{"Ref": "{title}"}}' not in json.dumps(resource.get("Properties")):
                continue
            resource_type = resource["Type"]
            changes = {one for one in _permissions(resource_type, HANDLERS) if not is_reading(one)}
            found.setdefault(resource_type.split("::")[1].lower(), set()).update(
                {one for one in changes if one.startswith("kms:")}, UNTOLD_OF_KEYS.get(resource_type, set())
            )
    return found


def _permissions(resource_type: str, kinds: Iterable[str]) -> set[str]:
    schema = document(resource_type, REGION).get("handlers", {})
    told = {permission for kind in kinds for permission in schema.get(kind, {}).get("permissions", [])}
    return told | UNTOLD_OF_TYPES.get(resource_type, set())


def is_superfluous(action: str, resource_type: str) -> bool:
    """Whether the handlers of a type ask for this and do not need it for our templates."""
    if is_reading(action):
        return action in CONTENTS
    # On the user's key alone: `keys`.
    return action.startswith("kms:") or any(
        fnmatch.fnmatchcase(action, one.actions)
        for one in NOT_NEEDED.get(resource_type, ())
        if not any(one.unless in resource.get("Properties", {}) for resource in resources(resource_type))
    )

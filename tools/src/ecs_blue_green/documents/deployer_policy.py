"""What whoever deploys an environment has to be allowed, as managed policies in a template of their own.

Nothing in it is written down by hand that can be derived: which operations the deployer calls is what its
tests are seen to call (`operations.py`), what CloudFormation asks for on the caller's behalf comes from the
handlers of the resource types in `build/` (`handlers.py`). What is listed by hand says why.
`python -m ecs_blue_green.documents.deployer_policy` writes docs/deployer-policy.yaml, and a test compares
them.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ecs_blue_green.documents import operations
from ecs_blue_green.documents.generated import LAYERS, RUNTIME
from ecs_blue_green.documents.handlers import LOG_GROUP, handlers, keys
from ecs_blue_green.documents.policy_files import (
    ANY_CLUSTER,
    NAME,
    OWN_CLUSTER,
    ROOT,
    allow,
    arn_of,
    comment,
    how_to_deploy,
    is_reading,
    name_patterns,
    parameter,
    pipelines,
    reaches,
    resource_types,
    resources,
    told_of_the_environment,
    write,
    yaml_of,
)

FILE = ROOT / "docs" / "deployer-policy.yaml"


def _changed_by_deployer(resource_type: str) -> Iterator[Mapping[str, Any]]:
    """Those in layers that have no role of their own."""
    roled = [one for layer in LAYERS.values() if layer.runtime.role for one in layer.resources.values()]
    yield from (one for one in resources(resource_type) if one not in roled)


def _retained(resource_type: str) -> Iterator[Mapping[str, Any]]:
    """Those that outlive their stacks."""
    yield from (one for one in resources(resource_type) if one.get("DeletionPolicy", "Delete") != "Delete")


def _log_group_arns(groups: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Log groups, as resources: tagging asks for the ARN of the name, everything else for that with `:*`.

    CloudWatch Logs API reference, LogGroup, `arn` and `logGroupArn`. A pattern that ends with * is both.
    """
    names = name_patterns(groups, "LogGroupName")
    return tuple(
        f"logs:%:log-group:{name}{rest}"
        for name in names
        for rest in ("", ":*")
        if not (rest and name.endswith("*"))
    )


BOUNDARY = parameter("AWS::IAM::Role", "PermissionsBoundary")
# What one managed policy may hold, without white space (November 2026).
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
POLICY_CHARACTERS = 6144
SPARE_CHARACTERS = 1000
# The policy for what the deployer changes itself, which a person is asked about.
BY_HAND = "DirectPolicy"
# IAM's prefix of a service, where it is not botocore's name, and its actions that are not called like the
# operation.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
ACTIONS = {
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    "cloudformation:DetectStackDrift": (
        "cloudformation:BatchDescribeTypeConfigurations",
        "cloudformation:DetectStackDrift",
        "cloudformation:DetectStackResourceDrift",
    ),
    # The last for overrideAlarmConfiguration (botocore, CreateDeployment), the others as in the policy of
    # https://github.com/aws-actions/amazon-ecs-deploy-task-definition#permissions
    "codedeploy:CreateDeployment": (
        "codedeploy:CreateDeployment",
        "codedeploy:GetDeploymentConfig",
        "codedeploy:RegisterApplicationRevision",
        "codedeploy:UpdateDeploymentGroup",
    ),
    # With tags (botocore, CreateService, tags).
    "ecs:CreateService": ("ecs:CreateService", "ecs:TagResource"),
    # With `include: TAGS`. Whether ECS asks for the second then is documented nowhere.
    "ecs:DescribeTaskDefinition": ("ecs:DescribeTaskDefinition", "ecs:ListTagsForResource"),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    # Nobody can be denied this.
    "sts:GetCallerIdentity": (),
}
# What docker calls when it pushes.
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
# What CloudFormation reads with the permissions of whoever makes a change set, to warn of quotas, and of
# repositories and buckets that it cannot delete. Config's is not there: no template has a recorder.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
VALIDATION = (
    "cloudwatch:GetMetricData",
    "ec2:DescribeSecurityGroups",
    "ecr:ListImages",
    "iam:GetAccountSummary",
    "lambda:GetAccountSettings",
    "s3:ListBucket",
    "servicequotas:GetServiceQuota",
)
# Change sets carry the stack's tags. To tag is an action of its own, and AWS does not say which calls ask for
# it. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
TAGGING = {"cloudformation:TagResource", "cloudformation:UntagResource"}
# What a remedy tells a person to type that the deployer itself never calls, with the reason.
TYPED = {
    "cloudformation:RollbackStack": "nothing else leads out of UPDATE_FAILED and CREATE_FAILED: "
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html",
}
# KMS does not tell for this one which service asks (service authorization reference, kms:ViaService).
NO_VIA_SERVICE = {"kms:RetireGrant"}
# Where AWS can tell resources apart by a name that is known before: by prefix of the action.
SCOPES: Mapping[str, tuple[str, ...]] = {
    # Application Auto Scaling makes its alarms, but only for whom could make them: it asks CloudWatch in the
    # caller's name for an alarm without a name (the page shows it for Aurora), which CloudWatch takes for one
    # whose name is empty.
    # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
    # https://github.com/aws-samples/amazon-cloudwatch-auto-alarms/issues/18
    "cloudwatch": (
        f"cloudwatch:%:alarm:{NAME}-*",
        f"cloudwatch:%:alarm:TargetTracking-service/{ANY_CLUSTER}/{NAME}-*",
        "cloudwatch:%:alarm:",
    ),
    "codebuild": (f"codebuild:%:project/{NAME}-*",),
    "codedeploy": (f"codedeploy:%:application:{NAME}-*", f"codedeploy:%:deploymentgroup:{NAME}-*"),
    "codepipeline": tuple(f"{pipeline}{stage}" for pipeline in pipelines() for stage in ("", "/*")),
    "ecr": (f"ecr:%:repository/{NAME}-*",),
    "ecs": (f"ecs:%:cluster/{OWN_CLUSTER}", f"ecs:%:service/{ANY_CLUSTER}/{NAME}-*"),
    "events": (f"events:%:rule/{NAME}-*",),
    "lambda": (f"lambda:%:function:{NAME}-*",),
    "logs": _log_group_arns(_changed_by_deployer(LOG_GROUP)),
    # Zones have no names of ours; a record in any of them is changed through CloudFormation only.
    "route53": ("route53:::hostedzone/*",),
    "s3": (f"s3:::{NAME}-*",),
    "sns": (f"sns:%:{NAME}-*",),
}
# The parameter with the bucket for templates that are too long for a call.
BUCKET = "TemplateBucket"
# What the deployer's code calls and those who deploy are not given: docs/approver-policy.yaml has it.
ELSEWHERE = {"codepipeline:PutApprovalResult"}
# What is done there; CloudFormation reads with the caller's permissions.
IN_BUCKET = {"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}
# What the deployer itself changes without CloudFormation, and where IAM can tell resources apart, which; and
# what the tasks have written, which not everybody who may look at settings needs to read.
DIRECT: Mapping[str, tuple[str, ...]] = {
    "codedeploy:ContinueDeployment": (f"codedeploy:%:deploymentgroup:{NAME}-*",),
    "codedeploy:CreateDeployment": (f"codedeploy:%:deploymentgroup:{NAME}-*",),
    "codedeploy:RegisterApplicationRevision": (f"codedeploy:%:application:{NAME}-*",),
    "codedeploy:StopDeployment": (f"codedeploy:%:deploymentgroup:{NAME}-*",),
    "codedeploy:UpdateDeploymentGroup": (f"codedeploy:%:deploymentgroup:{NAME}-*",),
    **dict.fromkeys(
        ("ecs:CreateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UpdateService"),
        (f"ecs:%:service/{ANY_CLUSTER}/{NAME}-*",),
    ),
    "ecs:DeregisterTaskDefinition": (f"ecs:%:task-definition/{NAME}-*",),
    "elasticloadbalancing:ModifyLoadBalancerAttributes": ("elasticloadbalancing:%:loadbalancer/app/*",),
    **dict.fromkeys(("logs:DeleteLogGroup", "logs:FilterLogEvents"), _log_group_arns(_retained(LOG_GROUP))),
    "s3:DeleteObject": (f"s3:::{NAME}-*/*",),
    "s3:DeleteObjectVersion": (f"s3:::{NAME}-*/*",),
    **dict.fromkeys(PUSH, (f"ecr:%:repository/{NAME}-*",)),
}
# The load balancer's name is CloudFormation's choice, so it is told by its tags.
TAGGED = {"elasticloadbalancing:ModifyLoadBalancerAttributes"}
# Roles are changed under these only with the boundary, where there is one.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
WITH_BOUNDARY = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)
SERVICE_LINKED = ("ecs", "ecs.application-autoscaling", "elasticloadbalancing")
THROUGH_CLOUDFORMATION = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}


def calls() -> set[str]:
    """The actions of IAM behind what the deployer calls."""
    found: set[str] = set()
    for called in operations.read():
        action = f"{PREFIXES.get(called.service, called.service)}:{called.operation}"
        found.update(ACTIONS.get(action, (action,)))
    return found - ELSEWHERE


def is_scoped(action: str) -> bool:
    """Whether IAM can tell this action's resources apart by a name that begins with ours."""
    return any(reaches(action, resource) for resource in SCOPES.get(action.partition(":")[0], ()))


def template() -> dict[str, Any]:
    """The template with the policies."""
    policies = {
        "StacksPolicy": list(_stacks()),
        BY_HAND: list(_direct()),
        "ReadPolicy": list(_reading()),
        **_split("NamedResourcesPolicy", _named()),
        "OtherResourcesPolicy": [*_unnamed(), *_keys(), _templates()],
        "RolesPolicy": list(_roles()),
    }
    parameters = told_of_the_environment()
    optional = {title: f"{title} of params/<environment>.yaml; empty: none" for title in keys()}
    if BOUNDARY:
        optional = {BOUNDARY: "Policy that limits every role that the stacks make; empty: none", **optional}
    optional[BUCKET] = "template_bucket of params/<environment>.yaml; empty: none"
    for title, text in optional.items():
        parameters[title] = {"Type": "String", "Description": text, "Default": ""}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Permissions of whoever deploys one environment",
        "Parameters": parameters,
        "Conditions": {_condition(title): _is_set(title) for title in optional},
        "Resources": {
            title: {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": statements}},
            }
            for title, statements in policies.items()
        },
        "Outputs": {
            "PolicyArns": {
                "Description": "Policies to attach to the role or permission set of the people who deploy",
                "Value": _joined(policies),
            },
            "UnattendedPolicyArns": {
                "Description": "The same without what destroying, rolling back and pushing an image need",
                "Value": _joined(title for title in policies if title != BY_HAND),
            },
            "ReadPolicyArn": {"Description": "Policy to look", "Value": {"Ref": "ReadPolicy"}},
        },
    }


def _condition(title: str) -> str:
    return f"Has{title.removesuffix('Arn')}"


def _is_set(title: str) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": title}, ""]}]}


def _joined(titles: Iterable[str]) -> dict[str, Any]:
    return {"Fn::Join": [",", [{"Ref": title} for title in titles]]}


def characters(statements: list[dict[str, Any]]) -> int:
    """About as many as IAM counts; names take the place of parameters that are as long."""
    return len(json.dumps(statements, separators=(",", ":")))


def _split(title: str, statements: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The statements as so many policies as IAM wants, in their order."""
    found: list[list[dict[str, Any]]] = [[]]
    for statement in statements:
        if characters([*found[-1], statement]) > POLICY_CHARACTERS - SPARE_CHARACTERS:
            found.append([])
        found[-1].append(statement)
    return {f"{title}{number}": part for number, part in enumerate(found, start=1)}


def _stacks() -> Iterator[dict[str, Any]]:
    actions = {action for action in calls() if action.startswith("cloudformation:")}
    everywhere = {action for action in actions if not resource_types(action)}
    yield allow("Stacks", actions - everywhere | TAGGING | TYPED.keys(), [f"cloudformation:%:stack/{NAME}-*"])
    yield allow("AllStacks", everywhere, ["*"])
    stored = {action for action in calls() if action.startswith("ssm:")} - {"ssm:DescribeParameters"}
    yield allow("Lock", stored, ["ssm:%:parameter/${Project}/${Environment}/deploy*"])


def _direct() -> Iterator[dict[str, Any]]:
    by_scope: dict[tuple[str, ...], set[str]] = {}
    for action, scope in DIRECT.items():
        if action not in TAGGED:
            by_scope.setdefault(scope if resource_types(action) else ("*",), set()).add(action)
    for scope, actions in by_scope.items():
        yield allow("", actions, list(scope))
    tags = {f"aws:ResourceTag/{key}": {"Ref": key} for key in ("Project", "Environment")}
    for action in sorted(TAGGED):
        yield allow("", {action}, list(DIRECT[action]), {"StringEquals": tags})


def _reading() -> Iterator[dict[str, Any]]:
    direct = {action for action in calls() if action.partition(":")[0] not in ("cloudformation", "ssm")}
    looks = {action for action in direct if is_reading(action)} | {"ssm:DescribeParameters", *VALIDATION}
    yield allow("Look", looks, ["*"])
    more = {action for action in handlers() if is_reading(action)} - looks
    yield allow("LookThroughCloudFormation", more, ["*"], THROUGH_CLOUDFORMATION)


def _named() -> Iterator[dict[str, Any]]:
    for prefix, scope in SCOPES.items():
        actions = {action for action in _changes() if action.startswith(f"{prefix}:") and is_scoped(action)}
        if actions:
            yield allow("", actions, list(scope), THROUGH_CLOUDFORMATION)


def _unnamed() -> Iterator[dict[str, Any]]:
    actions = {a for a in _changes() if not is_scoped(a) and not a.startswith("iam:")}
    yield allow("", actions, ["*"], THROUGH_CLOUDFORMATION)


def _keys() -> Iterator[dict[str, Any]]:
    asking = [(key, *asked) for key, services in keys().items() for asked in services.items()]
    for key, service, actions in asking:
        via = {"StringEquals": {"kms:ViaService": {"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"}}}
        for some, condition in ((actions - NO_VIA_SERVICE, via), (actions & NO_VIA_SERVICE, {})):
            if some:
                statement = allow("", some, [], {**THROUGH_CLOUDFORMATION, **condition})
                statement["Resource"] = [{"Ref": key}]
                yield {"Fn::If": [_condition(key), statement, {"Ref": "AWS::NoValue"}]}


def _templates() -> dict[str, Any]:
    """What a template needs that is too long for a call, where a bucket is named for it."""
    statement = allow("Templates", IN_BUCKET, [f"s3:::${{{BUCKET}}}/{NAME}-*"])
    return {"Fn::If": [_condition(BUCKET), statement, {"Ref": "AWS::NoValue"}]}


def _changes() -> set[str]:
    return {action for action in handlers() if not is_reading(action)}


def _roles() -> Iterator[dict[str, Any]]:
    named = [f"iam::${{AWS::AccountId}}:{kind}/{NAME}-*" for kind in ("role", "policy")]
    own = {action for action in _changes() if action.startswith("iam:")}
    own -= {
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteRolePermissionsBoundary",
        *WITH_BOUNDARY,
    }
    yield allow("RolesAndPolicies", own, named, THROUGH_CLOUDFORMATION)
    yield allow(
        "RolesUnderTheBoundary",
        set(WITH_BOUNDARY),
        named[:1],
        _with_boundary(
            {**THROUGH_CLOUDFORMATION, "StringEquals": {"iam:PermissionsBoundary": {"Ref": BOUNDARY}}},
            THROUGH_CLOUDFORMATION,
        ),
    )
    yield allow(
        "PassRoles",
        {"iam:PassRole"},
        named[:1],
        {"StringEquals": {"iam:PassedToService": passed_to()}},
    )
    yield allow(
        "ServiceLinkedRoles",
        {"iam:CreateServiceLinkedRole"},
        ["iam::${AWS::AccountId}:role/aws-service-role/*"],
        {"StringEquals": {"iam:AWSServiceName": [f"{name}.amazonaws.com" for name in SERVICE_LINKED]}},
    )
    # Who deploys must not widen what may deploy.
    boundary = [_with_boundary({"Ref": BOUNDARY}, {"Ref": "AWS::NoValue"})] if BOUNDARY else []
    yield {
        "Sid": "NotItself",
        "Effect": "Deny",
        "Action": ["iam:CreatePolicyVersion", "iam:DeletePolicy*", "iam:SetDefaultPolicyVersion"],
        "Resource": [arn_of("iam::${AWS::AccountId}:policy/${AWS::StackName}-*"), *boundary],
    }
    # Where there is no boundary, taking one away does no harm.
    yield allow(
        "TakeBoundaryAway",
        {"iam:DeleteRolePermissionsBoundary"},
        named[:1],
        THROUGH_CLOUDFORMATION,
    ) | {"Effect": _with_boundary("Deny", "Allow")}


def passed_to() -> list[str]:
    """The services that roles are passed to: those that they trust, where a resource is given one.

    A narrower pattern of roles would have to know how CloudFormation shortens their names.
    """
    trusted: dict[str, set[str]] = {}
    for layer in LAYERS.values():
        outputs = layer.template.get("Outputs", {}).items()
        for logical_id, resource in layer.resources.items():
            if resource["Type"] == "AWS::IAM::Role":
                trust = json.dumps(resource["Properties"]["AssumeRolePolicyDocument"])
                arn = {"Fn::GetAtt": [logical_id, "Arn"]}
                for title in (logical_id, *(title for title, output in outputs if output["Value"] == arn)):
                    trusted[title] = set(re.findall(r'"([a-z][a-z0-9.-]+\.amazonaws\.com)"', trust))
    # The stacks' own, which the deployer passes.
    found = {name for layer in RUNTIME.layers.values() if layer.role for name in trusted[layer.role.title]}
    for layer in LAYERS.values():
        for resource in layer.resources.values() if not layer.runtime.role else ():
            if not resource["Type"].startswith("AWS::IAM::"):
                words = re.findall(r"\w+", json.dumps(resource.get("Properties", {})))
                found.update(*(trusted[word] for word in words if word in trusted))
    return sorted(found)


def _with_boundary(limited: Any, free: Any) -> Any:
    """One or the other, by whether there is a boundary."""
    return {"Fn::If": [_condition(BOUNDARY), limited, free]} if BOUNDARY else free


def head() -> str:
    """The comment at the top of the file, with names of this project as examples."""
    lines = [
        "Generated by `make docs`: the permissions of whoever deploys one environment. Not a layer: it",
        "belongs to the account, and somebody who may change IAM deploys it once for each environment.",
        "",
        *how_to_deploy(FILE, "deployer"),
        "",
    ]
    text = (
        "Attach the policies of its output PolicyArns to the role or permission set of the people who "
        "deploy. Neither that role nor this stack may have a name that begins with <project>-<environment>-, "
        "like those that they may change. "
    )
    if BOUNDARY:
        text += (
            f"With {BOUNDARY} they can make roles only under that boundary: give the parameter file the "
            "same value. "
        )
    text += "".join(f"A {title} of the parameter file has to be given here too. " for title in keys())
    text += f"{BUCKET} is template_bucket of the parameter file, where it has one. "
    lines += textwrap.wrap(text + "The other outputs are for docs/github-role.yaml.", 108)
    return comment(lines)


def render() -> str:
    """The file as it has to be."""
    return head() + yaml_of(template())


if __name__ == "__main__":
    write(FILE, render())

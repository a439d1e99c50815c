"""AWS::IAM::Role, RolePolicy, Policy and ManagedPolicy."""

import json

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler

# AWS's policies that ministack does not know (CodeDeploy user guide, getting-started-create-service-role).
MANAGED = {
    "AWSCodeDeployRoleForECS": (
        *(
            "ecs:DescribeServices",
            "ecs:CreateTaskSet",
            "ecs:UpdateServicePrimaryTaskSet",
            "ecs:DeleteTaskSet",
        ),
        *("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeListeners"),
        *("elasticloadbalancing:ModifyListener", "elasticloadbalancing:DescribeRules"),
        *(
            "elasticloadbalancing:ModifyRule",
            "lambda:InvokeFunction",
            "cloudwatch:DescribeAlarms",
            "sns:Publish",
        ),
        *("s3:GetObject", "s3:GetObjectVersion", "iam:PassRole"),
    ),
}


def add_managed_policies() -> None:
    """Make AWS's own policies that a template may attach exist."""
    for name, actions in MANAGED.items():
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        record = engine.iam._make_aws_managed_record(name, document)
        engine.iam._aws_managed_policies[record["Arn"]] = record


def _check_role(properties: Record) -> None:
    for arn in properties.get("ManagedPolicyArns", []):
        if not engine.iam._policy_exists(arn):
            raise Refused("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")


def _role_removable(physical_id: str, properties: Record) -> None:
    """DeleteRole wants policies that others put on the role removed first; CloudFormation removes its own."""
    role: Record = stores.roles.get(physical_id, {})
    own = {policy["PolicyName"] for policy in properties.get("Policies", [])}
    if set(role.get("InlinePolicies", {})) - own:
        raise Refused("DeleteConflict", "Cannot delete entity, must delete policies first.")
    if set(role.get("AttachedPolicies", [])) - set(properties.get("ManagedPolicyArns", [])):
        raise Refused("DeleteConflict", "Cannot delete entity, must detach all policies first.")


def _create_role_policy(logical_id: str, properties: Record, stack_name: str) -> Created:
    policies = _inline_policies(properties)
    name = properties["PolicyName"]
    if name in policies:
        raise Refused("AlreadyExists", f"The policy {name} of role {properties['RoleName']} already exists.")
    policies[name] = json.dumps(properties.get("PolicyDocument", {}))
    return f"{name}|{properties['RoleName']}", {}


def _update_role_policy(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    _inline_policies(new)[new["PolicyName"]] = json.dumps(new.get("PolicyDocument", {}))
    return physical_id, {}


def _delete_role_policy(physical_id: str, properties: Record, logical_id: str) -> None:
    role: Record = stores.roles.get(properties["RoleName"], {})
    role.get("InlinePolicies", {}).pop(properties["PolicyName"], None)


def _inline_policies(properties: Record) -> Record:
    role = stores.roles.get(properties["RoleName"])
    if role is None:
        raise Refused("NoSuchEntity", f"The role with name {properties['RoleName']} cannot be found.")
    policies: Record = role["InlinePolicies"]
    return policies


HANDLERS = {
    "AWS::IAM::Role": Handler(
        name="RoleName",
        taken=lambda name: name in stores.roles,
        check=_check_role,
        removable=_role_removable,
    ),
    "AWS::IAM::RolePolicy": Handler(
        create=_create_role_policy, update=_update_role_policy, delete=_delete_role_policy
    ),
    "AWS::IAM::Policy": Handler(),
    "AWS::IAM::ManagedPolicy": Handler(
        name="ManagedPolicyName",
        taken=lambda name: any(policy["PolicyName"] == name for policy in stores.policies.values()),
    ),
}

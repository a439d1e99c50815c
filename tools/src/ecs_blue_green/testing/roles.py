"""The roles as CloudFormation makes them: deployed to the emulator, read back from its IAM."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.testing import site as sites
from ecs_blue_green.testing.site import Site

Document = dict[str, Any]


@dataclass(frozen=True)
class DeployedRole:
    """A role: its ARN, who may assume it, and its policies by name, AWS's managed ones left out."""

    arn: str
    trust: Document
    policies: Mapping[str, Document] = field(default_factory=dict)

    @property
    def statements(self) -> list[Document]:
        """The statements of all its policies."""
        return [statement for policy in self.policies.values() for statement in policy["Statement"]]


@dataclass(frozen=True)
class Deployed:
    """An environment: its roles by `layer:LogicalId`, and the names that AWS gave: outputs, physical ids."""

    environment: Environment
    roles: Mapping[str, DeployedRole]
    names: Mapping[str, str]

    def statements(self) -> Iterator[tuple[str, Document]]:
        """The statements of all roles, each with its role's name."""
        for name, role in self.roles.items():
            yield from ((name, statement) for statement in role.statements)


def read(root: Path, folder: Path, **parameters: str) -> Deployed:
    """Deploy the project at `root` below `folder`, with these parameters, and read what was made.

    Raises RuntimeError.
    """
    state = sites.deployed(root, folder / "deployed", **parameters)
    with sites.running(root, state, folder, pushed=()) as site:
        return _deployed(site)


def _deployed(site: Site) -> Deployed:
    cloudformation = site.client("cloudformation")
    roles, names = {}, {}
    for slug in site.layers:
        stack_name = site.environment.stack_name(slug)
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        for output in stack.get("Outputs", []):
            names[f"{slug}:{output['OutputKey']}"] = output["OutputValue"]
        for resource in cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]:
            key = f"{slug}:{resource['LogicalResourceId']}"
            names[key] = resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::IAM::Role":
                roles[key] = _role(site.client("iam"), resource["PhysicalResourceId"])
                names[f"{key}Arn"] = roles[key].arn
    return Deployed(site.environment, roles, names)


def _role(iam: Any, name: str) -> DeployedRole:
    role = iam.get_role(RoleName=name)["Role"]
    policies = {
        policy: _document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    }
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        if not arn.startswith("arn:aws:iam::aws:"):
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            version_now = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
            policies[attached["PolicyName"]] = _document(version_now["Document"])
    return DeployedRole(role["Arn"], _document(role["AssumeRolePolicyDocument"]), policies)


def _document(policy: Any) -> Document:
    document: Document = json.loads(policy) if isinstance(policy, str) else policy
    return document

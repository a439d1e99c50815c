"""The roles as CloudFormation makes them: deployed to the emulator, read back from its IAM."""

import io
import json
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml
from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line

from security.resolved import LAYERS, LOCAL, ROOT

# Conditional rights are there: CodeDeploy's own policy instead of AWS's, and a shell in the tasks.
PARAMETERS = {"ScopedCodeDeployRole": "true", "EnableExecuteCommand": "true"}

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
    """The roles by `layer:LogicalId`, and the names that AWS gave: outputs and physical ids."""

    roles: Mapping[str, DeployedRole]
    names: Mapping[str, str]


def read(folder: Path) -> Deployed:
    """Deploy the local environment below `folder` and read what was made. Raises RuntimeError."""
    for name in ("build", "params"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / "params" / "local.yaml"
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 (makes text, lists, maps only)
    document["parameters"] |= PARAMETERS
    path.write_text(yaml.safe_dump(document))
    talk = io.StringIO()
    with redirect_stdout(talk), redirect_stderr(talk):
        code = command_line.main(["deploy", "--env", "local", "--yes"], folder)
    if code:
        raise RuntimeError(f"deploy ended with {code}: {talk.getvalue()}")
    with emulator.running(folder / ".local", path) as endpoint:
        session = boto3.session.Session("test", "test", region_name=LOCAL.region)
        cloudformation = session.client("cloudformation", endpoint_url=endpoint)
        iam = session.client("iam", endpoint_url=endpoint)
        roles, names = {}, {}
        for slug in LAYERS:
            stack_name = LOCAL.stack_name(slug)
            stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
            for output in stack.get("Outputs", []):
                names[f"{slug}:{output['OutputKey']}"] = output["OutputValue"]
            for resource in cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]:
                key = f"{slug}:{resource['LogicalResourceId']}"
                names[key] = resource["PhysicalResourceId"]
                if resource["ResourceType"] == "AWS::IAM::Role":
                    roles[key] = _role(iam, resource["PhysicalResourceId"])
                    names[f"{key}Arn"] = roles[key].arn
    return Deployed(roles, names)


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
            found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
            policies[attached["PolicyName"]] = _document(found["Document"])
    return DeployedRole(role["Arn"], _document(role["AssumeRolePolicyDocument"]), policies)


def _document(policy: Any) -> Document:
    found: Document = json.loads(policy) if isinstance(policy, str) else policy
    return found

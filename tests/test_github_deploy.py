"""Deploying from GitHub: the roles may do what the stacks need and no more, and a job gets to act as one."""

import importlib.util
import io
import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from stacks import layers
from stacks.effects.schemas import document
from stacks.layers import RELEASED_LAYER

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "docs" / "github-role.yaml"

# What the handlers of our resource types can ask for, and do not for what our templates set.
UNUSED = {
    "amplify:*": "the firewall is the load balancer's",
    "apigateway:*": "the firewall is the load balancer's",
    "apprunner:*": "the firewall is the load balancer's",
    "appsync:*": "the firewall is the load balancer's",
    "bedrock-agentcore:*": "the firewall is the load balancer's",
    "ec2:*VerifiedAccess*": "the firewall is the load balancer's",
    "elasticloadbalancing:*WebACLAssociation": "AssociateWebACL needs SetWebACL",
    "elasticloadbalancing:GetLoadBalancerWebACL": "AssociateWebACL needs SetWebACL",
    "wafv2:*PermissionPolicy": "no shared rule group",
    "application-autoscaling:*ScheduledAction*": "no scheduled scaling",
    "cognito-idp:*": "no Cognito action on a listener",
    "ec2:DescribeInstances": "no instances",
    "ec2:DescribeIpamPools": "no IPAM pool",
    "elasticfilesystem:*": "no file system",
    "elasticloadbalancing:*Targets": "ECS registers the targets",
    "elasticloadbalancing:ModifyCapacityReservation": "no reserved capacity",
    "elasticloadbalancing:ModifyIpPools": "no IPAM pool",
    "firehose:*": "no delivery stream",
    "iam:*GroupPolicy": "no groups",
    "iam:*UserPolicy": "no users",
    "kms:*": "no customer managed key of the stacks",
    "s3files:*": "no file system",
    "s3tables:*": "no table bucket",
}


@pytest.fixture(scope="module")
def policies() -> dict[str, list[dict[str, Any]]]:
    """The statements of each policy."""
    resources = layers.parse(TEMPLATE.read_text())["Resources"]
    return {
        name: resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


def actions(statements: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for statement in statements:
        if statement["Effect"] == "Allow":
            found |= set(_listed(statement["Action"]))
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_template_is_valid() -> None:
    command = [Path(sys.executable).parent / "cfn-lint", TEMPLATE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_deploying_role_may_do_what_the_handlers_of_our_resources_ask_for(
    policies: dict[str, list[dict[str, Any]]],
) -> None:
    """All but the task-definition stack's, which has CloudFormation's own role."""
    allowed = {action.lower() for statements in policies.values() for action in actions(statements)}
    missing = set()
    for slug, layer in layers.read(ROOT / "build").items():
        for resource in layer.resources.values() if slug != RELEASED_LAYER else ():
            for handler in ("create", "read", "update", "delete"):
                schema = document(resource["Type"], "ap-northeast-1")
                asked = schema.get("handlers", {}).get(handler, {}).get("permissions", [])
                missing |= {a for a in asked if not any(fnmatchcase(a.lower(), p) for p in allowed)}
    assert {a for a in missing if not any(fnmatchcase(a, pattern) for pattern in UNUSED)} == set()


def test_resources_are_changed_through_cloudformation_only(
    policies: dict[str, list[dict[str, Any]]],
) -> None:
    through = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}
    direct = {
        action
        for statements in policies.values()
        for statement in statements
        if statement["Effect"] == "Allow" and statement.get("Condition") != through
        for action in _listed(statement["Action"])
    }
    changing = {a for a in direct if not a.split(":")[1].startswith(("Describe", "Get", "List", "BatchGet"))}
    assert {a.split(":")[0] for a in changing} == {"cloudformation", "iam", "ssm"}
    assert {a for a in changing if a.startswith("iam:")} == {"iam:PassRole", "iam:CreateServiceLinkedRole"}


def test_role_that_plans_can_execute_nothing(policies: dict[str, list[dict[str, Any]]]) -> None:
    changing = {
        action
        for action in actions(policies["PlanPolicy"])
        if not action.split(":")[1].startswith(("Describe", "Get", "List", "BatchGet"))
    }
    assert changing == {"cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "iam:PassRole"}


def test_roles_trust_one_repository_and_the_one_that_deploys_an_environment() -> None:
    resources = layers.parse(TEMPLATE.read_text())["Resources"]
    (plan,) = resources["PlanRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    (deploy,) = resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    subject = "token.actions.githubusercontent.com:sub"
    repository = "repo:${GitHubOwner}/${GitHubRepository}:"
    assert (
        deploy["Condition"]["StringEquals"][subject]["Fn::Sub"] == f"{repository}environment:${{Environment}}"
    )
    for pattern in plan["Condition"]["StringLike"][subject]:
        assert pattern["Fn::Sub"].startswith(f"{repository}ref:refs/")


def test_job_acts_as_the_role_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("assume_role", ROOT / ".github" / "assume_role.py")
    assert spec is not None
    assert spec.loader is not None
    assume_role = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assume_role)
    (tmp_path / "params").mkdir()
    settings = {"account": "012345678901", "region": "eu-west-1", "project": "shop"}
    (tmp_path / "params" / "prod.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://runner.example/token?x=1")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request")
    asked: list[Any] = []

    def urlopen(request: Any, timeout: int) -> io.BytesIO:
        asked.append((request.full_url, request.get_header("Authorization")))
        return io.BytesIO(json.dumps({"value": "identity"}).encode())

    credentials = {"AccessKeyId": "key", "SecretAccessKey": "secret", "SessionToken": "session"}
    sts = MagicMock()
    sts.assume_role_with_web_identity.return_value = {"Credentials": credentials}
    monkeypatch.setattr(assume_role.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(assume_role.boto3, "client", lambda *_, **__: sts)

    assume_role.main("prod", "deploy", tmp_path)

    assert asked == [("https://runner.example/token?x=1&audience=sts.amazonaws.com", "bearer request")]
    sts.assume_role_with_web_identity.assert_called_once_with(
        RoleArn="arn:aws:iam::012345678901:role/shop-prod-github-deploy",
        RoleSessionName="github-42",
        WebIdentityToken="identity",
        DurationSeconds=14400,
    )
    assert (tmp_path / "env").read_text() == (
        "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\nAWS_SESSION_TOKEN=session\n"
    )
    printed = capsys.readouterr().out
    assert printed == "::add-mask::key\n::add-mask::secret\n::add-mask::session\n"


def test_role_names_of_the_template_are_those_that_the_job_asks_for() -> None:
    resources = layers.parse(TEMPLATE.read_text())["Resources"]
    for name, role in (("PlanRole", "plan"), ("DeployRole", "deploy")):
        found = resources[name]["Properties"]["RoleName"]["Fn::Sub"]
        assert found == f"${{Project}}-${{Environment}}-github-{role}"
    assert resources["DeployRole"]["Properties"]["MaxSessionDuration"] == 14400

"""Deploying from GitHub: the roles may do what the stacks need and no more, and a job gets to act as one."""

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from docs import deployer_policy as policy
from stacks import layers

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "docs" / "github-role.yaml"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = layers.parse(TEMPLATE.read_text())["Resources"]
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_template_is_valid() -> None:
    command = [Path(sys.executable).parent / "cfn-lint", TEMPLATE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_role_that_plans_can_execute_nothing(resources: dict[str, Any]) -> None:
    statements = resources["PlanPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    looking = policy.template()["Resources"]["ReadPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    actions = {action for one in [*statements, *looking] for action in _listed(one["Action"])}
    assert {action for action in actions if not policy.is_reading(action)} == {
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        "iam:PassRole",
    }
    given = resources["PlanRole"]["Properties"]["ManagedPolicyArns"]
    assert given == [{"Ref": "ReadPolicyArn"}, {"Ref": "PlanPolicy"}]


def test_role_that_deploys_has_the_deployers_rights_but_those_that_a_person_is_asked_about(
    resources: dict[str, Any],
) -> None:
    given = resources["DeployRole"]["Properties"]["ManagedPolicyArns"]
    assert given == {"Ref": "UnattendedPolicyArns"}
    deployers = policy.template()
    everything = {*deployers["Resources"]}
    unattended = {one["Ref"] for one in deployers["Outputs"]["UnattendedPolicyArns"]["Value"]["Fn::Join"][1]}
    assert unattended == everything - {"DirectPolicy"}
    direct = deployers["Resources"]["DirectPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {action for one in direct for action in one["Action"]} == policy.DIRECT.keys()


def test_roles_trust_one_repository_and_that_which_deploys_an_environment(
    resources: dict[str, Any],
) -> None:
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
        RoleArn="arn:aws:iam::012345678901:role/github-shop-prod-deploy",
        RoleSessionName="github-42",
        WebIdentityToken="identity",
        DurationSeconds=14400,
    )
    assert (tmp_path / "env").read_text() == (
        "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\nAWS_SESSION_TOKEN=session\n"
    )
    printed = capsys.readouterr().out
    assert printed == "::add-mask::key\n::add-mask::secret\n::add-mask::session\n"


def test_role_names_of_the_template_are_those_that_the_job_asks_for(resources: dict[str, Any]) -> None:
    for name, role in (("PlanRole", "plan"), ("DeployRole", "deploy")):
        found = resources[name]["Properties"]["RoleName"]["Fn::Sub"]
        assert found == f"github-${{Project}}-${{Environment}}-{role}"
    assert resources["DeployRole"]["Properties"]["MaxSessionDuration"] == 14400


def test_nobody_can_change_what_they_may_do(resources: dict[str, Any]) -> None:
    """What the deployer reaches begins with the environment's name; these roles and stacks do not."""
    for role in ("PlanRole", "DeployRole"):
        assert not resources[role]["Properties"]["RoleName"]["Fn::Sub"].startswith(policy.NAME)
    for file in (TEMPLATE, policy.FILE):
        names = re.findall(r"--stack-name (\S+)", file.read_text())
        assert names
        assert not [name for name in names if name.startswith("sample-prod-")]


@pytest.mark.parametrize(
    ("wanted", "tag", "found"),
    [
        ("", "deploy-prod-2026-01-31", "prod"),
        ("", "deploy-prod-eu-2026-01-31", "prod-eu"),
        ("", "deploy-prod-eu-7", "prod-eu"),
        ("", "deploy-prod-2-7", "prod-2"),
        ("", "deploy-prod-2", "prod"),
        ("", "deploy-prod", None),
        ("prod", "deploy-prod-eu-7", "prod"),
        ("", "deploy-eu-prod-1", "eu-prod"),
        ("", "deploy-eu-1", "eu"),
        ("eu", "main", "eu"),
        ("", "deploy-nowhere-1", None),
        ("nowhere", "main", None),
        ("../prod", "main", None),
    ],
)
def test_environment_is_the_wanted_one_or_the_tags(
    wanted: str, tag: str, found: str | None, tmp_path: Path
) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    (step,) = [one for one in workflow["jobs"]["where"]["steps"] if one.get("id") == "where"]
    (tmp_path / "params").mkdir()
    for name in ("eu", "eu-prod", "prod", "prod-2", "prod-eu"):
        (tmp_path / "params" / f"{name}.yaml").touch()
    output = tmp_path / "output"
    variables = {"WANTED": wanted, "GITHUB_REF_NAME": tag, "GITHUB_OUTPUT": str(output)}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | variables, capture_output=True, check=False)
    assert done.returncode == (0 if found else 2)
    assert (output.read_text() if found else None) == (f"environment={found}\n" if found else None)


def test_runs_by_hand_and_by_tag_wait_for_each_other() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    assert "concurrency" not in workflow
    job = workflow["jobs"]["deploy"]
    found = "${{ needs.where.outputs.environment }}"
    assert job["concurrency"] == {"group": f"deploy-{found}", "cancel-in-progress": False}
    assert job["with"]["environment"] == found
    called = yaml.safe_load((ROOT / job["uses"]).read_text())
    # A group of its own, in the called workflow or its jobs, would let another run in between.
    assert "concurrency" not in called
    for one in called["jobs"].values():
        assert "concurrency" not in one
        # What a called workflow's jobs may do is limited to what the calling job may.
        assert one["permissions"].items() <= job["permissions"].items()

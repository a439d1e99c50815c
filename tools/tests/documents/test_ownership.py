"""docs/ownership.md, read against the templates: every resource, and what is said of it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ecs_blue_green.deployer.effects import schemas
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.documents.generated import RUNTIME
from ecs_blue_green.runtime import Delegation

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "ownership.md").read_text(encoding="utf-8")
LAYERS = sorted(path.stem for path in (ROOT / "build").glob("*.yaml"))


class Row(NamedTuple):
    """One resource's row; the columns are those of the page."""

    resource: str
    who: str
    role: str
    tag: str
    parameters: str
    stack_policy: str
    deletion_policy: str
    destroy: str

    @property
    def logical_id(self) -> str:
        return self.resource.split("`")[1]


def rows(layer: str) -> list[Row]:
    """The table of one layer."""
    parts = DOCUMENT.split(f"\n### {layer}\n")
    # make check says so too: the tables are generated.
    assert len(parts) == 2, f"docs/ownership.md has no table of {layer}: run make docs"
    section = parts[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


@pytest.mark.parametrize("layer", LAYERS)
def test_every_resource_has_a_row_and_every_row_a_resource(layer: str, built: Mapping[str, Layer]) -> None:
    listed = [(row.logical_id, "AWS::" + row.resource.split("<br>")[1].split(",")[0]) for row in rows(layer)]
    assert sorted(listed) == sorted((name, one["Type"]) for name, one in built[layer].resources.items())


@pytest.mark.parametrize("layer", LAYERS)
def test_deletion_policies_are_the_templates(layer: str, built: Mapping[str, Layer]) -> None:
    stated = {row.logical_id: row.deletion_policy for row in rows(layer)}
    assert stated == {
        name: resource.get("DeletionPolicy", "Delete") for name, resource in built[layer].resources.items()
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_protected_is_what_the_stack_policy_denies(layer: str, built: Mapping[str, Layer]) -> None:
    policy = json.loads(built[layer].stack_policy or '{"Statement": []}')
    denials = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
    denied = {
        resource.removeprefix("LogicalResourceId/")
        for statement in denials
        if "Condition" not in statement
        for resource in statement["Resource"]
    }
    by_type = {
        kind
        for statement in denials
        if "Condition" in statement
        for kind in statement["Condition"]["StringEquals"]["ResourceType"]
    }
    denied |= {name for name, resource in built[layer].resources.items() if resource["Type"] in by_type}
    assert {row.logical_id for row in rows(layer) if row.stack_policy == "protected"} == denied
    for row in rows(layer):
        through = set(re.findall("`([^`]+)`", row.stack_policy))
        assert through <= denied
        for name in through:
            assert row.logical_id in json.dumps(built[layer].resources[name])


@pytest.mark.parametrize("layer", LAYERS)
def test_tags_reach_what_can_have_some(layer: str, built: Mapping[str, Layer]) -> None:
    for row in rows(layer):
        schema = schemas.schema(built[layer].resources[row.logical_id]["Type"], "ap-northeast-1")
        assert schema
        assert (row.tag == "does not reach it") == (not schema.taggable), row


def test_roles_exist(built: Mapping[str, Layer]) -> None:
    roles = {
        name
        for layer in built.values()
        for name, resource in layer.resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    named = {role for layer in LAYERS for row in rows(layer) for role in re.findall("`([^`]+)`", row.role)}
    assert named <= roles
    assert {"CodeDeployRole", "TaskDefinitionStackRole"} <= named


def test_parameters_do_what_is_said(built: Mapping[str, Layer]) -> None:
    by_name = {row.logical_id: row for layer in LAYERS for row in rows(layer)}
    declared = {name for layer in built.values() for name in layer.parameters} | {"protected:"}
    for row in by_name.values():
        assert set(re.findall("`([^`]+)`", row.parameters)) <= declared
    cluster = "replaces it: `ClusterName`; adds or removes it: `ExistingCluster`"
    assert by_name["Cluster"].parameters == cluster
    assert by_name["ScalableTarget"].parameters.endswith("in place: `MinCapacity`, `MaxCapacity`")
    assert "new revision: " in by_name["TaskDefinition"].parameters
    assert by_name["TaskRole"].parameters == "in place: `PermissionsBoundaryArn`, `EnableExecuteCommand`"


DELEGATIONS = [
    (slug, changed.resource, delegation)
    for slug, layer in RUNTIME.layers.items()
    for changed in layer.changed_by
    for delegation in changed.properties
]


@pytest.mark.parametrize(
    ("layer", "resource", "delegation"),
    DELEGATIONS,
    ids=[f"{resource}-{delegation.property}" for _, resource, delegation in DELEGATIONS],
)
def test_every_delegation_is_in_both_tables(
    layer: str, resource: str, delegation: Delegation, built: Mapping[str, Layer]
) -> None:
    assert resource in built[layer].resources
    row = next(row for row in rows(layer) if row.logical_id == resource)
    assert delegation.owner in row.who
    assert f"| {layer} | `{resource}` | `{delegation.property}` | {delegation.owner} |" in DOCUMENT


def test_there_are_delegations_of_both_kinds() -> None:
    assert {(layer, delegation.property) for layer, _, delegation in DELEGATIONS} == {
        ("infrastructure", "DefaultActions"),
        ("service", "LoadBalancers"),
        ("service", "TaskDefinition"),
        ("service", "PlatformVersion"),
        ("service", "NetworkConfiguration"),
        ("service", "LaunchType"),
        ("service", "CapacityProviderStrategy"),
        ("service", "DesiredCount"),
    }


def test_what_survives_destroy_is_said_of_what_the_stacks_retain() -> None:
    for layer in LAYERS:
        for row in rows(layer):
            assert row.deletion_policy.startswith("Retain") == row.destroy.startswith("retained"), row

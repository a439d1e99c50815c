"""What CloudFormation's validation finds, and what it overlooks: a deploy ends well either way.

AWS's page lists types that are not validated, and people saw otherwise: what is a refused change set in one
account is a stack that is rolled back in another.
"""

import pytest

from ecs_blue_green.emulator.early import DOCUMENTED, Early
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop

REPOSITORY = "AWS::ECR::Repository"
WARNING = f"The quota for resources of type {REPOSITORY} would be exceeded"
EITHER = pytest.mark.parametrize(
    "validation", [DOCUMENTED, Early(every_type=True)], ids=["found late", "found early"]
)


def status(layer: str) -> str | None:
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in stacks}.get(f"sample-dev-{layer}")


@EITHER
def test_mistake_in_a_new_stack(dev: Shop, validation: Early) -> None:
    """Refused, or created and rolled back: the corrected template is deployed by the same command."""
    dev.replace("infrastructure", CLUSTER, f"{CLUSTER}      Misspelt: x\n")
    failed = dev.run("deploy", "--yes")
    assert failed["exit_code"] == 1
    if validation.looks_at("AWS::ECS::Cluster"):
        assert failed["error"]["what"] == "CloudFormation refuses the change of sample-dev-infrastructure"
        assert "/Resources/Cluster/Properties: #: extraneous key [Misspelt]" in failed["error"]["why"]
        assert status("infrastructure") is None
        assert status("container-repository") is None
    else:
        (outcome,) = [one for one in failed["outcomes"] if one["layer"] == "infrastructure"]
        assert "extraneous key [Misspelt] is not permitted" in outcome["why"]
        assert status("infrastructure") == "ROLLBACK_COMPLETE"
    dev.replace("infrastructure", "      Misspelt: x\n", "")
    assert dev.results("deploy", "--yes", "--only", "infrastructure") == {"infrastructure": "done"}
    assert status("infrastructure") == "CREATE_COMPLETE"


@EITHER
def test_mistake_in_a_stack_that_serves(deployed: Shop, validation: Early) -> None:
    """Refused, or updated and rolled back: what serves is as before, and the correction is deployed."""
    deployed.replace("container-repository", MUTABILITY, f"{MUTABILITY}LY")
    failed = deployed.run("deploy", "--yes")
    assert failed["exit_code"] == 1
    if validation.looks_at(REPOSITORY):
        assert (
            failed["error"]["what"] == "CloudFormation refuses the change of sample-dev-container-repository"
        )
        assert "/Resources/Repository/Properties/ImageTagMutability" in failed["error"]["why"]
        assert status("container-repository") == "CREATE_COMPLETE"
    else:
        (outcome,) = [one for one in failed["outcomes"] if one["layer"] == "container-repository"]
        assert "ImageTagMutability" in outcome["why"]
        assert status("container-repository") == "UPDATE_ROLLBACK_COMPLETE"
    deployed.replace("container-repository", f"{MUTABILITY}LY", MUTABILITY)
    assert deployed.run("plan")["exit_code"] == 0
    assert deployed.run("deploy", "--yes")["exit_code"] == 0


@pytest.mark.parametrize("validation", [Early(findings={REPOSITORY: "WARN"})], ids=["a warning"])
def test_warning_is_in_the_plan(dev: Shop, validation: Early) -> None:
    """The change set can be executed; only DescribeEvents tells what it warns of."""
    summary = dev.root / "summary.md"
    code, out, _ = dev.talk("plan", "--only", "container-repository", "--summary", str(summary))
    assert code == 0
    for text in (out, summary.read_text()):
        said = " ".join(text.split())
        assert f"CloudFormation warns: /Resources/Repository: {WARNING}" in said
    done = dev.run("deploy", "--yes", "--only", "container-repository")
    assert done["exit_code"] == 0
    assert [step["warnings"] for step in done["plan"]] == [[f"/Resources/Repository: {WARNING}"]]


@pytest.mark.parametrize(
    "validation", [Early(findings={"AWS::ECS::TaskDefinition": "WARN"})], ids=["a warning"]
)
def test_warning_of_a_layer_that_is_planned_from_its_template(dev: Shop, validation: Early) -> None:
    """CloudFormation can be asked only when what the layer imports is there: it is said then."""
    code, out, err = dev.talk(
        "deploy", "--yes", *_only("container-repository", "infrastructure", "task-definition")
    )
    assert (code, "CloudFormation warns" in out) == (0, False)
    assert "CloudFormation warns: /Resources/TaskDefinition: The quota for" in " ".join(err.split())


@pytest.mark.parametrize("validation", [Early(findings={REPOSITORY: "SKIPPED"})], ids=["skipped"])
def test_validation_that_was_skipped_has_found_nothing(dev: Shop, validation: Early) -> None:
    planned = dev.run("plan", "--only", "container-repository")
    assert planned["exit_code"] == 0
    assert [step["warnings"] for step in planned["plan"]] == [[]]


@pytest.mark.parametrize(
    "validation",
    [
        Early(
            findings={
                "AWS::ECS::Cluster": "FAIL",
                "AWS::ElasticLoadBalancingV2::LoadBalancer": "WARN",
                "AWS::EC2::SecurityGroup": "SKIPPED",
            }
        )
    ],
    ids=["all of them"],
)
def test_cause_of_a_failed_change_set_is_no_warning(dev: Shop, validation: Early) -> None:
    """In a change set that failed, warnings and what was skipped are told beside the cause."""
    refused = dev.run("plan", "--only", "infrastructure")
    assert refused["exit_code"] == 1
    assert refused["error"]["why"].split("\n") == [
        "",
        "  /Resources/Cluster: found for serve's --finding",
    ]


CLUSTER = "      ClusterName: !Ref ClusterName\n"
MUTABILITY = "ImageTagMutability: IMMUTABLE"


def _only(*layers: str) -> list[str]:
    assert set(layers) <= set(LAYERS)
    return [option for layer in layers for option in ("--only", layer)]

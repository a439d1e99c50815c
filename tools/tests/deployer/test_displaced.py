"""Change sets that are not this run's: CloudFormation deletes them when one of the same stack is executed."""

from pathlib import Path
from typing import Any

import yaml

from ecs_blue_green.deployer.cloudformation import change_sets
from tests.deployer.releases import client
from tests.deployer.shop import Shop

STACK = "sample-dev-container-repository"
THEIRS = "by-hand"


def change(shop: Shop, value: str) -> None:
    path = shop.root / "params" / "dev.yaml"
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    document["parameters"]["ImageRetentionCount"] = value
    path.write_text(yaml.safe_dump(document))


def by_hand() -> str:
    """What a person makes in the console."""
    cloudformation = client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    made = cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName=THEIRS,
        Description="Ann tries a tag",
        UsePreviousTemplate=True,
        Parameters=stack["Parameters"],
        Tags=[{"Key": "Somebody", "Value": "else"}],
    )
    return str(made["Id"])


def names() -> list[str]:
    return [one.name for one in change_sets.waiting(client("cloudformation"), STACK)]


def displaced(document: dict[str, Any]) -> list[str]:
    assert {step["layer"] for step in document["plan"] if step["displaced_change_sets"]} <= {
        "container-repository"
    }
    return [arn for step in document["plan"] for arn in step["displaced_change_sets"]]


def test_plan_names_the_change_set_that_its_execution_removes(deployed: Shop) -> None:
    arn = by_hand()
    # As long as nothing of that stack is executed, it stays.
    assert displaced(deployed.run("deploy", "--yes")) == []
    assert names() == [THEIRS]

    change(deployed, "12")
    summary = deployed.root / "summary.md"
    code, out, _ = deployed.talk("plan", "--summary", str(summary))
    assert code == 0
    for text in (out, summary.read_text()):
        said = " ".join(text.split())
        assert f"change set {THEIRS} of somebody else (made " in said
        assert "Ann tries a tag) is deleted by CloudFormation when this is executed" in said
    assert names() == [THEIRS]

    done = deployed.run("deploy", "--yes")
    assert (done["exit_code"], displaced(done)) == (0, [arn])
    assert names() == []


def test_kept_plan_is_told_of_others_and_not_of_itself(deployed: Shop, tmp_path: Path) -> None:
    change(deployed, "12")
    kept, another = str(tmp_path / "kept.json"), str(tmp_path / "another.json")
    assert displaced(deployed.run("plan", "--out", kept)) == []
    (first,) = displaced(deployed.run("plan", "--out", another))
    assert "/plan-" in first
    assert "of a saved plan" in deployed.talk("plan")[1]
    assert displaced(deployed.run("deploy", "--yes", "--plan", another)) == [first]
    assert names() == []

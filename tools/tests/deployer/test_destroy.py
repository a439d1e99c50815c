"""`destroy` of what it must not delete half-way, and of what is left when the stacks are gone."""

import pytest

from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_guarded_deploy import answering

INFRASTRUCTURE = "sample-dev-infrastructure"


def protect(shop: Shop, value: str) -> None:
    path = shop.root / "params" / "dev.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("protected:")]
    path.write_text("\n".join([*lines, f"protected: {value}", ""]))


def stacks() -> set[str]:
    found = client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in found}


@pytest.fixture
def shielded(deployed: Shop) -> Shop:
    """An environment whose load balancer is protected, and whose file no longer says so."""
    protect(deployed, "true")
    assert deployed.run("deploy", "--yes", "--allow", "infrastructure:LoadBalancer")["exit_code"] == 0
    protect(deployed, "false")
    return deployed


def test_protection_that_was_not_lowered_by_a_deploy_stops_before_anything_is_deleted(shielded: Shop) -> None:
    before = stacks()
    refused = shielded.run("destroy", "--yes")
    assert refused["exit_code"] == 3
    assert f"the load balancer of {INFRASTRUCTURE} is still protected" in refused["error"]["what"]
    assert "make deploy ENV=dev ALLOW=infrastructure:LoadBalancer" in refused["error"]["remedy"]
    assert stacks() == before
    # What it says to type is the way out.
    assert shielded.run("deploy", "--yes", "--allow", "infrastructure:LoadBalancer")["exit_code"] == 0
    assert shielded.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")


def test_failed_deletion_is_finished_when_a_person_lets_the_protection_be_lowered(
    shielded: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one that did not look first, or a person in the console, left it.
    with monkeypatch.context() as unaware:
        unaware.setattr("ecs_blue_green.deployer.execution.destroy.protected", lambda *_: {})
        assert shielded.results("destroy", "--yes")["infrastructure"] == "failed"
    assert "sample-dev-service" not in stacks()

    answering(monkeypatch, "dev\nn\n")
    code, _, err = shielded.talk("destroy")
    assert code == 130
    assert "arn:aws:elasticloadbalancing:" in err and "is protected from deletion" in err
    assert "Take away what protects the leftovers, and delete them? [y/N]" in err
    assert INFRASTRUCTURE in stacks()

    answering(monkeypatch, "dev\ny\n")
    assert shielded.talk("destroy")[0] == 0
    assert stacks() == set()


def test_what_deleted_stacks_left_behind_is_asked_about(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, group = client("logs"), "/ecs/sample-dev-api"

    def kept() -> bool:
        return bool(logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])

    # As a person who deletes the stacks in the console leaves it.
    with monkeypatch.context() as by_hand:
        by_hand.setattr("ecs_blue_green.deployer.execution.retained.of", lambda *_: iter(()))
        assert deployed.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")
    assert stacks() == set()
    assert kept()

    answering(monkeypatch, "no\n")
    code, _, err = deployed.talk("destroy")
    assert code == 130
    assert f"the log group {group}" in err and "1 revision(s) of sample-dev-api" in err
    assert "Type dev to delete them:" in err
    assert kept()

    answering(monkeypatch, "dev\n")
    assert deployed.talk("destroy")[0] == 0
    assert not kept()
    # Nothing is left, so nobody is asked.
    answering(monkeypatch, "")
    assert deployed.talk("destroy")[0] == 0

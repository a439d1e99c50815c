"""Every verb on a project whose layers, outputs, parameters and resources have names of their own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer.release import rollback
from tests.deployer.releases import Releases, client
from tests.second_project.place import LAYERS, REGION, STAGING, Harbour, by_layer, reached

EVERYTHING = dict.fromkeys(LAYERS, "done")
NO_TROUBLE: dict[str, Any] = {"troubles": [], "unchecked": [], "image": "placeholder", "connection": None}


@pytest.fixture
def releases(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> Releases:
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.05)
    return Releases(
        "harbour-staging",
        "harbour-staging-beacon",
        application="harbour-staging-shifts",
        group="harbour-staging-shift",
        region=REGION,
    )


def test_deploy_change_nothing_and_destroy(empty: Harbour) -> None:
    asked = empty.run("deploy")
    assert (asked["exit_code"], asked["error"]["what"]) == (2, "nobody is here to be asked")
    assert by_layer(asked, "plan", "action") == dict.fromkeys(LAYERS, "create")
    assert asked["preflight"] == NO_TROUBLE

    assert empty.results("deploy", "--yes") == EVERYTHING
    assert empty.actions() == dict.fromkeys(LAYERS, "nothing")
    assert empty.run("image")["image"] == "harbour-staging-beacon:first"
    # The blueprint is always operated through its role, from the first time on.
    roles = {name: stack.get("RoleARN", "") for name, stack in stacks().items()}
    assert "role/harbour-staging-edge-BlueprintRole-" in roles.pop("harbour-staging-blueprint")
    assert set(roles.values()) == {""}

    assert empty.results("destroy", "--yes") == EVERYTHING
    assert set(by_layer(empty.run("status"), "stacks", "status").values()) == {None}


def test_environment_belongs_to_the_repository_that_the_layers_name(harbour: Harbour) -> None:
    harbour.give(CodeOwner="somebody", CodeName="else")
    for verb in ("deploy", "rollback", "destroy"):
        assert harbour.findings(verb, "--yes") == {("other-repository", "delivery", "")}, verb
    assert harbour.run("plan", "--moved-from", "lighthouse/beacon")["exit_code"] == 0


def test_change_is_what_was_asked_for_also_from_a_kept_plan(harbour: Harbour, tmp_path: Path) -> None:
    assert harbour.run("deploy")["exit_code"] == 0  # Where nothing changes, nobody is asked.
    refused = harbour.run("deploy", "--yes", "--allow", "harbour:Crew")
    assert "with a layer of edge, blueprint, delivery" in refused["error"]["why"]

    harbour.give(Most=9, Brightness="0.5")
    kept = str(tmp_path / "plan.json")
    planned = harbour.run("plan", "--out", kept, "--exit-code")
    assert planned["exit_code"] == 4
    changes = by_layer(planned, "plan", "changes")
    assert {layer: [change["logical_id"] for change in changes[layer]] for layer in LAYERS} == {
        "edge": [],
        "blueprint": ["Program"],
        "delivery": ["CrewSize"],
    }
    outcomes = harbour.run("deploy", "--plan", kept)
    assert by_layer(outcomes, "outcomes", "result") == {
        "edge": "nothing",
        "blueprint": "done",
        "delivery": "done",
    }
    notes = by_layer(outcomes, "outcomes", "notes")["blueprint"]
    assert notes == ["revision 2 registered; it runs after the next release"]


def test_stuck_stack_is_gone_on_with(root: Path, deployed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(deployed / ".emulator", root / ".emulator")
    get_stuck(root, "harbour-staging-delivery", "CrewLoad")
    harbour = Harbour(root, STAGING, capsys)
    harbour.give(Most=9)
    with reached(root):
        blocked = harbour.run("deploy", "--yes")
        assert blocked["exit_code"] == 3
        assert "make continue-rollback ENV=staging ONLY=delivery" in blocked["error"]["remedy"]
        assert harbour.run("continue-rollback", "--yes", "--skip", "edge:Fleet")["exit_code"] == 2
        done = harbour.results("continue-rollback", "--yes", "--skip", "delivery:CrewLoad")
        assert done == {"delivery": "done"}
        statuses = by_layer(harbour.run("status"), "stacks", "status")
    assert statuses["delivery"] == "UPDATE_ROLLBACK_COMPLETE"


def test_release_is_told_guarded_and_gone_back_from(harbour: Harbour, releases: Releases) -> None:
    """One story, because each part needs the release before it."""
    # A release runs: nothing is changed beside it, and stopping it brings the tasks back that ran.
    running = releases.start(releases.register())
    harbour.give(LingerMinutes=7)
    assert ("release-running", "delivery", "") in harbour.findings("deploy", "--yes")
    # A range with the count of now inside is no matter.
    harbour.give(LingerMinutes=None, Most=9)
    planned = harbour.run("plan")
    assert (planned["exit_code"], planned["findings"]) == (0, [])
    assert [found["layer"] for found in planned["beside_release"]] == ["delivery"]
    assert harbour.live() == ("shifting", "1")
    assert harbour.run("rollback", "--yes")["action"] == "stop"
    assert releases.status(running) == "Stopped"
    assert harbour.live() == ("blue", "1")

    # After one, the differences are CodeDeploy's.
    first = releases.release()
    assert harbour.live() == ("green", "3")
    drift = harbour.run("drift")
    assert (drift["exit_code"], drift["summary"]["real"]) == (0, 0)
    assert delegated(drift) == {
        ("edge", "MainEntrance", "DefaultActions", "CodeDeploy"),
        ("edge", "TrialEntrance", "DefaultActions", "CodeDeploy"),
        ("delivery", "Crew", "LoadBalancers", "CodeDeploy"),
    }

    # What would send traffic to the tasks that are gone is blocked, what does not is not.
    harbour.give(TrialPort=7444)
    assert {
        ("listener-live", "edge", "TrialEntrance"),
        ("stack-policy", "edge", "TrialEntrance"),
    } <= harbour.findings("deploy", "--yes")
    harbour.give(TrialPort=None, ProbePath="/well")
    assert ("stack-policy", "edge", "EastPool") in harbour.findings("deploy", "--yes")
    harbour.give(ProbePath=None, ListenPort=7071)
    found = harbour.findings("deploy", "--yes")
    assert ("replacement", "edge", "WestPool") in found
    harbour.give(ListenPort=None)
    harbour.replace("delivery", "HealthCheckGracePeriodSeconds: 30", "HealthCheckGracePeriodSeconds: 31")
    assert ("service-frozen", "delivery", "Crew") in harbour.findings("deploy", "--yes")
    harbour.replace("delivery", "HealthCheckGracePeriodSeconds: 31", "HealthCheckGracePeriodSeconds: 30")
    assert harbour.results("deploy", "--yes")["delivery"] == "done"

    # Two releases: the second one is gone back from, also where the layers say nothing.
    releases.release()
    (harbour.root / "build" / "runtime.json").rename(harbour.root / "runtime.json")
    assert harbour.live() == ("blue", "4")
    back = harbour.run("rollback", "--yes", "--at-once")
    assert (back["action"], back["returns"]) == ("deploy", first)
    assert harbour.live() == ("green", "3")
    (harbour.root / "runtime.json").rename(harbour.root / "build" / "runtime.json")

    # And what nobody owns is real.
    outputs = stacks()["harbour-staging-edge"]["Outputs"]
    (listener,) = [one["OutputValue"] for one in outputs if one["OutputKey"] == "MainEntranceArn"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    client("elbv2", REGION).modify_listener(ListenerArn=listener, DefaultActions=[answer])
    drift = harbour.run("drift")
    assert (drift["exit_code"], drift["summary"]["real"]) == (4, 1)
    assert ("edge", "MainEntrance", "DefaultActions", None) in delegated(drift)


def stacks() -> dict[str, Any]:
    """What CloudFormation says of every stack, by name."""
    found = client("cloudformation", REGION).describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in found}


def get_stuck(root: Path, stack: str, resource: str) -> None:
    """Have the emulator know of an update that could not be rolled back, because of one resource."""
    file = root / ".emulator" / "state.json"
    state = json.loads(file.read_text())
    for kept in state["services"]["cloudformation"]["stacks"]["data"].values():
        if kept["StackName"] == stack:
            kept |= {"StackStatus": "UPDATE_ROLLBACK_FAILED", "_rollback_failed": {resource: {}}}
    file.write_text(json.dumps(state))


def delegated(drift: dict[str, Any]) -> set[tuple[str, str, str, str | None]]:
    """Layer, resource, property and owner of each difference."""
    return {
        (stack["layer"], resource["logical_id"], difference["path"].split("/")[1], difference["owner"])
        for stack in drift["stacks"]
        for resource in stack["resources"]
        for difference in resource["differences"]
    }

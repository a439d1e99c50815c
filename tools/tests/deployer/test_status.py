"""Status: which colour and revision serve the users, and what a person should know of."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ecs_blue_green.deployer import environment, policy
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.execution import history, lock
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.status import current
from tests.deployer.releases import AT_ONCE, Releases, client
from tests.deployer.shop import LAYERS, Shop
from tests.paths import PROJECT


def test_everything_is_told_of_a_fresh_environment(deployed: Shop) -> None:
    answer = deployed.run("status")
    assert {stack["layer"]: stack["status"] for stack in answer["stacks"]} == dict.fromkeys(
        LAYERS, "CREATE_COMPLETE"
    )
    live = answer["live"]
    assert live["colour"] == "blue"
    assert live["weights"]["blue"] > 0 == live["weights"]["green"]
    assert live["revision"].endswith("task-definition/sample-dev-api:1")
    assert live["image"].endswith("/sample-dev-api:initial")
    assert (live["deployment"], live["pipeline_execution"]) == (None, None)
    assert answer["alarms"] == {"watched": True, "in_alarm": []}
    assert [stack["policy_lifted_for"] for stack in answer["stacks"]] == [[]] * len(LAYERS)
    assert answer["lock"] is None


def test_traffic_that_shifts_is_neither_blue_nor_green(deployed: Shop) -> None:
    releases = Releases()
    deployment = releases.start(releases.register("example.com/app:2"))
    live = deployed.run("status")["live"]
    assert (live["colour"], live["deployment"]) == ("shifting", deployment)
    assert {one["colour"]: one["image"].rpartition("/")[2] for one in live["task_sets"]} == {
        "blue": "sample-dev-api:initial",
        "green": "app:2",
    }
    # Until all traffic has moved, the old revision is the one in production.
    assert live["image"].endswith("/sample-dev-api:initial")
    _, shown, _ = deployed.talk("status")
    assert "shifting (90 % blue, 10 % green)" in shown
    assert f"{deployment} is running" in shown


def test_green_is_live_after_the_first_release(deployed: Shop) -> None:
    releases = Releases()
    revision = releases.register("example.com/app:2")
    releases.finish(releases.start(revision, AT_ONCE))
    live = deployed.run("status")["live"]
    assert (live["colour"], live["revision"], live["image"]) == ("green", revision, "example.com/app:2")


def test_alarm_that_rings_is_named_with_what_it_does(deployed: Shop) -> None:
    cloudwatch: Any = client("cloudwatch")
    alarms = sorted(found["AlarmName"] for found in cloudwatch.describe_alarms()["MetricAlarms"])
    cloudwatch.set_alarm_state(AlarmName=alarms[0], StateValue="ALARM", StateReason="test")
    cloudwatch.set_alarm_state(AlarmName=alarms[1], StateValue="INSUFFICIENT_DATA", StateReason="test")
    assert deployed.run("status")["alarms"]["in_alarm"] == [alarms[0]]
    _, shown, _ = deployed.talk("status")
    assert f"{alarms[0]} is in ALARM, which stops every release" in shown


def test_lifted_stack_policy_is_named(deployed: Shop, built: Mapping[str, Layer]) -> None:
    cloudformation: Any = client("cloudformation")
    whole = built["infrastructure"].stack_policy
    assert whole
    cloudformation.set_stack_policy(
        StackName="sample-dev-infrastructure", StackPolicyBody=policy.lifted(whole, ["TestListener"])
    )
    lifted = {stack["layer"]: stack["policy_lifted_for"] for stack in deployed.run("status")["stacks"]}
    assert lifted.pop("infrastructure") == ["TestListener"]
    assert set(map(tuple, lifted.values())) == {()}
    _, shown, _ = deployed.talk("status")
    assert "of infrastructure is lifted for TestListener; the next deploy restores it" in shown
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert not any(stack["policy_lifted_for"] for stack in deployed.run("status")["stacks"])


def test_policy_that_denies_more_is_not_lifted(built: Mapping[str, Layer]) -> None:
    layer = built["service"]
    assert layer.stack_policy
    document = json.loads(layer.stack_policy)
    everything = [{**document["Statement"][1], "Resource": ["*"]}]
    assert current.lifted(layer, json.dumps({"Statement": everything})) == ()
    assert current.lifted(layer, layer.stack_policy) == ()
    assert current.lifted(layer, None) == ("Service",)
    # Half of the protection is less than all of it.
    weaker = [document["Statement"][0], {**document["Statement"][1], "Action": ["Update:Replace"]}]
    assert current.lifted(layer, json.dumps({"Statement": weaker})) == ("Service",)


def test_lock_and_last_commit_are_told(deployed: Shop) -> None:
    store: Any = client("ssm")
    settings = environment.Environment(
        "dev", "000000000000", "ap-northeast-1", "sample", False, {}, {}, tuple(LAYERS)
    )
    history.record(store, settings, PROJECT, ["service"])
    commit = deployed.run("status")["last_commit"]
    assert len(commit) == 40
    with lock.held(store, settings, lock.Claim("deploy")):
        holder = deployed.run("status")["lock"]
        assert holder["verb"] == "deploy"
        assert "nonce" not in holder
        _, shown, _ = deployed.talk("status")
        assert "lock                  held by" in shown
    assert deployed.run("status")["lock"] is None


def test_empty_environment_has_a_status(dev: Shop) -> None:
    answer = dev.run("status")
    assert answer["exit_code"] == 0
    assert {stack["status"] for stack in answer["stacks"]} == {None}
    assert answer["live"]["colour"] == "none"
    assert answer["alarms"] == {"watched": None, "in_alarm": []}


@pytest.mark.parametrize("failed", ["ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"])
def test_stack_that_was_never_made_has_no_lifted_policy(failed: str) -> None:
    assert not current.is_created(Stack("name", "arn", failed))


def test_what_is_broken_does_not_hide_the_rest(deployed: Shop) -> None:
    client("codedeploy").delete_application(applicationName="sample-dev-api")
    answer = deployed.run("status")
    assert answer["exit_code"] == 1
    assert any("AWS refused GetDeploymentGroup" in reason for reason in answer["unread"])
    assert {stack["status"] for stack in answer["stacks"]} == {"CREATE_COMPLETE"}
    assert answer["live"]["colour"] == "blue"
    assert deployed.run("drift")["exit_code"] in (0, 4)

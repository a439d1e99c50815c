"""Ways out, each followed from the blocked state to its end; others are beside what they are about."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.execution import execution, lock
from ecs_blue_green.deployer.execution.lock import Holder, Lock
from ecs_blue_green.deployer.planning import making, saved
from ecs_blue_green.deployer.release import live, restore, rollback
from ecs_blue_green.deployer.verbs import finish
from tests.deployer.followed import follows, made
from tests.deployer.releases import AT_ONCE, CANARY, Releases, client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_destroy import INFRASTRUCTURE, protect, shielded, stacks
from tests.deployer.test_exports import output
from tests.deployer.test_guarded_deploy import commit, git, set_parameter
from tests.deployer.test_restore import delete
from tests.deployer.test_stuck import status

__all__ = ["shielded"]

NAME = "sample-dev-api"


def refused(document: dict[str, Any], code: int = 3) -> str:
    """What a run that ended with this code says to do."""
    assert document["exit_code"] == code, document
    remedy: str = document["error"]["remedy"]
    return remedy


@pytest.fixture
def releases(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> Releases:
    for module in (rollback, restore, finish):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    found = Releases()
    # So that a rollback that is followed shifts its traffic now, and not in minutes.
    found.codedeploy.update_deployment_group(
        applicationName=NAME, currentDeploymentGroupName=NAME, deploymentConfigName=AT_ONCE
    )
    return found


# What is asked for in the wrong way


@follows(remedies.PLAN_SHOWS_NAMES)
def test_plan_shows_what_allow_names(deployed: Shop) -> None:
    remedy = refused(deployed.run("deploy", "--yes", "--allow", "Service"), 2)
    assert made(deployed, remedy.partition(" shows the names")[0])["exit_code"] == 0


@follows(remedies.MAKE_PLAN)
def test_plan_that_is_not_there_is_made(deployed: Shop) -> None:
    set_parameter(deployed, "MaxCapacity: 4")
    kept = deployed.root / "plan.json"
    remedy = refused(deployed.run("deploy", "--plan", str(kept)), 2)
    assert made(deployed, remedy.removeprefix("make one: "))["exit_code"] == 0
    assert deployed.results("deploy", "--plan", str(kept))["service-preference"] == "done"


@follows(remedies.DISCARD_PLAN)
def test_plan_that_is_not_complete_is_discarded(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    set_parameter(deployed, "MaxCapacity: 4")
    kept = str(deployed.root / "plan.json")
    with monkeypatch.context() as killed:
        killed.setattr(saved, "write", _killed)
        killed.setattr(saved, "abandon", lambda *_: None)
        killed.setattr(making, "discard", lambda *_, **__: None)
        assert deployed.run("plan", "--out", kept)["exit_code"] == 130
    remedy = refused(deployed.run("deploy", "--plan", kept), 2)
    assert made(deployed, remedy.partition(", then")[0])["exit_code"] == 0
    assert deployed.run("plan", "--out", kept)["exit_code"] == 0
    assert deployed.results("deploy", "--plan", kept)["service-preference"] == "done"


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@follows(remedies.PLAN_AGAIN)
def test_plan_that_is_out_of_date_is_made_anew(deployed: Shop) -> None:
    kept = str(deployed.root / "plan.json")
    set_parameter(deployed, "MaxCapacity: 4")
    assert deployed.run("plan", "--out", kept)["exit_code"] == 0
    set_parameter(deployed, "MaxCapacity: 5")
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    set_parameter(deployed, "MaxCapacity: 4")
    remedy = refused(deployed.run("deploy", "--plan", kept))
    anew = remedy.removeprefix("make and approve a new one: ").replace("FILE", f"{kept}.new")
    assert made(deployed, anew)["exit_code"] == 0
    assert deployed.results("deploy", "--plan", f"{kept}.new")["service-preference"] == "done"


@follows(remedies.NEW_PLAN)
def test_what_was_not_planned_is_in_the_next_plan(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    output(deployed, "service", "Extra", "one")
    sub = "{'Fn::Sub': '${ServiceStackName}-Extra'}"
    output(deployed, "pipeline", "FromService", f"!ImportValue {sub}", exported=False)
    set_parameter(deployed, "ArtifactRetentionDays: 60")
    with monkeypatch.context() as unplanned:
        unplanned.setattr(execution, "_was_planned", lambda *_: False)
        ended = deployed.run("deploy", "--yes")
    (told,) = [one for one in ended["outcomes"] if one["layer"] == "pipeline"]
    assert (ended["exit_code"], told["remedy"]) == (3, "run again: the new plan will show it")
    assert deployed.results("deploy", "--yes")["pipeline"] == "done"


@follows(remedies.ANOTHER_PROJECT)
def test_other_project_has_other_stacks(dev: Shop) -> None:
    """A stack of that name is somebody else's, and stays as it is."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="sample-dev-service", TemplateBody="Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="sample-dev-service")
    (finding,) = dev.run("deploy", "--yes")["findings"]
    assert (finding["rule"], finding["remedy"]) == (
        "foreign-stack",
        "choose another `project:` in params/dev.yaml",
    )
    path = dev.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("project: sample", "project: shop"))
    assert dev.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")
    assert stacks() == {"sample-dev-service", *(f"shop-dev-{layer}" for layer in LAYERS)}


# The lock


def _holding(until: float) -> None:
    holder = Holder("ann", "another-host", 1, "deploy", 0.0, until, "n")
    client("ssm").put_parameter(Name="/sample/dev/deploy/lock/9", Value=lock._text(holder), Type="String")


@follows(remedies.WAIT_FOR_LOCK)
def test_holder_of_the_lock_is_waited_for(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    _holding(time.time() + 3)
    assert "ARGS=--wait" in refused(dev.run("deploy", "--yes"))
    assert dev.run("deploy", "--yes", "--wait")["exit_code"] == 0


@follows(remedies.TAKE_LOCK)
def test_lock_that_cannot_be_read_is_taken(dev: Shop) -> None:
    client("ssm").put_parameter(Name="/sample/dev/deploy/lock/3", Value="ann was here", Type="String")
    assert refused(dev.run("deploy", "--yes")).endswith("take the lock: ARGS=--break-lock")
    assert made(dev, "make deploy ENV=dev ARGS=--break-lock")["exit_code"] == 0


@follows(remedies.LOCK_TAKEN_OVER)
def test_who_lost_the_lock_waits_and_goes_on(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    real = making.make_plan

    def overtaken(*arguments: Any, **named: Any) -> Any:
        found = real(*arguments, **named)
        _holding(time.time() + 3)
        return found

    with monkeypatch.context() as other:
        other.setattr(making, "make_plan", overtaken)
        other.setattr(lock, "CHECKED_SECONDS", 0)
        lost = dev.run("deploy", "--yes")
    assert lost["exit_code"] == 3
    told = [*(one["remedy"] for one in lost.get("outcomes", [])), lost.get("error", {}).get("remedy")]
    (remedy,) = {one for one in told if one and one.startswith("wait for its end")}
    assert stacks() == set()
    assert made(dev, remedy.partition(": ")[2])["exit_code"] == 0


# Git


@follows(remedies.GIT_CANNOT_TELL)
@pytest.mark.parametrize("way", ["the history", "without knowing"])
def test_clone_without_history_gets_it(
    deployed: Shop, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    deployed.generate()
    git(deployed.root, "init", "-q")
    git(deployed.root, "add", "build", "params")
    commit(deployed.root, "one")
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    commit(deployed.root, "two")
    place = tmp_path_factory.mktemp("shallow") / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", deployed.root.as_uri(), str(place)], check=True)  # noqa: S607
    shop = Shop(place, "dev", capsys)
    remedy = refused(shop.run("deploy", "--yes"))
    assert "git fetch --unshallow" in remedy and remedy.endswith("ARGS=--yes-older")
    if way == "without knowing":
        assert made(shop, "make deploy ENV=dev ARGS=--yes-older")["exit_code"] == 0
        return
    git(place, "fetch", "-q", "--unshallow")
    assert shop.run("deploy", "--yes")["exit_code"] == 0


# Stacks that are neither here nor there


@follows(remedies.FINISH_DELETION)
def test_deletion_that_somebody_began_is_finished(shielded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as unaware:
        unaware.setattr("ecs_blue_green.deployer.execution.destroy.protected", lambda *_: {})
        assert shielded.results("destroy", "--yes")["infrastructure"] == "failed"
    assert status("infrastructure") == "DELETE_FAILED"
    remedy = refused(shielded.run("deploy", "--yes"))
    assert made(shielded, remedy.partition(": ")[2].partition(";")[0])["exit_code"] == 0
    assert INFRASTRUCTURE not in stacks()
    assert shielded.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")


@follows(remedies.LOWER_PROTECTION)
def test_protected_environment_is_destroyed_in_three_steps(deployed: Shop) -> None:
    protect(deployed, "true")
    assert deployed.run("deploy", "--yes", "--allow", "infrastructure:LoadBalancer")["exit_code"] == 0
    remedy = refused(deployed.run("destroy", "--yes"))
    _, first, then = remedy.partition("set protected: false, ")
    protect(deployed, "false")
    command, _, last = then.partition(", then ")
    assert (first, last.split()[0]) == ("set protected: false, ", "destroy")
    assert made(deployed, command)["exit_code"] == 0
    assert made(deployed, "make destroy ENV=dev")["exit_code"] == 0
    assert stacks() == set()


# The service, and what runs on it


@follows(remedies.RESTORE)
@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_service_that_is_gone_is_created_again(deployed: Shop, releases: Releases, verb: str) -> None:
    releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    delete()
    remedy = refused(deployed.run(verb, "--yes"))
    assert made(deployed, remedy.removeprefix("to create it again: "))["exit_code"] == 0
    assert made(deployed, f"make {verb} ENV=dev")["exit_code"] == 0


@follows(remedies.DEPLOY)
@pytest.mark.parametrize("verb", ["rollback", "restore"])
def test_what_is_not_deployed_is_deployed_first(dev: Shop, verb: str) -> None:
    remedy = refused(dev.run(verb, "--yes"))
    assert made(dev, remedy)["exit_code"] == 0
    again = dev.run(verb, "--yes")
    assert again["exit_code"] == 0 or again["error"]["what"] == "there is no release to go back to"


@follows(remedies.WAIT_FOR_DEPLOYMENT)
def test_restore_waits_for_the_deployment_of_what_is_gone(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    real = live.read_live
    with monkeypatch.context() as running:
        running.setattr(live, "read_live", lambda *arguments: replace(real(*arguments), deployment="d-1"))
        remedy = refused(deployed.run("restore", "--yes"))
        assert deployed.run("status")["live"]["deployment"] == "d-1"
    command = remedy.removeprefix("wait for its end, which ").partition(" shows")[0]
    assert made(deployed, command)["live"]["deployment"] is None
    assert deployed.run("restore", "--yes")["exit_code"] == 0


@follows(remedies.RESTORE_LATER)
def test_service_that_does_not_end_is_restored_later(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    real = live.service_state
    with monkeypatch.context() as draining:
        draining.setattr(restore, "PATIENCE_SECONDS", 0)
        draining.setattr(live, "service_state", lambda *some: replace(real(*some), state="DRAINING"))
        remedy = refused(deployed.run("restore", "--yes"), 1)
    assert made(deployed, remedy.removeprefix("run again later: "))["exit_code"] == 0


@follows(remedies.GO_ON)
def test_restore_that_was_interrupted_goes_on(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(restore, "_steady", _killed)
        remedy = refused(deployed.run("restore", "--yes"), 130)
    done = made(deployed, remedy.removeprefix("to go on from there: "))
    assert (done["exit_code"], done["creates"]) == (0, None)
    assert {one["result"] for one in done["outcomes"]} == {"done"}


def _half(now: live.Live) -> live.Live:
    return replace(now, weights={now.blue: 50, now.green: 50})


@follows(remedies.WAIT_FOR_TRAFFIC)
def test_wait_is_ended_when_all_traffic_has_moved(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = releases.start(releases.register("example.com/app:1"), AT_ONCE)
    real = live.read_live
    with monkeypatch.context() as earlier:
        earlier.setattr(live, "read_live", lambda *some: _half(real(*some)))
        remedy = refused(deployed.run("finish", "--yes"))
    shown = made(deployed, remedy.partition("(")[2].partition(")")[0])
    assert (shown["live"]["colour"], shown["live"]["deployment"]) == ("green", waiting)
    assert deployed.run("finish", "--yes")["exit_code"] == 0
    assert releases.status(waiting) == "Succeeded"


@follows(remedies.GO_BACK_INSTEAD)
def test_where_nothing_runs_the_release_before_is_gone_back_to(deployed: Shop, releases: Releases) -> None:
    first, _ = releases.release("example.com/app:1"), releases.release("example.com/app:2")
    remedy = refused(deployed.run("rollback", "--yes", "--stop"))
    answer = made(deployed, remedy.removeprefix("to go back to the release before: "))
    assert (answer["exit_code"], answer["action"], answer["returns"]) == (0, "deploy", first)


@follows(remedies.ROLL_BACK_AFTER_END)
def test_release_that_is_about_to_end_is_gone_back_from(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.release("example.com/app:1")
    ending = releases.start(releases.register("example.com/app:2"), AT_ONCE)
    real = live.read_live

    def old_tasks_gone(*arguments: Any) -> Any:
        now = real(*arguments)
        return replace(now, task_sets=tuple(one for one in now.task_sets if one.status == "PRIMARY"))

    with monkeypatch.context() as late:
        late.setattr(live, "read_live", old_tasks_gone)
        assert refused(deployed.run("rollback", "--yes")).startswith("run again in a minute")
    releases.finish(ending)
    answer = deployed.run("rollback", "--yes")
    assert (answer["exit_code"], answer["action"], answer["returns"]) == (0, "deploy", first)


def _meanwhile(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something happen between the answer and what it leads to."""
    patch.setattr(Lock, "check", lambda _: act())


@follows(remedies.ROLL_BACK_AGAIN)
def test_release_that_ended_meanwhile_is_gone_back_from(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.release("example.com/app:1")
    ending = releases.start(releases.register("example.com/app:2"), AT_ONCE)
    with monkeypatch.context() as slow:
        _meanwhile(slow, lambda: releases.finish(ending))
        assert refused(deployed.run("rollback", "--yes")) == remedies.ROLL_BACK_AGAIN()
    answer = deployed.run("rollback", "--yes")
    assert (answer["exit_code"], answer["action"], answer["returns"]) == (0, "deploy", first)


@follows(remedies.ROLL_BACK_THAT_ONE)
def test_release_that_began_meanwhile_is_stopped(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.release("example.com/app:1")
    second = releases.release("example.com/app:2")
    third = releases.register("example.com/app:3")
    with monkeypatch.context() as slow:
        _meanwhile(slow, lambda: releases.start(third, CANARY))
        assert refused(deployed.run("rollback", "--yes")) == remedies.ROLL_BACK_THAT_ONE()
    answer = deployed.run("rollback", "--yes")
    assert (answer["exit_code"], answer["action"], answer["leaves"]) == (0, "stop", third)
    assert answer["returns"] == second

"""Going back: which revision, what must not be gone back to, and that users are served at the end."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.execution import lock
from ecs_blue_green.deployer.execution.lock import Lock
from ecs_blue_green.deployer.release import codedeploy, rollback
from ecs_blue_green.deployer.release.codedeploy import ROLLBACK_MARK, AppSpec, Deployment, Group
from ecs_blue_green.deployer.release.live import Live
from ecs_blue_green.deployer.verbs import finish
from tests.deployer.followed import follows
from tests.deployer.pressing import press
from tests.deployer.releases import AT_ONCE, Releases, client
from tests.deployer.shop import Shop

GROUP = Group("app", "group", "config", (), False)
START = datetime(2026, 1, 1, tzinfo=UTC)


def deployed_in_turn(*revisions: str) -> list[Deployment]:
    """Deployments that succeeded, one an hour: `A`, `B` releases, `<A` our way back, `~A` CodeDeploy's."""
    return [
        Deployment(
            id=f"d-{number}",
            status="Succeeded",
            created=START + timedelta(hours=number),
            creator="codeDeployRollback" if revision[0] == "~" else "user",
            description=f"{ROLLBACK_MARK} from here to there" if revision[0] == "<" else "",
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"sha256": revision[-1]}},
            error="",
            rolled_back_by=None,
            rollback_message="",
        )
        for number, revision in enumerate(revisions)
    ]


@pytest.mark.parametrize(
    ("revisions", "current", "previous"),
    [
        ([], None, None),
        (["A"], "A", None),
        (["A", "B"], "B", "A"),
        (["A", "B", "C"], "C", "B"),
        # Deployed again, as a retried pipeline does: still the same revision.
        (["A", "B", "B"], "B", "A"),
        # Gone back once: B is what was left, so the way leads further back and never to B.
        (["A", "B", "<A"], "A", None),
        (["A", "B", "C", "<B"], "B", "A"),
        (["A", "B", "C", "<B", "<A"], "A", None),
        (["A", "B", "C", "<B", "D"], "D", "B"),
        # Back to what is older than the known part of the history.
        (["C", "<B"], "B", None),
        (["C", "<B", "D"], "D", "B"),
        # A failed release was rolled back by CodeDeploy: what ran before it still does.
        (["A", "B", "~B"], "B", "A"),
        (["A", "B", "~X"], "B", "A"),
        # The same revision released again much later is a release like any other.
        (["A", "B", "A"], "A", "B"),
    ],
)
def test_previous_is_the_release_before_the_one_that_runs(
    revisions: list[str], current: str | None, previous: str | None
) -> None:
    found = rollback.previous(deployed_in_turn(*revisions))
    assert [one and one.revision_key for one in found] == [current, previous]


@pytest.fixture
def releases(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> Releases:
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.05)
    return Releases()


def live(shop: Shop) -> tuple[str, str]:
    """Which colour is live, and the revision that its tasks run."""
    document = shop.run("status")
    assert document["exit_code"] == 0, document
    return document["live"]["colour"], document["live"]["revision"]


def test_running_release_is_stopped_and_the_old_tasks_get_all_traffic(
    deployed: Shop, releases: Releases
) -> None:
    before = live(deployed)
    revision = releases.register("example.com/app:2")
    deployment = releases.start(revision)
    assert live(deployed)[0] == "shifting"

    answer = deployed.run("rollback", "--yes")

    assert answer["exit_code"] == 0, answer
    assert (answer["action"], answer["deployment"]) == ("stop", deployment)
    assert (answer["leaves"], answer["returns"]) == (revision, before[1])
    assert live(deployed) == before
    assert releases.status(deployment) == "Stopped"


def test_release_that_waits_for_the_end_of_the_old_tasks_is_stopped_too(
    deployed: Shop, releases: Releases
) -> None:
    before = live(deployed)
    revision = releases.register("example.com/app:2")
    releases.start(revision, AT_ONCE)
    assert live(deployed) == ("green", revision)
    answer = deployed.run("rollback", "--yes")
    assert (answer["exit_code"], answer["action"]) == (0, "stop")
    assert live(deployed) == before


def test_rollback_that_runs_is_followed_or_stopped(deployed: Shop, releases: Releases) -> None:
    _, second = releases.release("example.com/app:1"), releases.release("example.com/app:2")
    before = live(deployed)
    # As `make rollback` does, which is followed until all is back: this one stays on its way.
    revision = releases.register("example.com/app:1")
    going_back = releases.start(revision, description=f"{ROLLBACK_MARK} from here to there")
    assert live(deployed)[0] == "shifting"
    answer = deployed.run("rollback", "--yes", "--stop")
    assert answer["exit_code"] == 0, answer
    assert (answer["action"], answer["deployment"], answer["returns"]) == ("stop", going_back, second)
    assert live(deployed) == before
    assert releases.status(going_back) == "Stopped"
    # Nothing is deployed again by this.
    none = deployed.run("rollback", "--yes", "--stop")
    assert (none["exit_code"], none["error"]["what"]) == (3, "no deployment runs in dev")


def test_rollback_of_codedeploy_itself_is_not_stopped() -> None:
    (taken_back,) = deployed_in_turn("~B")
    settings = Environment("dev", "000000000000", "ap-northeast-1", "sample", False, {}, {}, ())
    spec = AppSpec("", "arn:family:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codedeploy, "app_spec", lambda *_: spec)
        with pytest.raises(Blocked) as refused:
            rollback._with_running(None, settings, GROUP, taken_back, Live(), stops=True)
        followed = rollback._with_running(None, settings, GROUP, taken_back, Live(), stops=False)
    assert (followed.act, followed.returns) == ("follow", "arn:family:1")
    assert refused.value.what == f"deployment {taken_back.id} is not stopped"


def test_wait_for_the_old_tasks_is_ended(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "POLL_SECONDS", 0.05)
    nothing = deployed.run("finish", "--yes")
    assert (nothing["exit_code"], nothing["deployment"]) == (0, None)
    shifting = releases.start(releases.register("example.com/app:1"))
    early = deployed.run("finish", "--yes")
    assert early["exit_code"] == 3
    assert early["error"]["what"] == f"deployment {shifting} does not wait for its old tasks yet"
    assert deployed.run("rollback", "--yes")["exit_code"] == 0

    revision = releases.register("example.com/app:2")
    waiting = releases.start(revision, AT_ONCE)
    code, _, talk = deployed.talk("finish", "--yes")
    assert code == 0
    assert "sample-dev-api:1 go now" in talk
    assert releases.status(waiting) == "Succeeded"
    assert live(deployed) == ("green", revision)
    assert len(deployed.run("status")["live"]["task_sets"]) == 1


def test_after_a_release_the_revision_before_it_is_deployed_again(deployed: Shop, releases: Releases) -> None:
    first, second = releases.release("example.com/app:1"), releases.release("example.com/app:2")
    assert live(deployed) == ("blue", second)

    answer = deployed.run("rollback", "--yes", "--at-once")

    assert answer["exit_code"] == 0, answer
    assert (answer["action"], answer["leaves"], answer["returns"]) == ("deploy", second, first)
    assert live(deployed) == ("green", first)
    made = releases.codedeploy.get_deployment(deploymentId=answer["rollback_deployment"])["deploymentInfo"]
    assert made["deploymentConfigName"] == AT_ONCE


def test_second_rollback_does_not_return_to_what_the_first_one_left(
    deployed: Shop, releases: Releases
) -> None:
    first, second = releases.release("example.com/app:1"), releases.release("example.com/app:2")
    third = releases.release("example.com/app:3")
    answer = deployed.run("rollback", "--yes", "--at-once")
    assert (answer["leaves"], answer["returns"]) == (third, second)
    releases.finish(answer["rollback_deployment"])
    answer = deployed.run("rollback", "--yes", "--at-once")
    assert (answer["leaves"], answer["returns"]) == (second, first)
    releases.finish(answer["rollback_deployment"])
    assert deployed.run("rollback", "--yes")["exit_code"] == 3


def test_first_release_has_nothing_before_it(deployed: Shop, releases: Releases) -> None:
    first = deployed.run("rollback", "--yes")["error"]
    assert (first["why"], first["remedy"]) == ("none has succeeded so far", "push a commit: that is one")
    releases.release("example.com/app:1")
    refused = deployed.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert refused["error"]["what"] == "there is no release to go back to"


def test_nothing_from_before_the_environment_was_made_again_is_gone_back_to(
    deployed: Shop, releases: Releases
) -> None:
    """CodeDeploy tells of deployments under the same names, of a service that is no more."""
    releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    assert deployed.run("destroy", "--yes")["exit_code"] == 0
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    refused = deployed.run("rollback", "--yes")
    assert (refused["exit_code"], refused["error"]["why"]) == (3, "none has succeeded so far")
    third = releases.release("example.com/app:3")
    refused = deployed.run("rollback", "--yes")
    assert (refused["exit_code"], refused["error"]["what"]) == (3, "there is no release to go back to")
    fourth = releases.release("example.com/app:4")
    answer = deployed.run("rollback", "--yes", "--at-once")
    assert (answer["exit_code"], answer["leaves"], answer["returns"]) == (0, fourth, third)


def test_deregistered_revision_is_not_gone_back_to(deployed: Shop, releases: Releases) -> None:
    first = releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    releases.ecs.deregister_task_definition(taskDefinition=first)
    refused = deployed.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert "INACTIVE" in refused["error"]["why"]


def test_revision_without_its_image_is_not_gone_back_to(deployed: Shop, releases: Releases) -> None:
    repository = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/sample-dev-api"
    releases.release(f"{repository}@sha256:{'0' * 64}")
    releases.release("example.com/app:2")
    refused = deployed.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert "image no longer exists" in refused["error"]["why"]


def test_alarm_that_rings_does_not_stop_the_rollback(deployed: Shop, releases: Releases) -> None:
    first = releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    cloudwatch: Any = client("cloudwatch")
    alarm = next(
        found["AlarmName"]
        for found in cloudwatch.describe_alarms()["MetricAlarms"]
        if "FiveXx" in found["AlarmName"]
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="the release is broken")

    answer = deployed.run("rollback", "--yes", "--at-once")

    assert answer["exit_code"] == 0, answer
    assert answer["ignored_alarms"] == [alarm]
    assert live(deployed) == ("green", first)
    made = releases.codedeploy.get_deployment(deploymentId=answer["rollback_deployment"])["deploymentInfo"]
    watched = [one["name"] for one in made["overrideAlarmConfiguration"]["alarms"]]
    assert alarm not in watched
    assert len(watched) == 4


def test_rollback_that_runs_already_is_followed_and_not_stopped(deployed: Shop, releases: Releases) -> None:
    first = releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    begun = deployed.run("rollback", "--yes", "--at-once")
    again = deployed.run("rollback", "--yes")
    assert (again["exit_code"], again["action"]) == (0, "follow")
    assert again["rollback_deployment"] == begun["rollback_deployment"]
    assert live(deployed)[1] == first


def test_rollback_says_what_it_will_do_and_asks(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = releases.start(releases.register("example.com/app:2"))
    refused = deployed.run("rollback")
    assert refused["exit_code"] == 2, "nobody can be asked, and nobody said --yes"

    terminal = io.StringIO("n\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    code, _, talk = deployed.talk("rollback")
    assert code == 130
    assert "is bringing sample-dev-api:2 into production" in talk
    assert "Go back to sample-dev-api:1? [y/N]" in talk
    assert releases.status(deployment) == "InProgress"


def test_rollback_that_codedeploy_gives_up_is_a_failure(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.release("example.com/app:1")
    second = releases.release("example.com/app:2")
    cloudwatch: Any = client("cloudwatch")
    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmName"]

    def ring(text: str) -> None:
        if text.startswith("started"):
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="worse still")

    monkeypatch.setattr("ecs_blue_green.deployer.planning.report.say", ring)
    failed = deployed.run("rollback", "--yes")
    assert failed["exit_code"] == 1
    assert failed["error"]["what"].endswith("is Stopped")
    assert "ALARM_ACTIVE" in failed["error"]["why"]
    assert "live" not in failed
    # The users are where they were before.
    assert live(deployed) == ("blue", second)


@follows(remedies.FOLLOW_ROLLBACK)
def test_interrupted_rollback_goes_on_and_can_be_followed(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.release("example.com/app:1")
    releases.release("example.com/app:2")

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollback, "_follow", interrupted)
        left = deployed.run("rollback", "--yes", "--at-once")
    assert left["exit_code"] == 130
    assert left["error"]["why"] == "CodeDeploy goes on by itself"
    assert left["error"]["remedy"] == "to follow it: make rollback ENV=dev"
    followed = deployed.run("rollback")
    assert (followed["exit_code"], followed["action"]) == (0, "follow")
    assert live(deployed)[1] == first
    assert deployed.run("status")["lock"] is None


def test_interrupt_before_the_rollback_has_changed_nothing(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.release("example.com/app:1")
    second = releases.release("example.com/app:2")
    monkeypatch.setattr(Lock, "check", lambda _: press())
    left = deployed.run("rollback", "--yes", "--at-once")
    assert (left["exit_code"], left["error"]["why"]) == (130, "nothing was changed")
    assert live(deployed)[1] == second


def test_change_of_the_service_by_other_means_is_not_guessed_at(deployed: Shop, releases: Releases) -> None:
    releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    # A deployment whose old tasks have not ended was stopped without a rollback: CodeDeploy knows nothing.
    deployment = releases.start(releases.register("example.com/app:3"), AT_ONCE)
    releases.codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=False)
    refused = deployed.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert refused["error"]["what"] == "what runs is not what CodeDeploy deployed last"


def test_rollback_waits_for_its_turn(deployed: Shop, releases: Releases) -> None:
    settings = Environment("dev", "000000000000", "ap-northeast-1", "sample", False, {}, {}, ())
    with lock.held(client("ssm"), settings, lock.Claim("deploy")):
        refused = deployed.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert "holds the lock" in refused["error"]["why"]


def test_rollback_needs_a_pipeline(dev: Shop) -> None:
    refused = dev.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert refused["error"]["why"] == "its pipeline stack is not deployed"

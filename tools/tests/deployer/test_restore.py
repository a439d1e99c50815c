"""A service that somebody deleted: it is said, nothing is deployed on it, and the way back is followed."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.release import live as live_state
from ecs_blue_green.deployer.release import restore
from tests.deployer.followed import follows
from tests.deployer.pressing import pressed_at
from tests.deployer.releases import Releases, client
from tests.deployer.shop import LAYERS, Shop

CLUSTER, NAME = "sample-local", "sample-dev-api"
WAY_BACK = "make restore ENV=dev"


@pytest.fixture
def releases(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> Releases:
    monkeypatch.setattr(restore, "POLL_SECONDS", 0.05)
    return Releases()


def delete() -> None:
    """Delete the service as a person would, in the console or by the command line."""
    client("ecs").delete_service(cluster=CLUSTER, service=NAME, force=True)


def described() -> dict[str, Any]:
    (service,) = client("ecs").describe_services(cluster=CLUSTER, services=[NAME], include=["TAGS"])[
        "services"
    ]
    found: dict[str, Any] = service
    return found


def scaled() -> list[str]:
    """What scales the service, and between which numbers."""
    scaling = client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    return [
        *(f"{target['ResourceId']} {target['MinCapacity']}-{target['MaxCapacity']}" for target in targets),
        *sorted(f"{policy['ResourceId']} {policy['PolicyName']}" for policy in policies),
    ]


def waiting_change_sets() -> list[str]:
    """The change sets that could be executed."""
    cloudformation = client("cloudformation")
    return [
        found["ChangeSetName"]
        for layer in LAYERS
        for found in cloudformation.list_change_sets(StackName=f"sample-dev-{layer}")["Summaries"]
        if found["ExecutionStatus"] == "AVAILABLE"
    ]


def test_service_that_is_gone_is_said(deployed: Shop) -> None:
    delete()
    answer = deployed.run("status")
    assert answer["exit_code"] == 1
    live = answer["live"]
    assert (live["colour"], live["revision"], live["task_sets"]) == ("none", None, [])
    assert live["service"] == {"name": NAME, "state": "INACTIVE", "desired": 0}
    code, shown, _ = deployed.talk("status")
    assert code == 1
    assert "live                  none\n" in shown
    assert f"service               {NAME} is gone" in shown
    assert WAY_BACK in shown


def test_service_that_ecs_no_longer_knows_is_gone(deployed: Shop) -> None:
    delete()
    client("ecs").delete_cluster(cluster=CLUSTER)
    live = deployed.run("status")["live"]
    assert (live["colour"], live["service"]["state"]) == ("none", "MISSING")


def test_service_that_runs_is_no_reason_to_fail(deployed: Shop) -> None:
    answer = deployed.run("status")
    assert answer["exit_code"] == 0
    assert answer["live"]["service"] == {"name": NAME, "state": "ACTIVE", "desired": 1}


@pytest.mark.parametrize("arguments", [(), ("--only", "service"), ("--only", "pipeline")])
@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_nothing_is_deployed_on_a_service_that_is_gone(
    deployed: Shop, verb: str, arguments: tuple[str, ...]
) -> None:
    before = waiting_change_sets()
    delete()
    refused = deployed.run(verb, *arguments, *(["--yes"] if verb == "deploy" else []))
    assert refused["exit_code"] == 3
    assert refused["error"]["what"] == f"the service {NAME} is gone"
    assert refused["error"]["remedy"].endswith(WAY_BACK)
    assert waiting_change_sets() == before == []


def test_what_the_service_stands_on_can_be_deployed_without_it(deployed: Shop) -> None:
    delete()
    assert deployed.run("deploy", "--yes", "--only", "infrastructure")["exit_code"] == 0


def test_nothing_is_gone_back_to_on_a_service_that_is_gone(deployed: Shop, releases: Releases) -> None:
    releases.release("example.com/app:1")
    releases.release("example.com/app:2")
    delete()
    refused = deployed.run("rollback", "--yes")
    assert (refused["exit_code"], refused["error"]["what"]) == (3, f"the service {NAME} is gone")


def test_kept_plan_is_not_executed_on_a_service_that_is_gone(deployed: Shop) -> None:
    deployed.replace("pipeline", "    Description: Branch whose", "    Description: The branch whose")
    plan = deployed.root / "plan.json"
    assert deployed.run("plan", "--out", str(plan))["exit_code"] == 0
    delete()
    assert deployed.run("deploy", "--yes", "--plan", str(plan))["exit_code"] == 3
    # The plan can be executed once the service is back.
    assert deployed.run("restore", "--yes")["exit_code"] == 0
    assert deployed.run("deploy", "--yes", "--plan", str(plan))["exit_code"] == 0


@pytest.mark.parametrize("number", [0, 1, 2])
def test_way_back_is_followed_to_its_end(deployed: Shop, releases: Releases, number: int) -> None:
    """On blue before any release, on green after one, and on blue again: what was live is so again."""
    for release in range(number):
        releases.release(f"example.com/app:{release + 1}")
    # Registered by a release that never came to production: the family's newest, and not what ran.
    failed = releases.register("example.com/app:failed") if number else ""
    before, service, scaling = deployed.run("status")["live"], described(), scaled()
    assert before["colour"] == ("green" if number % 2 else "blue")
    delete()
    assert scaled() == []
    assert deployed.run("plan")["exit_code"] == 3

    answer = deployed.run("restore", "--yes")

    assert answer["exit_code"] == 0, answer
    assert answer["creates"] == {"revision": before["revision"], "colour": before["colour"], "desired": 1}
    assert sorted(answer["scaling"]["service-preference"]) == [
        "CpuScalingPolicy",
        "MemoryScalingPolicy",
        "ScalableTarget",
    ]
    assert answer["live"] == {"colour": before["colour"], "revision": before["revision"]}
    (outcome,) = answer["outcomes"]
    assert outcome["stack"].startswith("arn:aws:cloudformation:")
    assert outcome["start"] <= outcome["end"]
    after = deployed.run("status")
    assert after["exit_code"] == 0
    assert after["live"]["revision"] != failed
    assert scaled() == scaling
    # The service is what CloudFormation made of the template.
    moved = {"createdAt", "events", "taskSets", "deployments", "roleArn", "tags", "clientToken"}
    for key in service.keys() - moved:
        assert described()[key] == service[key], key
    tags = {tag["key"]: tag["value"] for tag in described()["tags"]}
    assert (tags["Project"], tags["Environment"], tags["Layer"]) == ("sample", "dev", "service")

    # CloudFormation is right again: nothing is left to do, the next release works, and the stacks can change.
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0
    assert deployed.run("drift")["exit_code"] == 0
    revision = releases.release("example.com/app:next")
    assert deployed.run("status")["live"]["revision"] == revision
    deployed.replace("service-preference", "ScaleInCooldown: 60", "ScaleInCooldown: 90")
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert scaled() == scaling


def test_rollback_goes_back_from_what_was_restored(deployed: Shop, releases: Releases) -> None:
    first, second = releases.release("example.com/app:1"), releases.release("example.com/app:2")
    delete()
    assert deployed.run("restore", "--yes")["creates"]["revision"] == second
    assert deployed.run("rollback", "--yes", "--at-once")["returns"] == first


def test_service_is_made_with_as_many_tasks_as_scaling_wants_at_least(
    deployed: Shop, releases: Releases
) -> None:
    path = deployed.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("parameters:\n", "parameters:\n  MinCapacity: 2\n", 1))
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    delete()
    assert deployed.run("restore", "--yes")["creates"]["desired"] == 2
    assert deployed.run("status")["live"]["service"]["desired"] == 2


def test_service_that_is_there_is_left_alone(deployed: Shop, releases: Releases) -> None:
    before = described()
    answer = deployed.run("restore", "--yes")
    assert (answer["exit_code"], answer["creates"], answer["scaling"]) == (0, None, {})
    assert described()["createdAt"] == before["createdAt"]


def test_scaling_alone_is_made_again(deployed: Shop, releases: Releases) -> None:
    """What a first run left, or somebody who created the service by hand."""
    before = scaled()
    scaling = client("application-autoscaling")
    scaling.deregister_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{CLUSTER}/{NAME}",
        ScalableDimension="ecs:service:DesiredCount",
    )
    answer = deployed.run("restore", "--yes")
    assert (answer["exit_code"], answer["creates"]) == (0, None)
    assert [outcome["result"] for outcome in answer["outcomes"]] == ["done"]
    assert scaled() == before


def test_restore_asks_and_leaves_nothing_behind_when_the_answer_is_no(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    terminal = io.StringIO("n\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    code, _, talk = deployed.talk("restore")
    assert code == 130
    assert f"{NAME} is gone (ECS: INACTIVE)." in talk
    assert f"It is created with {NAME}:1, behind blue, with 1 task." in talk
    assert "service-preference: ScalableTarget" in talk
    assert deployed.run("status")["live"]["service"]["state"] == "INACTIVE"
    assert waiting_change_sets() == []


@pytest.mark.parametrize("operation", ["CreateChangeSet", "DescribeChangeSet"])
def test_interrupt_before_the_question_leaves_nothing_behind(
    operation: str, deployed: Shop, releases: Releases
) -> None:
    delete()
    with pressed_at(operation) as pressed:
        ended = deployed.run("restore", "--yes")
    assert (ended["exit_code"], ended["error"]["why"], pressed) == (130, "nothing was changed", [operation])
    assert waiting_change_sets() == []
    assert deployed.run("status")["lock"] is None


def test_restore_works_without_what_the_layers_say(deployed: Shop, releases: Releases) -> None:
    revision = releases.release("example.com/app:1")
    (deployed.root / "build" / "runtime.json").unlink()
    delete()
    answer = deployed.run("restore", "--yes")
    assert (answer["exit_code"], answer["creates"]["revision"]) == (0, revision)


def test_deleted_service_is_waited_for_until_it_has_ended(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    asked = []
    states = iter(["DRAINING", "DRAINING", "DRAINING"])
    real = live_state.service_state

    def of_service(*arguments: Any) -> Any:
        asked.append(arguments)
        found = real(*arguments)
        state = next(states, found.state)
        return replace(found, state=state)

    monkeypatch.setattr(live_state, "service_state", of_service)
    code, _, talk = deployed.talk("restore", "--yes")
    assert code == 0, talk
    assert f"waiting for the tasks of the deleted {NAME} to end" in talk


@follows(remedies.REMOVE_CAUSE)
def test_tasks_that_do_not_start_are_said(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    monkeypatch.setattr(restore, "PATIENCE_SECONDS", 0)
    real = live_state.service_state

    def of_service(*arguments: Any) -> Any:
        found = real(*arguments)
        idle = tuple(replace(one, running=0, steady=False) for one in found.task_sets)
        return replace(found, task_sets=idle, event="was unable to place a task")

    monkeypatch.setattr(live_state, "service_state", of_service)
    failed = deployed.run("restore", "--yes")
    assert failed["exit_code"] == 1
    assert failed["error"]["what"] == f"{NAME} was created again, but its tasks are not steady"
    assert failed["error"]["why"] == "0 of 1 tasks run; ECS: was unable to place a task"
    monkeypatch.undo()
    # The same command goes on from there: what scales the service is still to be made.
    followed = deployed.run("restore", "--yes")
    assert (followed["exit_code"], followed["creates"]) == (0, None)
    assert followed["scaling"] != {}


def test_deployment_that_runs_is_waited_for_by_a_person(
    deployed: Shop, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete()
    real = live_state.read_live
    monkeypatch.setattr(
        live_state, "read_live", lambda *arguments: replace(real(*arguments), deployment="d-1")
    )
    refused = deployed.run("restore", "--yes")
    assert (refused["exit_code"], refused["error"]["what"]) == (3, "deployment d-1 is running")


def test_listener_that_a_release_left_half_way_is_said(deployed: Shop, releases: Releases) -> None:
    """The service is back for most of the users; a release brings it back for all."""
    releases.release("example.com/app:1")
    deployment = releases.start(releases.register("example.com/app:2"))
    delete()
    answer = deployed.run("restore", "--yes")
    assert releases.status(deployment) == "Failed"
    assert answer["exit_code"] == 1
    assert answer["error"]["what"] == "some of the requests go where nothing runs"
    assert answer["error"]["why"].endswith("the listener still sends 10 % blue, 90 % green")
    assert answer["live"]["colour"] == "shifting"
    assert len(scaled()) == 3
    revision = releases.release("example.com/app:3")
    live = deployed.run("status")["live"]
    assert (live["colour"], live["revision"]) == ("blue", revision)
    assert deployed.run("restore", "--yes")["exit_code"] == 0


def test_revision_whose_image_is_gone_is_not_started(deployed: Shop, releases: Releases) -> None:
    image = f"000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/{NAME}@sha256:{'1' * 64}"
    releases.release(image)
    delete()
    refused = deployed.run("restore", "--yes")
    assert refused["exit_code"] == 3
    assert refused["error"]["why"] == f"its image no longer exists: {image}"


def test_nothing_is_restored_where_nothing_is_deployed(dev: Shop) -> None:
    refused = dev.run("restore", "--yes")
    assert (refused["exit_code"], refused["error"]["what"]) == (3, "no service is deployed in dev")


def test_no_running_task_is_said(deployed: Shop) -> None:
    client("ecs").update_service(cluster=CLUSTER, service=NAME, desiredCount=0)
    answer = deployed.run("status")
    assert (answer["exit_code"], answer["live"]["colour"]) == (1, "blue")
    _, shown, _ = deployed.talk("status")
    assert f"service               no task of {NAME} runs, and 0 should" in shown
    for verb in (["plan"], ["deploy", "--yes"]):
        code, _, talk = deployed.talk(*verb)
        assert code == 0
        assert f"no task of {NAME} runs, and 0 should: make status ENV=dev" in talk


def put_image(*tags: str) -> str:
    """Push an image with these tags, and give its digest."""
    ecr = client("ecr")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    annotations = {"tags": ",".join(tags)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": media_type, "annotations": annotations})
    (digest,) = {
        ecr.put_image(repositoryName=NAME, imageTag=tag, imageManifest=manifest)["image"]["imageId"][
            "imageDigest"
        ]
        for tag in tags
    }
    return str(digest)


REGISTRY = f"000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/{NAME}"
FIRST, SECOND = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("tags", "commits"),
    [
        ([FIRST], [FIRST]),
        ([FIRST, f"release-{FIRST}"], [FIRST]),
        # The same image was built from two commits, and one of them has been released.
        ([FIRST, SECOND, f"release-{SECOND}"], [SECOND]),
        ([FIRST, f"release-{FIRST}", SECOND, f"release-{SECOND}"], [FIRST, SECOND]),
        (["v1", "latest"], []),
    ],
)
def test_commit_that_is_live_is_named(
    deployed: Shop, releases: Releases, tags: list[str], commits: list[str]
) -> None:
    releases.release(f"{REGISTRY}@{put_image(*tags)}")
    answer = deployed.run("status")
    assert (answer["exit_code"], answer["live"]["commits"]) == (0, commits)
    _, shown, _ = deployed.talk("status")
    line = f"commit                {' or '.join(commits)}\n"
    assert line in shown if commits else "\ncommit " not in shown


@pytest.mark.parametrize("image", ["example.com/app:1", f"{REGISTRY.replace('0000', '1111')}:{FIRST}"])
def test_image_of_another_registry_names_no_commit(deployed: Shop, releases: Releases, image: str) -> None:
    releases.release(image)
    answer = deployed.run("status")
    assert (answer["exit_code"], answer["live"]["commits"]) == (0, [])


def test_image_that_is_gone_is_said(deployed: Shop, releases: Releases) -> None:
    releases.release(f"{REGISTRY}@sha256:{'1' * 64}")
    _, shown, _ = deployed.talk("status")
    assert "image                 no longer exists in its repository" in shown

"""`deploy.py` on the embedded emulator, as a person uses it: every verb, and what goes wrong on the way."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecs_blue_green.deployer import remedies
from ecs_blue_green.emulator.early import Early
from tests.deployer.conftest import Write
from tests.deployer.followed import follows
from tests.deployer.shop import LAYERS, Shop


@pytest.fixture
def shop(project: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(project, "local", capsys)


def test_deploy_change_nothing_destroy_and_deploy_again(shop: Shop) -> None:
    first = shop.run("deploy")
    assert first["exit_code"] == 0, first
    assert {outcome["layer"]: outcome["result"] for outcome in first["outcomes"]} == dict.fromkeys(
        LAYERS, "done"
    )
    assert {step["action"] for step in first["plan"]} == {"create"}
    outputs = {outcome["layer"]: outcome["outputs"] for outcome in first["outcomes"]}
    assert outputs["task-definition"]["TaskDefinitionFamily"] == "sample-local-api"

    second = shop.run("deploy")
    assert second["exit_code"] == 0
    assert {step["action"] for step in second["plan"]} == {"nothing"}
    assert "outcomes" not in second

    status = shop.run("status")
    assert {stack["layer"]: stack["status"] for stack in status["stacks"]} == dict.fromkeys(
        LAYERS, "CREATE_COMPLETE"
    )

    assert shop.results("destroy") == dict.fromkeys(LAYERS, "done")
    assert {stack["status"] for stack in shop.run("status")["stacks"]} == {None}
    assert shop.results("destroy") == dict.fromkeys(LAYERS, "nothing")

    assert shop.results("deploy") == dict.fromkeys(LAYERS, "done")


def test_update_of_one_layer_touches_no_other(shop: Shop, write_params: Write) -> None:
    shop.run("deploy")
    write_params({"MaxCapacity": "4"})
    planned = shop.run("plan")
    changes = {step["layer"]: step["changes"] for step in planned["plan"] if step["action"] != "nothing"}
    assert list(changes) == ["service-preference"]
    assert [(c["logical_id"], c["action"]) for c in changes["service-preference"]] == [
        ("ScalableTarget", "modify")
    ]
    results = shop.results("deploy")
    assert results.pop("service-preference") == "done"
    assert set(results.values()) == {"nothing"}


def test_template_that_is_too_long_as_yaml_is_deployed_and_seen_as_unchanged(shop: Shop) -> None:
    """It is sent as JSON; what has been sent is compared as a document, not by its bytes."""
    shop.run("deploy", "--yes")
    shop.replace("pipeline", "\nResources:\n", f"\n# {'x' * 51_200}\nResources:\n")
    assert {step["action"] for step in shop.run("plan")["plan"]} == {"nothing"}
    shop.replace("pipeline", "\nResources:\n", "\nResources:\n" + TOPIC)
    assert shop.results("deploy", "--yes")["pipeline"] == "done"
    assert {step["action"] for step in shop.run("plan")["plan"]} == {"nothing"}


TOPIC = """\
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Sub 'long-${AWS::StackName}'}
"""


def test_new_revision_says_that_it_runs_after_the_next_release(shop: Shop, write_params: Write) -> None:
    shop.run("deploy")
    write_params({"HealthRate": "0.5"})
    outcomes = {outcome["layer"]: outcome for outcome in shop.run("deploy")["outcomes"]}
    assert outcomes["task-definition"]["notes"] == ["revision 2 registered; it runs after the next release"]


def test_failure_stops_what_depends_on_it_and_is_recovered_from(shop: Shop) -> None:
    service = shop.root / "build" / "service.yaml"
    good = service.read_text()
    container = "ContainerName: !ImportValue {'Fn::Sub': '${TaskDefinitionStackName}-ContainerName'}"
    shop.replace("service", container, "ContainerName: nobody")
    failed = shop.run("deploy")
    outcomes = {outcome["layer"]: outcome for outcome in failed["outcomes"]}
    assert failed["exit_code"] == 1
    assert outcomes["task-definition"]["result"] == "done"
    assert outcomes["service"]["result"] == "failed"
    assert (
        "sample-local-service is ROLLBACK_COMPLETE: Service (AWS::ECS::Service)" in outcomes["service"]["why"]
    )
    assert outcomes["service-preference"]["result"] == "not started"
    assert outcomes["service-preference"]["why"] == "service failed"
    arn = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/sample-local-"
    for layer in ("task-definition", "service"):
        assert outcomes[layer]["stack"].startswith(f"{arn}{layer}/")
        begun, ended = (datetime.fromisoformat(outcomes[layer][moment]) for moment in ("start", "end"))
        assert begun < ended <= datetime.now(UTC)
    (event,) = [one for one in outcomes["service"]["failed_events"] if one["logical_id"] == "Service"]
    assert (event["type"], event["status"]) == ("AWS::ECS::Service", "CREATE_FAILED")
    assert event["reason"] in outcomes["service"]["why"] + "."
    assert outcomes["task-definition"]["failed_events"] == []
    assert [outcomes["service-preference"][key] for key in ("stack", "start", "end")] == [None] * 3

    service.write_text(good)
    recovered = shop.run("deploy")
    actions = {step["layer"]: step["action"] for step in recovered["plan"]}
    assert (actions["infrastructure"], actions["service"]) == ("nothing", "recreate")
    assert recovered["exit_code"] == 0


@pytest.mark.parametrize("validation", [Early(every_type=True)], ids=["found early"])
def test_change_set_that_fails_validation_names_every_problem(dev: Shop, validation: Early) -> None:
    assert validation.looks_at("AWS::ECS::TaskDefinition")
    dev.replace("task-definition", "NetworkMode: awsvpc", "NetworkMode: nonsense")
    outcomes = {outcome["layer"]: outcome for outcome in dev.run("deploy", "--yes")["outcomes"]}
    assert outcomes["task-definition"]["result"] == "failed"
    assert "/Resources/TaskDefinition/Properties/NetworkMode: " in outcomes["task-definition"]["why"]


def test_plan_leaves_nothing_behind(shop: Shop) -> None:
    shop.run("plan")
    assert {stack["status"] for stack in shop.run("status")["stacks"]} == {None}


@follows(remedies.ADD_LAYER)
def test_only_deploys_exactly_these_layers(shop: Shop) -> None:
    assert shop.results("deploy", "--only", "container-repository") == {"container-repository": "done"}
    refused = shop.run("deploy", "--only", "service")
    assert refused["exit_code"] == 2
    assert refused["error"]["remedy"] == "add it: ONLY='infrastructure service'"
    results = shop.results(
        "deploy", "--only", "infrastructure", "--only", "task-definition", "--only", "service"
    )
    assert set(results.values()) == {"done"}
    assert shop.run("deploy", "--only", "srevice")["exit_code"] == 2


def test_protected_environment_is_not_destroyed(shop: Shop, write_params: Write) -> None:
    write_params(protected="true")
    refused = shop.run("destroy", "--yes")
    assert refused["exit_code"] == 3
    assert "protected: true" in refused["error"]["why"]

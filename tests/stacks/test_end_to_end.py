"""`deploy.py` on the embedded emulator, as a person uses it: every verb, and what goes wrong on the way."""

import json
from pathlib import Path
from typing import Any

import pytest

import deploy
from tests.stacks.conftest import Write


class Project:
    """A copy of the project, with its own emulator state."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys

    def run(self, verb: str, *arguments: str) -> dict[str, Any]:
        """Run a verb and give its JSON document."""
        code = deploy.main([verb, "--env", "local", "--json", *arguments], self.root)
        captured = self._capsys.readouterr()
        document: dict[str, Any] = json.loads(captured.out)
        assert document["exit_code"] == code
        assert document["schema"] == f"{verb}/1"
        assert "Traceback" not in captured.err
        return document

    def results(self, verb: str, *arguments: str) -> dict[str, str]:
        """Run a verb and give the result of each layer."""
        return {outcome["layer"]: outcome["result"] for outcome in self.run(verb, *arguments)["outcomes"]}

    def replace(self, layer: str, old: str, new: str) -> None:
        """Change a template, as a pull request would."""
        path = self.root / "build" / f"{layer}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def shop(project: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    return Project(project, capsys)


LAYERS = [
    "container-repository",
    "infrastructure",
    "task-definition",
    "service",
    "service-preference",
    "pipeline",
]


def test_deploy_change_nothing_destroy_and_deploy_again(shop: Project) -> None:
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


def test_update_of_one_layer_touches_no_other(shop: Project, write_params: Write) -> None:
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


def test_new_revision_says_that_it_runs_after_the_next_release(shop: Project, write_params: Write) -> None:
    shop.run("deploy")
    write_params({"HealthRate": "0.5"})
    outcomes = {outcome["layer"]: outcome for outcome in shop.run("deploy")["outcomes"]}
    assert outcomes["task-definition"]["notes"] == ["revision 2 registered; it runs after the next release"]


def test_failure_stops_what_depends_on_it_and_is_recovered_from(shop: Project) -> None:
    good = (shop.root / "build" / "task-definition.yaml").read_text()
    shop.replace("task-definition", "NetworkMode: awsvpc", "NetworkMode: nonsense")
    failed = shop.run("deploy", "--yes")
    outcomes = {outcome["layer"]: outcome for outcome in failed["outcomes"]}
    assert failed["exit_code"] == 1
    assert outcomes["infrastructure"]["result"] == "done"
    assert outcomes["task-definition"]["result"] == "failed"
    assert "TaskDefinition (AWS::ECS::TaskDefinition)" in outcomes["task-definition"]["why"]
    assert outcomes["service"]["result"] == "not started"
    assert outcomes["service"]["why"] == "task-definition failed"

    (shop.root / "build" / "task-definition.yaml").write_text(good)
    recovered = shop.run("deploy")
    actions = {step["layer"]: step["action"] for step in recovered["plan"]}
    assert (actions["infrastructure"], actions["task-definition"]) == ("nothing", "recreate")
    assert recovered["exit_code"] == 0


def test_plan_leaves_nothing_behind(shop: Project) -> None:
    shop.run("plan")
    assert {stack["status"] for stack in shop.run("status")["stacks"]} == {None}


def test_only_deploys_exactly_these_layers(shop: Project) -> None:
    assert shop.results("deploy", "--only", "container-repository") == {"container-repository": "done"}
    refused = shop.run("deploy", "--only", "service")
    assert refused["exit_code"] == 2
    assert refused["error"]["remedy"] == "add --only infrastructure"
    assert shop.run("deploy", "--only", "srevice")["exit_code"] == 2


def test_protected_environment_is_not_destroyed(shop: Project, write_params: Write) -> None:
    write_params(protected="true")
    refused = shop.run("destroy", "--yes")
    assert refused["exit_code"] == 3
    assert "protected: true" in refused["error"]["why"]

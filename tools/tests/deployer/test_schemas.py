"""Every verb's `--json`, in success and in failure, is what its schema says, and holds no secret.

`Shop.run` validates each document of every other test, too.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer import command_line, errors, rules
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import lock
from ecs_blue_green.deployer.execution.lock import Claim
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.release import rollback
from tests.deployer.documents import problems, schema
from tests.deployer.releases import Releases, client
from tests.deployer.shop import LAYERS, Shop
from tests.paths import SCHEMAS

VERBS = sorted(path.stem for path in SCHEMAS.glob("*.json"))
# Those that look at an environment; the others have tests of their own.
OURS = ["deploy", "destroy", "drift", "plan", "rollback", "status"]
SECRET = "AKIA-never-to-be-printed"


def test_every_verb_has_a_schema() -> None:
    assert set(VERBS) == set(command_line.VERBS)


@pytest.mark.parametrize("verb", OURS)
def test_schema_has_every_rule_and_exit_code_there_is(verb: str) -> None:
    found = schema(verb)
    assert set(found["$defs"]["finding"]["properties"]["rule"]["enum"]) == set(rules.RULES)
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert set(found["properties"]["exit_code"]["enum"]) <= codes


def test_what_two_schemas_share_is_the_same_in_both() -> None:
    """Each schema stands alone, so that any validator can use it; shared parts are repeated."""
    shared: dict[str, Any] = {}
    for verb in OURS:
        for name, definition in schema(verb)["$defs"].items():
            shape = _without_words(definition)
            assert shared.setdefault(name, shape) == shape, f"{verb}: {name}"


def _without_words(shape: Any) -> Any:
    """A part of a schema without its descriptions, which may say what is particular to a verb."""
    if isinstance(shape, dict):
        told = isinstance(shape.get("description"), str)
        return {
            key: _without_words(value) for key, value in shape.items() if not (told and key == "description")
        }
    return [_without_words(value) for value in shape] if isinstance(shape, list) else shape


def test_schema_refuses_what_it_does_not_describe() -> None:
    head = {"schema": "status/1", "environment": "dev", "exit_code": 2}
    assert problems("status", head)
    failed = head | {"error": {"what": "a", "why": "b", "remedy": ""}}
    assert problems("status", failed) == []
    assert problems("status", failed | {"nonce": "1"})
    assert problems("status", failed | {"schema": "plan/1"})


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb and give its document, valid and without a secret."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.05)

    def run(verb: str, *arguments: str) -> dict[str, Any]:
        document = deployed.run(verb, *arguments)
        assert problems(verb, document) == []
        text = json.dumps(document)
        assert SECRET not in text
        assert '"nonce"' not in text
        return document

    return run


def test_success_of_every_verb(deployed: Shop, run: Run, tmp_path: Path) -> None:
    releases = Releases()
    assert run("status")["exit_code"] == 0
    assert run("drift")["exit_code"] == 0
    assert run("deploy", "--yes")["exit_code"] == 0

    path = deployed.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("parameters:", "parameters:\n  MaxCapacity: 4", 1))
    assert run("plan", "--exit-code")["exit_code"] == 4
    kept = str(tmp_path / "kept.json")
    assert run("plan", "--out", kept)["exit_code"] == 0
    assert run("plan", "--discard", kept)["exit_code"] == 0
    assert run("deploy", "--yes")["outcomes"]

    releases.start(releases.register("example.com/app:2"))
    assert run("status")["live"]["colour"] == "shifting"
    assert run("rollback", "--yes")["action"] == "stop"
    assert [outcome["result"] for outcome in run("destroy", "--yes")["outcomes"]] == ["done"] * len(LAYERS)
    assert run("status")["live"]["colour"] == "none"


def test_failure_of_every_verb(deployed: Shop, run: Run) -> None:
    releases = Releases()
    deployed.replace("infrastructure", "HealthyThresholdCount: 2", "HealthyThresholdCount: 3")
    blocked = run("plan", "--exit-code")
    assert (blocked["exit_code"], bool(blocked["findings"])) == (3, True)
    assert run("deploy", "--yes")["exit_code"] == 3
    assert run("deploy")["exit_code"] == 3
    assert run("rollback", "--yes")["exit_code"] == 3
    releases.start(releases.register("example.com/app:2"))
    assert run("rollback")["exit_code"] == 2

    client("logs").put_retention_policy(logGroupName="/ecs/sample-dev-api", retentionInDays=1)
    assert run("drift")["exit_code"] == 4

    store = client("ssm")
    settings = Environment("dev", "000000000000", "ap-northeast-1", "sample", False, {}, {}, tuple(LAYERS))
    with lock.held(store, settings, Claim("deploy")):
        assert run("status")["lock"]["verb"] == "deploy"
        for verb in ("deploy", "rollback", "destroy"):
            assert run(verb, "--yes")["exit_code"] == 3

    path = deployed.root / "params" / "dev.yaml"
    good = path.read_text()
    path.write_text(good.replace("protected: false", "protected: true"))
    assert run("destroy", "--yes")["exit_code"] == 3
    path.write_text(good.replace("000000000000", "123456789012"))
    for verb in OURS:
        assert run(verb)["exit_code"] == 2, verb
    path.write_text("nonsense")
    for verb in OURS:
        assert run(verb)["exit_code"] == 2, verb


def test_stack_that_fails_and_those_that_wait_for_it(run: Run, deployed: Shop) -> None:
    deployed.replace("task-definition", "NetworkMode: awsvpc", "NetworkMode: nonsense")
    failed = run("deploy", "--yes")
    assert failed["exit_code"] == 1


def test_foreign_stack_stops_every_verb(run: Run, deployed: Shop) -> None:
    path = deployed.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("project: sample", "project: other"))
    client("cloudformation").create_stack(
        StackName="other-dev-service",
        TemplateBody=json.dumps(
            {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "other"}}}}
        ),
    )
    for verb in ("plan", "drift", "rollback", "destroy"):
        document = run(verb, *(["--yes"] if verb in ("rollback", "destroy") else []))
        assert (document["exit_code"], document["findings"][0]["rule"]) == (3, "foreign-stack"), verb


def test_no_template_takes_a_secret_as_a_parameter(built: Mapping[str, Layer]) -> None:
    """Parameter files are committed and plans show values: a secret is given by its ARN."""
    declared = [block for layer in built.values() for block in layer.parameters.values()]
    assert not [block for block in declared if "NoEcho" in block]

"""`approve`: what waits is shown and asked for, and what is approved is exactly that."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient

from ecs_blue_green.deployer import invocation
from ecs_blue_green.documents import approver_policy, deployer_policy
from tests.deployer.releases import client
from tests.deployer.shop import Shop

COMMIT = "4f1d2c3b" * 5
EXECUTION = "b1a6d0c2-1111-4222-8333-444455556666"
TOKEN = "c0ffee00-1111-4222-8333-444455556666"


class Pipeline:
    """CodePipeline as it is when an execution waits in a stage that the emulator does not run."""

    def __init__(self) -> None:
        self.waits = True
        self.results: list[Any] = []
        self.refusal = ""
        self.again = "no"
        self.called: set[tuple[str, str]] = set()

    def answer(self, operation: str, request: Any) -> Any:
        return {
            "ListPipelineExecutions": self.executions,
            "GetPipeline": self.definition,
            "GetPipelineState": self.state,
            "GetPipelineExecution": self.execution,
            "PutApprovalResult": self.result,
        }[operation](request)

    def executions(self, request: Any) -> Any:
        return {"pipelineExecutionSummaries": [{"pipelineExecutionId": EXECUTION, "status": "InProgress"}]}

    def definition(self, request: Any) -> Any:
        kind = {"owner": "AWS", "provider": "Manual", "version": "1"}
        stages = [
            {"name": stage, "actions": [{"name": action, "actionTypeId": {"category": category, **kind}}]}
            for stage, action, category in (("Source", "Source", "Source"), ("Ask", "Person", "Approval"))
        ]
        return {"pipeline": {"stages": stages, "variables": [{"name": "Again", "defaultValue": "no"}]}}

    def state(self, request: Any) -> Any:
        found = {"status": "InProgress", "token": TOKEN, "lastStatusChange": datetime(2026, 3, 1, tzinfo=UTC)}
        waiting = {
            "stageName": "Ask",
            "latestExecution": {"pipelineExecutionId": EXECUTION, "status": "InProgress"},
            "actionStates": [{"actionName": "Person", "latestExecution": found}],
        }
        return {"stageStates": [{"stageName": "Source"}, *([waiting] if self.waits else [])]}

    def execution(self, request: Any) -> Any:
        assert request["pipelineExecutionId"] == EXECUTION
        summary = '{"ProviderType":"GitHub","CommitMessage":"Prices in yen\\n\\nMore."}'
        source = {"name": "Source", "revisionId": COMMIT, "revisionSummary": summary}
        variables = [{"name": "Again", "resolvedValue": self.again}]
        return {"pipelineExecution": {"artifactRevisions": [source], "variables": variables}}

    def result(self, request: Any) -> Any:
        if not self.refusal:
            self.results.append(request)
        return {"Error": {"Code": self.refusal, "Message": ""}} if self.refusal else {}


@pytest.fixture
def pipeline(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    found = Pipeline()
    send = BaseClient._make_request  # type: ignore[attr-defined]

    def sent(self: Any, model: Any, request: Any, context: Any) -> Any:
        service = model.service_model.service_name
        found.called.add((service, model.name))
        if service != "codepipeline":
            return send(self, model, request, context)
        answer = found.answer(model.name, json.loads(request["body"]))
        return SimpleNamespace(status_code=400 if "Error" in answer else 200), answer

    monkeypatch.setattr(BaseClient, "_make_request", sent)
    return found


def answers(monkeypatch: pytest.MonkeyPatch, given: str) -> list[str]:
    """Somebody is there, and answers; gives what they were asked."""
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return given

    monkeypatch.setattr(invocation, "has_person", lambda: True)
    monkeypatch.setattr(invocation, "answer", answer)
    return asked


def test_what_waits_is_shown_and_asked_for(
    deployed: Shop, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, "y")
    code, out, err = deployed.talk("approve")
    assert asked == [f"Release {COMMIT[:12]} to dev? [y/N]"]
    assert [line for line in err.splitlines() if line[:10] in ("execution ", "commit    ", "image     ")] == [
        f"execution   {EXECUTION}, waiting in Ask since 2026-03-01 00:00 UTC",
        f"commit      {COMMIT}  Prices in yen",
        f"image       sample-dev-api:{COMMIT}, WHICH IS NOT THERE",
    ]
    assert (
        code,
        out,
    ) == (
        0,
        f"{COMMIT[:12]} is approved; to see how far the release is: make status ENV=dev\n",
    )
    (result,) = pipeline.results
    assert result == {
        "pipelineName": "sample-dev",
        "stageName": "Ask",
        "actionName": "Person",
        "token": TOKEN,
        "result": {"summary": "by make approve", "status": "Approved"},
    }


def test_status_says_what_waits_and_how_it_goes_on(deployed: Shop, pipeline: Pipeline) -> None:
    line = f"execution {EXECUTION} waits for approval: make approve ENV=dev"
    assert line in deployed.talk("status")[1]
    pipeline.waits = False
    assert "make approve" not in deployed.talk("status")[1]


def test_no_is_no(deployed: Shop, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "")
    code, _, err = deployed.talk("approve")
    assert (code, pipeline.results) == (130, [])
    assert "nothing was changed: the answer was no" in err


def test_yes_does_not_ask_and_nobody_there_is_bad_input(deployed: Shop, pipeline: Pipeline) -> None:
    assert deployed.run("approve")["exit_code"] == 2
    assert pipeline.results == []
    document = deployed.run("approve", "--yes")
    assert document["exit_code"] == 0
    (approval,) = document["approvals"]
    assert (approval["commit"], approval["execution"], approval["approved"]) == (COMMIT, EXECUTION, True)
    assert len(pipeline.results) == 1


def test_image_that_is_there_is_named(deployed: Shop, pipeline: Pipeline) -> None:
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}
    )
    client("ecr").put_image(repositoryName="sample-dev-api", imageManifest=manifest, imageTag=COMMIT)
    (approval,) = deployed.run("approve", "--yes")["approvals"]
    assert (approval["image"], approval["image_in_registry"]) == (f"sample-dev-api:{COMMIT}", True)


def test_image_of_a_commit_that_is_built_again_has_that_in_its_tag(
    deployed: Shop, pipeline: Pipeline
) -> None:
    pipeline.again = "2026-11-29"
    (approval,) = deployed.run("approve", "--yes")["approvals"]
    assert approval["image"] == f"sample-dev-api:{COMMIT}-2026-11-29"


def test_nothing_that_waits_is_one_message(deployed: Shop, pipeline: Pipeline) -> None:
    pipeline.waits = False
    code, out, _ = deployed.talk("approve")
    assert (code, out) == (0, "nothing waits for an approval in dev\n")
    assert deployed.run("approve", "--yes")["approvals"] == []


def test_without_a_pipeline_nothing_waits(dev: Shop) -> None:
    assert dev.talk("approve")[:2] == (0, "nothing waits for an approval in dev\n")


@pytest.mark.parametrize("refusal", ["InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"])
def test_what_was_answered_meanwhile_is_told(deployed: Shop, pipeline: Pipeline, refusal: str) -> None:
    pipeline.refusal = refusal
    document = deployed.run("approve", "--yes")
    assert document["exit_code"] == 1
    assert document["error"]["what"] == f"execution {EXECUTION} no longer waits for approval"
    assert document["approvals"][0]["approved"] is False


def test_policy_has_what_is_called_and_nothing_else(deployed: Shop, pipeline: Pipeline) -> None:
    assert deployed.run("approve", "--yes")["exit_code"] == 0
    called = {f"{deployer_policy.PREFIXES.get(service, service)}:{name}" for service, name in pipeline.called}
    assert called - {"sts:GetCallerIdentity"} == {*approver_policy.LOOKS, *deployer_policy.ELSEWHERE}

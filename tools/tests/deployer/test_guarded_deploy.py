"""Plans that are approved, guarded and kept, on an environment like those on AWS."""

import io
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from ecs_blue_green.deployer import command_line, remedies
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.execution import lock, owner
from ecs_blue_green.deployer.release.executions import Progress
from tests.deployer.followed import follows
from tests.deployer.pressing import press, pressed_at
from tests.deployer.releases import Releases
from tests.deployer.shop import LAYERS, Shop


class Terminal(io.StringIO):
    """A person's answers."""

    def isatty(self) -> bool:
        return True


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


def client(service: str) -> Any:
    return boto3.session.Session(region_name="ap-northeast-1").client(service)  # type: ignore[call-overload]


def change_sets(shop: Shop) -> list[str]:
    found = []
    cloudformation = client("cloudformation")
    for stack in cloudformation.describe_stacks()["Stacks"]:
        found += cloudformation.list_change_sets(StackName=stack["StackName"])["Summaries"]
    return [summary["ChangeSetName"] for summary in found if summary["ExecutionStatus"] == "AVAILABLE"]


def rules(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(finding["rule"], finding["layer"], finding["resource"]) for finding in document["findings"]]


@follows(remedies.SAY_YES)
def test_nobody_to_ask_is_bad_input_and_leaves_nothing(dev: Shop) -> None:
    refused = dev.run("deploy")
    assert refused["exit_code"] == 2
    assert "YES=1" in refused["error"]["remedy"]
    assert client("cloudformation").describe_stacks()["Stacks"] == []
    assert dev.run("deploy", "--yes")["exit_code"] == 0


def test_answer_no_leaves_nothing(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "n\n")
    assert dev.run("deploy")["exit_code"] == 130
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_answer_yes_deploys(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "YES\n")
    assert dev.results("deploy") == dict.fromkeys(LAYERS, "done")


def test_interrupt_before_anything_was_begun_has_changed_nothing(
    dev: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    answering(monkeypatch, "")
    monkeypatch.setattr("ecs_blue_green.deployer.invocation.answer", interrupted)
    ended = dev.run("deploy")
    assert (ended["exit_code"], ended["error"]["why"]) == (130, "nothing was changed")
    assert client("cloudformation").describe_stacks()["Stacks"] == []


@follows(remedies.SEE_STATUS)
def test_interrupt_while_cloudformation_works_names_what_shows_it(
    dev: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ecs_blue_green.deployer.execution.execution.execute", interrupted)
        ended = dev.run("deploy", "--yes")
    assert (ended["exit_code"], ended["error"]["why"]) == (130, "what CloudFormation has begun goes on")
    assert ended["error"]["remedy"] == "see what was done: make status ENV=dev"
    # Empty stacks: nothing was executed.
    assert {stack["status"] for stack in dev.run("status")["stacks"]} <= {None, "REVIEW_IN_PROGRESS"}
    assert dev.run("deploy", "--yes")["exit_code"] == 0


def test_wrong_account_is_refused_before_any_other_call(dev: Shop) -> None:
    path = dev.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("000000000000", "123456789012"))
    refused = dev.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    assert refused["error"]["what"] == "these credentials belong to account 000000000000"
    assert "123456789012" in refused["error"]["why"]


def test_interrupt_before_the_first_stack_leaves_a_kept_plan_as_it_was(
    deployed: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameter(deployed, "MaxCapacity: 5")
    file = str(tmp_path / "plan.json")
    assert deployed.run("plan", "--out", file)["exit_code"] == 0
    with monkeypatch.context() as patch:
        patch.setattr(owner, "record", lambda *_: press())
        assert deployed.run("deploy", "--plan", file)["exit_code"] == 130
    assert deployed.run("deploy", "--plan", file)["exit_code"] == 0


@pytest.mark.parametrize("operation", ["DescribeChangeSet", "DescribeStackEvents"])
def test_interrupt_while_a_kept_plan_is_looked_at_leaves_it_as_it_was(
    operation: str, deployed: Shop, tmp_path: Path
) -> None:
    set_parameter(deployed, "MaxCapacity: 5")
    file = str(tmp_path / "plan.json")
    assert deployed.run("plan", "--out", file)["exit_code"] == 0
    with pressed_at(operation) as pressed:
        assert deployed.run("deploy", "--plan", file)["exit_code"] == 130
    assert pressed
    assert deployed.run("status")["lock"] is None
    assert deployed.run("deploy", "--plan", file)["exit_code"] == 0


def test_kept_plan_is_executed_for_none_but_its_layers(deployed: Shop, tmp_path: Path) -> None:
    set_parameter(deployed, "MaxCapacity: 5")
    file = str(tmp_path / "plan.json")
    assert deployed.run("plan", "--only", "container-repository", "--out", file)["exit_code"] == 0
    refused = deployed.run("deploy", "--plan", file, "--only", "service-preference")
    assert refused["exit_code"] == 2
    assert refused["error"]["what"] == f"the plan in {file} has no service-preference"


@pytest.mark.parametrize("arguments", [("deploy", "--plan"), ("plan", "--out"), ("plan", "--discard")])
def test_file_without_a_name_is_refused(
    arguments: tuple[str, str], dev: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main([arguments[0], "--env", "dev", arguments[1], ""], dev.root)
    assert ended.value.code == 2
    assert f"argument {arguments[1]}: names no file" in capsys.readouterr().err


def test_closed_standard_input_is_nobody(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    ended = dev.run("deploy")
    assert (ended["exit_code"], ended["error"]["what"]) == (2, "nobody is here to be asked")


def test_kept_plan_is_executed_as_it_was_approved(deployed: Shop, tmp_path: Path) -> None:
    set_parameter(deployed, "MaxCapacity: 5")
    kept = tmp_path / "plan.json"
    planned = deployed.run("plan", "--out", str(kept), "--exit-code")
    assert planned["exit_code"] == 4
    approved = [step["change_set"] for step in planned["plan"] if step["change_set"]]
    assert len(approved) == 1
    assert len(change_sets(deployed)) == 1

    results = deployed.results("deploy", "--plan", str(kept), "--yes")
    assert results["service-preference"] == "done"
    assert change_sets(deployed) == []
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0


def test_kept_plan_is_refused_when_its_stack_has_moved(deployed: Shop, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    set_parameter(deployed, "MaxCapacity: 5")
    deployed.run("plan", "--out", str(kept))
    set_parameter(deployed, "MaxCapacity: 6")
    deployed.run("deploy", "--yes")
    set_parameter(deployed, "MaxCapacity: 5")
    refused = deployed.run("deploy", "--plan", str(kept), "--yes")
    assert refused["exit_code"] == 3
    assert "service-preference: was" in refused["error"]["why"]


def test_kept_plan_is_refused_when_the_checkout_has_changed(deployed: Shop, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    set_parameter(deployed, "MaxCapacity: 5")
    deployed.run("plan", "--out", str(kept))
    set_parameter(deployed, "MaxCapacity: 6")
    refused = deployed.run("deploy", "--plan", str(kept), "--yes")
    assert refused["exit_code"] == 3
    assert "is not what was planned" in refused["error"]["why"]


def test_discarded_plan_leaves_nothing(dev: Shop, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    dev.run("plan", "--out", str(kept))
    assert change_sets(dev)
    dev.run("plan", "--discard", str(kept))
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_kept_first_plan_is_executed(dev: Shop, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    dev.run("plan", "--out", str(kept))
    assert dev.results("deploy", "--plan", str(kept), "--yes") == dict.fromkeys(LAYERS, "done")
    assert change_sets(dev) == []


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("service-preference", "LogRetentionDays: 14"),
        ("service-preference", "SmokeRequests: 60"),
        ("service-preference", 'SmokePaths: "/,/health"'),
        ("service-preference", "SmokeMaxLatencyMs: 500"),
        ("infrastructure", "TestListenerCidr: 10.0.0.0/8"),
    ],
)
def test_setting_that_replaces_nothing_is_not_blocked(deployed: Shop, layer: str, line: str) -> None:
    """CloudFormation says "Conditional" of what reads the ARN or the id of what such a setting changes."""
    set_parameter(deployed, line)
    assert deployed.results("deploy", "--yes")[layer] == "done"


def test_replacement_is_blocked_and_its_neighbour_is_not(deployed: Shop) -> None:
    deployed.replace(
        "pipeline", "ComputePlatform: ECS", "ComputePlatform: ECS\n      ApplicationName: another"
    )
    blocked = deployed.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert ("replacement", "pipeline", "CodeDeployApplication") in rules(blocked)
    assert change_sets(deployed) == []


def test_export_that_another_stack_imports_cannot_go_away(deployed: Shop) -> None:
    path = deployed.root / "build" / "container-repository.yaml"
    without = path.read_text()
    extra = "  Extra: {Value: one, Export: {Name: !Sub '${AWS::StackName}-Extra'}}\n"
    path.write_text(without + extra)
    # The emulator takes a template that differs in its outputs alone for no change.
    set_parameter(deployed, "ImageRetentionCount: 11")
    assert deployed.results("deploy", "--yes")["container-repository"] == "done"
    body = (
        "Resources: {Queue: {Type: 'AWS::SQS::Queue', "
        "Properties: {QueueName: !ImportValue sample-dev-container-repository-Extra}}}"
    )
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="reader", TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="reader")

    path.write_text(without)
    set_parameter(deployed, "ImageRetentionCount: 12")
    blocked = deployed.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert rules(blocked) == [("export-in-use", "container-repository", "")]
    assert "reader" in blocked["findings"][0]["reason"]

    cloudformation.delete_stack(StackName="reader")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="reader")
    assert deployed.results("deploy", "--yes")["container-repository"] == "done"


def test_foreign_stack_is_blocked(dev: Shop) -> None:
    client("cloudformation").create_stack(
        StackName="sample-dev-service", TemplateBody="Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    )
    client("cloudformation").get_waiter("stack_create_complete").wait(StackName="sample-dev-service")
    blocked = dev.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert blocked["findings"][0]["rule"] == "foreign-stack"
    assert dev.run("destroy", "--yes")["exit_code"] == 3
    for verb in ("deploy", "destroy"):
        code, _, err = dev.talk(verb, "--yes")
        assert code == 3
        assert "blocked by foreign-stack: the stack sample-dev-service lacks the tags Project=sample" in err
        assert "choose another `project:` in params/dev.yaml" in err


def test_protected_listener_needs_to_be_named_and_the_policy_is_back_afterwards(deployed: Shop) -> None:
    before = client("cloudformation").get_stack_policy(StackName="sample-dev-infrastructure")[
        "StackPolicyBody"
    ]
    deployed.replace("infrastructure", "\n      Port: !Ref TestListenerPort", "\n      Port: 9003")
    blocked = deployed.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert ("stack-policy", "infrastructure", "TestListener") in rules(blocked)
    assert (
        deployed.results("deploy", "--yes", "--allow", "infrastructure:TestListener")["infrastructure"]
        == "done"
    )
    after = client("cloudformation").get_stack_policy(StackName="sample-dev-infrastructure")[
        "StackPolicyBody"
    ]
    assert after == before


def test_lifted_policy_of_a_killed_deployer_is_put_back_by_the_next_one(deployed: Shop) -> None:
    wanted = (deployed.root / "build" / "service.stack-policy.json").read_text()
    allow_all = (
        '{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}'
    )
    client("cloudformation").set_stack_policy(StackName="sample-dev-service", StackPolicyBody=allow_all)
    assert deployed.results("deploy", "--yes")["service"] == "done"
    now = client("cloudformation").get_stack_policy(StackName="sample-dev-service")["StackPolicyBody"]
    assert now == wanted


def test_service_cannot_be_changed_even_when_named(deployed: Shop) -> None:
    deployed.replace("service", "PlatformVersion: !Ref PlatformVersion", "PlatformVersion: 1.4.0")
    blocked = deployed.run("deploy", "--yes", "--allow", "service:Service")
    assert blocked["exit_code"] == 3
    assert ("service-frozen", "service", "Service") in rules(blocked)


def test_name_that_allow_does_not_know_is_bad_input(dev: Shop) -> None:
    _, _, told = dev.talk("plan", "--allow", "service:Servise")
    assert "no resource service:Servise" in told and "did you mean service:Service?" in told
    refused = dev.run("deploy", "--yes", "--allow", "Service")
    assert refused["exit_code"] == 2


@follows(remedies.UPDATE_CHECKOUT)
def test_older_checkout_is_blocked(dev: Shop) -> None:
    git(dev.root, "init", "-q")
    commit(dev.root, "one")
    dev.run("deploy", "--yes")
    commit(dev.root, "two")
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    git(dev.root, "reset", "-q", "--hard", "HEAD~1")
    blocked = dev.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert "ARGS=--yes-older" in blocked["error"]["remedy"]
    assert dev.run("deploy", "--yes", "--yes-older")["exit_code"] == 0


@follows(remedies.WAIT_FOR_LOCK)
def test_second_deployer_is_told_who_is_at_work(dev: Shop) -> None:
    path = "/sample/dev/deploy/lock/3"
    holder = lock.Holder("ann", "another-host", 1, "deploy", 0.0, 9e12, "n")
    client("ssm").put_parameter(Name=path, Value=lock._text(holder), Type="String")
    blocked = dev.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert "ann on another-host" in blocked["error"]["why"]
    assert dev.run("status")["lock"]["who"] == "ann"
    assert dev.run("deploy", "--yes", "--break-lock")["exit_code"] == 0


def set_parameter(shop: Shop, line: str) -> None:
    path = shop.root / "params" / f"{shop.env}.yaml"
    key = line.partition(":")[0]
    lines = [old for old in path.read_text().splitlines() if not old.strip().startswith(f"{key}:")]
    path.write_text("\n".join([*lines, f"  {line}", ""]))


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True)  # noqa: S607


def commit(root: Path, text: str) -> None:
    (root / "note").write_text(text)
    git(root, "add", "note")
    git(root, "commit", "-q", "-m", text)


def test_stack_whose_export_is_in_use_is_not_called_destroyed(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody imports it after the look at who does."""
    monkeypatch.setattr(describe, "importers", lambda *_: [])
    body = (
        "Resources: {Queue: {Type: 'AWS::SQS::Queue', "
        "Properties: {QueueName: !ImportValue sample-dev-infrastructure-ClusterName}}}"
    )
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="reader", TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="reader")
    document = deployed.run("destroy", "--yes")
    outcomes = {outcome["layer"]: outcome for outcome in document["outcomes"]}
    assert document["exit_code"] == 1
    assert outcomes["infrastructure"]["result"] == "failed"
    assert "in use by reader" in outcomes["infrastructure"]["why"]


def give(shop: Shop, **parameters: object) -> None:
    """Set parameters of the environment."""
    path = shop.root / "params" / f"{shop.env}.yaml"
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    document["parameters"] |= {name: str(value) for name, value in parameters.items()}
    path.write_text(yaml.safe_dump(document))


def test_what_does_not_collide_is_deployed_beside_a_release(deployed: Shop) -> None:
    releases = Releases()
    running = releases.start(releases.register())
    give(deployed, MinCapacity=1, MaxCapacity=9, NotificationEmail="us@example.com", LogRetentionDays=30)
    _, _, talk = deployed.talk("plan")
    (told,) = [line for line in talk.splitlines() if "ScalableTarget" in line]
    assert "beside the release that runs" in told
    assert "the count of tasks, 1, is inside the range of 1 to 9" in " ".join(talk.split())
    done = deployed.run("deploy", "--yes")
    assert done["exit_code"] == 0, done
    passed = {found["resource"] for found in done["beside_release"]}
    assert {"ScalableTarget", "LogGroup", "SmokeTestLogGroup"} <= passed
    assert releases.status(running) == "InProgress"
    assert deployed.run("plan")["beside_release"] == []

    # One that moves the count is none of these, and neither is what releases are made of.
    give(deployed, MinCapacity=3)
    blocked = deployed.run("deploy", "--yes")
    assert rules(blocked) == [("release-running", "service-preference", "ScalableTarget")]
    assert "moves the count of tasks from 1 to 3" in blocked["findings"][0]["reason"]
    give(deployed, MinCapacity=1, TerminationWaitMinutes=3)
    assert rules(deployed.run("deploy", "--yes")) == [("release-running", "pipeline", "")]


def test_retention_of_logs_waits_until_the_pipeline_changes_no_stack(deployed: Shop) -> None:
    client("codepipeline").start_pipeline_execution(name="sample-dev")
    give(deployed, LogRetentionDays=30)
    found = deployed.run("deploy", "--yes", "--only", "task-definition")
    assert rules(found) == [("release-running", "task-definition", "")]
    assert "change set that the pipeline has prepared" in found["findings"][0]["reason"]
    (kept,) = deployed.run("deploy", "--yes", "--only", "service-preference")["findings"]
    assert (kept["rule"], kept["resource"]) == ("release-running", "SmokeTestLogGroup")


def test_range_that_moves_the_count_is_deployed_while_an_approval_waits(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = client("codepipeline").start_pipeline_execution(name="sample-dev")["pipelineExecutionId"]
    give(deployed, MinCapacity=3, MaxCapacity=9)
    assert rules(deployed.run("plan")) == [("release-running", "service-preference", "ScalableTarget")]
    # The emulator's executions do nothing, so how far this one is is told here.
    waits = Progress(building=False, approval=execution)
    monkeypatch.setattr("ecs_blue_green.deployer.release.live.progress", lambda *_: waits)
    planned = deployed.run("plan")
    assert planned["findings"] == []
    (passing,) = planned["beside_release"]
    assert passing["why"] == (
        f"the range of 3 to 9 moves the count of tasks from 1 to 3, while {execution} waits for an approval"
    )
    assert deployed.results("deploy", "--yes")["service-preference"] == "done"

"""A stack whose layer has left the project: known from the record, shown, and deleted with the others."""

import json
from typing import Any

import pytest

from ecs_blue_green.deployer.execution import execution
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_guarded_deploy import answering

SLUG, STACK = "dashboard", "sample-dev-dashboard"
RECORD = "/sample/dev/deploy/environment"
TEMPLATE = """
Parameters:
  Project: {Type: String}
  Environment: {Type: String}
  InfrastructureStackName: {Type: String}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub '${Project}-${Environment}-dashboard'
      DisplayName: !ImportValue {'Fn::Sub': '${InfrastructureStackName}-LoadBalancerDnsName'}
  LogGroup:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {LogGroupName: !Sub '/dashboard/${Project}-${Environment}'}
Outputs:
  TopicArn: {Value: !Ref Topic, Export: {Name: !Sub '${AWS::StackName}-TopicArn'}}
"""


def recorded() -> list[str]:
    found = client("ssm").get_parameters(Names=[RECORD])["Parameters"]
    layers: list[str] = json.loads(found[0]["Value"])["layers"]
    return layers


def stacks() -> set[str]:
    return {stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]}


@pytest.fixture
def left(deployed: Shop) -> Shop:
    """The project after one of its layers was deployed and then taken out."""
    path = deployed.root / "build" / f"{SLUG}.yaml"
    path.write_text(TEMPLATE)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert recorded() == sorted([*LAYERS, SLUG])
    path.unlink()
    return deployed


def of(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["layer"], one["stack"], one["status"]) for one in document["left"]]


def test_plan_and_status_show_it_and_deploy_leaves_it_alone(left: Shop) -> None:
    wanted = [(SLUG, STACK, "CREATE_COMPLETE")]
    for arguments in (["plan"], ["status"], ["deploy", "--yes"]):
        document = left.run(*arguments)
        assert (document["exit_code"], of(document)) == (0, wanted), arguments
    for verb in ("plan", "status"):
        code, out, _ = left.talk(verb)
        said = " ".join(out.split())
        assert code == 0 and f"{SLUG} " in said
        assert "is no layer of this project any more: nothing changes it, and destroy deletes it" in said
    assert STACK in stacks()
    # It is not forgotten by a deploy.
    assert recorded() == sorted([*LAYERS, SLUG])


def test_destroy_shows_it_and_deletes_it_before_what_it_imports_from(
    left: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "no\n")
    code, _, err = left.talk("destroy")
    assert code == 130
    assert f"{STACK} ({SLUG} is no layer of this project any more)" in " ".join(err.split())
    document = left.run("destroy", "--yes")
    results = {one["layer"]: one["result"] for one in document["outcomes"]}
    assert results == dict.fromkeys([*LAYERS, SLUG], "done")
    assert stacks() == set()
    # What it retained goes as that of the other layers does.
    assert client("logs").describe_log_groups(logGroupNamePrefix="/dashboard")["logGroups"] == []
    assert client("ssm").get_parameters(Names=[RECORD])["Parameters"] == []


def test_stack_that_somebody_deleted_is_forgotten(left: Shop) -> None:
    client("cloudformation").delete_stack(StackName=STACK)
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=STACK)
    assert of(left.run("deploy", "--yes")) == []
    assert recorded() == sorted(LAYERS)


def test_stack_of_that_name_that_is_somebody_elses_is_none_of_ours(left: Shop) -> None:
    client("cloudformation").delete_stack(StackName=STACK)
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=STACK)
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "other"}}
    client("cloudformation").create_stack(
        StackName=STACK, TemplateBody=json.dumps({"Resources": {"Topic": topic}})
    )
    assert of(left.run("plan")) == []
    assert left.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")
    assert stacks() == {STACK}


def test_layer_is_recorded_before_anything_is_made(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed, and a first creation that fails, leave a stack too."""

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "execute", killed)
    dev.run("deploy", "--yes", "--only", "container-repository")
    assert recorded() == ["container-repository"]

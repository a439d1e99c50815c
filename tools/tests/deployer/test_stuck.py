"""Every state in which a stack can be found, and what a deploy does about it."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.planning import deployed
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_guarded_deploy import answering
from tests.paths import PROJECT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/sample-dev-service/1"


def settings(protected: bool = False) -> Environment:
    return Environment("dev", "0" * 12, "ap-northeast-1", "sample", protected, {}, {}, tuple(LAYERS))


@pytest.fixture
def scripted() -> Iterator[Stubber]:
    made = boto3.client("cloudformation", region_name="ap-northeast-1", aws_access_key_id="x",
                        aws_secret_access_key="x")  # fmt: skip
    with Stubber(made) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(status: str, name: str = "sample-dev-service") -> dict[str, Any]:
    return {"Stacks": [{"StackName": name, "StackId": ARN, "StackStatus": status, "CreationTime": NOW}]}


MOVING = [
    *("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
    *("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    *("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS"),
]


@pytest.mark.parametrize("status", MOVING)
def test_operation_of_somebody_else_is_waited_for_and_told(status: str, scripted: Stubber) -> None:
    scripted.add_response("describe_stacks", described(status), {"StackName": "sample-dev-service"})
    # From then on by its ARN: the name may come to mean another stack.
    scripted.add_response("describe_stacks", described(status), {"StackName": ARN})
    end = "DELETE_COMPLETE" if status.startswith("DELETE") else "UPDATE_COMPLETE"
    scripted.add_response("describe_stacks", described(end), {"StackName": ARN})
    naps: list[float] = []
    said: list[str] = []
    found = deployed.settled(scripted.client, "sample-dev-service", naps.append, said.append)
    assert (found.status if found else "DELETE_COMPLETE") == end
    assert len(naps) == 2
    assert said == [f"sample-dev-service is {status}: waiting for that to end"]


def stack(status: str, reason: str = "") -> Stack:
    return Stack("sample-dev-service", ARN, status, reason)


def test_update_that_could_not_be_taken_back_is_a_persons(scripted: Stubber) -> None:
    def summary(logical_id: str, status: str) -> dict[str, Any]:
        return {
            "LogicalResourceId": logical_id,
            "ResourceType": "AWS::SNS::Topic",
            "ResourceStatus": status,
            "LastUpdatedTimestamp": NOW,
        }

    summaries = [summary("One", "UPDATE_FAILED"), summary("Two", "UPDATE_COMPLETE")]
    scripted.add_response("list_stack_resources", {"StackResourceSummaries": summaries})
    with pytest.raises(Blocked) as caught:
        deployed.refuse_stuck(
            scripted.client, settings(), "service", stack("UPDATE_ROLLBACK_FAILED", "One is stuck.")
        )
    assert caught.value.why == "One is stuck (One)"
    assert "make continue-rollback ENV=dev ONLY=service" in caught.value.remedy


def event(status: str) -> dict[str, Any]:
    return {
        "StackId": ARN,
        "EventId": status,
        "StackName": "sample-dev-service",
        "LogicalResourceId": "sample-dev-service",
        "PhysicalResourceId": ARN,
        "ResourceStatus": status,
        "Timestamp": NOW,
    }


@pytest.mark.parametrize(
    ("history", "blocked"),
    [
        (["DELETE_FAILED", "DELETE_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS"], False),
        (["DELETE_FAILED", "DELETE_IN_PROGRESS", "CREATE_FAILED", "CREATE_IN_PROGRESS"], False),
        (["DELETE_FAILED", "DELETE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_IN_PROGRESS"], True),
        # So old that nobody knows: it is not taken for a leftover.
        (["DELETE_FAILED", "DELETE_IN_PROGRESS"], True),
    ],
)
def test_only_what_never_served_is_deleted_for_good(
    history: list[str], blocked: bool, scripted: Stubber
) -> None:
    scripted.add_response("describe_stack_events", {"StackEvents": [event(status) for status in history]})
    if not blocked:
        deployed.refuse_stuck(scripted.client, settings(), "service", stack("DELETE_FAILED"))
        return
    with pytest.raises(Blocked) as caught:
        deployed.refuse_stuck(scripted.client, settings(), "service", stack("DELETE_FAILED"))
    assert "make destroy ENV=dev" in caught.value.remedy


def test_protected_environment_is_not_destroyed_for_a_failed_deletion(scripted: Stubber) -> None:
    scripted.add_response("describe_stack_events", {"StackEvents": [event("CREATE_COMPLETE")]})
    with pytest.raises(Blocked) as caught:
        deployed.refuse_stuck(scripted.client, settings(protected=True), "service", stack("DELETE_FAILED"))
    assert "destroy" not in caught.value.remedy


# From here on: on the emulator, through the command line.


def status(layer: str) -> str:
    found = client("cloudformation").describe_stacks(StackName=f"sample-dev-{layer}")["Stacks"][0]
    return str(found["StackStatus"])


def settle(layer: str) -> str:
    for _ in range(200):
        if not status(layer).endswith("_IN_PROGRESS"):
            return status(layer)
        time.sleep(0.1)
    raise TimeoutError(layer)


def actions(document: dict[str, Any]) -> dict[str, str]:
    return {step["layer"]: step["action"] for step in document["plan"]}


def protect(shop: Shop) -> None:
    path = shop.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("protected: 'false'", "protected: 'true'").replace(
        "protected: false", "protected: true"))  # fmt: skip


def break_infrastructure(shop: Shop) -> Callable[[], None]:
    """Have its creation fail after its load balancer is there."""
    path = shop.root / "build" / "infrastructure.yaml"
    good = path.read_text()
    # A certificate that does not exist, for a listener that nobody looks at before.
    bad = good.replace(
        "Resources:\n",
        "Resources:\n"
        "  Broken:\n"
        "    Type: AWS::ElasticLoadBalancingV2::Listener\n"
        "    DependsOn: TestListener\n"
        "    Properties:\n"
        "      LoadBalancerArn: !Ref LoadBalancer\n"
        "      Protocol: HTTP\n"
        "      Port: !Ref TestListenerPort\n"
        "      DefaultActions:\n"
        "      - {Type: forward, TargetGroupArn: !Ref BlueTargetGroup}\n",
        1,
    )
    path.write_text(bad)

    def mend() -> None:
        path.write_text(good)

    return mend


@pytest.fixture
def failed(dev: Shop) -> Shop:
    """A protected environment whose infrastructure failed at first, and was corrected since."""
    protect(dev)
    mend = break_infrastructure(dev)
    first = dev.run("deploy", "--yes")
    assert first["exit_code"] == 1, first
    assert status("infrastructure") == "ROLLBACK_FAILED"
    mend()
    return dev


def test_protected_load_balancer_of_a_failed_creation_is_repaired(failed: Shop) -> None:
    planned = failed.run("plan")
    (step,) = [step for step in planned["plan"] if step["layer"] == "infrastructure"]
    assert step["action"] == "recreate"
    (blocker,) = step["obstacles"]
    assert blocker.startswith("arn:aws:elasticloadbalancing:")
    assert blocker.endswith(" is protected from deletion")

    done = failed.run("deploy", "--yes")
    assert done["exit_code"] == 0
    outcomes = {outcome["layer"]: outcome for outcome in done["outcomes"]}
    assert outcomes["infrastructure"]["notes"][0] == "disabled the load balancer's deletion protection"
    (balancer,) = client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert balancer["LoadBalancerArn"] != blocker.split()[0]
    attributes = client("elbv2").describe_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"]
    )["Attributes"]
    assert {"Key": "deletion_protection.enabled", "Value": "true"} in attributes


def test_protection_is_lowered_only_when_a_person_says_so(
    failed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "y\nn\n")
    code, out, err = failed.talk("deploy")
    assert code == 130
    assert "to be taken away before what is left can be deleted: arn:aws:elasticloadbalancing:" in out
    assert "Take away what protects the leftovers, and delete them? [y/N]" in err
    assert status("infrastructure") == "ROLLBACK_FAILED"
    answering(monkeypatch, "y\ny\n")
    assert failed.talk("deploy")[0] == 0


# A rule of a group that does not exist: AWS finds that out when it makes the rule.
BROKEN = (
    "  Broken:\n"
    "    Type: AWS::EC2::SecurityGroupIngress\n"
    "    Properties: {GroupId: sg-0123456789abcdef0, IpProtocol: '-1', CidrIp: 10.0.0.0/8}\n"
)


def create_by_hand(layer: str, on_failure: str) -> None:
    """What another tool leaves behind, under our tags: a topic, and what fails."""
    body = f"Resources:\n  Topic: {{Type: 'AWS::SNS::Topic'}}\n{BROKEN}"
    tags = {"Project": "sample", "Environment": "dev", "Layer": layer}
    client("cloudformation").create_stack(
        StackName=f"sample-dev-{layer}",
        TemplateBody=body,
        OnFailure=on_failure,
        Capabilities=["CAPABILITY_IAM"],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def test_failed_creation_is_deleted_and_made_again(dev: Shop) -> None:
    create_by_hand("container-repository", "ROLLBACK")
    assert settle("container-repository") == "ROLLBACK_COMPLETE"
    assert actions(dev.run("plan"))["container-repository"] == "recreate"
    assert dev.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")


def rolled_back(layer: str, done: dict[str, Any]) -> str:
    """What the stack is after the remedy that a blocked run names."""
    assert done["exit_code"] == 3
    (command,) = re.findall(r"aws (cloudformation rollback-stack --stack-name \S+);", done["error"]["remedy"])
    client("cloudformation").rollback_stack(StackName=command.split()[-1])
    return settle(layer)


def test_creation_without_rollback_is_rolled_back_first(dev: Shop) -> None:
    create_by_hand("container-repository", "DO_NOTHING")
    assert settle("container-repository") == "CREATE_FAILED"
    assert rolled_back("container-repository", dev.run("deploy", "--yes")) == "ROLLBACK_COMPLETE"
    assert dev.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")


def test_update_without_rollback_is_rolled_back_first(deployed: Shop) -> None:
    body = (PROJECT / "build" / "service-preference.yaml").read_text()
    found = client("cloudformation").describe_stacks(StackName="sample-dev-service-preference")["Stacks"][0]
    client("cloudformation").update_stack(
        StackName="sample-dev-service-preference",
        TemplateBody=body.replace("Resources:\n", f"Resources:\n{BROKEN}", 1),
        Parameters=found["Parameters"],
        Capabilities=["CAPABILITY_IAM"],
        Tags=found["Tags"],
        DisableRollback=True,
    )
    assert settle("service-preference") == "UPDATE_FAILED"
    assert deployed.run("plan")["exit_code"] == 3
    assert rolled_back("service-preference", deployed.run("deploy", "--yes")) == "UPDATE_ROLLBACK_COMPLETE"
    assert set(actions(deployed.run("deploy", "--yes")).values()) == {"nothing"}


def only_review(layer: str) -> None:
    """Somebody makes a change set for a stack that is not there, and leaves it at that."""
    tags = {"Project": "sample", "Environment": "dev", "Layer": layer}
    client("cloudformation").create_change_set(
        StackName=f"sample-dev-{layer}",
        ChangeSetName="somebodys",
        ChangeSetType="CREATE",
        TemplateBody="Resources: {Topic: {Type: 'AWS::SNS::Topic'}}",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    assert status(layer) == "REVIEW_IN_PROGRESS"


def test_stack_that_was_only_reviewed_is_taken_up(dev: Shop) -> None:
    only_review("container-repository")
    assert actions(dev.run("plan"))["container-repository"] == "create"
    assert dev.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")


def test_stack_that_was_only_reviewed_is_destroyed(dev: Shop) -> None:
    only_review("container-repository")
    assert dev.results("destroy", "--yes")["container-repository"] == "done"
    with pytest.raises(ClientError, match="does not exist"):
        status("container-repository")


def test_update_that_was_taken_back_is_planned_again(deployed: Shop) -> None:
    path = deployed.root / "build" / "service-preference.yaml"
    good = path.read_text()
    path.write_text(good.replace("Resources:\n", f"Resources:\n{BROKEN}", 1))
    assert deployed.run("deploy", "--yes")["exit_code"] == 1
    assert status("service-preference") == "UPDATE_ROLLBACK_COMPLETE"
    assert actions(deployed.run("plan"))["service-preference"] == "update"
    path.write_text(good)
    assert set(actions(deployed.run("deploy", "--yes")).values()) == {"nothing"}


def test_operation_that_runs_is_waited_for(deployed: Shop) -> None:
    cloudformation = client("cloudformation")
    body = (PROJECT / "build" / "service-preference.yaml").read_text()
    found = cloudformation.describe_stacks(StackName="sample-dev-service-preference")["Stacks"][0]
    given = {item["ParameterKey"]: item["ParameterValue"] for item in found["Parameters"]} | {
        "MaxCapacity": "7"
    }
    cloudformation.update_stack(
        StackName="sample-dev-service-preference",
        TemplateBody=body,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
        Tags=found["Tags"],
    )
    assert deployed.results("deploy", "--yes")["service-preference"] == "done"
    assert status("service-preference") == "UPDATE_COMPLETE"

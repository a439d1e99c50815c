"""The pipeline is made when a person has completed the connection to GitHub, and not before."""

from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.preflight import connection
from tests.deployer.followed import follows
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop


@pytest.fixture
def handshake(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a connection's status is: nobody can make one PENDING by an API."""
    now = {"status": "PENDING"}
    status = connection.status
    monkeypatch.setattr(
        connection,
        "status",
        lambda aws, stack, title: now["status"] if status(aws, stack, title) else None,
    )
    return now


def stacks() -> set[str]:
    return {stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]}


@follows(remedies.COMPLETE_CONNECTION)
def test_everything_before_the_pipeline_is_made_and_the_rest_after_the_handshake(
    dev: Shop, handshake: dict[str, str]
) -> None:
    first = dev.run("deploy", "--yes")
    assert first["exit_code"] == 3
    outcomes = {outcome["layer"]: outcome for outcome in first["outcomes"]}
    waiting = outcomes.pop("pipeline")
    assert {outcome["result"] for outcome in outcomes.values()} == {"done"}
    assert waiting["result"] == "not started"
    assert "the connection to GitHub is PENDING" in waiting["why"]
    console = (
        "https://ap-northeast-1.console.aws.amazon.com/codesuite/settings/connections?region=ap-northeast-1"
    )
    assert console in waiting["remedy"]
    assert "make deploy ENV=dev" in waiting["remedy"]
    assert stacks() == {f"sample-dev-{layer}" for layer in LAYERS if layer != "pipeline"}

    # Nothing else to do: nobody is asked, and nothing is left behind.
    again = dev.run("deploy")
    assert again["exit_code"] == 3
    assert "PENDING" in again["error"]["what"]
    assert "outcomes" not in again
    assert "sample-dev-pipeline" not in stacks()

    handshake["status"] = "AVAILABLE"
    assert dev.results("deploy", "--yes")["pipeline"] == "done"


def test_what_can_be_done_is_done_while_the_connection_waits(dev: Shop, handshake: dict[str, str]) -> None:
    dev.run("deploy", "--yes")
    path = dev.root / "params" / "dev.yaml"
    path.write_text(path.read_text() + "  MaxCapacity: 3\n")
    code, out, said = dev.talk("deploy", "--yes")
    assert code == 3
    assert "pipeline waits until somebody completes the connection: it is PENDING" in said
    assert "service-preference    done" in out
    assert "next:  pipeline: complete the connection at https://" in said
    assert "sample-dev-pipeline" not in stacks()


def test_pipeline_that_exists_is_not_held_up(deployed: Shop, handshake: dict[str, str]) -> None:
    path = deployed.root / "params" / "dev.yaml"
    path.write_text(path.read_text() + "  TerminationWaitMinutes: 15\n")
    assert deployed.results("deploy", "--yes")["pipeline"] == "done"


def test_connection_that_nobody_may_look_at_is_not_checked(
    dev: Shop, handshake: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.run("deploy", "--yes")
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, "GetConnection")
    monkeypatch.setattr(connection, "status", Mock(side_effect=error))
    planned = dev.run("plan")
    assert planned["preflight"]["unchecked"] == ["the connection: AWS refused GetConnection: No"]
    # What is not known is asked again before the pipeline is made.
    assert dev.results("deploy", "--yes")["pipeline"] == "failed"
    assert "sample-dev-pipeline" not in stacks()


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_console_is_that_of_the_region(region: str, host: str) -> None:
    settings = Environment("dev", "0" * 12, region, "shop", False, {}, {}, ())
    assert connection.console(settings).startswith(f"https://{host}/codesuite/settings/connections")

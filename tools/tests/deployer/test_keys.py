"""The keys of images and of logs: the one is decided at creation, the other can be given later."""

import json
from typing import Any

import boto3

from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_guarded_deploy import set_parameter

LOG_GROUP = "AWS::Logs::LogGroup"
WITH_LOGS = ["task-definition", "service-preference", "pipeline"]
FALLS_BACK = "!If [HasLogKmsKey, !Ref LogKmsKeyArn, !If [HasKmsKey, !Ref KmsKeyArn, !Ref 'AWS::NoValue']]"
AS_BEFORE = "!If [HasKmsKey, !Ref KmsKeyArn, !Ref 'AWS::NoValue']"


def key() -> str:
    """A key that CloudWatch Logs may use."""
    client = boto3.session.Session(region_name="ap-northeast-1").client("kms")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logs.ap-northeast-1.amazonaws.com"},
        "Action": "kms:*",
        "Resource": "*",
    }
    arn: str = client.create_key(Policy=json.dumps({"Statement": [statement]}))["KeyMetadata"]["Arn"]
    return arn


def changes(document: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    return {
        step["layer"]: [(change["type"], change["action"]) for change in step["changes"]]
        for step in document["plan"]
        if step["action"] != "nothing"
    }


def only_logs_get_a_key(planned: dict[str, Any]) -> None:
    found = changes(planned)
    assert set(found) == set(WITH_LOGS)
    for layer in WITH_LOGS:
        assert (LOG_GROUP, "modify") in found[layer]
        # Of the others CloudFormation reads an attribute of the log group again.
        assert {action for _, action in found[layer]} == {"modify"}


def test_key_of_before_stays_that_of_logs_and_another_one_is_given_to_them_alone(dev: Shop) -> None:
    texts = {layer: (dev.root / "build" / f"{layer}.yaml").read_text() for layer in WITH_LOGS}
    for layer, text in texts.items():
        assert FALLS_BACK in text
        (dev.root / "build" / f"{layer}.yaml").write_text(text.replace(FALLS_BACK, AS_BEFORE))
    set_parameter(dev, f"KmsKeyArn: {key()}")
    assert dev.results("deploy", "--yes") == dict.fromkeys(LAYERS, "done")
    # An existing parameter file plans no change.
    for layer, text in texts.items():
        (dev.root / "build" / f"{layer}.yaml").write_text(text)
    assert changes(dev.run("plan")) == {}
    # And the logs get another key with no resource replaced, and none of the images'.
    set_parameter(dev, f"LogKmsKeyArn: {key()}")
    planned = dev.run("plan")
    assert planned["exit_code"] == 0
    only_logs_get_a_key(planned)
    assert dev.run("deploy", "--yes")["exit_code"] == 0


def test_logs_get_a_key_later(deployed: Shop) -> None:
    set_parameter(deployed, f"LogKmsKeyArn: {key()}")
    planned = deployed.run("plan")
    assert (planned["exit_code"], planned["findings"]) == (0, [])
    only_logs_get_a_key(planned)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert changes(deployed.run("plan")) == {}

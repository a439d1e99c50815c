"""What is wrong with a parameter file or in the account is told by the names that this project has."""

import json
from typing import Any

import pytest

from tests.deployer.releases import client
from tests.second_project.place import REGION, Harbour


def problems(document: dict[str, Any]) -> set[str]:
    """The lines of a message that has one for each problem."""
    return {line.strip() for line in document["error"]["why"].splitlines() if line.strip()}


def test_rules_across_parameters_are_those_that_the_layers_declare(
    harbour_on_disk: Harbour,
) -> None:
    harbour_on_disk.give(
        Fewest=5,
        Most=4,
        Units=512,
        Mebibytes=512,
        FrontNets=["subnet-0d1d2d3d4d5d6071a"],
        CrewNets=["subnet-0d1d2d3d4d5d6071c"] * 2,
        TrialRange="10.0.0.1/8",
    )
    refused = harbour_on_disk.run("plan")
    assert refused["exit_code"] == 2
    assert {told.partition(":")[0] for told in problems(refused)} == {
        "parameters.Fewest",
        "parameters.Mebibytes",
        "parameters.FrontNets",
        "parameters.CrewNets",
        "parameters.TrialRange",
    }
    assert "must not be above Most (4)" in refused["error"]["why"]
    assert "must be one of 1024, 2048 (MiB) with Units 512" in refused["error"]["why"]


@pytest.mark.parametrize("text", [None, "{", '{"schema": "runtime/0"}'])
def test_what_the_layers_say_is_needed_before_anything_is_asked(
    harbour_on_disk: Harbour, text: str | None
) -> None:
    file = harbour_on_disk.root / "build" / "runtime.json"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    for verb in ("plan", "deploy"):
        refused = harbour_on_disk.run(verb)
        assert refused["exit_code"] == 2
        assert refused["error"]["what"].startswith("build/runtime.json ")
        assert refused["error"]["remedy"] == "run: make generate"


def test_what_the_account_lacks_is_told_by_parameter(empty: Harbour) -> None:
    client("ecs", REGION).create_cluster(clusterName="harbour-staging")
    client("logs", REGION).create_log_group(logGroupName="/beacons/harbour-staging")
    kms = client("kms", REGION)
    mine = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::333333333333:root"}, "Action": "kms:*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**mine, "Resource": "*"}]})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    unknown = "subnet-0d1d2d3d4d5d6071e"
    empty.give(
        FrontNets=["subnet-0d1d2d3d4d5d6071a", unknown],
        # Those of the front: an internet gateway is no way out for a task.
        CrewNets=["subnet-0d1d2d3d4d5d6071a", "subnet-0d1d2d3d4d5d6071b"],
        Ledger="nobody-has-this-bucket",
        SealArn=key,
    )
    refused = empty.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    found = {(told["key"], told["value"]): told["reason"] for told in refused["preflight"]["troubles"]}
    assert found.keys() == {
        ("parameters.FrontNets", unknown),
        ("parameters.CrewNets", "subnet-0d1d2d3d4d5d6071a"),
        ("parameters.CrewNets", "subnet-0d1d2d3d4d5d6071b"),
        ("parameters.Ledger", "nobody-has-this-bucket"),
        ("parameters.SealArn", key),
        ("parameters.FleetTitle", "harbour-staging"),
        ("project", "harbour"),
    }
    assert "logs.eu-west-1.amazonaws.com" in found["parameters.SealArn", key]
    assert client("cloudformation", REGION).describe_stacks()["Stacks"] == []

"""What is suggested to somebody who typed a name that is none."""

import pytest

from ecs_blue_green.deployer.nearest import nearest, nearest_resource

PARAMETERS = (
    "MaxCapacity",
    "MinCapacity",
    "GitHubRepository",
    "GitHubBranch",
    "TaskCpu",
    "TaskMemory",
    "VpcId",
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("MaxCapactiy", "MaxCapacity"),
        ("maxcapacity", "MaxCapacity"),
        ("GitHubRepo", "GitHubRepository"),
        ("Memory", "TaskMemory"),
        ("TaskCPUs", "TaskCpu"),
        ("VPC", None),
        ("GitHubToken", None),
        ("Alarms", None),
        ("", None),
    ],
)
def test_parameter(word: str, meant: str | None) -> None:
    assert nearest(word, PARAMETERS) == meant


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("prd", "prod"),
        ("PROD", "prod"),
        ("production", "prod"),
        ("dve", "dev"),
        ("stage", "staging"),
        ("qa", None),
        ("demo", None),
        ("lab", None),
        ("test", None),
    ],
)
def test_environment(word: str, meant: str | None) -> None:
    assert nearest(word, ("dev", "local", "prod", "staging")) == meant


def test_resource_is_one_of_the_layer_that_is_named() -> None:
    known = {"service:Service", "pipeline:Pipeline", "service:Topic"}
    assert nearest_resource("service:Servise", known) == "service:Service"
    assert nearest_resource("servcie:Service", known) == "service:Service"
    assert nearest_resource("service:Pipeline", known) is None
    assert nearest_resource("service:Bucket", known) is None

"""What cfn-lint takes and AWS would not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.testing import limits
from ecs_blue_green.testing.resolved import Project
from tests.paths import PROJECT

Properties = dict[str, Any]
CODE_DEPLOY = {"DeploymentController": {"Type": "CODE_DEPLOY"}}


def problems(resource_type: str, **properties: Any) -> list[str]:
    template = {"Resources": {"One": {"Type": f"AWS::{resource_type}", "Properties": properties}}}
    return list(limits.problems(template))


@pytest.mark.parametrize(
    ("resource_type", "name", "longest"),
    [
        # From the schema, and from our table.
        pytest.param("SNS::Topic", "TopicName", 256, id="schema"),
        pytest.param("CodePipeline::Pipeline", "Name", 100, id="table"),
        pytest.param("ElasticLoadBalancingV2::TargetGroup", "Name", 32, id="no length in its schema"),
    ],
)
def test_name_that_is_too_long(resource_type: str, name: str, longest: int) -> None:
    assert problems(resource_type, **{name: longest * "x"}) == []
    (found,) = problems(resource_type, **{name: longest * "x" + "x"})
    assert found.endswith(f"has {longest + 1} characters, {longest} are allowed")
    assert found.startswith(f"One: {name} ")


def test_name_that_is_known_at_run_time_only_has_no_length() -> None:
    assert problems("SNS::Topic", TopicName={"Ref": "Other"}) == []
    assert problems("SNS::Topic", TopicName="${other-layer:Name}" + 256 * "x") == []


def test_of_every_name_of_the_layers_it_is_known_how_long_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Project(PROJECT).templates().values()
    assert [name for template in templates for name in limits.unknown(template)] == []
    monkeypatch.delitem(limits.LONGEST, "AWS::ECS::Service.ServiceName")
    found = {name for template in templates for name in limits.unknown(template)}
    assert found == {"AWS::ECS::Service.ServiceName"}


def test_name_in_a_layer_of_a_teams_own_needs_no_length() -> None:
    assert problems("CloudWatch::Dashboard", DashboardName=300 * "x") == []


@pytest.mark.parametrize(
    ("cpu", "memory", "is_wrong"),
    [
        ("256", "512", False),
        ("256", "4096", True),
        ("256", "many", True),
        ("32768", "122880", False),
        # cfn-lint and AWS: three sizes, nothing between them.
        ("32768", "69632", True),
        ({"Ref": "Cpu"}, "512", False),
    ],
)
def test_size_that_fargate_does_not_have(cpu: Any, memory: str, is_wrong: bool) -> None:
    found = problems("ECS::TaskDefinition", Cpu=cpu, Memory=memory, RequiresCompatibilities=["FARGATE"])
    assert found == ([f"One: Fargate has no size of {cpu} CPU units and {memory} MiB"] if is_wrong else [])
    assert problems("ECS::TaskDefinition", Cpu=cpu, Memory=memory, RequiresCompatibilities=["EC2"]) == []


@pytest.mark.parametrize(
    ("configuration", "name"),
    [
        ({"Strategy": "BLUE_GREEN"}, "Strategy"),
        ({"BakeTimeInMinutes": 5}, "BakeTimeInMinutes"),
        ({"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}}, "DeploymentCircuitBreaker"),
    ],
)
def test_service_is_not_of_both_controllers(configuration: Properties, name: str) -> None:
    (found,) = problems("ECS::Service", DeploymentConfiguration=configuration, **CODE_DEPLOY)
    assert f"DeploymentConfiguration.{name} is ECS's own controller's" in found
    assert problems("ECS::Service", DeploymentConfiguration=configuration) == []
    assert problems("ECS::Service", DeploymentConfiguration={"MinimumHealthyPercent": 1}, **CODE_DEPLOY) == []


def test_load_balancer_of_the_other_controller_is_told() -> None:
    (found,) = problems("ECS::Service", LoadBalancers=[{"AdvancedConfiguration": {}}], **CODE_DEPLOY)
    assert "LoadBalancers.AdvancedConfiguration" in found


def test_cfn_lint_still_lacks_them(tmp_path: Path) -> None:
    """When it finds one of these, the rule of ours can go."""
    parameters = {
        "Project": {"Type": "String", "AllowedPattern": "[a-z]{1,20}"},
        "Cpu": {"Type": "String", "Default": "256"},
        "Memory": {"Type": "String", "Default": "4096"},
    }
    container = {"Name": "app", "Image": "nginx", "Essential": True}
    resources = {
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                **CODE_DEPLOY,
                "DeploymentConfiguration": {"Strategy": "BLUE_GREEN", "BakeTimeInMinutes": 5},
                "TaskDefinition": "app",
            },
        },
        "TaskDefinition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Cpu": {"Ref": "Cpu"},
                "Memory": {"Ref": "Memory"},
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "ContainerDefinitions": [container],
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": "${Project}" + 250 * "x"}},
        },
    }
    file = tmp_path / "lacks.json"
    file.write_text(
        json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Parameters": parameters, "Resources": resources}
        )
    )
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "us-east-1", "--", str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")

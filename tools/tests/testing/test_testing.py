"""What a project's own tests use, tried on the project of these tests. More of `Site`: tests/pipeline."""

import os
import shutil
from pathlib import Path

import boto3
import pytest
from botocore.session import Session

from ecs_blue_green import runtime
from ecs_blue_green.testing import roles, site
from ecs_blue_green.testing.resolved import Project
from tests.paths import PROJECT

REGION = "eu-west-1"


def test_roles_are_read_as_they_were_deployed(tmp_path: Path) -> None:
    found = roles.read(PROJECT, tmp_path, EnableExecuteCommand="true")
    assert found.environment.project == "sample"
    assert found.names["service:ServiceName"] == "sample-local-api"
    task = found.roles["infrastructure:TaskRole"]
    assert found.names["infrastructure:TaskRoleArn"] == task.arn
    (trust,) = task.trust["Statement"]
    assert trust["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}
    # A right that is there under a condition only.
    assert [one["Action"][0] for one in task.statements] == ["ssmmessages:CreateControlChannel"]
    # Managed policies of one's own count, AWS's do not.
    assert found.roles["pipeline:PipelineRole"].policies
    assert "AWSCodeDeployRoleForECS" not in found.roles["pipeline:CodeDeployRole"].policies


def test_project_that_cannot_be_deployed_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)deploy ended with 2: .*HealthRate"):
        site.deployed(PROJECT, tmp_path / "deployed", HealthRate="2")


def test_templates_are_those_of_one_environment() -> None:
    project = Project(PROJECT)
    plain, changed = project.templates(), project.templates({"CertificateArn": "arn:x", "ContainerPort": "1"})
    assert "RedirectListener" not in plain["infrastructure"]["Resources"]
    assert "Condition" not in changed["infrastructure"]["Resources"]["RedirectListener"]
    group = changed["infrastructure"]["Resources"]["BlueTargetGroup"]["Properties"]
    assert group["Port"] == "1"
    # What only a running resource knows stays a function; from another layer it is a text that names it.
    listener = plain["infrastructure"]["Resources"]["ProductionListener"]["Properties"]
    assert listener["DefaultActions"][0]["TargetGroupArn"] == {"Ref": "BlueTargetGroup"}
    service = plain["service"]["Resources"]["Service"]["Properties"]
    assert service["LoadBalancers"][0]["TargetGroupArn"] == "${infrastructure:BlueTargetGroup}"


def test_resources_are_found_by_their_type(tmp_path: Path) -> None:
    """By nobody's names: a project with two of a type is told."""
    state = site.deployed(PROJECT, tmp_path / "deployed")
    with site.running(PROJECT, state, tmp_path, ["build"]) as found:
        assert found.physical_id("AWS::ECR::Repository") == "sample-local-api"
        assert found.live_revision() == found.stack_revision()
        assert found.image_tags() == set()
        assert sorted(path.name for path in found.tree("c1").iterdir()) == ["build"]
        with pytest.raises(ValueError, match="too many values"):
            found.physical_id("AWS::IAM::Role")


def test_models_of_services_are_read_once_for_all_sessions() -> None:
    loaders = [Session().get_component("data_loader") for _ in range(2)]
    assert loaders[0] is loaders[1]


def test_methods_of_clients_are_made_once_for_all_sessions() -> None:
    first, second = (boto3.session.Session().client("sts", region_name=REGION) for _ in range(2))
    assert type(first).get_caller_identity is type(second).get_caller_identity
    assert first.meta.events is not second.meta.events


def test_runtime_is_checked_once_as_long_as_it_says_the_same(tmp_path: Path) -> None:
    first = runtime.read_runtime(PROJECT / "build")
    assert runtime.read_runtime(PROJECT / "build") is first
    shutil.copy(PROJECT / "build" / runtime.FILE, tmp_path)
    text = (tmp_path / runtime.FILE).read_text()
    (tmp_path / runtime.FILE).write_text(text.replace('"runtime/1"', '"runtime/0"'))
    with pytest.raises(runtime.Unusable, match="its schema is runtime/0"):
        runtime.read_runtime(tmp_path)


def test_there_are_more_workers_than_processors(pytestconfig: pytest.Config) -> None:
    """xdist has an answer of its own, which is not to be asked."""
    if not pytestconfig.pluginmanager.has_plugin("xdist"):
        pytest.skip("runs without pytest-xdist")
    assert pytestconfig.hook.pytest_xdist_auto_num_workers(config=pytestconfig) > (os.cpu_count() or 1)

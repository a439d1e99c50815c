"""Releases through the pipeline's own stages, on the emulator."""

import dataclasses
import secrets
import zipfile
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from ecs_blue_green.codebuild import stand_ins
from ecs_blue_green.pipeline import deploy
from tests.pipeline.site import NAME, Site, read_artifact

# What a description of a task definition holds beside what can be registered (aws-sdk's service model).
NOT_REGISTRABLE = {
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
}


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The environment of the whole module: one release after another, each of a commit of its own."""
    return shared_site


@pytest.fixture
def commit() -> str:
    return secrets.token_hex(20)


def test_commit_is_released_from_source_to_tag(site: Site, commit: str) -> None:
    """All stages as they are in the template, Verify on a clean checkout among them."""
    execution = site.push(commit)
    for stage in site.definition.stages:
        result = site.stage(execution, stage.name)
        assert not result.failure, result.failure
    assert [stage.name for stage in site.definition.stages] == ["Source", "Build", "Deploy"]
    image = read_artifact(execution, "Release", "imageDetail.json")["ImageURI"]
    live = site.revision(site.live_revision())["taskDefinition"]
    assert [container["image"] for container in live["containerDefinitions"]] == [image]
    assert {commit, f"release-{commit}"} <= site.image_tags()


def test_release_that_changes_the_task_definition_deploys_the_new_one(site: Site, commit: str) -> None:
    before = site.stack_revision()
    execution = site.push(commit, HealthRate="0.5")
    prepared, executed = site.run(execution, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")[1:]
    assert prepared.summary == "modify TaskDefinition"
    assert executed.summary == "UPDATE_COMPLETE"
    assert site.stack_revision() != before
    site.run(execution, "ImageBuild", "Render")
    (container,) = read_artifact(execution, "Release", "taskdef.json")["containerDefinitions"]
    assert {"name": "HEALTH_RATE", "value": "0.5"} in container["environment"]


def test_release_of_the_application_alone_makes_no_revision_of_the_stack(site: Site, commit: str) -> None:
    deployed = site.push(secrets.token_hex(20))
    site.run(deployed, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    before = site.stack_revision()
    execution = site.push(commit)
    results = site.run(execution, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    assert [result.summary for result in results[1:]] == ["no changes", "no changes"]
    assert site.stack_revision() == before
    site.run(execution, "ImageBuild", "Render", "Deploy")
    assert site.live_revision() != before


def test_what_render_writes_can_be_registered(site: Site, commit: str) -> None:
    """By AWS's own model of the request, and by the emulator."""
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild", "Render")
    taskdef = read_artifact(execution, "Release", "taskdef.json")
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    assert shape
    report = ParamValidator().validate(taskdef, shape)
    assert not report.has_errors(), report.generate_report()
    assert not set(taskdef) & NOT_REGISTRABLE
    assert site.client("ecs").register_task_definition(**taskdef)["taskDefinition"]["family"] == NAME


def test_what_render_writes_keeps_what_the_stack_says(site: Site, commit: str) -> None:
    """Tags, variables, secrets and roles; only the image is left open."""
    secret = {"name": "KEY", "valueFrom": "arn:aws:ssm:ap-northeast-1:000000000000:parameter/key"}
    declared = site.revision(site.stack_revision())
    given = {
        name: value
        for name, value in declared["taskDefinition"].items()
        if name not in NOT_REGISTRABLE and value not in ([], None)
    }
    given["containerDefinitions"][0]["secrets"] = [secret]
    made = site.client("ecs").register_task_definition(
        **given, tags=[*declared["tags"], {"key": "aws:cloudformation:stack-name", "value": "x"}]
    )
    of_stack = site.revision(made["taskDefinition"]["taskDefinitionArn"])
    taskdef = _rendered_from(site, commit, of_stack["taskDefinition"]["taskDefinitionArn"])
    before = of_stack["taskDefinition"]
    for name in ("family", "taskRoleArn", "executionRoleArn", "cpu", "memory", "runtimePlatform"):
        assert taskdef[name] == before[name], name
    (container,) = taskdef["containerDefinitions"]
    assert container == {**before["containerDefinitions"][0], "image": "<IMAGE1_NAME>"}
    assert container["secrets"] == [secret]
    assert {tag["key"]: tag["value"] for tag in taskdef["tags"]} == {
        tag["key"]: tag["value"] for tag in declared["tags"] if not tag["key"].startswith("aws:")
    }


def _rendered_from(site: Site, commit: str, revision: str) -> dict[str, Any]:
    """taskdef.json as Render writes it where the stack's output is this revision."""
    programs = stand_ins.make(site.folder / "answering")
    real = (programs / "aws").read_text()
    answer = f'[ "$1" = cloudformation ] && {{ echo {revision}; exit; }}\nexec '
    (programs / "aws").write_text(real.replace("exec ", answer, 1))
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild")
    site.run(execution, "Render", path=[programs])
    found: dict[str, Any] = read_artifact(execution, "Release", "taskdef.json")
    return found


@pytest.mark.parametrize("smoke_test", ["enabled", "disabled"])
def test_appspec_has_the_documented_keys(site: Site, commit: str, smoke_test: str) -> None:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html"""
    project = site.definition.projects["sample-local-render"]
    changed = dataclasses.replace(project, variables={**project.variables, "SMOKE_TEST": smoke_test})
    projects = {**site.definition.projects, project.name: changed}
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild")
    site.run(execution, "Render", definition=dataclasses.replace(site.definition, projects=projects))
    (container,) = site.revision(site.stack_revision())["taskDefinition"]["containerDefinitions"]
    (port,) = container["portMappings"]
    hooks = [{"AfterAllowTestTraffic": "sample-local-smoke-test"}]
    properties = {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": container["name"], "ContainerPort": port["containerPort"]},
    }
    assert read_artifact(execution, "Release", "appspec.json") == {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
        **({"Hooks": hooks} if smoke_test == "enabled" else {}),
    }


def test_artifact_of_the_deploy_action_is_three_small_files(site: Site, commit: str) -> None:
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild", "Render")
    for name in site.action("Deploy").inputs:
        artifact = execution.artifact(name)
        assert artifact.stat().st_size < deploy.ARTIFACT_BYTES
        with zipfile.ZipFile(artifact) as archive:
            assert archive.namelist() == ["appspec.json", "imageDetail.json", "taskdef.json"]


def test_released_image_is_tagged_once(site: Site, commit: str) -> None:
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild", "Render", "TagRelease", "TagRelease")
    assert {commit, f"release-{commit}"} <= site.image_tags()


def test_approval_is_a_stage_of_its_own_where_it_is_required(site: Site) -> None:
    cloudformation = site.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName="sample-local-pipeline")["Stacks"][0]
    others = [
        {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
        for item in stack["Parameters"]
        if item["ParameterKey"] != "RequireApproval"
    ]
    cloudformation.update_stack(
        StackName="sample-local-pipeline",
        UsePreviousTemplate=True,
        Parameters=[*others, {"ParameterKey": "RequireApproval", "ParameterValue": "true"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName="sample-local-pipeline", WaiterConfig={"Delay": 0.1}
    )
    definition = site.reread()
    assert [stage.name for stage in definition.stages] == ["Source", "Build", "Approve", "Deploy"]

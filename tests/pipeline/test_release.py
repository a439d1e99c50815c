"""What the build steps of a release write and leave, on the emulator. All stages: test_end_to_end.py."""

import dataclasses
import secrets
import zipfile
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from ecs_blue_green.codebuild import stand_ins
from ecs_blue_green.pipeline import deploy
from ecs_blue_green.testing.site import Site, read_artifact

from tests.pipeline.conftest import project_of

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


def the_applications(site: Site, containers: list[dict[str, Any]]) -> dict[str, Any]:
    """The container that is released, of those of a task definition."""
    name = project_of(site, "Render").variables["CONTAINER_NAME"]
    (found,) = [container for container in containers if container["name"] == name]
    return found


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
    made = site.client("ecs").register_task_definition(**taskdef)["taskDefinition"]
    assert made["family"] == site.revision(site.stack_revision())["taskDefinition"]["family"]


def test_what_render_writes_keeps_what_the_stack_says(site: Site, commit: str) -> None:
    """Tags, variables, secrets and roles; only the image is left open."""
    secret = {"name": "KEY", "valueFrom": "arn:aws:ssm:ap-northeast-1:000000000000:parameter/key"}
    declared = site.revision(site.stack_revision())
    given = {
        name: value
        for name, value in declared["taskDefinition"].items()
        if name not in NOT_REGISTRABLE and value not in ([], None)
    }
    the_applications(site, given["containerDefinitions"])["secrets"] = [secret]
    made = site.client("ecs").register_task_definition(
        **given, tags=[*declared["tags"], {"key": "aws:cloudformation:stack-name", "value": "x"}]
    )
    of_stack = site.revision(made["taskDefinition"]["taskDefinitionArn"])
    taskdef = _rendered_from(site, commit, of_stack["taskDefinition"]["taskDefinitionArn"])
    before = of_stack["taskDefinition"]
    for name in ("family", "taskRoleArn", "executionRoleArn", "cpu", "memory", "runtimePlatform"):
        assert taskdef[name] == before[name], name
    container = the_applications(site, taskdef["containerDefinitions"])
    declared_one = the_applications(site, before["containerDefinitions"])
    assert container == {**declared_one, "image": "<IMAGE1_NAME>"}
    others = [one for one in taskdef["containerDefinitions"] if one is not container]
    images = {one["name"]: one["image"] for one in others}
    assert others == [
        {**one, "image": images[one["name"]]}
        for one in before["containerDefinitions"]
        if one is not declared_one
    ]
    assert container["secrets"] == [secret]
    assert {tag["key"]: tag["value"] for tag in taskdef["tags"]} == {
        tag["key"]: tag["value"] for tag in declared["tags"] if not tag["key"].startswith("aws:")
    }


def _rendered_from(site: Site, commit: str, revision: str) -> dict[str, Any]:
    """taskdef.json as Render writes it where the stack's output is this revision."""
    programs = stand_ins.make_stand_ins(site.folder / "answering")
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
    render = project_of(site, "Render")
    changed = dataclasses.replace(render, variables={**render.variables, "SMOKE_TEST": smoke_test})
    projects = {**site.definition.projects, render.name: changed}
    execution = site.push(commit)
    site.run(execution, "Source", "ImageBuild")
    site.run(execution, "Render", definition=dataclasses.replace(site.definition, projects=projects))
    revision = site.revision(site.stack_revision())["taskDefinition"]
    container = the_applications(site, revision["containerDefinitions"])
    (port,) = container["portMappings"]
    hooks = [{"AfterAllowTestTraffic": site.physical_id("AWS::Lambda::Function")}]
    ecs = site.client("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    (service,) = ecs.describe_services(
        cluster=cluster, services=ecs.list_services(cluster=cluster)["serviceArns"]
    )["services"]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    properties: dict[str, Any] = {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": container["name"], "ContainerPort": port["containerPort"]},
        "PlatformVersion": render.variables["PLATFORM_VERSION"],
        # What the service was made with: a release moves it where the pipeline's parameters say otherwise.
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": network["subnets"],
                "SecurityGroups": network["securityGroups"],
                "AssignPublicIp": network["assignPublicIp"],
            }
        },
    }
    # It was made on the launch type, or on the providers that releases name.
    if "capacityProviderStrategy" in service:
        properties["CapacityProviderStrategy"] = [
            {"CapacityProvider": one["capacityProvider"], "Weight": one["weight"], "Base": one["base"]}
            for one in service["capacityProviderStrategy"]
        ]
    found = read_artifact(execution, "Release", "appspec.json")
    assert found == {
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

"""Render, with a description that has more in it than ours: what it keeps, leaves out, and refuses."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape
from botocore.validate import ParamValidator
from ecs_blue_green.codebuild import Build, Machine, read_project, run, stand_ins
from ecs_blue_green.codebuild.artifacts import unpack

from templates.pipeline import build_projects

SPECIFICATION = (build_projects.BUILDSPECS / "render.yml").read_text()
REPOSITORY = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/sample-local-api"
IMAGE = f"{REPOSITORY}@sha256:{64 * 'a'}"

# As DescribeTaskDefinition answers, with a container beside the application's.
DESCRIBED: dict[str, Any] = json.loads(Path(__file__).with_name("described.json").read_text())


def render(
    folder: Path, described: dict[str, Any], revision: str = "task-definition/x:7", **moved: str
) -> Build:
    """Run the step where the stack has this revision and ECS describes it so."""
    (folder / "input").mkdir()
    (folder / "input" / "imageDetail.json").write_text(json.dumps({"ImageURI": IMAGE}))
    (folder / "described").write_text(json.dumps(described))
    programs = stand_ins.make_stand_ins(folder / "bin", ("python3",))
    (programs / "aws").write_text(
        f'#!/bin/sh\necho "$*" >>"{folder}/calls"\n'
        f'case $1 in cloudformation) echo "{revision}" ;; ecs) cat "{folder}/described" ;; esac\n'
    )
    (programs / "aws").chmod(0o755)
    variables = {
        "TASK_DEFINITION_STACK_NAME": "sample-local-task-definition",
        "CONTAINER_NAME": "sample-api",
        "CONTAINER_PORT": "1323",
        "SUBNET_IDS": "subnet-a,subnet-b",
        "SECURITY_GROUP_ID": "sg-a",
        "ASSIGN_PUBLIC_IP": "DISABLED",
        "PLATFORM_VERSION": "LATEST",
        "CAPACITY_PROVIDERS": build_projects.LAUNCH_TYPE,
        **moved,
        "SMOKE_TEST": "disabled",
        "SMOKE_TEST_FUNCTION_NAME": "sample-local-smoke-test",
    }
    project = read_project("Render", {"Name": "r", "Source": {"BuildSpec": SPECIFICATION}, "Environment": {}})
    done = run(
        project, folder / "input", output=folder / "out.zip", variables=variables, machine=Machine([programs])
    )
    if done.status == "SUCCEEDED":
        unpack(folder / "out.zip", folder / "out")
    return done


def rendered(folder: Path, described: dict[str, Any] = DESCRIBED) -> dict[str, Any]:
    done = render(folder, described)
    assert done.status == "SUCCEEDED", done.text
    found: dict[str, Any] = json.loads((folder / "out" / "taskdef.json").read_text())
    return found


def app_spec(folder: Path, **moved: str) -> dict[str, Any]:
    """The properties of the service in the AppSpec."""
    done = render(folder, DESCRIBED, **moved)
    assert done.status == "SUCCEEDED", done.text
    document = json.loads((folder / "out" / "appspec.json").read_text())
    properties: dict[str, Any] = document["Resources"][0]["TargetService"]["Properties"]
    return properties


def test_release_moves_network_and_platform(tmp_path: Path) -> None:
    """ECS refuses them in an update of the service: no other way leads there."""
    found = app_spec(tmp_path, PLATFORM_VERSION="1.4.0")
    assert found["PlatformVersion"] == "1.4.0"
    assert found["NetworkConfiguration"] == {
        "AwsvpcConfiguration": {
            "Subnets": ["subnet-a", "subnet-b"],
            "SecurityGroups": ["sg-a"],
            "AssignPublicIp": "DISABLED",
        }
    }
    # Unset keeps the launch type.
    assert "CapacityProviderStrategy" not in found


def test_release_names_capacity_providers_where_some_are_set(tmp_path: Path) -> None:
    found = app_spec(tmp_path, CAPACITY_PROVIDERS="FARGATE:1:2,FARGATE_SPOT:3")
    assert found["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Weight": 1, "Base": 2},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 3, "Base": 0},
    ]


def register_task_definition() -> StructureShape:
    """What RegisterTaskDefinition takes, in AWS's own model."""
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    assert shape
    return shape


def test_revision_that_the_stack_has_is_described(tmp_path: Path) -> None:
    render(tmp_path, DESCRIBED)
    asked = (tmp_path / "calls").read_text().splitlines()
    assert "--stack-name sample-local-task-definition" in asked[0]
    assert "--task-definition task-definition/x:7 --include TAGS" in asked[1]


def test_result_can_be_registered(tmp_path: Path) -> None:
    taskdef = rendered(tmp_path)
    report = ParamValidator().validate(taskdef, register_task_definition())
    assert not report.has_errors(), report.generate_report()
    assert set(taskdef) <= set(register_task_definition().members)


def test_every_field_that_can_be_registered_is_carried() -> None:
    """By the newest botocore's model: .venv's is production's."""
    listed = SPECIFICATION.partition("FIELDS = (")[2].partition(")")[0]
    assert {*re.findall(r"\w+", listed), "tags"} == set(register_task_definition().members)


def test_everything_but_the_image_is_kept(tmp_path: Path) -> None:
    taskdef, before = rendered(tmp_path), DESCRIBED["taskDefinition"]
    sidecar, container = taskdef["containerDefinitions"]
    assert container == {**before["containerDefinitions"][1], "image": "<IMAGE1_NAME>"}
    assert sidecar == before["containerDefinitions"][0]
    for key in ("family", "taskRoleArn", "executionRoleArn", "cpu", "memory", "runtimePlatform"):
        assert taskdef[key] == before[key]
    assert taskdef["tags"] == [{"key": "team", "value": "platform"}]


@pytest.mark.parametrize(
    ("image", "released"),
    [
        pytest.param(f"{REPOSITORY}:initial", IMAGE, id="tag"),
        pytest.param(REPOSITORY, IMAGE, id="neither tag nor digest"),
        pytest.param(f"{REPOSITORY}@sha256:{64 * 'b'}", IMAGE, id="digest"),
        pytest.param(f"{REPOSITORY}:initial@sha256:{64 * 'b'}", IMAGE, id="tag and digest"),
        pytest.param(f"{REPOSITORY}-tools:initial", f"{REPOSITORY}-tools:initial", id="longer name"),
        pytest.param("sample-local-api:initial", "sample-local-api:initial", id="another registry"),
    ],
)
def test_other_containers_of_the_repository_get_the_image_too(
    tmp_path: Path, image: str, released: str
) -> None:
    """A container for migrations would stay on the first image for ever, and nobody would be told."""
    revision = DESCRIBED["taskDefinition"]
    migrate = {"name": "migrate", "image": image, "essential": False, "command": ["migrate"]}
    containers = [migrate, *revision["containerDefinitions"]]
    taskdef = rendered(tmp_path, {"taskDefinition": {**revision, "containerDefinitions": containers}})
    found, sidecar, container = taskdef["containerDefinitions"]
    assert found == {**migrate, "image": released}
    assert (sidecar["image"], container["image"]) == ("sidecar:1", "<IMAGE1_NAME>")


def test_every_field_that_can_be_registered_is_known() -> None:
    """A field that AWS adds would be lost in every release."""
    for field in set(register_task_definition().members) - {"tags"}:
        assert f"{field} " in SPECIFICATION or f' {field}"' in SPECIFICATION, field


@pytest.mark.parametrize(
    ("described", "revision", "message"),
    [
        pytest.param(
            {"taskDefinition": {**DESCRIBED["taskDefinition"], "containerDefinitions": [{"name": "other"}]}},
            "task-definition/x:7",
            "has no container sample-api",
            id="no such container",
        ),
        pytest.param(DESCRIBED, "None", "the stack has no output TaskDefinitionArn", id="no revision"),
    ],
)
def test_what_cannot_be_released_fails(
    tmp_path: Path, described: dict[str, Any], revision: str, message: str
) -> None:
    done = render(tmp_path, described, revision)
    assert done.status == "FAILED"
    assert f"error: {message}" in done.text or message in done.text

"""The build specifications do what they say, with stand-ins for the AWS CLI and for docker."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.model import StructureShape
from botocore.validate import ParamValidator

from templates import _build_projects

BASH = shutil.which("bash") or "bash"
SPECIFICATIONS = sorted(_build_projects.BUILDSPECS.glob("*.yml"))
REPOSITORY_URI = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/sample-local-api"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64

DESCRIBED: dict[str, Any] = {
    "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/sample-local-api:7",
        "containerDefinitions": [
            {
                "name": "sidecar",
                "image": "sidecar:1",
                "essential": False,
                "environment": [],
            },
            {
                "name": "sample-api",
                "image": f"{REPOSITORY_URI}:initial",
                "portMappings": [{"containerPort": 1323, "hostPort": 1323, "protocol": "tcp"}],
                "environment": [{"name": "HEALTH_RATE", "value": "1.0"}],
                "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:::parameter/key"}],
            },
        ],
        "family": "sample-local-api",
        "taskRoleArn": "arn:aws:iam::000000000000:role/task",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "networkMode": "awsvpc",
        "revision": 7,
        "volumes": [],
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
        "placementConstraints": [],
        "compatibilities": ["EC2", "FARGATE"],
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "registeredAt": "2026-01-01T00:00:00+00:00",
        "registeredBy": "arn:aws:sts::000000000000:assumed-role/x/y",
        "enableFaultInjection": False,
    },
    "tags": [
        {"key": "aws:cloudformation:stack-name", "value": "sample-local-task-definition"},
        {"key": "team", "value": "platform"},
    ],
}


def specification(slug: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_build_projects.BUILDSPECS / f"{slug}.yml").read_text())
    return loaded


def commands(slug: str) -> list[str]:
    return [command for phase in specification(slug)["phases"].values() for command in phase["commands"]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The stand-ins' folder: programs in `bin`, what they know and what they were asked beside it."""
    state = tmp_path / "state"
    (state / "bin").mkdir(parents=True)
    (state / "images").mkdir()
    (state / "calls").touch()
    program(
        state / "bin/aws", f"exec '{sys.executable}' '{Path(__file__).with_name('stand_in_aws.py')}' \"$@\""
    )
    program(state / "bin/python3", f"exec '{sys.executable}' \"$@\"")
    program(
        state / "bin/docker",
        f"""
        echo "docker $*" >>"$STATE/docker"
        case $1 in
          login) cat >/dev/null ;;
          push) if [ -e "$STATE/no-push" ]; then exit 1; fi; printf {DIGEST} >"$STATE/images/${{2##*:}}" ;;
        esac
        """,
    )
    return state


def program(path: Path, script: str) -> None:
    path.write_text(f"#!{BASH}\n{script}\n")
    path.chmod(0o755)


def run(slug: str, state: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a specification's commands in the folder `work`, which is where its artifacts end up."""
    work = state.parent / "work"
    work.mkdir(exist_ok=True)
    declared = {key: str(value) for key, value in specification(slug)["env"].get("variables", {}).items()}
    return subprocess.run(
        [BASH, "-c", "\n".join(commands(slug))],
        cwd=work,
        env={"PATH": f"{state / 'bin'}:/usr/bin:/bin", "STATE": str(state), **declared, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def written(state: Path, name: str) -> Any:
    return json.loads((state.parent / "work" / name).read_text())


# All specifications


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_commands_are_bash(path: Path) -> None:
    assert specification(path.stem)["version"] == 0.2
    assert specification(path.stem)["env"]["shell"] == "bash"
    for command in commands(path.stem):
        checked = subprocess.run([BASH, "-n", "-c", command], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("path", SPECIFICATIONS, ids=lambda path: path.stem)
def test_commands_need_bash_the_aws_cli_and_python_only(path: Path) -> None:
    words = set(path.read_text().split())
    assert not words & {"jq", "sed", "awk", "curl", "pip", "npm", "make", "git", "envsubst"}


# Verify


def test_verify_installs_locked_requirements_and_checks_what_was_generated() -> None:
    assert commands("verify") == [
        "sh requirements/install .venv requirements/main.txt",
        ".venv/bin/python generate.py --check",
        ".venv/bin/cfn-lint",
    ]


# ImageBuild


def build_image(state: Path) -> subprocess.CompletedProcess[str]:
    return run(
        "image-build",
        state,
        REPOSITORY_NAME="sample-local-api",
        REPOSITORY_URI=REPOSITORY_URI,
        COMMIT_ID=COMMIT,
    )


def test_image_build_pushes_the_commit_and_answers_with_the_digest(state: Path) -> None:
    done = build_image(state)
    assert done.returncode == 0, done.stderr
    assert written(state, "imageDetail.json") == {"ImageURI": f"{REPOSITORY_URI}@{DIGEST}"}
    image = f"{REPOSITORY_URI}:{COMMIT}"
    assert (state / "docker").read_text().splitlines() == [
        f"docker login --username AWS --password-stdin {REPOSITORY_URI.partition('/')[0]}",
        f"docker build --build-arg VERSION={COMMIT} --tag {image} app",
        f"docker push {image}",
    ]


def test_image_build_takes_the_image_that_is_there(state: Path) -> None:
    (state / "images" / COMMIT).write_text(OTHER_DIGEST)
    done = build_image(state)
    assert done.returncode == 0, done.stderr
    assert written(state, "imageDetail.json") == {"ImageURI": f"{REPOSITORY_URI}@{OTHER_DIGEST}"}
    assert not (state / "docker").exists()


def test_image_build_fails_when_the_push_fails(state: Path) -> None:
    (state / "no-push").touch()
    assert build_image(state).returncode != 0
    assert not (state.parent / "work/imageDetail.json").exists()


# Render


def register_task_definition() -> StructureShape:
    """What RegisterTaskDefinition takes, in AWS's own model."""
    operation = (
        botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    )
    assert operation.input_shape
    return operation.input_shape


def render(
    state: Path,
    described: dict[str, Any],
    outputs: list[dict[str, str]] | None = None,
    smoke_test: str = "disabled",
) -> subprocess.CompletedProcess[str]:
    revision = {
        "OutputKey": "TaskDefinitionArn",
        "OutputValue": described["taskDefinition"]["taskDefinitionArn"],
    }
    other = {"OutputKey": "ContainerName", "OutputValue": "sample-api"}
    stack = {"Stacks": [{"Outputs": [other, revision] if outputs is None else outputs}]}
    (state / "describe-stacks").write_text(json.dumps(stack))
    (state / "describe-task-definition").write_text(json.dumps(described))
    (state.parent / "work").mkdir(exist_ok=True)
    detail = {"ImageURI": f"{REPOSITORY_URI}@{DIGEST}"}
    (state.parent / "work/imageDetail.json").write_text(json.dumps(detail))
    return run(
        "render",
        state,
        TASK_DEFINITION_STACK_NAME="sample-local-task-definition",
        CONTAINER_NAME="sample-api",
        CONTAINER_PORT="1323",
        SMOKE_TEST=smoke_test,
        SMOKE_TEST_FUNCTION_NAME="sample-local-smoke-test",
    )


def test_render_describes_the_revision_that_the_stack_has(state: Path) -> None:
    assert render(state, DESCRIBED).returncode == 0
    describe = json.loads((state / "calls").read_text().splitlines()[-1])
    revision = DESCRIBED["taskDefinition"]["taskDefinitionArn"]
    assert describe[3:] == ["--task-definition", revision, "--include", "TAGS", "--output", "json"]


def test_rendered_task_definition_can_be_registered(state: Path) -> None:
    done = render(state, DESCRIBED)
    assert done.returncode == 0, done.stderr
    taskdef = written(state, "taskdef.json")
    report = ParamValidator().validate(taskdef, register_task_definition())
    assert not report.has_errors(), report.generate_report()
    assert set(taskdef) <= set(register_task_definition().members)


def test_rendered_task_definition_keeps_everything_but_the_image(state: Path) -> None:
    render(state, DESCRIBED)
    taskdef = written(state, "taskdef.json")
    sidecar, container = taskdef["containerDefinitions"]
    before = DESCRIBED["taskDefinition"]
    assert container == {**before["containerDefinitions"][1], "image": "<IMAGE1_NAME>"}
    assert sidecar == before["containerDefinitions"][0]
    for key in ("family", "taskRoleArn", "executionRoleArn", "cpu", "memory", "runtimePlatform"):
        assert taskdef[key] == before[key]
    assert taskdef["tags"] == [{"key": "team", "value": "platform"}]


def test_render_knows_every_field_that_can_be_registered() -> None:
    """A field that AWS adds would be lost in every release."""
    script = commands("render")[0]
    for field in set(register_task_definition().members) - {"tags"}:
        assert f"{field} " in script or f' {field}"' in script, field


def test_rendered_appspec_is_as_documented(state: Path) -> None:
    render(state, DESCRIBED)
    assert written(state, "appspec.json") == {
        "version": 0.0,
        "Resources": [
            {
                "TargetService": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "TaskDefinition": "<TASK_DEFINITION>",
                        "LoadBalancerInfo": {"ContainerName": "sample-api", "ContainerPort": 1323},
                    },
                }
            }
        ],
    }


def test_rendered_appspec_names_the_smoke_test_only_where_it_is_enabled(state: Path) -> None:
    render(state, DESCRIBED)
    assert "Hooks" not in written(state, "appspec.json")
    render(state, DESCRIBED, smoke_test="enabled")
    assert written(state, "appspec.json")["Hooks"] == [{"AfterAllowTestTraffic": "sample-local-smoke-test"}]


def test_render_fails_without_the_container(state: Path) -> None:
    revision = {**DESCRIBED["taskDefinition"], "containerDefinitions": [{"name": "other", "image": "x"}]}
    done = render(state, {"taskDefinition": revision})
    assert done.returncode == 1
    assert "has no container sample-api" in done.stderr


def test_render_fails_when_the_stack_has_no_revision(state: Path) -> None:
    done = render(state, DESCRIBED, outputs=[])
    assert done.returncode != 0
    assert "error: the stack has no output TaskDefinitionArn" in done.stderr


# TagRelease


def tag_release(state: Path, digest: str = DIGEST) -> subprocess.CompletedProcess[str]:
    work = state.parent / "work"
    work.mkdir()
    (work / "imageDetail.json").write_text(json.dumps({"ImageURI": f"{REPOSITORY_URI}@{digest}"}))
    return run("tag-release", state, REPOSITORY_NAME="sample-local-api", COMMIT_ID=COMMIT)


def test_tag_release_tags_the_image_by_its_digest(state: Path) -> None:
    (state / "images" / COMMIT).write_text(DIGEST)
    done = tag_release(state)
    assert done.returncode == 0, done.stderr
    assert (state / "images" / f"release-{COMMIT}").read_text() == DIGEST


def test_tag_release_leaves_a_tag_that_is_there(state: Path) -> None:
    (state / "images" / f"release-{COMMIT}").write_text(DIGEST)
    done = tag_release(state)
    assert done.returncode == 0, done.stderr
    assert "put-image" not in (state / "calls").read_text()


def test_tag_release_fails_when_the_tag_is_on_another_image(state: Path) -> None:
    (state / "images" / f"release-{COMMIT}").write_text(OTHER_DIGEST)
    done = tag_release(state)
    assert done.returncode == 1
    assert f"is on {OTHER_DIGEST}" in done.stderr


def test_tag_release_fails_when_the_image_is_gone(state: Path) -> None:
    done = tag_release(state)
    assert done.returncode == 1
    assert f"the repository has no image {DIGEST}" in done.stderr
    assert not list((state / "images").iterdir())

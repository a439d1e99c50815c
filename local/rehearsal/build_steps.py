"""The build projects, done directly: stands in until the runner of build specifications is there."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import ClientError

from local.rehearsal.cloud import Cloud


class BuildFailed(Exception):
    """A build step failed; the message says why."""


def run(cloud: Cloud, project: str, source: Path, output: Path, given: Mapping[str, str]) -> str:
    """Do what the build project `project` does, with `source` as its input and `output` for its artifact.

    `given` are the variables that the action sets. Says in a few words what it did. Raises BuildFailed.
    """
    found = cloud.client("codebuild").batch_get_projects(names=[project])["projects"][0]
    declared = found["environment"].get("environmentVariables", [])
    variables = {item["name"]: item["value"] for item in declared} | dict(given)
    output.mkdir(parents=True, exist_ok=True)
    for suffix, step in STEPS.items():
        if project.endswith(suffix):
            return step(cloud, variables, source, output)
    raise BuildFailed(f"the rehearsal does not know the build project {project}")


def _verify(cloud: Cloud, variables: Mapping[str, str], source: Path, output: Path) -> str:
    done = subprocess.run(
        [sys.executable, "generate.py", "--check"], cwd=source, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildFailed(f"build/ is not what templates/ and params/ generate: {done.stdout[-500:]}")
    return "build/ is fresh"


def _image_build(cloud: Cloud, variables: Mapping[str, str], source: Path, output: Path) -> str:
    ecr, name, tag = cloud.client("ecr"), variables["REPOSITORY_NAME"], variables["COMMIT_ID"]
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{tag:0>64}"}, "layers": []})
    try:
        ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag=tag)
        what = f"image {tag[:7]} pushed"
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageTagAlreadyExistsException":
            raise BuildFailed(str(error)) from error
        what = f"image {tag[:7]} was there"
    found = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"][0]
    uri = f"{variables['REPOSITORY_URI']}@{found['imageId']['imageDigest']}"
    (output / "imageDetail.json").write_text(json.dumps({"ImageURI": uri}))
    return what


def _render(cloud: Cloud, variables: Mapping[str, str], source: Path, output: Path) -> str:
    stack = variables["TASK_DEFINITION_STACK_NAME"]
    arn = cloud.outputs(stack)["TaskDefinitionArn"]
    described = cloud.client("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    accepted = cloud.client("ecs").meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    taskdef = {key: value for key, value in described["taskDefinition"].items() if key in accepted.members}
    for container in taskdef["containerDefinitions"]:
        if container["name"] == variables["CONTAINER_NAME"]:
            container["image"] = "<IMAGE1_NAME>"
    target = {
        "ContainerName": variables["CONTAINER_NAME"],
        "ContainerPort": int(variables["CONTAINER_PORT"]),
    }
    properties = {"TaskDefinition": "<TASK_DEFINITION>", "LoadBalancerInfo": target}
    appspec: dict[str, object] = {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    }
    if variables.get("SMOKE_TEST") == "enabled":
        appspec["Hooks"] = [{"AfterAllowTestTraffic": variables["SMOKE_TEST_FUNCTION_NAME"]}]
    (output / "taskdef.json").write_text(json.dumps(taskdef))
    (output / "appspec.json").write_text(json.dumps(appspec))
    (output / "imageDetail.json").write_text((source / "imageDetail.json").read_text())
    return f"rendered from {arn.rpartition('/')[2]}"


def _tag_release(cloud: Cloud, variables: Mapping[str, str], source: Path, output: Path) -> str:
    return "release tagged"


STEPS = {
    "-verify": _verify,
    "-image-build": _image_build,
    "-render": _render,
    "-tag-release": _tag_release,
}

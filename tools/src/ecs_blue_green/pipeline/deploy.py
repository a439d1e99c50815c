"""CodePipeline's CodeDeployToECS action: the revision is registered with its image, then deployed.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
"""

import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from botocore.exceptions import ClientError, ParamValidationError

from ecs_blue_green.pipeline.change_sets import ActionFailed

# Each input artifact must be smaller than this (November 2026).
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
ARTIFACT_BYTES = 3 * 1024 * 1024
TASK_DEFINITION = "<TASK_DEFINITION>"
POLL_SECONDS = 0.05
IMAGES = (1, 2, 3, 4)


class Release(NamedTuple):
    """What a deployment is started with: the revision that was registered, and the AppSpec that names it."""

    task_definition_arn: str
    app_spec: str


def register(ecs: Any, configuration: Mapping[str, str], inputs: Mapping[str, Path]) -> Release:
    """Put the images into the task definition, register it, and put the revision into the AppSpec.

    `inputs` are the action's artifacts (zip) by name. Raises ActionFailed. A task definition without the
    placeholder of an image is refused: what CodePipeline does with it is UNVERIFIED, and the release
    would be of an older image.
    """
    for name, archive in inputs.items():
        if archive.stat().st_size >= ARTIFACT_BYTES:
            raise ActionFailed(
                f"Exception while trying to read the task definition artifact file from: {name}"
                f" ({archive.stat().st_size:,} bytes, fewer than {ARTIFACT_BYTES:,} are read)"
            )
    template = configuration.get("TaskDefinitionTemplatePath", "taskdef.json")
    text = _file(inputs[configuration["TaskDefinitionTemplateArtifact"]], template)
    for number in IMAGES:
        if f"Image{number}ArtifactName" not in configuration:
            continue
        placeholder = f"<{configuration[f'Image{number}ContainerName']}>"
        if placeholder not in text:
            raise ActionFailed(f"{template} does not hold the placeholder {placeholder}")
        detail = _file(inputs[configuration[f"Image{number}ArtifactName"]], "imageDetail.json")
        text = text.replace(placeholder, json.loads(detail)["ImageURI"])
    path = configuration.get("AppSpecTemplatePath", "appspec.yaml")
    app_spec = _file(inputs[configuration["AppSpecTemplateArtifact"]], path)
    if TASK_DEFINITION not in app_spec:
        raise ActionFailed(f"{path} does not hold the placeholder {TASK_DEFINITION}")
    try:
        registered = ecs.register_task_definition(**json.loads(text))
    except (ClientError, ParamValidationError, ValueError) as error:
        raise ActionFailed(f"{template} cannot be registered: {error}") from error
    arn = str(registered["taskDefinition"]["taskDefinitionArn"])
    return Release(arn, json.dumps(yaml.safe_load(app_spec.replace(TASK_DEFINITION, arn))))


def start(codedeploy: Any, configuration: Mapping[str, str], release: Release) -> str:
    """Create the deployment and return its id. Raises ActionFailed."""
    try:
        created = codedeploy.create_deployment(
            applicationName=configuration["ApplicationName"],
            deploymentGroupName=configuration["DeploymentGroupName"],
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": release.app_spec}},
        )
    except ClientError as error:
        raise ActionFailed(str(error)) from error
    return str(created["deploymentId"])


def without_hooks(release: Release) -> Release:
    """The release without the hooks of its AppSpec."""
    spec = json.loads(release.app_spec)
    return release._replace(
        app_spec=json.dumps({key: value for key, value in spec.items() if key != "Hooks"})
    )


def wait(codedeploy: Any, deployment_id: str, seconds: float) -> None:
    """Wait for the end of a deployment, the old tasks' included. Raises ActionFailed unless it succeeds."""
    deadline = time.monotonic() + seconds
    while True:
        deployment = codedeploy.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
        if deployment["status"] == "Succeeded":
            return
        if deployment["status"] in ("Failed", "Stopped"):
            error = deployment.get("errorInformation", {})
            raise ActionFailed(
                f"{deployment_id} {deployment['status']}: {error.get('code')} {error.get('message')}"
            )
        if time.monotonic() > deadline:
            raise ActionFailed(f"{deployment_id} is {deployment['status']} after {seconds:.0f} seconds")
        time.sleep(POLL_SECONDS)


def _file(archive: Path, name: str) -> str:
    with zipfile.ZipFile(archive) as source:
        try:
            return source.read(name).decode()
        except KeyError as error:
            raise ActionFailed(f"the artifact has no file {name}") from error

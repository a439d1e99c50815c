"""CodePipeline's CodeDeployToECS action: registers the revision of a release and starts its deployment.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
"""

import json
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.rehearsal.cloud import Cloud

MOST_IMAGES = 4


class DeployActionFailed(Exception):
    """The deployment could not be started; the message says why."""


def run(cloud: Cloud, settings: Mapping[str, str], artifacts: Mapping[str, Path], *, hooks: bool) -> str:
    """Start the deployment that the action's configuration and artifacts describe; gives its id.

    Without `hooks` the AppSpec's hooks are left out. Raises DeployActionFailed.
    """
    try:
        definition = _text(settings, artifacts, "TaskDefinitionTemplate", "taskdef.json")
        for number in range(1, MOST_IMAGES + 1):
            if name := settings.get(f"Image{number}ContainerName"):
                detail = artifacts[settings[f"Image{number}ArtifactName"]] / "imageDetail.json"
                definition = definition.replace(f"<{name}>", json.loads(detail.read_text())["ImageURI"])
        registered = cloud.client("ecs").register_task_definition(**json.loads(definition))
        arn = registered["taskDefinition"]["taskDefinitionArn"]
        spec = json.loads(_text(settings, artifacts, "AppSpecTemplate", "appspec.json"))
        if not hooks:
            spec.pop("Hooks", None)
        started = cloud.client("codedeploy").create_deployment(
            applicationName=settings["ApplicationName"],
            deploymentGroupName=settings["DeploymentGroupName"],
            revision={
                "revisionType": "AppSpecContent",
                "appSpecContent": {"content": json.dumps(spec).replace("<TASK_DEFINITION>", arn)},
            },
        )
    except (ClientError, BotoCoreError, OSError, ValueError, LookupError) as error:
        raise DeployActionFailed(str(error)) from error
    deployment: str = started["deploymentId"]
    return deployment


def _text(settings: Mapping[str, str], artifacts: Mapping[str, Path], what: str, default: str) -> str:
    folder = artifacts[settings[f"{what}Artifact"]]
    return (folder / settings.get(f"{what}Path", default)).read_text()

"""CodePipeline's CodeBuild action: a project as it is deployed, run by `local.codebuild`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.codebuild import BadSpecification, artifacts, read_project, stand_ins
from local.codebuild import run as run_build
from local.rehearsal.cloud import Cloud


class BuildFailed(Exception):
    """A build did not succeed; the message says why."""


def run(cloud: Cloud, settings: Mapping[str, str], source: Path, folder: Path) -> Path:
    """Run the project of an action's configuration on the input artifact `source`.

    `folder` is for this build alone; gives the folder in it with the output artifact. Raises BuildFailed.
    """
    found = cloud.client("codebuild").batch_get_projects(names=[settings["ProjectName"]])["projects"]
    if not found:
        raise BuildFailed(f"there is no build project {settings['ProjectName']}")
    given = {item["name"]: item["value"] for item in json.loads(settings.get("EnvironmentVariables", "[]"))}
    archive, output = folder / "artifact.zip", folder / "artifact"
    try:
        build = run_build(
            read_project(settings["ProjectName"], _properties(found[0])),
            source,
            output=archive,
            path=[stand_ins.make(folder / "bin")],
            variables={**given, "DOCKER_STATE": str(folder / "docker")},
            aws=cloud.environment(),
            # The environment that runs this is the one that the install phase would make.
            ready=Path(sys.prefix),
        )
    except BadSpecification as error:
        raise BuildFailed(str(error)) from error
    (folder / "log").write_text(build.text)
    if build.status != "SUCCEEDED":
        raise BuildFailed(f"{build.why.splitlines()[0]}; log: {folder / 'log'}")
    if archive.exists():
        artifacts.unpack(archive, output)
    return output


def _properties(project: Mapping[str, Any]) -> dict[str, Any]:
    """A project as the API shows it, in the template's spelling."""
    return {
        "Name": project["name"],
        "TimeoutInMinutes": project.get("timeoutInMinutes", 60),
        "Source": {"BuildSpec": project["source"]["buildspec"]},
        "Environment": {
            "PrivilegedMode": project["environment"].get("privilegedMode", False),
            "EnvironmentVariables": [
                {"Name": item["name"], "Value": item["value"], "Type": item.get("type", "PLAINTEXT")}
                for item in project["environment"].get("environmentVariables", [])
            ],
        },
    }

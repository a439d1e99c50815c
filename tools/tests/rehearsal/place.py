"""A place to rehearse in: the project's files with changes, deployed, and a release to be made there.

The build steps are done directly here: `tools/tests/pipeline` runs them as they are, which takes a while.
"""

import asyncio
import contextlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from botocore.exceptions import ClientError

from ecs_blue_green import codebuild, emulator
from ecs_blue_green.codebuild import Build, Machine, Project, artifacts
from ecs_blue_green.deployer import command_line, configurations
from ecs_blue_green.rehearsal import document, session, verdict
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.deployed import Deployed
from ecs_blue_green.rehearsal.load import Tally
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.session import Options, Rehearsal
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.verdict import Verdict
from tests.paths import PROJECT, REHEARSAL_SCHEMA, RUNTIME

# Every mistake and every variation with real processes takes minutes: `make test-rehearsal`.
EVERYTHING = os.environ.get("REHEARSALS") == "all"
ATTEMPTS = 3
COMMIT = "c0ffee" + "0" * 34


@dataclass(frozen=True)
class Ended:
    """A rehearsal that has ended."""

    rehearsal: Rehearsal
    verdict: Verdict
    document: Mapping[str, Any]

    @property
    def tally(self) -> Tally:
        assert self.rehearsal.load is not None
        return self.rehearsal.load.tally

    def five_xx(self, colour: str) -> int:
        """How many of the users' requests a colour answered with 5xx."""
        return self.tally.by.get(colour, [0, 0])[1]


class Place:
    """The project's `build/` and `params/` below `root`, and the emulator's state."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.application = PROJECT / "app"
        self.image = RUNTIME.image
        monkeypatch.setattr(codebuild, "run", quick_build)

    def set(self, **parameters: object) -> None:
        """Set parameters in `params/local.yaml`."""
        path = self.root / "params" / "local.yaml"
        settings = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps
        settings["parameters"] |= {name: str(value) for name, value in parameters.items()}
        path.write_text(yaml.safe_dump(settings))
        configurations.write(self.root, "local")

    def edit(self, layer: str, old: str, new: str, count: int = 1) -> None:
        """Change a generated template, as a mistake in its module would."""
        path = self.root / "build" / f"{layer}.yaml"
        text = path.read_text()
        assert text.count(old) >= count, f"{layer} has no {old!r}"
        path.write_text(text.replace(old, new, count))

    def edit_application(self, old: str, new: str) -> None:
        """Release another version of the application: one that differs in this."""
        self.application = self.root / "application"
        shutil.copytree(PROJECT / "app", self.application, ignore=shutil.ignore_patterns("__pycache__"))
        path = self.application / "__main__.py"
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def start_anew(self) -> None:
        """Forget what was deployed: changes that a running service does not take."""
        shutil.rmtree(self.root / ".local")

    def provide(self, **parameters: str) -> None:
        """Make placeholders of what these parameters name, and set them."""
        file = self.root / "params" / "local.yaml"
        with emulator.running(self.root / ".local", file, attended=True) as endpoint:
            Cloud(endpoint, "ap-northeast-1").control("Provide", names=list(parameters.values()))
        self.set(**parameters)

    def deploy(self) -> None:
        """Deploy the files as they are."""
        assert command_line.main(["deploy", "--env", "local", "--yes"], self.root) == 0

    def status(self) -> dict[str, Any]:
        """What `deploy.py status --json` has to say, without what it prints."""
        return json.loads(_printed(["status", "--env", "local", "--json"], self.root))  # type: ignore[no-any-return]

    def roll_back(self) -> None:
        """Go back to the release before, as `make rollback` does."""
        assert command_line.main(["rollback", "--env", "local", "--yes"], self.root) == 0

    def rehearse(self, health_rate: str, *, minute: float, requests: float, hooks: bool = True) -> Ended:
        """Rehearse a release of a version that answers well in this share of its requests.

        On a machine that is too busy to send the requests it is done again, slower, from where it began.
        """
        kept = self.root / ".kept"
        for _ in range(ATTEMPTS - 1):
            shutil.copytree(self.root / ".local", kept, symlinks=True)
            ended = self._rehearse(health_rate, minute, requests, hooks=hooks)
            if ended.tally.sent >= verdict.ENOUGH_SENT * ended.tally.planned:
                shutil.rmtree(kept)
                return ended
            shutil.rmtree(self.root / ".local")
            kept.rename(self.root / ".local")
            minute *= 2
        return self._rehearse(health_rate, minute, requests, hooks=hooks)

    def _rehearse(self, health_rate: str, minute: float, requests: float, *, hooks: bool) -> Ended:
        folder = self.root / ".local" / "rehearsal"
        shutil.rmtree(folder, ignore_errors=True)
        source = self._source(folder / "source", health_rate)
        options = Options("local", minute, requests, health_rate, hooks)
        parameters = self.root / "params" / "local.yaml"
        with emulator.running(self.root / ".local", parameters, minute=minute, attended=True) as endpoint:
            played = asyncio.run(self._play(options, Cloud(endpoint, "ap-northeast-1"), source, folder))
        assert played.load is not None
        judged = played.verdict()
        made = document.rehearsal_document(played, judged, seconds=0)
        assert problems(made) == []
        return Ended(played, judged, made)

    async def _play(self, options: Options, cloud: Cloud, source: Source, folder: Path) -> Rehearsal:
        ledger = Ledger(folder / "processes")
        deployed = Deployed(cloud, "sample-local", RUNTIME, ledger)
        prepared = await session.prepare(options, deployed, source, self.root, folder)
        await prepared.run()
        return prepared

    def _source(self, folder: Path, health_rate: str) -> Source:
        shutil.copytree(self.root / "build", folder / "build")
        (folder / "app").symlink_to(self.application)
        config = folder / "build" / "config" / "local" / "task-definition.json"
        settings = json.loads(config.read_text())
        settings["Parameters"]["HealthRate"] = health_rate
        config.write_text(json.dumps(settings))
        return Source(COMMIT, folder, 0, self.image)


def problems(made: Mapping[str, Any]) -> list[str]:
    """How a document differs from docs/rehearsal.schema.json."""
    schema = json.loads(REHEARSAL_SCHEMA.read_text())
    # As it is in the file: tuples are lists there.
    written = json.loads(json.dumps(made))
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(written)]


def quick_build(project: Project, source: Path, *, output: Path, machine: Machine, **_others: Any) -> Build:
    """What the build projects come to, in the place of `codebuild.run`."""
    cloud = Cloud(machine.aws["AWS_ENDPOINT_URL"], machine.aws["AWS_REGION"])
    folder = output.parent / project.name
    folder.mkdir()
    if project.name.endswith("-image-build"):
        _push_image(cloud, project.variables, folder)
    elif project.name.endswith("-render"):
        artifacts.unpack(source, folder)
        _render(cloud, project.variables, folder)
    artifacts.pack(folder, output)
    return Build(project.name)


def _push_image(cloud: Cloud, variables: Mapping[str, str], folder: Path) -> None:
    ecr, name = cloud.client("ecr"), variables["REPOSITORY_NAME"]
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": {}, "layers": []})
    try:
        ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag=COMMIT)
    except ClientError as error:
        # A commit that was released before; AWS's code says that it is the same image.
        assert error.response["Error"]["Code"] == "ImageAlreadyExistsException"
    image = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": COMMIT}])["images"][0]
    uri = f"{variables['REPOSITORY_URI']}@{image['imageId']['imageDigest']}"
    (folder / "imageDetail.json").write_text(json.dumps({"ImageURI": uri}))


def _render(cloud: Cloud, variables: Mapping[str, str], folder: Path) -> None:
    revision = cloud.outputs(variables["TASK_DEFINITION_STACK_NAME"])["TaskDefinitionArn"]
    ecs = cloud.client("ecs")
    described = ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]
    accepted = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    taskdef = {key: value for key, value in described.items() if key in accepted}
    name, port = variables["CONTAINER_NAME"], int(variables["CONTAINER_PORT"])
    image = json.loads((folder / "imageDetail.json").read_text())["ImageURI"]
    repository = image.partition("@")[0]
    for container in taskdef["containerDefinitions"]:
        if container["name"] == name:
            container["image"] = "<IMAGE1_NAME>"
        elif container["image"].startswith((repository + ":", repository + "@")):
            container["image"] = image
    properties = {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": name, "ContainerPort": port},
    }
    service = {"Type": "AWS::ECS::Service", "Properties": properties}
    spec: dict[str, Any] = {"version": 0.0, "Resources": [{"TargetService": service}]}
    if variables["SMOKE_TEST"] == "enabled":
        spec["Hooks"] = [{"AfterAllowTestTraffic": variables["SMOKE_TEST_FUNCTION_NAME"]}]
    (folder / "taskdef.json").write_text(json.dumps(taskdef))
    (folder / "appspec.json").write_text(json.dumps(spec))


def _printed(arguments: list[str], root: Path) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert command_line.main(arguments, root) == 0
    return output.getvalue()

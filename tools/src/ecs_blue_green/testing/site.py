"""The local environment on a running emulator, and commits that its pipeline releases.

state = deployed(root, folder)
with running(root, state, folder, pushed=("app", "build", ...)) as site:
    execution = site.push(commit)
    for stage in site.definition.stages:
        result = site.stage(execution, stage.name)
"""

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import yaml

from ecs_blue_green import emulator, interpreters, parameter_file
from ecs_blue_green.codebuild import artifacts, stand_ins
from ecs_blue_green.deployer import command_line, configurations, environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.project import read_build
from ecs_blue_green.pipeline import (
    Action,
    ActionResult,
    Definition,
    Execution,
    StageResult,
    Workshop,
    read_definition,
    run_action,
    run_stage,
)
from ecs_blue_green.pipeline import deploy as deploy_action

# A deployment's waits take no time to speak of.
SECONDS_A_MINUTE = 0.02
DEPLOYMENT_SECONDS = 30
CREDENTIAL = "test"


def deployed(root: Path, folder: Path, **parameters: str) -> Path:
    """Deploy the project at `root` below `folder`, with these parameters, and give what the emulator keeps.

    Raises RuntimeError with what the deployer said.
    """
    for name in ("build", "params"):
        shutil.copytree(root / name, folder / name)
    path = folder / "params" / f"{environment.LOCAL}.yaml"
    settings = parameter_file.read(path)
    settings["parameters"] |= parameters
    path.write_text(yaml.safe_dump(settings))
    # What is wrong with the file is what the deploy says.
    with contextlib.suppress(BadInput):
        configurations.write(folder, environment.LOCAL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = command_line.main(["deploy", "--env", environment.LOCAL, "--yes"], folder)
    if code:
        raise RuntimeError(f"deploy ended with {code}: {output.getvalue()}")
    return folder / ".local"


@contextmanager
def running(root: Path, state: Path, folder: Path, pushed: Sequence[str]) -> Iterator["Site"]:
    """The environment that is kept in `state`, on an emulator for the time of the block; `state` stays."""
    shutil.copytree(state, folder / "state")
    parameter_file = root / "params" / f"{environment.LOCAL}.yaml"
    with emulator.running(
        folder / "state", parameter_file, minute=SECONDS_A_MINUTE, hooks_are_called=True
    ) as endpoint:
        yield Site(root, endpoint, folder, pushed)


class Site:
    """The local environment of the project at `root`, and a folder for what is made.

    `pushed` are the parts of the project that a commit has, as far as the pipeline's actions read it.
    """

    def __init__(self, root: Path, endpoint: str, folder: Path, pushed: Sequence[str]) -> None:
        self.root = root
        self.folder = folder
        project = read_build(root)
        self.layers = project.layers
        self.environment = project.read_environment(environment.LOCAL)
        self.aws = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
            "AWS_REGION": self.environment.region,
            "AWS_DEFAULT_REGION": self.environment.region,
        }
        self._pushed = pushed
        self._clients: dict[str, Any] = {}
        self.docker = folder / "docker"
        self.path = [stand_ins.make_stand_ins(folder / "bin")]
        self.definition = self.reread()
        self._first_tags = self._tags()

    def client(self, service: str) -> Any:
        """A client of the emulator."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=self.environment.region,
                endpoint_url=self.aws["AWS_ENDPOINT_URL"],
                aws_access_key_id=CREDENTIAL,
                aws_secret_access_key=CREDENTIAL,
            )
        return self._clients[service]

    def workshop(self, **changes: Any) -> Workshop:
        """What actions work with; `changes` replace a part of it."""
        fields = {
            "client": self.client,
            "definition": self.definition,
            "aws": self.aws,
            "path": self.path,
            "ready": Path(interpreters.deployer()).parents[1],
            "variables": {"DOCKER_STATE": str(self.docker)},
            "deployment": self.deployment,
        }
        return Workshop(**{**fields, **changes})

    # What is released

    def push(self, commit: str, **parameters: str) -> Execution:
        """An execution for a commit whose task definition has these parameters in its configuration."""
        archive = artifacts.pack(self.tree(commit, parameters), self.folder / f"{commit}.zip")
        return self.execution(commit, archive)

    def tree(self, commit: str, parameters: Mapping[str, str] | None = None) -> Path:
        """A checkout of the project, to be changed and released."""
        tree = self.folder / f"tree-{commit}"
        tree.mkdir()
        for name in self._pushed:
            source = self.root / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / name)
        if parameters:
            for configuration in (tree / "build" / "config" / self.environment.name).glob("*.json"):
                document = json.loads(configuration.read_text())
                document["Parameters"] |= parameters
                configuration.write_text(json.dumps(document))
        return tree

    def execution(self, commit: str, source: Path) -> Execution:
        """An execution for a commit with this source archive."""
        return Execution(self.folder / f"artifacts-{commit}", commit, source)

    def run(self, execution: Execution, *names: str, **changes: Any) -> list[ActionResult]:
        """Run these actions, which must succeed, one after the other."""
        results = [self.attempt(execution, name, **changes) for name in names]
        for result in results:
            if result.failure:
                raise AssertionError(f"{result.action}: {result.failure}")
        return results

    def attempt(self, execution: Execution, name: str, **changes: Any) -> ActionResult:
        """Run one action, which may fail."""
        return run_action(self.action(name), execution, self.workshop(**changes))

    def stage(
        self, execution: Execution, name: str, without: Sequence[str] = (), **changes: Any
    ) -> StageResult:
        """Run a stage, without some of its actions, with what it does after a failure."""
        (stage,) = [stage for stage in self.definition.stages if stage.name == name]
        actions = tuple(action for action in stage.actions if action.name not in without)
        return run_stage(replace(stage, actions=actions), execution, self.workshop(**changes))

    def reread(self) -> Definition:
        """The generated pipeline as it is deployed now."""
        return read_definition(self.client, self.physical_id("AWS::CodePipeline::Pipeline"))

    def action(self, name: str) -> Action:
        """An action of the pipeline."""
        return self.definition.action(name)

    def deployment(self, configuration: Mapping[str, str], release: deploy_action.Release) -> str:
        """Deploy, and answer the hooks as tests that are content."""
        codedeploy = self.client("codedeploy")
        deployment_id = deploy_action.start(codedeploy, configuration, release)
        for hooks in json.loads(release.app_spec).get("Hooks", []):
            for event in hooks:
                codedeploy.put_lifecycle_event_hook_execution_status(
                    deploymentId=deployment_id,
                    lifecycleEventHookExecutionId=f"hook-{deployment_id}-{event}",
                    status="Succeeded",
                )
        deploy_action.wait(codedeploy, deployment_id, DEPLOYMENT_SECONDS)
        return deployment_id

    # What is there

    def physical_id(self, resource_type: str) -> str:
        """The physical id of the only resource of a type."""
        layer, logical_id = self._one(resource_type)
        resource = self.client("cloudformation").describe_stack_resource(
            StackName=self.environment.stack_name(layer), LogicalResourceId=logical_id
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def stack_revision(self) -> str:
        """The revision that the stack of the task definition says is its own."""
        return self.physical_id("AWS::ECS::TaskDefinition")

    def revision(self, arn: str) -> dict[str, Any]:
        """A task definition."""
        described: dict[str, Any] = self.client("ecs").describe_task_definition(
            taskDefinition=arn, include=["TAGS"]
        )
        return described

    def live_revision(self) -> str:
        """The revision that the service's primary task set runs."""
        # Its ARN names its cluster, which may be another stack's or nobody's.
        service = self.physical_id("AWS::ECS::Service")
        cluster = service.split("/")[1]
        description = self.client("ecs").describe_services(cluster=cluster, services=[service])["services"][0]
        (primary,) = [item for item in description["taskSets"] if item["status"] == "PRIMARY"]
        return str(primary["taskDefinition"])

    def image_tags(self) -> set[str]:
        """The tags in the container repository, without those that were there at the beginning."""
        return self._tags() - self._first_tags

    def docker_calls(self) -> list[list[str]]:
        """What docker was asked for."""
        calls = self.docker / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def _tags(self) -> set[str]:
        repository = self.physical_id("AWS::ECR::Repository")
        images = self.client("ecr").describe_images(repositoryName=repository)["imageDetails"]
        return {tag for image in images for tag in image.get("imageTags", [])}

    def _one(self, resource_type: str) -> tuple[str, str]:
        """Layer and logical id of the only resource of a type. Raises ValueError where there is another."""
        ((layer, logical_id),) = (
            (slug, name)
            for slug, layer in self.layers.items()
            for name, resource in layer.resources.items()
            if resource["Type"] == resource_type
        )
        return layer, logical_id


def read_artifact(execution: Execution, artifact: str, name: str) -> Any:
    """A JSON file of an artifact."""
    with zipfile.ZipFile(execution.artifact(artifact)) as source:
        return json.loads(source.read(name))

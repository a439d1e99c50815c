"""A place where releases are made: an emulator with the six stacks, and commits to release."""

import json
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from ecs_blue_green.codebuild import artifacts, stand_ins
from ecs_blue_green.pipeline import (
    Action,
    ActionResult,
    Definition,
    Execution,
    StageResult,
    Workshop,
    read,
    run_action,
    run_stage,
)
from ecs_blue_green.pipeline import deploy as deploy_action
from tests.paths import PROJECT

REGION = "ap-northeast-1"
CLUSTER, NAME = "sample-local", "sample-local-api"
TASK_DEFINITION_STACK = "sample-local-task-definition"
CONFIGURATION = "build/config/local/task-definition.json"


class Site:
    """The local environment on a running emulator, and a folder for what is made in the test."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.folder = folder
        self.aws = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        self._clients: dict[str, Any] = {}
        self.docker = folder / "docker"
        self.path = [stand_ins.make(folder / "bin")]
        self.definition = self.reread()

    def client(self, service: str) -> Any:
        """A client of the emulator."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                endpoint_url=self.aws["AWS_ENDPOINT_URL"],
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    def workshop(self, **changes: Any) -> Workshop:
        """What actions work with; `changes` replace a part of it."""
        given = {
            "client": self.client,
            "definition": self.definition,
            "aws": self.aws,
            "path": self.path,
            "ready": Path(sys.prefix),
            "variables": {"DOCKER_STATE": str(self.docker)},
            "deployment": self.deployment,
        }
        return Workshop(**{**given, **changes})

    def push(self, commit: str, **parameters: str) -> Execution:
        """An execution for a commit whose task definition has these parameters in its configuration."""
        return self.execution(
            commit, artifacts.pack(self.tree(commit, parameters), self.folder / f"{commit}.zip")
        )

    def tree(self, commit: str, parameters: Mapping[str, str] | None = None) -> Path:
        """A checkout of the project, to be changed and released."""
        tree = self.folder / f"tree-{commit}"
        shutil.copytree(PROJECT, tree, ignore=shutil.ignore_patterns("__pycache__"))
        if parameters:
            configuration = tree / CONFIGURATION
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
            assert not result.failure, f"{result.action}: {result.failure}"
        return results

    def attempt(self, execution: Execution, name: str, **changes: Any) -> ActionResult:
        """Run one action, which may fail."""
        return run_action(self.action(name), execution, self.workshop(**changes))

    def stage(
        self, execution: Execution, name: str, without: tuple[str, ...] = (), **changes: Any
    ) -> StageResult:
        """Run a stage, without some of its actions, with what it does after a failure."""
        (stage,) = [stage for stage in self.definition.stages if stage.name == name]
        actions = tuple(action for action in stage.actions if action.name not in without)
        return run_stage(replace(stage, actions=actions), execution, self.workshop(**changes))

    def reread(self) -> Definition:
        """The generated pipeline as it is deployed now."""
        return read(self.client, "sample-local-pipeline")

    def action(self, name: str) -> Action:
        return self.definition.action(name)

    def deployment(self, configuration: Mapping[str, str], release: deploy_action.Release) -> str:
        """Deploy, and answer the hook as a smoke test that is content."""
        codedeploy = self.client("codedeploy")
        deployment_id = deploy_action.start(codedeploy, configuration, release)
        for hooks in json.loads(release.app_spec).get("Hooks", []):
            for event in hooks:
                codedeploy.put_lifecycle_event_hook_execution_status(
                    deploymentId=deployment_id,
                    lifecycleEventHookExecutionId=f"hook-{deployment_id}-{event}",
                    status="Succeeded",
                )
        deploy_action.wait(codedeploy, deployment_id, 30)
        return deployment_id

    # What is there

    def stack_revision(self) -> str:
        """The revision that the task-definition stack says is its own."""
        stacks = self.client("cloudformation").describe_stacks(StackName=TASK_DEFINITION_STACK)["Stacks"]
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0]["Outputs"]}
        return str(outputs["TaskDefinitionArn"])

    def revision(self, arn: str) -> dict[str, Any]:
        """A task definition."""
        found: dict[str, Any] = self.client("ecs").describe_task_definition(
            taskDefinition=arn, include=["TAGS"]
        )
        return found

    def live_revision(self) -> str:
        """The revision that the service's primary task set runs."""
        service = self.client("ecs").describe_services(cluster=CLUSTER, services=[NAME])["services"][0]
        (primary,) = [item for item in service["taskSets"] if item["status"] == "PRIMARY"]
        return str(primary["taskDefinition"])

    def image_tags(self) -> set[str]:
        """The tags in the container repository, the placeholder's not counted."""
        images = self.client("ecr").describe_images(repositoryName=NAME)["imageDetails"]
        return {tag for image in images for tag in image.get("imageTags", [])} - {"initial"}

    def docker_calls(self) -> list[list[str]]:
        """What docker was asked for."""
        calls = self.docker / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def read_artifact(execution: Execution, artifact: str, name: str) -> Any:
    """A JSON file of an artifact."""
    with zipfile.ZipFile(execution.artifact(artifact)) as source:
        return json.loads(source.read(name))

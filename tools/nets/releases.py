"""Releases as the pipeline makes them, on the emulator: a revision, then its deployment."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from trees import CREDENTIALS, ENVIRONMENT

AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"
CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"


@contextmanager
def with_address(address: str) -> Iterator[None]:
    """Have the clients of this process reach an emulator for the time of the block."""
    ours = {**{key: ENVIRONMENT[key] for key in ENVIRONMENT if key.startswith("AWS_")}, **CREDENTIALS}
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(ours, AWS_ENDPOINT_URL=address)
    try:
        yield
    finally:
        for name in (*ours, "AWS_ENDPOINT_URL"):
            del os.environ[name]
        os.environ.update(before)


def client(service: str) -> Any:
    """A client of the emulator."""
    return boto3.session.Session(region_name="ap-northeast-1").client(service)  # type: ignore[call-overload]


class Releases:
    """The releases of the service of the environment dev."""

    name = "sample-dev-api"

    def __init__(self) -> None:
        self.ecs = client("ecs")
        self.codedeploy = client("codedeploy")

    def register(self, image: str) -> str:
        """A new revision of the family, like the newest one with another image. Gives its ARN."""
        found = self.ecs.describe_task_definition(taskDefinition=self.name)["taskDefinition"]
        keys = (
            "family",
            "taskRoleArn",
            "executionRoleArn",
            "networkMode",
            "requiresCompatibilities",
            "cpu",
            "memory",
        )
        containers = found["containerDefinitions"]
        containers[0]["image"] = image
        made = self.ecs.register_task_definition(
            **{key: found[key] for key in keys}, containerDefinitions=containers
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def start(self, revision: str, configuration: str = CANARY) -> str:
        """Begin the deployment of a revision and give its id."""
        found = self.ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]
        container = found["containerDefinitions"][0]
        ports = {
            "ContainerName": container["name"],
            "ContainerPort": container["portMappings"][0]["containerPort"],
        }
        service = {
            "Type": "AWS::ECS::Service",
            "Properties": {"TaskDefinition": revision, "LoadBalancerInfo": ports},
        }
        content = json.dumps({"version": 0.0, "Resources": [{"TargetService": service}]})
        made = self.codedeploy.create_deployment(
            applicationName=self.name,
            deploymentGroupName=self.name,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
            deploymentConfigName=configuration,
        )
        return str(made["deploymentId"])

    def finish(self, deployment: str) -> None:
        """End the wait for the termination of the old tasks."""
        until = time.monotonic() + 20
        while self.status(deployment) != "Succeeded":
            assert time.monotonic() < until, self.status(deployment)
            try:
                self.codedeploy.continue_deployment(
                    deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT"
                )
            except self.codedeploy.exceptions.DeploymentIsNotInReadyStateException:
                time.sleep(0.1)

    def finish_all(self) -> None:
        """The same for every deployment that is under way."""
        running = self.codedeploy.list_deployments(
            applicationName=self.name, deploymentGroupName=self.name, includeOnlyStatuses=["InProgress"]
        )
        for deployment in running["deployments"]:
            self.finish(deployment)

    def release(self, image: str) -> str:
        """A whole release, up to the end of the old tasks. Gives the revision's ARN."""
        revision = self.register(image)
        self.finish(self.start(revision, AT_ONCE))
        return revision

    def status(self, deployment: str) -> str:
        """CodeDeploy's word for how far a deployment is."""
        return str(self.codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"])

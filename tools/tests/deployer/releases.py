"""Releases as the pipeline makes them, on the emulator that a test runs: a revision, then its deployment."""

import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import boto3

AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"
CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"


def client(service: str, region: str = "ap-northeast-1") -> Any:
    """A client of the emulator that AWS_ENDPOINT_URL names."""
    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


class Releases:
    """The releases of one service; `name` is that of its family and service, and of what has no other."""

    def __init__(
        self,
        cluster: str = "sample-local",
        name: str = "sample-dev-api",
        *,
        application: str | None = None,
        group: str | None = None,
        region: str = "ap-northeast-1",
    ) -> None:
        self.cluster = cluster
        self.name = name
        self.application = application or name
        self.group = group or name
        self.ecs = client("ecs", region)
        self.codedeploy = client("codedeploy", region)

    def register(self, image: str | None = None) -> str:
        """A new revision of the family, like the newest one with another image. Gives its ARN."""
        described = self.ecs.describe_task_definition(taskDefinition=self.name)["taskDefinition"]
        keys = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "requiresCompatibilities")
        containers = described["containerDefinitions"]
        if image:
            containers[0]["image"] = image
        made = self.ecs.register_task_definition(
            **{key: described[key] for key in keys},
            cpu=described["cpu"],
            memory=described["memory"],
            containerDefinitions=containers,
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def start(
        self,
        revision: str,
        configuration: str = CANARY,
        more: Mapping[str, Any] = MappingProxyType({}),
        description: str = "",
    ) -> str:
        """Begin the deployment of a revision and give its id; `more` is what else the AppSpec says."""
        described = self.ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]
        container = described["containerDefinitions"][0]
        load_balancer = {
            "ContainerName": container["name"],
            "ContainerPort": container["portMappings"][0]["containerPort"],
        }
        properties = {"TaskDefinition": revision, "LoadBalancerInfo": load_balancer, **more}
        service = {"Type": "AWS::ECS::Service", "Properties": properties}
        content = json.dumps({"version": 0.0, "Resources": [{"TargetService": service}]})
        made = self.codedeploy.create_deployment(
            applicationName=self.application,
            deploymentGroupName=self.group,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
            deploymentConfigName=configuration,
            description=description,
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

    def release(self, image: str | None = None) -> str:
        """A whole release, up to the end of the old tasks. Gives the revision's ARN."""
        revision = self.register(image)
        self.finish(self.start(revision, AT_ONCE))
        return revision

    def status(self, deployment: str) -> str:
        """CodeDeploy's word for how far a deployment is."""
        found = self.codedeploy.get_deployment(deploymentId=deployment)
        return str(found["deploymentInfo"]["status"])

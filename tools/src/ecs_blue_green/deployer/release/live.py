"""What runs now: which colour is live, whether a release is under way, who imports what.

Only what AWS itself says counts; nothing is remembered between commands.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack

Colour = Literal["blue", "green", "shifting", "none"]

# A deployment in one of these goes on: https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html
RUNNING_DEPLOYMENT = ["Created", "Queued", "InProgress", "Baking", "Ready"]


@dataclass(frozen=True)
class TaskSet:
    """One task set of the service: which revision it runs, behind which target group."""

    id: str
    status: str
    task_definition: str
    target_group: str
    running: int
    steady: bool


@dataclass(frozen=True)
class Live:
    """A snapshot of what CodeDeploy, CodePipeline and the load balancer do in one environment."""

    # Listener's output (ProductionListenerArn) to target group ARN to weight in percent.
    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    blue: str = ""
    green: str = ""
    task_sets: tuple[TaskSet, ...] = ()
    deployment: str | None = None
    execution: str | None = None

    @property
    def colour(self) -> Colour:
        """Which target group gets the users' requests: the production listener's weights tell.

        Task sets confirm: while the primary one is behind another target group than the weights name,
        traffic is shifting.
        """
        weights = {arn for arn, weight in self.weights.get("ProductionListenerArn", {}).items() if weight}
        if not weights:
            return "none"
        if weights not in ({self.blue}, {self.green}):
            return "shifting"
        primary = {task_set.target_group for task_set in self.task_sets if task_set.status == "PRIMARY"}
        if primary and primary != weights:
            return "shifting"
        return "blue" if weights == {self.blue} else "green"

    @property
    def traffic(self) -> str:
        """Where the users' requests go, such as `90 % blue, 10 % green`; empty where nothing is deployed."""
        weights = self.weights.get("ProductionListenerArn", {})
        total = sum(weights.values()) or 1
        names = {self.blue: "blue", self.green: "green"}
        shares = sorted((names.get(arn, arn), weight) for arn, weight in weights.items() if weight)
        return ", ".join(f"{100 * weight // total} % {name}" for name, weight in shares)


def short(task_definition: str) -> str:
    """A revision's ARN as people write it: family:number."""
    return task_definition.rpartition("/")[2]


def read(aws: Aws, stacks: Mapping[str, Stack | None]) -> Live:
    """Take the snapshot. What is not deployed yet is left out."""
    infrastructure = _outputs(stacks, "infrastructure")
    service = _outputs(stacks, "service")
    pipeline = _outputs(stacks, "pipeline")
    with ThreadPoolExecutor(4) as pool:
        weights = pool.submit(_weights, aws, infrastructure)
        task_sets = pool.submit(_task_sets, aws, infrastructure, service)
        deployment = pool.submit(_deployment, aws, pipeline)
        execution = pool.submit(_execution, aws, pipeline)
        return Live(
            weights=weights.result(),
            blue=infrastructure.get("BlueTargetGroupArn", ""),
            green=infrastructure.get("GreenTargetGroupArn", ""),
            task_sets=task_sets.result(),
            deployment=deployment.result(),
            execution=execution.result(),
        )


def importers(client: Any, export: str) -> list[str]:
    """The stacks that import this export."""
    try:
        pages = client.get_paginator("list_imports").paginate(ExportName=export)
        return [name for page in pages for name in page["Imports"]]
    except ClientError as error:
        # CloudFormation's way of saying "none".
        if "is not imported by any stack" in error.response["Error"].get("Message", ""):
            return []
        raise


def _outputs(stacks: Mapping[str, Stack | None], layer: str) -> Mapping[str, str]:
    stack = stacks.get(layer)
    return stack.outputs if stack else {}


def _weights(aws: Aws, outputs: Mapping[str, str]) -> dict[str, dict[str, int]]:
    arns = {outputs[key]: key for key in ("ProductionListenerArn", "TestListenerArn") if key in outputs}
    if not arns:
        return {}
    listeners = aws.client("elbv2").describe_listeners(ListenerArns=list(arns))["Listeners"]
    return {arns[listener["ListenerArn"]]: _listener_weights(listener) for listener in listeners}


def _listener_weights(listener: Any) -> dict[str, int]:
    for action in listener.get("DefaultActions", []):
        groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
        if groups:
            return {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}
        if "TargetGroupArn" in action:
            return {action["TargetGroupArn"]: 100}
    return {}


def _task_sets(
    aws: Aws, infrastructure: Mapping[str, str], service: Mapping[str, str]
) -> tuple[TaskSet, ...]:
    if "ServiceName" not in service or "ClusterName" not in infrastructure:
        return ()
    services = aws.client("ecs").describe_services(
        cluster=infrastructure["ClusterName"], services=[service["ServiceName"]]
    )["services"]
    return tuple(
        TaskSet(
            id=found["id"],
            status=found["status"],
            task_definition=found["taskDefinition"],
            target_group=next((lb["targetGroupArn"] for lb in found.get("loadBalancers", [])), ""),
            running=found.get("runningCount", 0),
            steady=found.get("stabilityStatus") == "STEADY_STATE",
        )
        for found in (services[0].get("taskSets", []) if services else [])
    )


def _deployment(aws: Aws, outputs: Mapping[str, str]) -> str | None:
    if "CodeDeployApplicationName" not in outputs:
        return None
    running = aws.client("codedeploy").list_deployments(
        applicationName=outputs["CodeDeployApplicationName"],
        deploymentGroupName=outputs["CodeDeployDeploymentGroupName"],
        includeOnlyStatuses=RUNNING_DEPLOYMENT,
    )["deployments"]
    return running[0] if running else None


def _execution(aws: Aws, outputs: Mapping[str, str]) -> str | None:
    if "PipelineName" not in outputs:
        return None
    # The newest come first, and in QUEUED mode those that run are among the newest.
    newest = aws.client("codepipeline").list_pipeline_executions(
        pipelineName=outputs["PipelineName"], maxResults=50
    )["pipelineExecutionSummaries"]
    running = [
        found["pipelineExecutionId"] for found in newest if found["status"] in ("InProgress", "Stopping")
    ]
    return running[-1] if running else None

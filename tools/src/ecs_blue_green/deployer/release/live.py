"""What is live: which colour, and whether a release is in progress.

Only what AWS itself says counts; nothing is remembered between commands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.release import codedeploy
from ecs_blue_green.deployer.release.executions import Progress, progress
from ecs_blue_green.deployer.release.service import Service

Colour = Literal["blue", "green", "shifting", "none"]

# The status of a service that exists; a deleted one is DRAINING, then INACTIVE, then unknown.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
ACTIVE = "ACTIVE"
DRAINING = "DRAINING"
MISSING = "MISSING"


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

    # Of the production listener, or of a rule of it: target group ARN to weight in percent.
    weights: Mapping[str, int] = field(default_factory=dict)
    blue: str = ""
    green: str = ""
    # The service that its stack has; what ECS says of it, MISSING where it knows none; how many tasks should
    # run; and ECS's newest message about it. All are empty where none is deployed.
    service: str = ""
    state: str = ""
    desired: int = 0
    event: str = ""
    task_sets: tuple[TaskSet, ...] = ()
    # The names of the containers that get traffic.
    containers: frozenset[str] = frozenset()
    deployment: str | None = None
    execution: str | None = None
    # How many tasks the service wants, which is what auto scaling moves.
    tasks: int | None = None
    # Of the executions that run: whether one may still change a stack, and one that waits for an approval
    # while none is further on. What cannot be asked is taken to be in the way.
    building: bool = True
    approval: str | None = None

    @property
    def gone(self) -> bool:
        """Whether the service was deleted outside of its stack, which still exists."""
        return self.state not in ("", ACTIVE)

    @property
    def idle(self) -> bool:
        """Whether the service exists, but no task of the live revision is running."""
        return self.state == ACTIVE and not any(
            task_set.running for task_set in self.task_sets if task_set.status == "PRIMARY"
        )

    @property
    def revision(self) -> str | None:
        """The task definition (ARN) of the primary task set."""
        primary = (task_set for task_set in self.task_sets if task_set.status == "PRIMARY")
        return next((task_set.task_definition for task_set in primary), None)

    @property
    def colour(self) -> Colour:
        """Which target group gets the users' requests: the production listener's weights tell.

        Task sets confirm: while the primary one is behind another target group than the weights name,
        traffic is shifting. Without a service nothing is live, wherever the listener sends requests.
        """
        weights = {arn for arn, weight in self.weights.items() if weight}
        if self.gone or not weights:
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
        total = sum(self.weights.values()) or 1
        names = {self.blue: "blue", self.green: "green"}
        shares = sorted((names.get(arn, arn), weight) for arn, weight in self.weights.items() if weight)
        return ", ".join(f"{100 * weight // total} % {name}" for name, weight in shares)


def short(task_definition: str) -> str:
    """A revision's ARN as people write it: family:number."""
    return task_definition.rpartition("/")[2]


def read_live(aws: Aws, service: Service) -> Live:
    """Take the snapshot. What is not deployed yet is left out."""
    with interrupts.threads(4) as pool:
        weights = pool.submit(_weights, aws, service)
        of_service = pool.submit(service_state, aws, service)
        deployment = pool.submit(_deployment, aws, service)
        executing = pool.submit(_executing, aws, service)
        executions, found_progress = executing.result()
        current = of_service.result()
        return replace(
            current,
            weights=weights.result(),
            blue=service.blue,
            green=service.green,
            deployment=deployment.result(),
            execution=executions[0] if executions else None,
            tasks=current.desired if current.state else None,
            building=found_progress.building,
            approval=found_progress.approval,
        )


def service_state(aws: Aws, service: Service) -> Live:
    """What ECS alone tells: the service and its task sets."""
    if not service.name or not service.cluster:
        return Live()
    client = aws.client("ecs")
    try:
        answer = client.describe_services(cluster=service.cluster, services=[service.name])["services"]
    except (client.exceptions.ClusterNotFoundException, client.exceptions.ServiceNotFoundException):
        answer = []
    description: Any = answer[0] if answer else {"status": MISSING}
    task_sets = description.get("taskSets", [])
    return Live(
        service=service.name,
        state=description["status"],
        desired=description.get("desiredCount", 0),
        event=next((event["message"] for event in description.get("events", [])), ""),
        task_sets=tuple(map(_task_set, task_sets)),
        containers=frozenset(behind["containerName"] for behind in map(_behind, task_sets) if behind),
    )


def revisions(current: Live) -> list[str]:
    """The task definition revisions of the task sets, each once."""
    return list(dict.fromkeys(task_set.task_definition for task_set in current.task_sets))


def containers(aws: Aws, revision: str) -> list[Any]:
    """The container definitions of a revision, as DescribeTaskDefinition gives them."""
    task_definition = aws.client("ecs").describe_task_definition(taskDefinition=revision)["taskDefinition"]
    return list(task_definition["containerDefinitions"])


def refuse_gone(environment: Environment, current: Live) -> None:
    """Raise Blocked when the service was deleted outside of CloudFormation."""
    if current.gone:
        raise Blocked(
            f"the service {current.service} is gone",
            f"somebody deleted it (ECS: {current.state}), but its stack still has it",
            remedies.RESTORE(restore=commands.make("restore", environment.name)),
        )


def _weights(aws: Aws, service: Service) -> dict[str, int]:
    if not service.production_listener:
        return {}
    (listener,) = aws.client("elbv2").describe_listeners(ListenerArns=[service.production_listener])[
        "Listeners"
    ]
    default = _shares(listener.get("DefaultActions", []))
    pair = {service.blue, service.green} - {""}
    if not pair.isdisjoint(default):
        return default
    # All of the service's requests come by rules: CodeDeploy moves them together, so one tells of all.
    pages = (
        aws.client("elbv2").get_paginator("describe_rules").paginate(ListenerArn=service.production_listener)
    )
    by_rules = (_shares(rule.get("Actions", [])) for page in pages for rule in page["Rules"])
    return next((shares for shares in by_rules if not pair.isdisjoint(shares)), default)


def _shares(actions: Any) -> dict[str, int]:
    """Target groups and weights that a listener's or a rule's actions forward to."""
    for action in actions:
        groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
        if groups:
            return {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}
        if "TargetGroupArn" in action:
            return {action["TargetGroupArn"]: 100}
    return {}


def _behind(task_set: Any) -> Any:
    """The target group of a task set, and which container gets its traffic; empty without one."""
    return next(iter(task_set.get("loadBalancers", [])), {})


def _task_set(description: Any) -> TaskSet:
    return TaskSet(
        id=description["id"],
        status=description["status"],
        task_definition=description["taskDefinition"],
        target_group=_behind(description).get("targetGroupArn", ""),
        running=description.get("runningCount", 0),
        steady=description.get("stabilityStatus") == "STEADY_STATE",
    )


def _deployment(aws: Aws, service: Service) -> str | None:
    if not service.application:
        return None
    running = aws.client("codedeploy").list_deployments(
        applicationName=service.application,
        deploymentGroupName=service.deployment_group,
        includeOnlyStatuses=codedeploy.RUNNING,
    )["deployments"]
    return running[0] if running else None


def _executing(aws: Aws, service: Service) -> tuple[list[str], Progress]:
    """The executions of the pipeline that run, the oldest first, and how far they are."""
    unknown = Progress(building=True, approval=None)
    if not service.pipeline:
        return [], unknown
    # The newest come first, and in QUEUED mode those that run are among the newest.
    client = aws.client("codepipeline")
    newest = client.list_pipeline_executions(pipelineName=service.pipeline, maxResults=50)[
        "pipelineExecutionSummaries"
    ]
    running = [
        execution["pipelineExecutionId"]
        for execution in newest
        if execution["status"] in ("InProgress", "Stopping")
    ][::-1]
    if not running:
        return [], unknown
    try:
        definition: Any = client.get_pipeline(name=service.pipeline)["pipeline"]
        state: Any = client.get_pipeline_state(name=service.pipeline)
    except ClientError:
        # A role for deploying that is older than this call may not allow it.
        return running, unknown
    return running, progress(definition, state, running)

"""Roll back: stop the release in progress, or deploy the previous revision.

While a deployment runs, which is until its old tasks have ended, CodeDeploy only has to send the traffic
back. After that the previous revision is deployed again, like any release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import clock, commands, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked, Failed
from ecs_blue_green.deployer.release import alarms, codedeploy, images, live
from ecs_blue_green.deployer.release.codedeploy import AppSpec, Deployment, Group
from ecs_blue_green.deployer.release.live import Live, short
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.session import Session

# This much of the history is read first; if that has no previous revision, all of the group's history is
# read.
RECENT = timedelta(days=30)
POLL_SECONDS = 5
# So long after a stop CodeDeploy may take to begin the rollback, and a read to show what is.
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Intention:
    """What a rollback will do, for approval.

    `stop` stops `deployment`, which runs; `follow` only watches it, because it is a rollback already;
    `deploy` deploys `spec`, the revision of `deployment`, again. `leaves` and `returns` are ARNs of task
    definitions; `ignored` are alarms in ALARM now, which must not stop the rollback.
    """

    act: Literal["stop", "follow", "deploy"]
    group: Group
    deployment: Deployment
    leaves: str
    returns: str
    spec: AppSpec
    ignored: tuple[str, ...] = ()
    execution: str | None = None


@dataclass(frozen=True)
class Result:
    """How it ended: the deployment that brought the revision back, where there was one, and what is live."""

    deployment: str | None
    live: Live


def intend(aws: Aws, environment: Environment, service: Service, *, stops: bool = False) -> Intention:
    """Find out what a rollback means now. Raises Blocked where it is not possible.

    `stops`: a rollback that runs is stopped, so that what it leaves stays; and nothing is deployed again.
    """
    if not service.deployment_group:
        raise Blocked(
            f"nothing is released in {environment.name}",
            f"its {service.layer} stack is not deployed"
            if service.layer
            else "none of its deployed stacks has a deployment group",
            remedies.DEPLOY(deploy=commands.make("deploy", environment.name)),
        )
    client = aws.client("codedeploy")
    group = codedeploy.group(client, service)
    current = live.read_live(aws, service)
    live.refuse_gone(environment, current)
    running = codedeploy.deployment(client, current.deployment) if current.deployment else None
    if running and not running.ended:
        return _with_running(client, environment, group, running, current, stops=stops)
    if stops:
        raise Blocked(
            f"no deployment runs in {environment.name}",
            "so there is none to stop",
            remedies.GO_BACK_INSTEAD(rollback=commands.make("rollback", environment.name)),
        )
    return _with_none_running(aws, environment, group, current)


def previous(history: Sequence[Deployment]) -> tuple[Deployment | None, Deployment | None]:
    """The deployment whose revision is live, and the one to roll back to; `history` is oldest first.

    Going back takes off what came after, so that a second rollback does not return to what the first one
    left. CodeDeploy's own rollbacks do not count: they bring back what ran, and only what succeeded is here.
    """
    row: list[Deployment] = []
    for deployment in history:
        if deployment.creator == codedeploy.CODEDEPLOY_ROLLBACK:
            continue
        keys = [earlier.revision_key for earlier in row]
        if deployment.revision_key in keys and deployment.is_rollback:
            del row[len(keys) - keys[::-1].index(deployment.revision_key) :]
        elif deployment.is_rollback:
            # It rolled back to a revision before the known history.
            row = [deployment]
        elif not row or row[-1].revision_key != deployment.revision_key:
            row.append(deployment)
    return (row[-1] if row else None), (row[-2] if len(row) > 1 else None)


def history(client: Any, group: Group) -> tuple[Deployment | None, Deployment | None]:
    """The deployment whose revision is live, and the one to roll back to, according to CodeDeploy."""
    created = codedeploy.created_at(client, group)
    recently = max(created, datetime.now(UTC) - RECENT)
    pair = previous(codedeploy.succeeded(client, group, recently))
    if pair[1] is None and recently > created:
        pair = previous(codedeploy.succeeded(client, group, created))
    return pair


def carry_out(
    session: Session, service: Service, intention: Intention, *, at_once: bool, sleep: Sleep = clock.sleep
) -> Result:
    """Do it, and wait until all traffic is on the revision that returns. Raises Failed when it is not.

    Interrupts end the waiting alone: what CodeDeploy was asked for, it does.
    """
    client = session.aws.client("codedeploy")
    deployment_id: str | None = intention.deployment.id
    if intention.act == "stop":
        codedeploy.stop(client, intention.deployment.id)
        session.say(f"stopped {intention.deployment.id}")
        deployment_id = _its_rollback(client, intention.deployment.id, sleep)
    elif intention.act == "deploy":
        watched = tuple(name for name in intention.group.alarms if name not in intention.ignored)
        deployment_id = codedeploy.create(
            client,
            intention.group,
            intention.spec,
            f"{codedeploy.ROLLBACK_MARK} from {short(intention.leaves)} to {short(intention.returns)}",
            configuration=codedeploy.AT_ONCE if at_once else None,
            alarms=watched,
        )
        session.say(f"started {deployment_id}")
    if deployment_id:
        _follow(session, service, deployment_id, intention.returns, sleep)
    arrived = _arrived(session, service, intention.returns, sleep)
    return Result(deployment_id, arrived)


def _with_running(
    client: Any, environment: Environment, group: Group, running: Deployment, current: Live, *, stops: bool
) -> Intention:
    spec = codedeploy.app_spec(client, group, running)
    if stops and running.creator == codedeploy.CODEDEPLOY_ROLLBACK:
        raise Blocked(
            f"deployment {running.id} is not stopped",
            "CodeDeploy itself rolls a release back with it, and the old tasks get traffic only by it",
            remedies.FOLLOW_ROLLBACK(rollback=commands.make("rollback", environment.name)),
        )
    if running.is_rollback and not stops:
        others = {task_set.task_definition for task_set in current.task_sets} - {spec.task_definition}
        leaves = next(iter(others), "")
        return Intention("follow", group, running, leaves, spec.task_definition, spec)
    old = [task_set for task_set in current.task_sets if task_set.task_definition != spec.task_definition]
    if not old and len(current.task_sets) > 1:
        old = [task_set for task_set in current.task_sets if task_set.status != "PRIMARY"]
    if not old:
        raise Blocked(
            f"deployment {running.id} is about to end",
            "the tasks before it have ended, so there is no traffic to send back",
            remedies.ROLL_BACK_AFTER_END(),
        )
    return Intention(
        "stop",
        group,
        running,
        spec.task_definition,
        old[0].task_definition,
        spec,
        execution=current.execution,
    )


def _with_none_running(aws: Aws, environment: Environment, group: Group, live_state: Live) -> Intention:
    client = aws.client("codedeploy")
    current, target = history(client, group)
    if current is None or target is None:
        raise Blocked(
            "there is no release to go back to",
            f"{current.id} is the first one" if current else "none has succeeded so far",
            remedies.REVERT() if current else remedies.RELEASE(),
        )
    leaves = codedeploy.app_spec(client, group, current).task_definition
    running = {task_set.task_definition for task_set in live_state.task_sets if task_set.status == "PRIMARY"}
    if running and running != {leaves}:
        raise Blocked(
            "what runs is not what CodeDeploy deployed last",
            f"{', '.join(map(short, running))} runs, {current.id} deployed {short(leaves)}",
            remedies.DEPLOY_BY_CODEDEPLOY(status=commands.make("status", environment.name)),
        )
    spec = codedeploy.app_spec(client, group, target)
    require_usable(aws, environment, spec.task_definition)
    ignored = alarms.in_alarm(aws, group.alarms) if group.watches_alarms else ()
    return Intention(
        "deploy", group, target, leaves, spec.task_definition, spec, ignored, live_state.execution
    )


def require_usable(aws: Aws, environment: Environment, task_definition: str) -> str:
    """The ARN of a revision, or of a family's newest. Raises Blocked when ECS could not start tasks of it."""
    remedy = remedies.REVERT_FOR_IMAGE()
    what = f"{short(task_definition)} cannot be started again"
    definition = aws.client("ecs").describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    if definition["status"] != "ACTIVE":
        raise Blocked(what, f"the revision is {definition['status']}: somebody deregistered it", remedy)
    for container in definition["containerDefinitions"]:
        image = images.own(environment, container["image"])
        try:
            if image and images.tags(aws, image) is None:
                raise Blocked(what, f"its image no longer exists: {container['image']}", remedy)
        except ClientError as error:
            # The deployer may have no permission to read the repository; then ECS finds out.
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
    return str(definition["taskDefinitionArn"])


def _its_rollback(client: Any, deployment_id: str, sleep: Sleep) -> str | None:
    """The deployment with which CodeDeploy rolls a stopped one back, None when nothing had to be moved."""
    waited = 0
    while True:
        stopped = codedeploy.deployment(client, deployment_id)
        if stopped.ended and (stopped.rolled_back_by or waited >= PATIENCE_SECONDS):
            return stopped.rolled_back_by
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS if stopped.ended else 0


def _follow(session: Session, service: Service, deployment_id: str, returns: str, sleep: Sleep) -> None:
    """Watch a deployment until it has ended, or all traffic is where it should go."""
    last_text = ""
    while True:
        deployment = codedeploy.deployment(session.aws.client("codedeploy"), deployment_id)
        current = live.read_live(session.aws, service)
        text = f"{deployment_id} is {deployment.status}, traffic: {current.traffic}"
        if text != last_text:
            session.say(text)
            last_text = text
        if deployment.ended and deployment.status != "Succeeded":
            raise Failed(
                f"deployment {deployment_id} is {deployment.status}",
                deployment.error or deployment.rollback_message or "CodeDeploy gave no reason",
                remedies.REMOVE_CAUSE(status=commands.make("status", session.environment.name)),
            )
        if deployment.ended or _is_back(current, returns):
            return
        sleep(POLL_SECONDS)


def _is_back(current: Live, returns: str) -> bool:
    primary = {task_set.task_definition for task_set in current.task_sets if task_set.status == "PRIMARY"}
    return current.colour in ("blue", "green") and primary == {returns}


def _arrived(session: Session, service: Service, returns: str, sleep: Sleep) -> Live:
    """What is live, once it is as intended: the status of a deployment alone does not prove that."""
    waited = 0
    while True:
        current = live.read_live(session.aws, service)
        if _is_back(current, returns):
            return current
        if waited >= PATIENCE_SECONDS:
            raise Failed(
                f"{short(returns)} does not get all traffic",
                f"traffic: {current.traffic or 'nowhere'}",
                remedies.LOOK_AT_DEPLOYMENT(status=commands.make("status", session.environment.name)),
            )
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS

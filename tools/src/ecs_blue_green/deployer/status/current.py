"""The current status of an environment: its stacks, what is live, and what needs attention."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import interrupts, policy
from ecs_blue_green.deployer.aws import Aws, failure
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import history, left, lock, owner
from ecs_blue_green.deployer.execution.lock import Holder
from ecs_blue_green.deployer.execution.owner import Owners, Record
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.policy import Update
from ecs_blue_green.deployer.release import alarms, codedeploy, images, live
from ecs_blue_green.deployer.release.live import Live
from ecs_blue_green.deployer.release.service import Service, located
from ecs_blue_green.deployer.session import Session

T = TypeVar("T")

_UPDATES: tuple[Update, ...] = ("Update:Modify", "Update:Replace", "Update:Delete")


@dataclass(frozen=True)
class Status:
    """The answer of `read_status`.

    `images` has the image of the container that gets the traffic, by the task definition's ARN; `commits` are
    those that tag the image in production, and `image_gone` says that the repository no longer has it.
    `lifted` has, by layer, the resources that the deployed stack policy protects less than the one in
    `build/`. `alarms_watched` is None before there is a deployment group; `alarms_parameter` is the parameter
    that decides it, where that is known. `unread` has what AWS refused to answer, and why: everything else is
    still shown. `left` are the stacks of layers that have been removed from the project.
    """

    stacks: Mapping[str, Stack | None]
    live: Live
    images: Mapping[str, str]
    commits: tuple[str, ...]
    image_gone: bool
    alarms: tuple[str, ...]
    alarms_watched: bool | None
    alarms_parameter: str | None
    lifted: Mapping[str, tuple[str, ...]]
    holder: Holder | None
    deployed: history.Record
    owners: Owners
    left: Mapping[str, Stack] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether AWS answered everything, and the service exists and has running tasks."""
        return not (self.unread or self.live.gone or self.live.idle)


def read_status(session: Session) -> Status:
    """Ask AWS for the status. What is not deployed yet is left out.

    Raises what the client raises only when the stacks themselves cannot be read.
    """
    aws, environment, layers = session.aws, session.environment, session.layers
    runtime = session.project.declared
    client, store = aws.client("cloudformation"), aws.client("ssm")
    unread: list[str] = []
    with interrupts.threads(WORKERS) as pool:
        names = {slug: environment.stack_name(slug) for slug in layers}
        described = pool.map(lambda name: describe.stack(client, name), names.values())
        holder = pool.submit(_answer, unread, None, lambda: lock.look(store, environment))
        last = pool.submit(_answer, unread, history.Record(), lambda: history.read(store, environment))
        recorded = pool.submit(_answer, unread, Record(), lambda: owner.read(store, environment))
        stacks = dict(zip(layers, described, strict=True))
        lifted = pool.submit(_answer, unread, {}, lambda: _lifted(client, layers, stacks))
        service: Service = _answer(unread, Service(), lambda: located(aws, runtime, stacks))
        ringing = pool.submit(_answer, unread, (None, ()), lambda: _alarms(aws, service))
        current = _live(unread, aws, service)
        image_names: dict[str, str] = _answer(unread, {}, lambda: _images(aws, current))
        tags = _tags(unread, aws, environment, image_names.get(current.revision or "", ""))
        watched, in_alarm = ringing.result()
        return Status(
            stacks=stacks,
            live=current,
            images=image_names,
            commits=images.commits(tags or []),
            image_gone=tags is None,
            alarms=in_alarm,
            alarms_watched=watched,
            alarms_parameter=None if isinstance(runtime, BadInput) else runtime.controller.alarms,
            lifted=lifted.result(),
            holder=holder.result(),
            deployed=last.result(),
            left=_answer(
                unread, {}, lambda: left.find(client, environment, layers, recorded.result().layers)
            ),
            owners=owner.of(environment, layers, runtime, recorded.result(), stacks),
            unread=tuple(unread),
        )


def _live(unread: list[str], aws: Aws, service: Service) -> Live:
    """What is live; when CodeDeploy or CodePipeline refuses to answer, what the load balancer and ECS say."""
    complete: Live | None = _answer(unread, None, lambda: live.read_live(aws, service))
    load_balancer_only = replace(service, application="", deployment_group="", pipeline="")
    return complete or _answer(unread, Live(), lambda: live.read_live(aws, load_balancer_only))


def _answer(unread: list[str], default: T, ask: Callable[[], T]) -> T:
    """The answer of AWS; when it refuses, `default`, and `unread` gets the reason."""
    try:
        return ask()
    except ClientError as error:
        unread.append(str(failure(error)))
        return default


def lifted(layer: Layer, deployed_policy: str | None) -> tuple[str, ...]:
    """The resources that the layer's stack policy protects from an update, and the deployed one does not."""
    return tuple(
        logical_id
        for logical_id, resource in layer.resources.items()
        if any(
            policy.denies(layer.stack_policy, logical_id, resource["Type"], update)
            and not policy.denies(deployed_policy, logical_id, resource["Type"], update)
            for update in _UPDATES
        )
    )


def _lifted(
    client: Any, layers: Mapping[str, Layer], stacks: Mapping[str, Stack | None]
) -> dict[str, tuple[str, ...]]:
    lifted_names = {}
    for slug, layer in layers.items():
        stack = stacks[slug]
        # A failed creation has nothing to protect; one in progress does not have its policy yet.
        if not layer.stack_policy or stack is None or not is_created(stack):
            continue
        names = lifted(layer, client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody"))
        if names:
            lifted_names[slug] = names
    return lifted_names


def is_created(stack: Stack) -> bool:
    """Whether the stack was created successfully, so that it should have its policy."""
    return (
        stack.exists
        and stack.status != "CREATE_IN_PROGRESS"
        and stack.status not in describe.FAILED_CREATIONS
        and not stack.status.startswith(("ROLLBACK_", "DELETE_"))
    )


def _alarms(aws: Aws, service: Service) -> tuple[bool | None, tuple[str, ...]]:
    if not service.deployment_group:
        return None, ()
    group = codedeploy.group(aws.client("codedeploy"), service)
    return group.watches_alarms, alarms.in_alarm(aws, group.alarms)


def _images(aws: Aws, current: Live) -> dict[str, str]:
    names = {}
    for arn in live.revisions(current):
        for container in live.containers(aws, arn):
            if container["name"] in current.containers:
                names[arn] = container["image"]
    return names


def _tags(unread: list[str], aws: Aws, environment: Environment, image: str) -> list[str] | None:
    """The tags of an image in the environment's own registry, None when it no longer exists there."""
    ours = images.own(environment, image)
    none: list[str] | None = []
    return _answer(unread, none, lambda: images.tags(aws, ours)) if ours else none

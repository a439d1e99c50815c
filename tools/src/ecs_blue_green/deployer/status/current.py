"""An environment as it is now: its stacks, what serves the users, and what a person should know of."""

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
from ecs_blue_green.deployer.release import alarms, codedeploy, live
from ecs_blue_green.deployer.release import images as release_images
from ecs_blue_green.deployer.release.live import Live
from ecs_blue_green.deployer.release.service import Service, located
from ecs_blue_green.runtime import Runtime

T = TypeVar("T")

_UPDATES: tuple[Update, ...] = ("Update:Modify", "Update:Replace", "Update:Delete")


@dataclass(frozen=True)
class Status:
    """What `read` found.

    `images` has the image of the container that gets the traffic, by the task definition's ARN; `commits` are
    what the tags of the one in production name, and `image_gone` says that its registry has it no more.
    `lifted` has, by layer, the resources that the deployed stack policy protects less than the one in
    `build/`. `alarms_watched` is None where there is no deployment group yet; `alarms_parameter` is the
    parameter that says it, where that is known. `unread` says what AWS did not tell, and why: somebody who
    looks because something is broken should see the rest. `left` are the stacks whose layer has left the
    project.
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
        """Whether AWS told all of it, and the service is there with tasks that run."""
        return not (self.unread or self.live.gone or self.live.idle)


def read(
    aws: Aws, environment: Environment, layers: Mapping[str, Layer], runtime: Runtime | BadInput
) -> Status:
    """Ask AWS for all of it. What is not deployed yet is left out.

    `runtime` is what the layers say of themselves, or why that is not known. Raises what the client raises
    only where not even the stacks can be read.
    """
    client, store = aws.client("cloudformation"), aws.client("ssm")
    unread: list[str] = []
    with interrupts.threads(WORKERS) as pool:
        names = {slug: environment.stack_name(slug) for slug in layers}
        found = pool.map(lambda name: describe.stack(client, name), names.values())
        holder = pool.submit(_told, unread, None, lambda: lock.look(store, environment))
        last = pool.submit(_told, unread, history.Record(), lambda: history.read(store, environment))
        recorded = pool.submit(_told, unread, Record(), lambda: owner.read(store, environment))
        stacks = dict(zip(layers, found, strict=True))
        lifted = pool.submit(_told, unread, {}, lambda: _lifted(client, layers, stacks))
        service: Service = _told(unread, Service(), lambda: located(aws, runtime, stacks))
        ringing = pool.submit(_told, unread, (None, ()), lambda: _alarms(aws, service))
        now = _live(unread, aws, service)
        images: dict[str, str] = _told(unread, {}, lambda: _images(aws, now))
        tags = _tags(unread, aws, environment, images.get(now.revision or "", ""))
        watched, in_alarm = ringing.result()
        return Status(
            stacks=stacks,
            live=now,
            images=images,
            commits=release_images.commits(tags or []),
            image_gone=tags is None,
            alarms=in_alarm,
            alarms_watched=watched,
            alarms_parameter=None if isinstance(runtime, BadInput) else runtime.controller.alarms,
            lifted=lifted.result(),
            holder=holder.result(),
            deployed=last.result(),
            left=_told(unread, {}, lambda: left.find(client, environment, layers, recorded.result().layers)),
            owners=owner.of(environment, layers, runtime, recorded.result(), stacks),
            unread=tuple(unread),
        )


def _live(unread: list[str], aws: Aws, service: Service) -> Live:
    """The snapshot; where CodeDeploy or CodePipeline does not answer, the load balancer and ECS still may."""
    whole: Live | None = _told(unread, None, lambda: live.read(aws, service))
    without = replace(service, application="", deployment_group="", pipeline="")
    return whole or _told(unread, Live(), lambda: live.read(aws, without))


def _told(unread: list[str], otherwise: T, ask: Callable[[], T]) -> T:
    """What AWS answers; where it refuses, `otherwise`, and `unread` gets the reason."""
    try:
        return ask()
    except ClientError as error:
        unread.append(str(failure(error)))
        return otherwise


def lifted(layer: Layer, deployed_policy: str | None) -> tuple[str, ...]:
    """The resources that the layer's own stack policy protects from some update, and the deployed one not."""
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
    found = {}
    for slug, layer in layers.items():
        stack = stacks[slug]
        # A first creation that failed has nothing to protect; while one runs, its policy is yet to come.
        if not layer.stack_policy or stack is None or not is_made(stack):
            continue
        names = lifted(layer, client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody"))
        if names:
            found[slug] = names
    return found


def is_made(stack: Stack) -> bool:
    """Whether its first creation has succeeded, so that its policy should be there."""
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


def _images(aws: Aws, now: Live) -> dict[str, str]:
    images = {}
    for arn in live.revisions(now):
        for container in live.containers(aws, arn):
            if container["name"] in now.containers:
                images[arn] = container["image"]
    return images


def _tags(unread: list[str], aws: Aws, environment: Environment, image: str) -> list[str] | None:
    """The tags of an image of our own registry, None when it is gone from there."""
    ours = release_images.own(environment, image)
    none: list[str] | None = []
    return _told(unread, none, lambda: release_images.tags(aws, ours)) if ours else none

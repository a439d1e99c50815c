"""Create a deleted service again, as in its stack's template, with the revision that was released last.

CloudFormation knows a service by its ARN, and that is the same for one of the same name: after this the stack
is right again (https://github.com/aws/copilot-cli/issues/3342). It cannot be asked to do this itself: in a
new service it would start the family's newest revision, which may be one whose release failed, and behind
blue, where green may be live.

What goes with a service is its scalable target and the policies of that. The stacks that have these make them
again by a change set that looks at what is there (`change_sets.revert`).
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import clock, commands, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import change_sets, describe, stale
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked, Failed
from ecs_blue_green.deployer.layers import parse
from ecs_blue_green.deployer.release import codedeploy, live, rollback
from ecs_blue_green.deployer.release.codedeploy import AppSpec
from ecs_blue_green.deployer.release.live import ACTIVE, DRAINING, Live, short
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.resolve import Reference, Scope, pseudo_parameters, references, resolve
from ecs_blue_green.deployer.rules import SERVICE
from ecs_blue_green.deployer.session import Say

SCALABLE_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
DESIRED_COUNT = "ecs:service:DesiredCount"

POLL_SECONDS = 5
# The tasks of a deleted service may take as long to end as their container's stop timeout and the target
# group's deregistration delay say; new ones have to be pulled, started and found healthy.
PATIENCE_SECONDS = 15 * 60

# Said with an update alone.
_NOT_AT_CREATION = {"ForceNewDeployment"}
# What an AppSpec may say of the service beside its revision, container and hooks.
# https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
_MOVED = ("NetworkConfiguration", "PlatformVersion", "CapacityProviderStrategy")
# The members that are not called as the template's property is, but for their first letter.
_RENAMED = {"PlacementStrategies": "placementStrategy"}


@dataclass(frozen=True)
class Intention:
    """What would be created, for approval.

    `request` is CreateService's, empty where the service is there. `scaling` has, by layer, the change set
    that makes again what went with the service.
    """

    service: Service
    now: Live
    request: Mapping[str, Any]
    scaling: Mapping[str, ChangeSet]

    @property
    def revision(self) -> str:
        """The task definition (ARN) that would run."""
        return str(self.request["taskDefinition"])

    @property
    def colour(self) -> str:
        """Behind which target group."""
        target = self.request["loadBalancers"][0]["targetGroupArn"]
        return "green" if target == self.service.green else "blue"


def intend(
    aws: Aws,
    environment: Environment,
    service: Service,
    stacks: Mapping[str, Stack | None],
    sleep: Sleep = clock.sleep,
) -> Intention:
    """Find out what is to be created. Raises Blocked where that is not possible.

    Leaves change sets behind, which `discard` or their execution removes.
    """
    deployed = {slug: stack for slug, stack in stacks.items() if stack and stack.exists}
    current = live.read_live(aws, service)
    if not current.state:
        raise Blocked(
            f"no service is deployed in {environment.name}",
            "none of its stacks has one",
            remedies.DEPLOY(deploy=commands.make("deploy", environment.name)),
        )
    if current.gone and current.deployment:
        raise Blocked(
            f"deployment {current.deployment} is running",
            "CodeDeploy would look for the task sets of the service that is gone",
            remedies.WAIT_FOR_DEPLOYMENT(status=commands.make("status", environment.name)),
        )
    client = aws.client("cloudformation")
    templates = _Templates(client, environment, deployed)
    request = _request(aws, environment, service, current, templates) if current.gone else {}
    return Intention(service, current, request, _scaling(client, templates, sleep))


def discard(aws: Aws, intention: Intention) -> None:
    """Remove the change sets that were not executed, as far as AWS can be asked."""
    _discard(aws.client("cloudformation"), intention.scaling.values())


def _discard(client: Any, made: Iterable[ChangeSet]) -> None:
    for change_set in made:
        try:
            change_sets.delete(client, change_set.arn)
        except (ClientError, BotoCoreError):
            return  # The next deploy deletes them.


def create(
    aws: Aws, environment: Environment, intention: Intention, *, say: Say, sleep: Sleep = clock.sleep
) -> Live:
    """Create the service and wait until its tasks are steady. Raises Failed when they do not become so."""
    service, client = intention.service, aws.client("ecs")
    _drained(aws, environment, service, say, sleep)
    client.create_service(**intention.request)
    say(f"created {service.name} with {short(intention.revision)}")
    return _steady(aws, environment, service, say, sleep)


def refuse_divided(current: Live) -> None:
    """Raise Failed where the listener sends some requests to the other target group, which has no tasks.

    A release that was under way when the service was deleted leaves it so. Only CodeDeploy moves it.
    """
    if current.colour == "shifting" and not current.deployment:
        raise Failed(
            "some of the requests go where nothing runs",
            f"the service was deleted during a release; the listener still sends {current.traffic}",
            "release: push a commit, or retry the pipeline's last stage; CodeDeploy then moves the listener",
        )


class _Templates:
    """The templates of the deployed stacks, with their values filled in as far as the stacks tell."""

    def __init__(self, client: Any, environment: Environment, stacks: Mapping[str, Stack]) -> None:
        self.stacks = stacks
        self._environment = environment
        exports = {name: value for stack in stacks.values() for name, value in stack.exports.items()}
        self._scopes: dict[str, Scope] = {}
        self._physical_ids: dict[str, dict[str, str]] = {}
        for slug, stack in stacks.items():
            body = describe.template_body(client, stack)
            self._physical_ids[slug] = {
                resource["LogicalResourceId"]: resource["PhysicalResourceId"]
                for page in client.get_paginator("list_stack_resources").paginate(StackName=stack.arn)
                for resource in page["StackResourceSummaries"]
                if "PhysicalResourceId" in resource
            }
            self._scopes[slug] = Scope(
                slug,
                # GetTemplate gives a JSON template as a dictionary.
                parse(body) if isinstance(body, str) else body,
                stack.parameters,
                pseudo_parameters(environment.account, environment.region, stack.name),
                exports.get,
                self._physical_id,
            )

    def of_type(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """The layer, the physical id and the properties of every resource of a type."""
        for slug, scope in self._scopes.items():
            for logical_id, declared in scope.template["Resources"].items():
                physical_id = self._physical_ids[slug].get(logical_id)
                if declared["Type"] == kind and physical_id:
                    yield slug, physical_id, resolve(declared.get("Properties") or {}, scope)

    def _physical_id(self, reference: Reference) -> str | None:
        ids = self._physical_ids[reference.layer]
        return ids.get(reference.logical_id) if reference.attribute is None else None


def _request(
    aws: Aws, environment: Environment, service: Service, current: Live, templates: _Templates
) -> dict[str, Any]:
    """CreateService's request for the service as its template says, but for what a release moves."""
    layer, properties = _declared(environment, service, templates)
    released = _released(aws, service)
    if released:
        properties = _as_released(properties, released)
    creatable = {name: value for name, value in properties.items() if name not in _NOT_AT_CREATION}
    shape = aws.client("ecs").meta.service_model.operation_model("CreateService").input_shape
    request: dict[str, Any] = _as_request(environment, creatable, shape)
    tags = {**templates.stacks[layer].tags, **{tag["key"]: tag["value"] for tag in request.get("tags", [])}}
    request |= {
        "cluster": service.cluster,
        "serviceName": service.name,
        # A retry after a lost response creates no second service.
        "clientToken": secrets.token_hex(16),
        # Before any release the family's newest, as in a new stack.
        "taskDefinition": rollback.require_usable(
            aws, environment, released.task_definition if released else request["taskDefinition"]
        ),
        "desiredCount": request.get("desiredCount") or _fewest(service, templates),
    }
    if tags:
        request["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
    (load_balancer,) = request["loadBalancers"]
    request["loadBalancers"] = [load_balancer | _target(current)]
    return request


def _declared(
    environment: Environment, service: Service, templates: _Templates
) -> tuple[str, dict[str, Any]]:
    """The layer that has the service, and its properties there."""
    for layer, physical_id, properties in templates.of_type(SERVICE):
        # arn:aws:ecs:<region>:<account>:service/<cluster>/<name>
        if physical_id.endswith(f"/{service.cluster}/{service.name}"):
            return layer, properties
    raise Blocked(
        f"no stack has the service {service.name}",
        "an output names it, but no deployed template has it",
        remedies.DEPLOY(deploy=commands.make("deploy", environment.name)),
    )


def _as_request(environment: Environment, value: Any, shape: Any) -> Any:
    """A template's value for the API of ECS. Raises Failed for one that the API or we do not know."""
    if next(references(value), None) is not None and not isinstance(value, dict | list):
        raise _unusable(environment, f"{value} is known to CloudFormation alone")
    if shape.type_name == "list":
        return [_as_request(environment, member, shape.member) for member in value]
    if shape.type_name == "structure":
        names = {name: _RENAMED.get(name, name[:1].lower() + name[1:]) for name in value}
        unknown = sorted(name for name, member in names.items() if member not in shape.members)
        if unknown:
            raise _unusable(environment, f"CreateService does not support {', '.join(unknown)}")
        return {
            names[name]: _as_request(environment, member, shape.members[names[name]])
            for name, member in value.items()
        }
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    return int(value) if shape.type_name in ("integer", "long") else str(value)


def _unusable(environment: Environment, why: str) -> Failed:
    return Failed(
        "the service cannot be created as its template says",
        why,
        remedies.CREATE_SERVICE(restore=commands.make("restore", environment.name)),
    )


def _released(aws: Aws, service: Service) -> AppSpec | None:
    """What CodeDeploy deployed last."""
    if not service.deployment_group:
        return None
    client = aws.client("codedeploy")
    group = codedeploy.group(client, service)
    current, _ = rollback.history(client, group)
    return codedeploy.app_spec(client, group, current) if current else None


def _as_released(properties: Mapping[str, Any], released: AppSpec) -> dict[str, Any]:
    """The service's properties with those that the last release brought: where and on what its tasks ran."""
    brought = {name: released.properties[name] for name in _MOVED if name in released.properties}
    # ECS accepts only one of the two.
    without = {"LaunchType"} if "CapacityProviderStrategy" in brought else set()
    return {**{name: value for name, value in properties.items() if name not in without}, **brought}


def _fewest(service: Service, templates: _Templates) -> int:
    """The minimum of the scalable target; 1 without one."""
    path = f"service/{service.cluster}/{service.name}"
    for _, _, properties in templates.of_type(SCALABLE_TARGET):
        if properties.get("ResourceId") == path and str(properties.get("MinCapacity", "")).isdigit():
            return max(1, int(properties["MinCapacity"]))
    return 1


def _target(current: Live) -> dict[str, str]:
    """The target group that the production listener names, the one with most of the traffic.

    "During a deployment, CodeDeploy determines which task set in your service has the status PRIMARY, and it
    associates one target group with it. Then, it also associates the other target group with the replacement
    task set" (botocore, ecs CreateService, loadBalancers): so what was live stays so, and no listener moves.
    """
    if not current.weights:
        return {}
    return {"targetGroupArn": max(current.weights, key=lambda arn: current.weights[arn])}


def _scaling(client: Any, templates: _Templates, sleep: Sleep) -> dict[str, ChangeSet]:
    """The change sets that create again what was deleted with the service, by layer."""
    layers = {
        slug
        for slug, _, properties in templates.of_type(SCALABLE_TARGET)
        if properties.get("ScalableDimension") == DESIRED_COUNT
    }
    saved: dict[str, ChangeSet] = {}
    try:
        for slug in sorted(layers):
            stack = templates.stacks[slug]
            change_set = change_sets.create(
                client, change_sets.Revert(stack, stale.description("restore")), sleep
            )
            if change_set:
                saved[slug] = change_set
    except BaseException as error:
        _discard(client, saved.values())
        if not isinstance(error, change_sets.ChangeSetFailedError):
            raise
        raise Failed(
            f"CloudFormation cannot create again what was deleted with the service in {stack.name}",
            str(error).rstrip("."),
            "correct the cause, then run again",
        ) from error
    return saved


def _drained(aws: Aws, environment: Environment, service: Service, say: Say, sleep: Sleep) -> None:
    """Wait until the deleted service has drained: before that ECS creates none of its name."""
    waited = 0
    while live.service_state(aws, service).state == DRAINING:
        if waited == 0:
            say(f"waiting for the tasks of the deleted {service.name} to end")
        if waited >= PATIENCE_SECONDS:
            raise Failed(
                f"{service.name} is still {DRAINING}",
                "ECS makes no service of that name until the last task of the deleted one has ended",
                remedies.RESTORE_LATER(restore=commands.make("restore", environment.name)),
            )
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _steady(aws: Aws, environment: Environment, service: Service, say: Say, sleep: Sleep) -> Live:
    """Wait until the desired number of tasks is running and healthy."""
    waited, last_text = 0, ""
    while True:
        current = live.read_live(aws, service)
        primary = [task_set for task_set in current.task_sets if task_set.status == "PRIMARY"]
        running = sum(task_set.running for task_set in primary)
        text = f"{running} of {current.desired} tasks run"
        if text != last_text:
            say(text)
            last_text = text
        if (
            current.state == ACTIVE
            and running >= current.desired
            and all(task_set.steady for task_set in primary)
        ):
            return current
        if waited >= PATIENCE_SECONDS:
            raise Failed(
                f"{service.name} was created again, but its tasks are not steady",
                f"{text}; ECS: {current.event or 'nothing'}",
                remedies.REMOVE_CAUSE(status=commands.make("status", environment.name)),
            )
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def document(intention: Intention) -> dict[str, Any]:
    """What would be created, for scripts."""
    request = intention.request
    return {
        "service": intention.service.name,
        "creates": {
            "revision": intention.revision,
            "colour": intention.colour,
            "desired": request["desiredCount"],
        }
        if request
        else None,
        "scaling": {
            slug: [change.logical_id for change in change_set.changes]
            for slug, change_set in intention.scaling.items()
        },
    }

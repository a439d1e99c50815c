"""What a deploy would do, layer by layer, before anything is done.

A layer whose stack equals its template, parameters and tags is found without a change set. For the others
CloudFormation makes one. Where that cannot be asked yet, because a layer that this one imports from has not
been deployed, the template itself is the plan, and the plan says so (`change_set` is None).
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from stacks import cloudformation, deployed, effects, obstacles, template
from stacks.answers import worse
from stacks.aws import Aws
from stacks.changes import ResourceChange
from stacks.cloudformation import ChangeSet, Sleep, Stack
from stacks.deployed import Say
from stacks.effects import LayerChange
from stacks.environment import Environment
from stacks.errors import Failed
from stacks.layers import Layer, dependencies, imports, parse
from stacks.obstacles import Obstacle
from stacks.schedule import WORKERS
from stacks.sides import World
from stacks.survey import Survey

Act = Literal["nothing", "create", "update", "recreate"]
# Called before the first change set is made; it raises to have none made.
Inspect = Callable[[Survey], None]


@dataclass(frozen=True)
class Step:
    """What happens to one layer's stack."""

    layer: Layer
    act: Act
    stack: Stack | None = None
    changes: tuple[ResourceChange, ...] = ()
    change_set: ChangeSet | None = None
    endangered_exports: tuple[str, ...] = ()
    deployed_policy: str | None = None
    sets_policy: bool = False
    sets_protection: bool = False
    # What is in the way of deleting what a failed first creation has left.
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether anything is to be done, a stack policy or protection included."""
        return self.act != "nothing" or self.sets_policy or self.sets_protection


@dataclass(frozen=True)
class Plan:
    """The steps by layer, in an order of deployment, and what each layer waits for.

    `stacks` are all of the environment's stacks as found.
    """

    environment: Environment
    steps: Mapping[str, Step]
    waits_for: Mapping[str, set[str]]
    stacks: Mapping[str, Stack | None]

    @property
    def changes_something(self) -> bool:
        """Whether a deploy would do anything."""
        return bool(self.changed)

    @property
    def changed(self) -> set[str]:
        """The layers of which something would be done."""
        return {slug for slug, step in self.steps.items() if step.changes_something}

    @property
    def digest(self) -> str:
        """What is approved, in 64 hexadecimal digits: templates, parameters, tags and the deployed state."""
        facts = {
            slug: [inputs_digest(self.environment, step.layer), state(step.stack)]
            for slug, step in self.steps.items()
        }
        where = [self.environment.name, self.environment.account, self.environment.region]
        return _digest([where, facts])


def inputs_digest(environment: Environment, layer: Layer) -> str:
    """What a layer is deployed with: template, stack policy, parameters, tags."""
    given = environment.parameters_for(layer.parameters)
    return _digest([layer.body, layer.stack_policy, given, environment.stack_tags(layer.slug)])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def state(stack: Stack | None) -> list[str]:
    """What tells whether a stack has moved: its ARN, its status, and when it was last operated on."""
    return [stack.arn, stack.status, str(stack.changed)] if stack else []


def make(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    only: Iterable[str] = (),
    say: Say = lambda text: None,
    sleep: Sleep = time.sleep,
    inspect: Inspect = lambda survey: None,
) -> Plan:
    """Plan the deployment of `layers`, or of those in `only`.

    Leaves change sets behind, which `discard` or the execution removes. Raises BadInput when a layer of
    `only` imports from one that is neither deployed nor in `only`; Blocked when a stack is in a state from
    which it cannot be deployed.
    """
    client = aws.client("cloudformation")
    waits_for = dependencies(layers, environment)
    wanted = set(only)
    chosen = [slug for slug in layers if not wanted or slug in wanted]
    with ThreadPoolExecutor(WORKERS) as pool:

        def find(slug: str) -> Found:
            return _find(client, environment.stack_name(slug), sleep, say)

        found = dict(zip(layers, pool.map(find, layers), strict=True))
        stacks = {slug: one.stack for slug, one in found.items()}
        for slug, stack in stacks.items():
            if stack:
                deployed.refuse_foreign(environment, slug, stack)
                deployed.refuse_stuck(client, environment, stack)
        deployed.refuse_missing(environment, layers, stacks, chosen, waits_for)
        survey = _survey(environment, layers, found, chosen)
        inspect(survey)
        exported = {name for stack in stacks.values() if stack for name in stack.exports}

        def step(slug: str) -> Step:
            ready = imports(layers[slug], environment) <= exported and not any(
                deployed.is_failed(stacks[upstream]) for upstream in waits_for[slug]
            )
            role = deployed.execution_role(environment, slug, stacks)
            return _step(
                aws, environment, layers[slug], found[slug], survey.changes[slug], role, ready, sleep
            )

        futures = [pool.submit(step, slug) for slug in chosen]
        try:
            steps = dict(zip(chosen, [future.result() for future in futures], strict=True))
        except BaseException:
            for future in futures:
                future.cancel()
            done = [future for future in futures if not future.cancelled() and not future.exception()]
            _discard(client, [future.result() for future in done])
            raise
    return Plan(environment, steps, {slug: waits_for[slug] & steps.keys() for slug in steps}, stacks)


def discard(aws: Aws, plan: Plan, layers: Iterable[str] | None = None) -> None:
    """Remove what planning left, or left of these layers: change sets, and the empty stacks they made."""
    wanted = plan.steps if layers is None else [slug for slug in layers if slug in plan.steps]
    _discard(aws.client("cloudformation"), [plan.steps[slug] for slug in wanted])


def _discard(client: Any, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.change_set:
            cloudformation.delete_change_set(client, step.change_set.arn)
            if step.stack is None:
                cloudformation.delete_shell(client, step.change_set.stack_arn)


@dataclass(frozen=True)
class Found:
    """A stack as it is deployed, with its template and its policy."""

    stack: Stack | None
    body: Any = None
    policy: str | None = None

    @property
    def deployed(self) -> Stack | None:
        """The stack, if it has resources and can be updated."""
        return self.stack if self.body is not None else None


def _find(client: Any, name: str, sleep: Sleep, say: Say) -> Found:
    stack = deployed.settled(client, name, sleep, say)
    if stack is None or not stack.exists or deployed.is_failed(stack):
        return Found(stack)
    policy = client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody")
    return Found(stack, cloudformation.template_body(client, stack), policy)


def _survey(
    environment: Environment, layers: Mapping[str, Layer], found: Mapping[str, Found], chosen: list[str]
) -> Survey:
    """What the templates, values and resource schemas say of the change of each layer, without AWS."""
    before = effects.Side(
        environment.account,
        environment.region,
        {
            slug: effects.StackSide(
                one.deployed.name, _parsed(one.body), one.deployed.parameters, one.deployed.tags
            )
            for slug, one in found.items()
            if one.deployed
        },
    )
    world = World(effects.side(layers, environment))
    return Survey(
        environment=environment,
        layers={slug: layers[slug] for slug in chosen},
        stacks={slug: one.stack for slug, one in found.items()},
        changes={change.layer: change for change in effects.compare_worlds(World(before), world)},
        created=frozenset(slug for slug in chosen if not found[slug].deployed),
        world=world,
    )


def _parsed(body: Any) -> Any:
    # GetTemplate gives a JSON template as a dictionary.
    return parse(body) if isinstance(body, str) else body


def _step(
    aws: Aws,
    environment: Environment,
    layer: Layer,
    found: Found,
    offline: LayerChange,
    role: str | None,
    ready: bool,
    sleep: Sleep,
) -> Step:
    stack = found.deployed
    step = Step(
        layer,
        "nothing",
        found.stack,
        deployed_policy=found.policy,
        sets_policy=not template.same_json(
            found.policy or "null", layer.stack_policy or found.policy or "null"
        ),
        sets_protection=environment.protected and not (stack and stack.protected),
    )
    if stack and _unchanged(environment, layer, stack, found.body, role):
        return step
    act: Act = "update" if stack else "recreate" if deployed.is_failed(found.stack) else "create"
    endangered = tuple(export.name for export in offline.exports if export.action != "add")
    step = replace(step, act=act, endangered_exports=endangered)
    if act == "recreate" and found.stack:
        step = replace(step, obstacles=tuple(obstacles.of(aws, found.stack, protected_too=True)))
    if act == "recreate" or not ready:
        return replace(step, changes=offline.resources)
    made = request(aws.client("cloudformation"), environment, layer, stack, role, sleep)
    if made is None:
        return replace(step, act="nothing", endangered_exports=())
    return replace(step, changes=worse(made.changes, offline.resources), change_set=made)


def request(
    client: Any,
    environment: Environment,
    layer: Layer,
    stack: Stack | None,
    role: str | None,
    sleep: Sleep,
) -> ChangeSet | None:
    """Have CloudFormation make the layer's change set; None when it would change nothing."""
    name = environment.stack_name(layer.slug)
    try:
        return cloudformation.create_change_set(
            client,
            stack_name=stack.arn if stack else name,
            kind="UPDATE" if stack else "CREATE",
            body=layer.body,
            parameters=environment.parameters_for(layer.parameters),
            tags=environment.stack_tags(layer.slug),
            capabilities=layer.capabilities,
            role_arn=role,
            sleep=sleep,
        )
    except cloudformation.ChangeSetFailedError as error:
        raise Failed(
            f"CloudFormation refuses the change of {name}",
            str(error).rstrip("."),
            f"correct templates/ or params/{environment.name}.yaml, then run again",
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise Failed(
            f"CloudFormation refuses build/{layer.slug}.yaml",
            error.response["Error"]["Message"].rstrip("."),
            f"correct templates/ or params/{environment.name}.yaml, then run again",
        ) from error


def _unchanged(environment: Environment, layer: Layer, stack: Stack, body: Any, role: str | None) -> bool:
    return (
        body == layer.body
        and dict(stack.parameters) == template.parameter_values(layer, environment)
        and dict(stack.tags) == environment.stack_tags(layer.slug)
        and (role is None or stack.role_arn == role)
    )

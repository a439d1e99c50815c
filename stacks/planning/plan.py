"""What a deploy would do, layer by layer, before anything is done.

A layer whose stack equals its template, parameters and tags is found without a change set. For the others
CloudFormation makes one. Where that cannot be asked yet, because a layer that this one imports from has not
been deployed, the template itself is the plan, and the plan says so (`change_set` is None).
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from stacks import clock, policy, template
from stacks.aws import Aws
from stacks.changes import ResourceChange
from stacks.cloudformation import cloudformation, leftovers, obstacles
from stacks.cloudformation.cloudformation import ChangeSet, Sleep, Stack
from stacks.cloudformation.obstacles import Obstacle
from stacks.cloudformation.schedule import WORKERS
from stacks.cloudformation.watch import Watch
from stacks.effects import effects
from stacks.effects.effects import LayerChange
from stacks.effects.sides import World
from stacks.environment import Environment
from stacks.errors import Failed
from stacks.layers import Layer, dependencies, imports, parse
from stacks.pace import Pace
from stacks.planning import deployed
from stacks.planning.answers import worse
from stacks.planning.deployed import Say
from stacks.planning.survey import Survey

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


# Given a layer and its stack: the change set that was approved for it, if that can still be executed.
Approved = Callable[[str, Stack | None], ChangeSet | None]


def nothing_approved(layer: str, stack: Stack | None) -> ChangeSet | None:
    """The answer where no plan was kept."""
    return None


def make(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    only: Iterable[str] = (),
    say: Say = lambda text: None,
    *,
    verb: Literal["plan", "deploy"] = "plan",
    keeps_as: str | None = None,
    approved: Approved = nothing_approved,
    inspect: Inspect = lambda survey: None,
) -> Plan:
    """Plan the deployment of `layers`, or of those in `only`.

    Leaves change sets behind, which `discard` or the execution removes. With `keeps_as` they get this name,
    which says that they are wanted when this process is gone. What killed runs left is removed as far as
    that is certain: what a `deploy` left, by a `deploy`, since that holds the lock. Raises BadInput when a
    layer of `only` imports from one that is neither deployed nor in `only`; Blocked when a stack is in a
    state from which it cannot be deployed.
    """
    planning = _Planning(aws, environment, layers, say, verb, keeps_as, approved, inspect)
    wanted = set(only)
    return planning.plan([slug for slug in layers if not wanted or slug in wanted])


def discard(aws: Aws, plan: Plan, but: Iterable[str] = ()) -> None:
    """Remove what planning left, except for some layers: its change sets, and empty stacks.

    Everything is tried; raises the first error when something could not be removed.
    """
    kept = set(but)
    _discard(aws.client("cloudformation"), [step for slug, step in plan.steps.items() if slug not in kept])


def _discard(client: Any, steps: Iterable[Step]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_discard_step, client, step) for step in steps]:
            done.result()


def _discard_step(client: Any, step: Step) -> None:
    is_new = step.stack is None or not step.stack.exists
    if step.change_set:
        arn = step.change_set.arn
        cloudformation.remove_change_set(client, arn, step.change_set.stack_arn if is_new else None)
    elif step.stack and is_new:
        cloudformation.delete_shell(client, step.stack.arn)


class _StoppedError(Exception):
    """Planning was given up."""


class _Planning:
    """The making of one plan, in threads that end when it is given up."""

    def __init__(
        self,
        aws: Aws,
        environment: Environment,
        layers: Mapping[str, Layer],
        say: Say,
        verb: Literal["plan", "deploy"],
        keeps_as: str | None,
        approved: Approved,
        inspect: Inspect,
    ) -> None:
        self._aws = aws
        self._client = aws.client("cloudformation")
        self._environment = environment
        self._layers = layers
        self._say = say
        self._verb = verb
        self._keeps_as = keeps_as
        self._approved = approved
        self._inspect = inspect
        self._stopped = threading.Event()
        self._pace = Pace()
        self._watch = Watch(self._client)
        self._waits_for = dependencies(layers, environment)

    def plan(self, chosen: list[str]) -> Plan:
        with self._workers() as pool:
            found = dict(zip(self._layers, pool.map(self._find, self._layers), strict=True))
            stacks = {slug: one.stack for slug, one in found.items()}
            for slug, stack in stacks.items():
                if stack:
                    deployed.refuse_foreign(self._environment, slug, stack)
                    if slug in chosen:
                        deployed.refuse_stuck(self._client, self._environment, slug, stack)
            deployed.refuse_missing(self._environment, self._layers, stacks, chosen, self._waits_for)
            changed = [slug for slug in chosen if not self._is_unchanged(slug, found)]
            offline = self._surveyed(found, chosen) if changed else {}
            futures = {slug: pool.submit(self._step, slug, found, offline[slug]) for slug in changed}
            try:
                steps = {
                    slug: futures[slug].result() if slug in futures else self._unchanged(slug, found)
                    for slug in chosen
                }
            except BaseException:
                self._give_up(pool, futures.values())
                raise
        waits_for = {slug: self._waits_for[slug] & steps.keys() for slug in steps}
        return Plan(self._environment, steps, waits_for, stacks)

    def _surveyed(self, found: Mapping[str, "Found"], chosen: list[str]) -> Mapping[str, LayerChange]:
        """What each layer's change would be, as far as that is known offline; raises where that is enough."""
        survey = _survey(self._environment, self._layers, found, chosen)
        self._inspect(survey)
        return survey.changes

    @contextlib.contextmanager
    def _workers(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that give up as soon as the block is left by an exception."""
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                yield pool
            except BaseException:
                self._stopped.set()
                raise

    def _give_up(self, pool: ThreadPoolExecutor, futures: Iterable[Future[Step]]) -> None:
        """Remove what was made so far. Each thread removes what it has not finished."""
        self._stopped.set()
        pool.shutdown(cancel_futures=True)
        done = [future for future in futures if not future.cancelled() and not future.exception()]
        # Why planning was given up is told, not what more went wrong; the next run finds what is left.
        with contextlib.suppress(ClientError, BotoCoreError):
            _discard(self._client, [future.result() for future in done])

    def _nap(self, seconds: float) -> None:
        if clock.wait(self._stopped, seconds):
            raise _StoppedError

    def _find(self, slug: str) -> "Found":
        name = self._environment.stack_name(slug)
        stack = deployed.settled(self._client, name, self._nap, self._say, self._watch)
        if stack is None:
            return Found(None)
        for listed in cloudformation.change_sets(self._client, stack.arn):
            if leftovers.is_forgotten(listed, alone=self._verb == "deploy"):
                cloudformation.delete_change_set(self._client, listed.arn)
        if not stack.exists or deployed.is_failed(stack):
            return Found(stack)
        return Found(stack, cloudformation.template_body(self._client, stack), self._policy(slug, stack))

    def _policy(self, slug: str, stack: Stack) -> str | None:
        """The stack's policy where the layer has one; one that a killed deploy lifted is put back by this."""
        own = self._layers[slug].stack_policy
        if not own:
            return None
        now = _policy(self._client, stack)
        if not now or self._verb != "deploy" or not policy.is_lifted(own, now):
            return now
        self._client.set_stack_policy(StackName=stack.arn, StackPolicyBody=own)
        self._say(f"the stack policy of {slug} is back, which an earlier run had lifted")
        return own

    def _is_unchanged(self, slug: str, found: Mapping[str, "Found"]) -> bool:
        one = found[slug]
        role = deployed.execution_role(self._environment, slug, _stacks(found))
        return one.deployed is not None and _is_deployed(
            self._environment, self._layers[slug], one.deployed, one.body, role
        )

    def _unchanged(self, slug: str, found: Mapping[str, "Found"]) -> Step:
        layer, one = self._layers[slug], found[slug]
        return Step(
            layer,
            "nothing",
            one.stack,
            deployed_policy=one.policy,
            sets_policy=not template.same_json(
                one.policy or "null", layer.stack_policy or one.policy or "null"
            ),
            sets_protection=self._environment.protected and not (one.deployed and one.deployed.protected),
        )

    def _step(self, slug: str, found: Mapping[str, "Found"], offline: LayerChange) -> Step:
        environment, layer, stack = self._environment, self._layers[slug], found[slug].deployed
        act: Act = "update" if stack else "recreate" if deployed.is_failed(found[slug].stack) else "create"
        endangered = tuple(export.name for export in offline.exports if export.action != "add")
        step = replace(self._unchanged(slug, found), act=act, endangered_exports=endangered)
        left = found[slug].stack
        if act == "recreate" and left:
            step = replace(step, obstacles=tuple(obstacles.of(self._aws, left, protected_too=True)))
        if act == "recreate" or not self._is_ready(slug, found):
            return replace(step, changes=offline.resources)
        if stack and not layer.stack_policy:
            # Whoever set this one, it is obeyed.
            step = replace(step, deployed_policy=_policy(self._client, stack))
        made = self._approved(slug, found[slug].stack) or request(
            self._client,
            environment,
            layer,
            stack,
            deployed.execution_role(environment, slug, _stacks(found)),
            self._nap,
            self._pace,
            verb=self._verb,
            change_set_name=self._keeps_as,
        )
        if made is None:
            return replace(step, act="nothing", endangered_exports=())
        return replace(step, changes=worse(made.changes, offline.resources), change_set=made)

    def _is_ready(self, slug: str, found: Mapping[str, "Found"]) -> bool:
        """Whether all that the layer imports is there, so that CloudFormation can be asked."""
        exported = {name for one in found.values() if one.stack for name in one.stack.exports}
        return imports(self._layers[slug], self._environment) <= exported and not any(
            deployed.is_failed(found[upstream].stack) for upstream in self._waits_for[slug]
        )


@dataclass(frozen=True)
class Found:
    """A stack as it is deployed, with its template, and its policy where the layer has one."""

    stack: Stack | None
    body: Any = None
    policy: str | None = None

    @property
    def deployed(self) -> Stack | None:
        """The stack, if it has resources and can be updated."""
        return self.stack if self.body is not None else None


def _stacks(found: Mapping[str, Found]) -> dict[str, Stack | None]:
    return {slug: one.stack for slug, one in found.items()}


def _policy(client: Any, stack: Stack) -> str | None:
    body: str | None = client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody")
    return body


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


def request(
    client: Any,
    environment: Environment,
    layer: Layer,
    stack: Stack | None,
    role: str | None,
    sleep: Sleep,
    pace: Pace,
    *,
    verb: str = "deploy",
    change_set_name: str | None = None,
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
            description=leftovers.description(verb),
            name=change_set_name,
            sleep=sleep,
            pace=pace,
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


def _is_deployed(environment: Environment, layer: Layer, stack: Stack, body: Any, role: str | None) -> bool:
    return (
        body == layer.body
        and dict(stack.parameters) == template.parameter_values(layer, environment)
        and dict(stack.tags) == environment.stack_tags(layer.slug)
        and (role is None or stack.role_arn == role)
    )

"""Make a plan, before anything is done.

A layer whose stack equals its template, parameters and tags is found without a change set. For the others
CloudFormation makes one. Where that cannot be asked yet, because a layer that this one imports from has not
been deployed, the template itself is the plan, and the plan says so (`change_set` is None).
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import clock, interrupts, plain_secrets, policy, template
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import change_sets, deletion_blockers, describe, stale, upload
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.effects.differences import moved_by_releases
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.layers import Layer, agreed, dependencies, refuse_too_long
from ecs_blue_green.deployer.pace import Pace
from ecs_blue_green.deployer.planning import deployed, providers, survey
from ecs_blue_green.deployer.planning.answers import worse
from ecs_blue_green.deployer.planning.deployed import Say
from ecs_blue_green.deployer.planning.plan import Act, PartialChange, Plan, Step
from ecs_blue_green.deployer.planning.survey import Found, Survey
from ecs_blue_green.deployer.resolve import HIDDEN

# Called before the first change set is made; it raises to have none made.
Inspect = Callable[[Survey], None]
# Called with the stacks and the layers that are to be deployed, before anything is asked of CloudFormation's
# change sets; it raises where something else than a stack keeps them from being deployed.
Require = Callable[[Mapping[str, Stack | None], list[str]], None]
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
    require: Require = lambda stacks, chosen: None,
    inspect: Inspect = lambda survey: None,
) -> Plan:
    """Plan the deployment of `layers`, or of those in `only`.

    Leaves change sets behind, which `discard` or the execution removes. With `keeps_as` they get this name,
    which says that they are wanted when this process is gone. What killed runs left is removed as far as
    that is certain: what a `deploy` left, by a `deploy`, since that holds the lock. Raises BadInput when a
    layer imports what is neither deployed nor in this plan; Blocked when a stack is in a state from which it
    cannot be deployed, and what `require` and `inspect` raise.
    """
    refuse_too_long(layers, environment)
    planning = _Planning(aws, environment, layers, say, verb, keeps_as, approved, require, inspect)
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
        change_sets.remove(client, arn, step.change_set.stack_arn if is_new else None)
    elif step.stack and is_new:
        change_sets.delete_stack_in_review(client, step.stack.arn)


class _Planning:
    """The making of one plan."""

    def __init__(
        self,
        aws: Aws,
        environment: Environment,
        layers: Mapping[str, Layer],
        say: Say,
        verb: Literal["plan", "deploy"],
        keeps_as: str | None,
        approved: Approved,
        require: Require,
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
        self._require = require
        self._inspect = inspect
        self._pace = Pace()
        self._watch = Watch(self._client)
        # The steps whose change set was made here, and not kept from an earlier plan.
        self._made: list[Step] = []
        self._waits_for = dependencies(layers, environment)
        self._world = ResolvedState(desired_state(layers, environment))

    def plan(self, chosen: list[str]) -> Plan:
        try:
            return self._plan(chosen)
        except BaseException:
            # Each thread has removed what it had not finished. Why planning was given up is told, not what
            # more went wrong; the next run finds what is left.
            with contextlib.suppress(ClientError, BotoCoreError):
                _discard(self._client, self._made)
            raise

    def _plan(self, chosen: list[str]) -> Plan:
        with interrupts.threads(WORKERS) as pool:
            found = dict(zip(self._layers, pool.map(self._find, self._layers), strict=True))
            stacks = _stacks(found)
            self._layers = agreed(
                {slug: _keeping(layer, found[slug].deployed) for slug, layer in self._layers.items()},
                [slug for slug, one in found.items() if one.deployed],
            )
            self._world = ResolvedState(desired_state(self._layers, self._environment))
            self._refuse(stacks, chosen)
            changed = [slug for slug in chosen if not self._is_unchanged(slug, found)]
            surveyed = self._surveyed(found, chosen) if changed else None
            futures = {slug: pool.submit(self._step, slug, found, surveyed) for slug in changed if surveyed}
            made = {slug: futures[slug].result() for slug in futures}
        steps = {slug: made.get(slug) or self._unchanged(slug, found) for slug in chosen}
        providers.refuse_unplanned(self._environment, self._world, stacks, steps)
        waits_for = {slug: self._waits_for[slug] & steps.keys() for slug in steps}
        moves = tuple(_moves(self._environment, self._layers, steps)) if surveyed else ()
        in_part = tuple(_in_part(self._environment, self._layers, stacks, steps))
        imported = {slug: surveyed.world.imports(slug) for slug in self._layers} if surveyed else {}
        return Plan(
            self._environment,
            steps,
            waits_for,
            stacks,
            moves,
            imports=imported,
            changes_in_part=in_part,
            plain_secrets=tuple(plain_secrets.found(self._world)),
        )

    def _refuse(self, stacks: Mapping[str, Stack | None], chosen: list[str]) -> None:
        """Raise where what is there cannot be planned on."""
        for slug, stack in stacks.items():
            if stack:
                deployed.refuse_foreign(self._environment, slug, stack)
                if slug in chosen:
                    deployed.refuse_stuck(self._client, self._environment, slug, stack)
        providers.refuse_missing(self._environment, self._layers, self._world, stacks, chosen)
        self._require(stacks, chosen)

    def _surveyed(self, found: Mapping[str, Found], chosen: list[str]) -> Survey:
        """What each layer's change would be, as far as that is known offline; raises where that is enough."""
        surveyed = survey.of(self._environment, self._layers, found, chosen, self._world)
        self._inspect(surveyed)
        return surveyed

    def _find(self, slug: str) -> Found:
        name = self._environment.stack_name(slug)
        stack = deployed.settled(self._client, name, clock.sleep, self._say, self._watch)
        if stack is None:
            return Found(None)
        others = []
        for listed in change_sets.waiting(self._client, stack.arn):
            if stale.is_stale(listed, alone=self._verb == "deploy"):
                change_sets.delete(self._client, listed.arn)
            elif listed.purpose != change_sets.EPHEMERAL:
                others.append(listed)
        found = Found(stack, others=tuple(others))
        if not stack.exists or deployed.is_failed(stack):
            return found
        return replace(
            found, body=describe.template_body(self._client, stack), policy=self._policy(slug, stack)
        )

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

    def _is_unchanged(self, slug: str, found: Mapping[str, Found]) -> bool:
        one = found[slug]
        layer = self._layers[slug]
        role = deployed.execution_role(self._environment, layer, _stacks(found))
        return one.deployed is not None and _is_deployed(
            self._environment, layer, one.deployed, one.body, role
        )

    def _unchanged(self, slug: str, found: Mapping[str, Found]) -> Step:
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

    def _step(self, slug: str, found: Mapping[str, Found], surveyed: Survey) -> Step:
        layer, stack = self._layers[slug], found[slug].deployed
        offline = surveyed.changes[slug]
        act: Act = "update" if stack else "recreate" if deployed.is_failed(found[slug].stack) else "create"
        endangered = tuple(export.name for export in offline.exports if export.action != "add")
        step = replace(
            self._unchanged(slug, found),
            act=act,
            endangered_exports=endangered,
            outputs=offline.outputs,
            tags=offline.tags,
            moved_rules=surveyed.moved_rules(slug),
            ranges=surveyed.ranges(slug),
            displaced=found[slug].others,
        )
        left = found[slug].stack
        if act == "recreate" and left:
            blockers = deletion_blockers.find(self._aws, left, protected_too=True)
            step = replace(step, deletion_blockers=tuple(blockers))
        if act == "recreate" or not self._is_ready(slug, found):
            return replace(step, changes=offline.resources)
        if stack and not layer.stack_policy:
            # Whoever set this one, it is obeyed.
            step = replace(step, deployed_policy=_policy(self._client, stack))
        made = self._approved(slug, found[slug].stack) or self._request(step, found)
        if made is None:
            return replace(step, act="nothing", endangered_exports=(), outputs=(), tags=(), displaced=())
        answered = surveyed.without_secrets(slug, made.changes)
        displaced = tuple(one for one in step.displaced if one.arn != made.arn)
        changes = _in_order(layer, worse(answered, offline.resources))
        step = replace(step, changes=changes, change_set=made, displaced=displaced)
        return replace(step, took=_took(self._client, stack)) if stack else step

    def _request(self, step: Step, found: Mapping[str, Found]) -> ChangeSet | None:
        made = request(
            self._aws,
            self._environment,
            step.layer,
            found[step.layer.slug].deployed,
            deployed.execution_role(self._environment, step.layer, _stacks(found)),
            clock.sleep,
            self._pace,
            verb=self._verb,
            change_set_name=self._keeps_as,
        )
        if made:
            self._made.append(replace(step, change_set=made))
        return made

    def _is_ready(self, slug: str, found: Mapping[str, Found]) -> bool:
        """Whether all that the layer imports is there, so that CloudFormation can be asked."""
        exported = {name for one in found.values() if one.stack for name in one.stack.exports}
        return self._world.imports(slug) <= exported and not any(
            deployed.is_failed(found[upstream].stack) for upstream in self._waits_for[slug]
        )


def _took(client: Any, stack: Stack) -> describe.Took | None:
    """How long the stack took last time. A plan does not fail for want of that."""
    try:
        return describe.took(client, stack.arn)
    except (ClientError, BotoCoreError):
        return None


def _in_order(layer: Layer, changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """As the template has the resources, then those that leave it: CloudFormation promises no order."""
    places = {logical_id: place for place, logical_id in enumerate(layer.resources)}
    return tuple(sorted(changes, key=lambda one: (places.get(one.logical_id, len(places)), one.logical_id)))


def _stacks(found: Mapping[str, Found]) -> dict[str, Stack | None]:
    return {slug: one.stack for slug, one in found.items()}


def _keeping(layer: Layer, stack: Stack | None) -> Layer:
    return layer.keeping(stack.parameters, stack.tags) if stack else layer


def _moves(
    environment: Environment, layers: Mapping[str, Layer], steps: Mapping[str, Step]
) -> Iterator[PropertyChange]:
    """The parameters that a release brings, where a step gives them other values."""
    before = {
        slug: step.stack.parameters for slug, step in steps.items() if step.act == "update" and step.stack
    }
    after = {slug: template.parameter_values(layers[slug], environment) for slug in before}
    yield from moved_by_releases(layers, before, after)


def _in_part(
    environment: Environment,
    layers: Mapping[str, Layer],
    stacks: Mapping[str, Stack | None],
    steps: Mapping[str, Step],
) -> Iterator[PartialChange]:
    """The parameters that get a new value in these steps, and not in other stacks that have them."""
    changed = {slug: _changed_parameters(environment, layers[slug], stack) for slug, stack in stacks.items()}
    left_out = [slug for slug, stack in stacks.items() if stack and slug not in steps]
    for slug, step in steps.items():
        for title in changed[slug] if step.act != "nothing" else ():
            behind = tuple(other for other in left_out if title in changed[other])
            if behind:
                yield PartialChange(slug, title, behind)


def _changed_parameters(environment: Environment, layer: Layer, stack: Stack | None) -> list[str]:
    """The parameters of which a stack has another value than it would get, or none yet, in their order."""
    deployed = stack.parameters if stack else {}
    values = template.parameter_values(layer, environment)
    return [title for title in layer.parameters if deployed.get(title) not in (values[title], HIDDEN)]


def _policy(client: Any, stack: Stack) -> str | None:
    body: str | None = client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody")
    return body


def request(
    aws: Aws,
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
    client = aws.client("cloudformation")
    made: ChangeSet | None = None
    try:
        with upload.template_argument(aws, environment, layer) as sent:
            made = change_sets.create(
                client,
                stack_name=stack.arn if stack else name,
                kind="UPDATE" if stack else "CREATE",
                template=sent,
                parameters=layer.given(environment),
                tags=layer.tags(environment),
                capabilities=layer.capabilities,
                role_arn=role,
                description=stale.description(verb),
                name=change_set_name,
                sleep=sleep,
                pace=pace,
            )
    except Failed:
        # What its template left behind is told; nobody goes on with it.
        if made:
            change_sets.remove(client, made.arn, None if stack else made.stack_arn)
        raise
    except change_sets.ChangeSetFailedError as error:
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
    return made


def _is_deployed(environment: Environment, layer: Layer, stack: Stack, body: Any, role: str | None) -> bool:
    return (
        # Of a template that was sent as JSON, AWS's client makes a document.
        body in (layer.body, layer.template)
        and dict(stack.parameters) == template.parameter_values(layer, environment)
        and dict(stack.tags) == layer.tags(environment)
        and (role is None or stack.role_arn == role)
    )

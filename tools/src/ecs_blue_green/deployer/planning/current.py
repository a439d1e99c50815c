"""The environment as it is, and what a deployment would bring it to: what a plan is made of.

To read it removes what runs that were killed have left behind, as far as that is certain.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ecs_blue_green.deployer import clock, interrupts, policy, template
from ecs_blue_green.deployer.cloudformation import change_sets, describe, stale
from ecs_blue_green.deployer.cloudformation.change_sets import Listed
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer, agreed, refuse_too_long
from ecs_blue_green.deployer.planning import deployed, providers, survey
from ecs_blue_green.deployer.planning.survey import CurrentStack, Survey
from ecs_blue_green.deployer.session import Session


@dataclass(frozen=True)
class EnvironmentState:
    """The stacks of an environment by layer, and the layers with the values that their stacks keep.

    `chosen` are the layers that are to be deployed, `waits_for` has for each layer those before it, and
    `world` is what a deployment of all layers leads to.
    """

    environment: Environment
    layers: Mapping[str, Layer]
    waits_for: Mapping[str, set[str]]
    chosen: tuple[str, ...]
    current_stacks: Mapping[str, CurrentStack]
    world: ResolvedState

    @property
    def stacks(self) -> dict[str, Stack | None]:
        """The stacks alone."""
        return {slug: state.stack for slug, state in self.current_stacks.items()}

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """The chosen layers whose stack does not equal template, parameters, tags and role."""
        return tuple(slug for slug in self.chosen if not self._is_deployed(slug))

    @cached_property
    def survey(self) -> Survey:
        """What the change of each layer would be, as far as that is known offline."""
        return survey.of(self.environment, self.layers, self.current_stacks, list(self.chosen), self.world)

    def role(self, slug: str) -> str | None:
        """The role through which CloudFormation operates a layer's stack, where that is there."""
        return deployed.execution_role(self.environment, self.layers[slug], self.stacks)

    def is_ready(self, slug: str) -> bool:
        """Whether all that a layer imports is there, so that CloudFormation can be asked."""
        exported = {name for stack in self.stacks.values() if stack for name in stack.exports}
        return self.world.imports(slug) <= exported and not any(
            deployed.is_failed(self.current_stacks[upstream].stack) for upstream in self.waits_for[slug]
        )

    def _is_deployed(self, slug: str) -> bool:
        layer, stack, role = self.layers[slug], self.current_stacks[slug].deployed, self.role(slug)
        return (
            stack is not None
            # Of a template that was sent as JSON, AWS's client makes a document.
            and self.current_stacks[slug].body in (layer.body, layer.template)
            and dict(stack.parameters) == template.parameter_values(layer, self.environment)
            and dict(stack.tags) == layer.tags(self.environment)
            and (role is None or stack.role_arn == role)
        )


def read_state(
    session: Session,
    only: Collection[str],
    stacks: Mapping[str, Stack | None] | None = None,
    *,
    has_lock: bool,
) -> EnvironmentState:
    """Look at the stacks of all layers, to deploy those of `only`, or all.

    `stacks` are they, where they were described a moment ago.

    With the lock in hand, it also removes what a killed deploy has left: its change sets, and a stack policy
    that it lifted. Raises BadInput when a layer imports what is neither deployed nor in this plan, and
    Blocked when a stack is in a state from which it cannot be deployed.
    """
    environment = session.environment
    refuse_too_long(session.layers, environment)
    watch = Watch(session.cloudformation)

    if stacks is None:
        stacks = deployed.described(session.aws, environment, session.layers)

    def at_rest(stack: Stack | None) -> Stack | None:
        return deployed.at_rest(session.cloudformation, stack, clock.sleep, session.say, watch)

    with interrupts.threads(WORKERS) as pool:
        resting = list(pool.map(at_rest, (stacks[slug] for slug in session.layers)))
        # What is asked of all stacks is asked side by side, before any answer is looked at.
        asked = [
            _ask(pool, session, layer, stack) if stack else None
            for layer, stack in zip(session.layers.values(), resting, strict=True)
        ]
        current_stacks = {
            layer.slug: _read(session, layer, one, has_lock=has_lock) if one else CurrentStack(None)
            for layer, one in zip(session.layers.values(), asked, strict=True)
        }
    layers = agreed(
        {slug: _keeping(layer, current_stacks[slug].deployed) for slug, layer in session.layers.items()},
        [slug for slug, state in current_stacks.items() if state.deployed],
    )
    world = ResolvedState(desired_state(layers, environment))
    chosen = tuple(slug for slug in layers if not only or slug in only)
    state = EnvironmentState(environment, layers, session.project.waits_for, chosen, current_stacks, world)
    _refuse(session, state)
    return state


def _refuse(session: Session, state: EnvironmentState) -> None:
    """Raise where what is there cannot be planned on."""
    for slug, stack in state.stacks.items():
        if stack:
            deployed.refuse_foreign(state.environment, slug, stack)
            if slug in state.chosen:
                deployed.refuse_stuck(session.cloudformation, state.environment, slug, stack)
    providers.refuse_missing(state.environment, state.layers, state.world, state.stacks, state.chosen)


class _Asked(NamedTuple):
    """What was asked of a stack: of one without resources its change sets alone.

    The policy is asked where the layer has one.
    """

    stack: Stack
    listed: Future[list[Listed]]
    body: Future[Any] | None = None
    policy: Future[str | None] | None = None


def _ask(pool: ThreadPoolExecutor, session: Session, layer: Layer, stack: Stack) -> _Asked:
    client = session.cloudformation
    listed = pool.submit(change_sets.waiting, client, stack.arn)
    if not stack.exists or deployed.is_failed(stack):
        return _Asked(stack, listed)
    body = pool.submit(describe.template_body, client, stack)
    return _Asked(
        stack, listed, body, pool.submit(stack_policy, client, stack) if layer.stack_policy else None
    )


def _read(session: Session, layer: Layer, asked: _Asked, *, has_lock: bool) -> CurrentStack:
    """A stack by the answers; what a killed deploy has left of change sets is removed by this."""
    others = []
    for listed in asked.listed.result():
        if stale.is_stale(listed, alone=has_lock):
            change_sets.delete(session.cloudformation, listed.arn)
        elif listed.purpose != change_sets.EPHEMERAL:
            others.append(listed)
    return CurrentStack(
        asked.stack,
        asked.body.result() if asked.body else None,
        _policy(session, layer, asked, has_lock=has_lock),
        tuple(others),
    )


def _policy(session: Session, layer: Layer, asked: _Asked, *, has_lock: bool) -> str | None:
    """The stack's policy where the layer has one; one that a killed deploy lifted is put back by this."""
    current, own = asked.policy.result() if asked.policy else None, layer.stack_policy
    if not current or not own or not has_lock or not policy.is_lifted(own, current):
        return current
    stack = asked.stack
    session.cloudformation.set_stack_policy(StackName=stack.arn, StackPolicyBody=own)
    session.say(f"the stack policy of {layer.slug} is back, which an earlier run had lifted")
    return own


def stack_policy(client: Any, stack: Stack) -> str | None:
    """The policy that a stack has."""
    body: str | None = client.get_stack_policy(StackName=stack.arn).get("StackPolicyBody")
    return body


def _keeping(layer: Layer, stack: Stack | None) -> Layer:
    return layer.keeping(stack.parameters, stack.tags) if stack else layer

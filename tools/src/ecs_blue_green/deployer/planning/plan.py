"""A plan: what a deploy would do to every layer's stack, and the digest by which it is approved."""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet, Listed
from ecs_blue_green.deployer.cloudformation.deletion_blockers import DeletionBlocker
from ecs_blue_green.deployer.cloudformation.describe import Stack, Took
from ecs_blue_green.deployer.effects.comparison import OutputChange
from ecs_blue_green.deployer.effects.differences import map_changes
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.plain_secrets import PlainSecret

Act = Literal["nothing", "create", "update", "recreate"]


@dataclass(frozen=True)
class Step:
    """What happens to one layer's stack."""

    layer: Layer
    act: Act
    stack: Stack | None = None
    changes: tuple[ResourceChange, ...] = ()
    change_set: ChangeSet | None = None
    # What CloudFormation warns of in the change set.
    warnings: tuple[str, ...] = ()
    endangered_exports: tuple[str, ...] = ()
    deployed_policy: str | None = None
    sets_policy: bool = False
    sets_protection: bool = False
    # What is in the way of deleting what a failed first creation has left.
    deletion_blockers: tuple[DeletionBlocker, ...] = ()
    # What changes besides resources: the stack's outputs, and its tags, by key in `path`.
    outputs: tuple[OutputChange, ...] = ()
    tags: tuple[PropertyChange, ...] = ()
    # The listener rules, before or after, that CodeDeploy moves as it moves a listener.
    moved_rules: frozenset[str] = frozenset()
    # Of each scalable target the fewest and the most that it shall let there be.
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # The change sets of others, and of saved plans, that CloudFormation deletes when this one is executed.
    displaced: tuple[Listed, ...] = ()
    # How long the stack took last time, where its events tell.
    took: Took | None = None
    # The role through which CloudFormation operates the stack, where that is not the caller's. One that this
    # plan makes is not known yet.
    role: str | None = None
    # The resources, with their types, for which the stack policy is lifted.
    lifts: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes_something(self) -> bool:
        """Whether anything is to be done, a stack policy or protection included."""
        return self.act != "nothing" or self.sets_policy or self.sets_protection


@dataclass(frozen=True)
class PartialChange:
    """A parameter that changes in one layer, and in others that have it, `behind`, does not."""

    layer: str
    parameter: str
    behind: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The steps by layer, in an order of deployment, and what each layer waits for.

    `stacks` are all of the environment's stacks as found; `moves` are the parameters that the next release
    brings, and no stack of the service. `imports` has the exports that each layer of the project will import.
    `left` are the stacks whose layer has left the project, `changes_in_part` the parameters that would
    change in some of the stacks that have them, and `plain_secrets` what would stand in plain text. `kept`
    are the layers whose change set was kept for this, and stays for the next try until one is executed.
    """

    environment: Environment
    steps: Mapping[str, Step]
    waits_for: Mapping[str, set[str]]
    stacks: Mapping[str, Stack | None]
    moves: tuple[PropertyChange, ...] = ()
    left: Mapping[str, Stack] = field(default_factory=dict)
    imports: Mapping[str, Set[str]] = field(default_factory=dict)
    changes_in_part: tuple[PartialChange, ...] = ()
    plain_secrets: tuple[PlainSecret, ...] = ()
    kept: Set[str] = frozenset()

    @property
    def changes_something(self) -> bool:
        """Whether a deploy would do anything."""
        return bool(self.changed)

    @property
    def changed(self) -> set[str]:
        """The layers of which something would be done."""
        return {slug for slug, step in self.steps.items() if step.changes_something}

    @property
    def there(self) -> set[str]:
        """The layers that have a stack, or would have one."""
        made = {slug for slug, step in self.steps.items() if step.act != "nothing"}
        return {slug for slug, stack in self.stacks.items() if stack} | made | self.left.keys()

    @property
    def kept_tags(self) -> dict[str, tuple[PropertyChange, ...]]:
        """By layer the tags of the parameter file that its stack does not take, since it keeps its own."""
        found = {
            slug: tuple(map_changes(step.layer.tags(self.environment), self.environment.stack_tags(slug)))
            for slug, step in self.steps.items()
        }
        return {slug: tags for slug, tags in found.items() if tags}

    @property
    def digest(self) -> str:
        """What is approved, in 64 hexadecimal digits: templates, parameters, tags and the deployed state."""
        facts = {
            slug: [inputs_digest(self.environment, step.layer), state(step.stack)]
            for slug, step in self.steps.items()
        }
        where = [self.environment.name, self.environment.account, self.environment.region]
        return digest([where, facts])


def inputs_digest(environment: Environment, layer: Layer) -> str:
    """What a layer is deployed with: template, stack policy, parameters, tags."""
    return digest([layer.body, layer.stack_policy, layer.given(environment), layer.tags(environment)])


def digest(facts: Any) -> str:
    """64 hexadecimal digits for what JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def state(stack: Stack | None) -> list[str]:
    """What tells whether a stack has moved: its ARN, its status, and when it was last operated on."""
    return [stack.arn, stack.status, str(stack.changed)] if stack else []

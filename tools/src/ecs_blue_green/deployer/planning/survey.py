"""What is known of a deployment before CloudFormation is asked for any change set.

The checks of `preflight` read this: which stacks are made, which parameters are new to AWS, and the
resources with their values filled in.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_blue_green.deployer import template
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.change_sets import Listed
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.effects import comparison, traffic
from ecs_blue_green.deployer.effects.comparison import LayerChange
from ecs_blue_green.deployer.effects.states import ResolvedState, Resource, StackState, State
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer, parse
from ecs_blue_green.deployer.resolve import HIDDEN, has_secret, is_hidden

SCALABLE_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
RANGE = ("MinCapacity", "MaxCapacity")


@dataclass(frozen=True)
class Survey:
    """What is there, and what would change.

    `layers` are those to be deployed, in order; `stacks` and `changes` have every layer of the project.
    `created` are the layers whose stack is made, for the first time or again.
    """

    environment: Environment
    layers: Mapping[str, Layer]
    stacks: Mapping[str, Stack | None]
    changes: Mapping[str, LayerChange]
    created: frozenset[str]
    world: ResolvedState
    # Layer and logical id of the listener rules, before or after, that CodeDeploy moves.
    moved: frozenset[tuple[str, str]] = frozenset()

    def concerns(self, *titles: str) -> bool:
        """Whether one of these parameters has a value that AWS was not given before."""
        return any(
            title in layer.parameters
            if slug in self.created
            else any(change.path == title for change in self.changes[slug].parameters)
            for slug, layer in self.layers.items()
            for title in titles
        )

    def value(self, title: str) -> str:
        """A parameter's value, or its default; empty where no layer of the project has it.

        It is the file's where that has one: a stack may keep another.
        """
        if title in self.environment.parameters:
            return self.environment.parameters[title]
        stacks = self.world.stacks.values()
        return next((stack.parameters[title] for stack in stacks if title in stack.parameters), "")

    def values(self, title: str) -> list[str]:
        """A list parameter's values."""
        return [value for value in self.value(title).split(",") if value]

    def moved_rules(self, slug: str) -> frozenset[str]:
        """The listener rules of a layer that CodeDeploy moves, as they are deployed or would be."""
        return frozenset(logical_id for layer, logical_id in self.moved if layer == slug)

    def ranges(self, slug: str) -> dict[str, tuple[int, int]]:
        """The fewest and the most that each scalable target of a layer shall let there be, where known."""
        return {
            logical_id: (int(low), int(high))
            for logical_id, resource in self.world.resources(slug).items()
            if resource.type == SCALABLE_TARGET
            for low, high in [[str(resource.properties.get(name, "")) for name in RANGE]]
            if low.isdigit() and high.isdigit()
        }

    def new_resources(self) -> Iterator[tuple[str, str, Resource]]:
        """Layer, logical id and values of every resource that would be made."""
        for slug in self.layers:
            resources = self.world.resources(slug)
            added = {change.logical_id for change in self.changes[slug].resources if change.action == "add"}
            for logical_id, resource in resources.items():
                if slug in self.created or logical_id in added:
                    yield slug, logical_id, resource

    def without_secrets(self, slug: str, changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
        """CloudFormation's changes of a layer; the values in which NoEcho hides something are hidden."""
        resources = self.world.resources(slug)
        hidden = []
        for change in changes:
            resource = resources.get(change.logical_id)
            properties = tuple(
                _hidden(one) if resource and _holds_secret(resource, one.path) else one
                for one in change.properties
            )
            hidden.append(replace(change, properties=properties))
        return tuple(hidden)


def _holds_secret(resource: Resource, path: str) -> bool:
    value: Any = {"Properties": resource.properties}
    for name in path.strip("/").split("/"):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            break
    return has_secret(value)


def _hidden(change: PropertyChange) -> PropertyChange:
    before, after = (None if side is None else HIDDEN for side in (change.before, change.after))
    return replace(change, before=before, after=after)


@dataclass(frozen=True)
class CurrentStack:
    """A stack as it is deployed, with its template, and its policy where the layer has one.

    `others` are the change sets that wait there, somebody else's and those of saved plans.
    """

    stack: Stack | None
    body: Any = None
    policy: str | None = None
    others: tuple[Listed, ...] = ()

    @property
    def deployed(self) -> Stack | None:
        """The stack, if it has resources and can be updated."""
        return self.stack if self.body is not None else None


def of(
    environment: Environment,
    layers: Mapping[str, Layer],
    current_stacks: Mapping[str, CurrentStack],
    chosen: list[str],
    world: ResolvedState,
) -> Survey:
    """What the templates, values and resource schemas say of the change of each layer, without AWS.

    `world` is what a deployment of all layers leads to.
    """
    deployed = State(
        environment.account,
        environment.region,
        {
            slug: StackState(
                current.deployed.name,
                _parsed(current.body),
                _with_secrets(current.deployed.parameters, layers[slug], environment),
                current.deployed.tags,
            )
            for slug, current in current_stacks.items()
            if current.deployed
        },
    )
    before = ResolvedState(deployed)
    return Survey(
        environment=environment,
        layers={slug: layers[slug] for slug in chosen},
        stacks={slug: current.stack for slug, current in current_stacks.items()},
        changes={change.layer: change for change in comparison.compare_resolved(before, world)},
        created=frozenset(slug for slug in chosen if not current_stacks[slug].deployed),
        world=world,
        moved=traffic.moved_rules(before, world),
    )


def _with_secrets(deployed: Mapping[str, str], layer: Layer, environment: Environment) -> Mapping[str, str]:
    """The parameters of a stack. What NoEcho hides is taken to be as wanted: only CloudFormation can tell."""
    wanted = template.parameter_values(layer, environment)
    hidden = {title for title, declared in layer.parameters.items() if is_hidden(declared)}
    return {title: wanted[title] if title in hidden else value for title, value in deployed.items()}


def _parsed(body: Any) -> Any:
    # GetTemplate gives a JSON template as a dictionary.
    return parse(body) if isinstance(body, str) else body

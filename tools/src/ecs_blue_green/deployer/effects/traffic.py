"""What CodeDeploy moves besides a listener's default action: rules that send requests to the same service.

A deployment changes, on the listeners of its group, every rule that forwards to one of the group's two target
groups, and leaves the idle one of them in it with the weight 0. UNVERIFIED: no page of AWS's says so, but its
support did (https://github.com/traveloka/terraform-aws-alb-single-listener/issues/47).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.deployer.effects.states import ResolvedState, Resource
from ecs_blue_green.deployer.resolve import Expression
from ecs_blue_green.deployer.rules import DEPLOYMENT_GROUP, LISTENER_RULE

# A resource of a template by layer and logical id, or text; None is what a template does not tell.
Identity = tuple[str, str] | str | None


@dataclass(frozen=True)
class _Route:
    """The listeners of a deployment group, and its target groups."""

    listeners: frozenset[Identity]
    groups: frozenset[Identity]

    def moves(self, rule: Resource) -> bool:
        """Whether a deployment moves this rule; where that cannot be told, it does."""
        listener = _identity(rule.properties.get("ListenerArn"))
        targets = {_identity(target) for target in _targets(rule.properties.get("Actions"))}
        return listener in {*self.listeners, None} and not targets.isdisjoint({*self.groups, None})


def moved_rules(*states: ResolvedState) -> frozenset[tuple[str, str]]:
    """Layer and logical id of each listener rule that a deployment moves, in any of the states."""
    rules = [
        (layer, logical_id, resource)
        for state in states
        for layer in state.stacks
        for logical_id, resource in state.resources(layer).items()
        if resource.type == LISTENER_RULE
    ]
    # Most projects have none, and nothing else is looked at for them.
    routes = [route for state in states for route in _routes(state)] if rules else []
    return frozenset(
        (layer, logical_id)
        for layer, logical_id, resource in rules
        if any(route.moves(resource) for route in routes)
    )


def _routes(state: ResolvedState) -> Iterator[_Route]:
    for layer in state.stacks:
        for resource in state.resources(layer).values():
            if resource.type != DEPLOYMENT_GROUP:
                continue
            for pair in _list(
                _member(resource.properties.get("LoadBalancerInfo"), "TargetGroupPairInfoList")
            ):
                listeners = [
                    listener
                    for route in ("ProdTrafficRoute", "TestTrafficRoute")
                    for listener in _list(_member(_member(pair, route), "ListenerArns"))
                ]
                groups = [_member(group, "Name") for group in _list(_member(pair, "TargetGroups"))]
                yield _Route(frozenset(map(_identity, listeners)), frozenset(map(_identity, groups)))


def _targets(actions: Any) -> Iterator[Any]:
    """What actions forward to, as the template has it."""
    for action in _list(actions):
        if _member(action, "TargetGroupArn") is not None:
            yield _member(action, "TargetGroupArn")
        for group in _list(_member(_member(action, "ForwardConfig"), "TargetGroups")):
            yield _member(group, "TargetGroupArn")


def _identity(value: Any) -> Identity:
    if isinstance(value, Expression):
        target = list(value.references)
        return (target[0].layer, target[0].logical_id) if len(value.parts) == len(target) == 1 else None
    if isinstance(value, str):
        # A deployment group names its target groups: ...:targetgroup/<name>/<id>
        return value.split("/")[-2] if ":targetgroup/" in value else value
    return None


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

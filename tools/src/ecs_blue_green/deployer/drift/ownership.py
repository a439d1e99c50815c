"""Which properties of the deployed resources are changed outside of CloudFormation, and within which limits.

CloudFormation creates the resources; CodeDeploy, auto scaling and ECS change some of their properties at run
time. Such drift is delegated: it is how the system works, and reverting it would break a release. The layers
say who owns which property; here are the limits within which an owner may change it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from ecs_blue_green import runtime
from ecs_blue_green.deployer.effects import traffic
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer

# Whether the actual value is one that the owner may set: called with the property's expected and
# actual value and the ARNs of the two target groups.
Limit = Callable[[Any, Any, Set[str]], bool]


def _forwards_to_colours(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """Every request goes to blue or green, with any weights."""
    expected_actions, actual_actions = (
        [*value] if isinstance(value, list) else [] for value in (expected, actual)
    )
    forwards = [action for action in actual_actions if action.get("Type") == "forward"]
    return (
        bool(forwards)
        and all(_targets(action) and _targets(action) <= colours for action in forwards)
        and _others(expected_actions) == _others(actual_actions)
    )


def _others(actions: Any) -> list[str]:
    """The actions before the forward action, such as an authentication."""
    # Numbers come back as text from some types.
    return [
        json.dumps(_texts(action), sort_keys=True) for action in actions if action.get("Type") != "forward"
    ]


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(member) for key, member in value.items()}
    return [_texts(member) for member in value] if isinstance(value, list) else str(value)


def _targets(action: Any) -> set[str]:
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    named = {group.get("TargetGroupArn") for group in groups}
    if "TargetGroupArn" in action:
        named.add(action["TargetGroupArn"])
    return named


def _only_the_colour(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """The same container and port, behind blue or green."""

    def without(entries: Any) -> list[dict[str, str]]:
        # Numbers come back as text from some types.
        return [
            {key: str(value) for key, value in entry.items() if key != "TargetGroupArn"} for entry in entries
        ]

    return (
        isinstance(expected, list)
        and isinstance(actual, list)
        and without(expected) == without(actual)
        and {entry.get("TargetGroupArn") for entry in actual} <= colours
    )


def _same_family(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """Another revision of the same family."""
    return bool(_family(expected)) and _family(expected) == _family(actual)


def _family(value: Any) -> str:
    return re.sub(r":\d+$", "", str(value or "").rpartition("/")[2])


def _resolved_latest(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """LATEST, or the version that ECS resolved it to."""
    return str(expected) == "LATEST"


def _as_deployed(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """What the last finished deployment set, or one in progress; before the first, what the template says."""
    return str(expected) == "LATEST" or _comparable(expected) == _comparable(actual)


def _comparable(value: Any) -> str:
    """One text for values that mean the same: lists in a network configuration have no order."""
    if isinstance(value, Mapping):
        members = {str(key).lower(): _comparable(member) for key, member in value.items()}
        return json.dumps(members, sort_keys=True)
    if isinstance(value, list):
        return json.dumps(sorted(map(_comparable, value)))
    # A weight that comes from a parameter is a string, in an AppSpec it is a number.
    return json.dumps(value if value is None or isinstance(value, bool) else str(value))


def _anything(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """Any value."""
    return True


LIMITS: Mapping[runtime.Limit, Limit] = {
    "forwards-to-target-groups": _forwards_to_colours,
    "same-container": _only_the_colour,
    "same-family": _same_family,
    "latest": _resolved_latest,
    "last-deployment": _as_deployed,
    "anything": _anything,
}


def changed_by(
    layers: Mapping[str, Layer], environment: Environment
) -> dict[str, tuple[runtime.Changed, ...]]:
    """Who else changes what in each layer: what it declares, and rules that CodeDeploy changes."""
    moved = traffic.moved_rules(ResolvedState(desired_state(layers, environment)))
    changes = {}
    for slug, layer in layers.items():
        declared = {changed.resource for changed in layer.runtime.changed_by}
        rules = sorted(
            logical_id for owner, logical_id in moved if owner == slug and logical_id not in declared
        )
        changes[slug] = (*layer.runtime.changed_by, *map(_rule, rules))
    return changes


def _rule(logical_id: str) -> runtime.Changed:
    delegation = runtime.Delegation("Actions", "CodeDeploy", "forwards-to-target-groups")
    return runtime.Changed(logical_id, "CodeDeploy: its actions", "CodeDeploy's", (delegation,))


@dataclass(frozen=True)
class Owners:
    """Who else changes what in one layer's resources. `colours` are the ARNs of the two target groups.

    `brought` has what the last finished deployment set, and one in progress, as properties of the service.
    """

    changed: Iterable[runtime.Changed]
    colours: Set[str]
    brought: tuple[Mapping[str, Any], ...] = ()

    def of(self, resource: str, path: str, expected: Any, actual: Any) -> str | None:
        """Who may have made this change, or None when only CloudFormation may.

        `path` is a JSON pointer into the resource's properties. `expected` and `actual` are all of them,
        because CloudFormation reports the same change as an addition, a removal or a new value.
        """
        top = path.lstrip("/").split("/")[0]
        for changed in self.changed:
            for delegation in changed.properties if changed.resource == resource else ():
                if delegation.property == top:
                    return delegation.owner if self._is_within(delegation, expected, actual) else None
        return None

    def beyond(
        self, resource: str, expected: Mapping[str, Any], actual: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        """What equals the template but not the last deployment: properties with the deployed values."""
        for changed in self.changed:
            for delegation in changed.properties if changed.resource == resource else ():
                if delegation.limit == "last-deployment" and not self._is_within(
                    delegation, expected, actual
                ):
                    yield delegation.property, self._deployed(delegation.property, expected)[0]

    def _is_within(
        self, delegation: runtime.Delegation, expected: Mapping[str, Any], actual: Mapping[str, Any]
    ) -> bool:
        top, limit = delegation.property, LIMITS[delegation.limit]
        allowed = [expected.get(top)]
        if delegation.limit == "last-deployment":
            allowed = self._deployed(top, expected)
        return any(limit(value, actual.get(top), self.colours) for value in allowed)

    def _deployed(self, top: str, expected: Mapping[str, Any]) -> list[Any]:
        return [brought.get(top, expected.get(top)) for brought in self.brought or ({},)]

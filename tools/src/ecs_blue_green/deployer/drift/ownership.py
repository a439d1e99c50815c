"""Which parts of the deployed resources somebody else than CloudFormation changes, and how far.

CloudFormation creates the resources; CodeDeploy, auto scaling and ECS move some of their properties at run
time. Such a difference between template and reality is delegated: it is how the system works, and "repairing"
it would break a release. The layers say whose property is whose; here is how far an owner may change it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from ecs_blue_green import runtime

# Whether the actual value is still one that the owner may set: called with the property's expected and
# actual value and the ARNs of the two target groups.
Limit = Callable[[Any, Any, Set[str]], bool]


def _forwards_to_colours(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """Every request goes to blue or green, in whatever proportion."""
    actions = actual if isinstance(actual, list) else []
    return bool(actions) and all(
        action.get("Type") == "forward" and _targets(action) and _targets(action) <= colours
        for action in actions
    )


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
    """LATEST, or the version that ECS took for it."""
    return str(expected) == "LATEST"


def _anything(expected: Any, actual: Any, colours: Set[str]) -> bool:
    """Whatever its owner makes it."""
    return True


LIMITS: Mapping[runtime.Limit, Limit] = {
    "forwards-to-target-groups": _forwards_to_colours,
    "same-container": _only_the_colour,
    "same-family": _same_family,
    "latest": _resolved_latest,
    "anything": _anything,
}


@dataclass(frozen=True)
class Owners:
    """Who else changes what in one layer's resources. `colours` are the ARNs of the two target groups."""

    changed: Iterable[runtime.Changed]
    colours: Set[str]

    def of(self, resource: str, path: str, expected: Any, actual: Any) -> str | None:
        """Who may have made this difference, or None when it belongs to CloudFormation alone.

        `path` is a JSON pointer into the resource's properties. `expected` and `actual` are all of them,
        because CloudFormation tells one and the same change as an addition, a removal or a new value.
        """
        top = path.lstrip("/").split("/")[0]
        for changed in self.changed:
            for delegation in changed.properties if changed.resource == resource else ():
                if delegation.property == top:
                    limit = LIMITS[delegation.limit]
                    within = limit(expected.get(top), actual.get(top), self.colours)
                    return delegation.owner if within else None
        return None

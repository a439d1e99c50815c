"""Who may do what, read from the policy documents of a template, and what a change adds to it.

A policy document is recognised by its `Statement`, wherever it stands: in a role, a bucket policy, a key.
It is taken apart into single permissions: statements that are only cut or ordered otherwise are then equal.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ecs_blue_green.deployer.effects.differences import shown
from ecs_blue_green.deployer.effects.sides import Resource

# What an element that leaves something out says instead of its values.
_EXCEPT = "everything except "


@dataclass(frozen=True)
class Permission:
    """One effect, principal, action, resource and condition; "" where the statement has no such element."""

    effect: str
    principal: str
    action: str
    target: str
    condition: str

    def covers(self, other: "Permission") -> bool:
        """Whether whoever has this permission has the other too."""
        return (
            self.effect == other.effect
            and _within(other.principal, self.principal)
            and _within(other.action.lower(), self.action.lower())
            and _within(other.target, self.target)
            and self.condition in ("", other.condition)
        )


def added(before: Resource | None, after: Resource | None, layer: str) -> list[str]:
    """What the resource's policies let happen after the change and not before, in words."""
    old, new = _permissions(before, layer), _permissions(after, layer)
    allowed = [p for p in new if p.effect == "Allow" and not any(o.covers(p) for o in old)]
    undone = [p for p in old if p.effect == "Deny" and not any(n.covers(p) for n in new)]
    words = [_allowed(*group) for group in _grouped(allowed)]
    words += [_no_longer_denied(*group) for group in _grouped(undone)]
    attached = _attached(after, layer) - _attached(before, layer)
    words += [f"has the managed policy {arn}" for arn in sorted(attached)]
    limits = _boundary(before, layer), _boundary(after, layer)
    if limits[0] and limits[0] != limits[1]:
        words.append(f"is no longer limited by the permissions boundary {limits[0]}")
    return words


def _permissions(resource: Resource | None, layer: str) -> list[Permission]:
    found = {
        permission: None
        for statement in _statements(resource.properties if resource else None)
        for permission in _taken_apart(statement, layer)
    }
    return list(found)


def _statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """The statements of every policy document inside a value; a document may be written as JSON text."""
    if isinstance(value, str) and '"Statement"' in value:
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        if "Statement" in value:
            yield from _listed(value["Statement"])
            return
        for member in value.values():
            yield from _statements(member)
    elif isinstance(value, list):
        for member in value:
            yield from _statements(member)


def _taken_apart(statement: Mapping[str, Any], layer: str) -> Iterator[Permission]:
    condition = shown(statement["Condition"], layer) or "" if statement.get("Condition") else ""
    for principal in _principals(statement, layer):
        for action in _element(statement, "Action", layer):
            for target in _element(statement, "Resource", layer):
                yield Permission(str(statement.get("Effect", "Allow")), principal, action, target, condition)


def _element(statement: Mapping[str, Any], name: str, layer: str) -> list[str]:
    left_out = statement.get(f"Not{name}")
    if left_out is not None:
        return [_EXCEPT + " and ".join(sorted(shown(value, layer) or "" for value in _listed(left_out)))]
    return [shown(value, layer) or "" for value in _listed(statement.get(name, ""))]


def _principals(statement: Mapping[str, Any], layer: str) -> list[str]:
    if "NotPrincipal" in statement:
        return [_EXCEPT + (shown(statement["NotPrincipal"], layer) or "")]
    principal = statement.get("Principal")
    if principal is None:
        return [""]
    if not isinstance(principal, dict):
        return [shown(principal, layer) or ""]
    return [
        shown(value, layer) or "" if value == "*" or kind == "AWS" else f"{kind} {shown(value, layer)}"
        for kind, values in principal.items()
        for value in _listed(values)
    ]


def _attached(resource: Resource | None, layer: str) -> set[str]:
    arns = resource.properties.get("ManagedPolicyArns", []) if resource else []
    return {shown(arn, layer) or "" for arn in _listed(arns)}


def _boundary(resource: Resource | None, layer: str) -> str | None:
    return shown(resource.properties.get("PermissionsBoundary"), layer) if resource else None


def _grouped(permissions: Iterable[Permission]) -> Iterator[tuple[str, str, str]]:
    """Who, what and on which condition; actions and targets of what else is the same are put together."""
    actions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for p in permissions:
        actions[p.principal, p.target, p.condition].append(p.action)
    targets: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (principal, target, condition), names in actions.items():
        targets[principal, condition, tuple(sorted(names))].append(target)
    for (principal, condition, acts), where in targets.items():
        what = ", ".join("everything" if act == "*" else act for act in acts)
        on = ", ".join("anything" if target == "*" else target for target in where if target)
        yield (
            "anyone" if principal == "*" else principal,
            f"{what} on {on}" if on else what,
            f", if {condition}" if condition else "",
        )


def _allowed(who: str, what: str, condition: str) -> str:
    if who and what.startswith("sts:AssumeRole"):
        return f"can now be assumed by {who}{condition}"
    return f"now lets {who} do {what}{condition}" if who else f"may now do {what}{condition}"


def _no_longer_denied(who: str, what: str, condition: str) -> str:
    return f"no longer denies {who} {what}{condition}" if who else f"is no longer denied {what}{condition}"


def _within(value: str, pattern: str) -> bool:
    if value == pattern:
        return True
    # What is left out cannot be compared with a pattern; brackets have no meaning for IAM.
    if value.startswith(_EXCEPT) or pattern.startswith(_EXCEPT):
        return False
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

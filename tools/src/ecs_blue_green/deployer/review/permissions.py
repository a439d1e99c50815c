"""Permissions in the policy documents of a template, and what a change adds to them.

A policy document is recognised by its `Statement`, wherever it stands: in a role, a bucket policy, a key.
It is taken apart into single permissions: statements that are only cut or ordered otherwise are then equal.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_blue_green.deployer.effects.differences import text_of
from ecs_blue_green.deployer.effects.states import Resource
from ecs_blue_green.deployer.review import patterns
from ecs_blue_green.deployer.review.conditions import Condition, condition


@dataclass(frozen=True)
class Element:
    """One element of a statement: what these patterns match, or everything except that."""

    names: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        """In words."""
        return f"{'everything except ' if self.negated else ''}{' and '.join(self.names)}"

    def covers(self, other: "Element") -> bool:
        """Whether this matches all that the other matches."""
        if not self.negated:
            return "*" in self.names if other.negated else all(map(self._has, other.names))
        if not other.negated:
            return not any(patterns.overlap(denied, name) for denied in self.names for name in other.names)
        return all(map(other._has, self.names))

    def _has(self, name: str) -> bool:
        return any(patterns.within(name, pattern) for pattern in self.names)

    def lower(self) -> "Element":
        """The same for names whose case has no meaning."""
        return Element(tuple(name.lower() for name in self.names), self.negated)


@dataclass(frozen=True)
class Permission:
    """One effect, principal, action, resource and condition; `""` where the statement has no such element."""

    effect: str
    principal: Element
    action: Element
    target: Element
    condition: Condition

    def covers(self, other: "Permission") -> bool:
        """Whether this is about all that the other is about, on no condition that the other does not have."""
        # Who may assume a role, and what the role may do, are two things.
        return (
            any(self.principal.names) == any(other.principal.names)
            and self.principal.covers(other.principal)
            and self.action.lower().covers(other.action.lower())
            and self.target.covers(other.target)
            and other.condition.implies(self.condition)
        )


def added(before: Resource | None, after: Resource | None, layer: str) -> list[str]:
    """What the resource's policies allow after the change and not before, in words."""
    old, new = _permissions(before, layer), _permissions(after, layer)
    # An explicit deny overrides any allow.
    closed = [*_with_effect(old, "Allow"), *_with_effect(new, "Deny")]
    allowed = [p for p in _with_effect(new, "Allow") if not _is_covered(p, closed)]
    undone = [p for p in _with_effect(old, "Deny") if not _is_covered(p, _with_effect(new, "Deny"))]
    words = [_allowed(*group) for group in _grouped(allowed)]
    words += [_no_longer_denied(*group) for group in _grouped(undone)]
    attached = _attached(after, layer) - _attached(before, layer)
    words += [f"has the managed policy {arn}" for arn in sorted(attached)]
    limits = _boundary(before, layer), _boundary(after, layer)
    if limits[0] and limits[0] != limits[1]:
        words.append(f"is no longer limited by the permissions boundary {limits[0]}")
    return words


def _with_effect(permissions: Iterable[Permission], effect: str) -> list[Permission]:
    return [permission for permission in permissions if permission.effect == effect]


def _is_covered(permission: Permission, others: Iterable[Permission]) -> bool:
    """Whether the others together are about all that a permission is about, value by value."""
    near = [other for other in others if replace(other, condition=Condition()).covers(permission)]
    return all(
        any(piece.implies(other.condition) for other in near) for piece in permission.condition.pieces()
    )


def _permissions(resource: Resource | None, layer: str) -> list[Permission]:
    permissions = {
        permission: None
        for statement in _statements(resource.properties if resource else None)
        for permission in _taken_apart(statement, layer)
    }
    return list(permissions)


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
    effect, limit = str(statement.get("Effect", "Allow")), condition(statement.get("Condition"), layer)
    for principal in _principals(statement, layer):
        for action in _elements(statement, "Action", layer):
            for target in _elements(statement, "Resource", layer):
                yield Permission(effect, principal, action, target, limit)


def _elements(statement: Mapping[str, Any], name: str, layer: str) -> list[Element]:
    left_out = statement.get(f"Not{name}")
    if left_out is not None:
        return [
            Element(tuple(sorted(text_of(value, layer) or "" for value in _listed(left_out))), negated=True)
        ]
    return [Element((text_of(value, layer) or "",)) for value in _listed(statement.get(name, ""))]


def _principals(statement: Mapping[str, Any], layer: str) -> list[Element]:
    if "NotPrincipal" in statement:
        return [Element(tuple(sorted(_named(statement["NotPrincipal"], layer))), negated=True)]
    return [Element((name,)) for name in _named(statement.get("Principal", ""), layer)]


def _named(principal: Any, layer: str) -> list[str]:
    """The principals of a statement: an account's by their ARN, others with their kind before it."""
    if not isinstance(principal, dict):
        return [text_of(principal, layer) or ""]
    return [
        text_of(value, layer) or "" if value == "*" or kind == "AWS" else f"{kind} {text_of(value, layer)}"
        for kind, values in principal.items()
        for value in _listed(values)
    ]


def _attached(resource: Resource | None, layer: str) -> set[str]:
    arns = resource.properties.get("ManagedPolicyArns", []) if resource else []
    return {text_of(arn, layer) or "" for arn in _listed(arns)}


def _boundary(resource: Resource | None, layer: str) -> str | None:
    return text_of(resource.properties.get("PermissionsBoundary"), layer) if resource else None


def _grouped(permissions: Iterable[Permission]) -> Iterator[tuple[str, str, str]]:
    """Who, what and on which condition; actions and targets of what else is the same are put together."""
    actions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for p in permissions:
        actions[str(p.principal), str(p.target), p.condition.text].append(str(p.action))
    targets: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (principal, target, text), names in actions.items():
        targets[principal, text, tuple(sorted(names))].append(target)
    for (principal, text, acts), where in targets.items():
        what = ", ".join("everything" if act == "*" else act for act in acts)
        on = ", ".join("anything" if target == "*" else target for target in where if target)
        yield (
            "anyone" if principal == "*" else principal,
            f"{what} on {on}" if on else what,
            f", if {text}" if text else "",
        )


def _allowed(who: str, what: str, condition: str) -> str:
    if who and what.startswith("sts:AssumeRole"):
        return f"can now be assumed by {who}{condition}"
    return f"now lets {who} do {what}{condition}" if who else f"may now do {what}{condition}"


def _no_longer_denied(who: str, what: str, condition: str) -> str:
    return f"no longer denies {who} {what}{condition}" if who else f"is no longer denied {what}{condition}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""Stack policies: what one denies, and how it is lifted for named resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Literal

Update = Literal["Update:Modify", "Update:Replace", "Update:Delete"]

_PREFIX = "LogicalResourceId/"


def shape_problem(document: Any) -> str | None:
    """Why a JSON document is not a stack policy, or None."""
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not statements:
        return "it has no Statement"
    for statement in _as_list(statements):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "a statement's Effect is Allow or Deny"
    return None


def denies(policy: str | None, logical_id: str, resource_type: str, update: Update) -> bool:
    """Whether a deployed policy forbids this update. With a policy, what nothing allows is denied."""
    if not policy:
        return False
    allowed = False
    for statement in _as_list(json.loads(policy)["Statement"]):
        if _matches(statement, logical_id, resource_type, update):
            if statement["Effect"] == "Deny":
                return True
            allowed = True
    return not allowed


def lifted(policy: str, logical_ids: Iterable[str]) -> str:
    """The policy without its denials of these resources; all its other denials stay."""
    document = json.loads(policy)
    names = {_PREFIX + logical_id for logical_id in logical_ids}
    statements = []
    for statement in _as_list(document["Statement"]):
        if statement["Effect"] == "Deny" and "Resource" in statement:
            left = [resource for resource in _as_list(statement["Resource"]) if resource not in names]
            if not left:
                continue
            statement = statement | {"Resource": left}
        statements.append(statement)
    return json.dumps(document | {"Statement": statements}, indent=2)


def is_lifted(own: str, deployed: str) -> bool:
    """Whether a deployed policy is a layer's own one, lifted for some resources."""
    missing = _denied(own) - _denied(deployed)
    return bool(missing) and json.loads(lifted(own, missing)) == json.loads(deployed)


def _denied(policy: str) -> set[str]:
    """The logical ids that denials name."""
    return {
        resource.removeprefix(_PREFIX)
        for statement in _as_list(json.loads(policy)["Statement"])
        if statement["Effect"] == "Deny"
        for resource in _as_list(statement.get("Resource", []))
    }


def _matches(statement: Any, logical_id: str, resource_type: str, update: str) -> bool:
    if "Action" in statement:
        acts = any(fnmatchcase(update, action) for action in _as_list(statement["Action"]))
    else:
        acts = not any(fnmatchcase(update, action) for action in _as_list(statement["NotAction"]))
    name = _PREFIX + logical_id
    if "Resource" in statement:
        concerns = any(fnmatchcase(name, pattern) for pattern in _as_list(statement["Resource"]))
    else:
        concerns = not any(fnmatchcase(name, pattern) for pattern in _as_list(statement["NotResource"]))
    for operator, condition in statement.get("Condition", {}).items():
        types = _as_list(condition.get("ResourceType", []))
        like = operator == "StringLike"
        concerns = concerns and any(
            fnmatchcase(resource_type, kind) if like else resource_type == kind for kind in types
        )
    return acts and concerns


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

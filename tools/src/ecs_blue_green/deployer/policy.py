"""Stack policies: what one denies, and how it is lifted for named resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
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


def lifted(policy: str, logical_ids: Iterable[str], types: Mapping[str, str] = MappingProxyType({})) -> str:
    """The policy without its denials of these resources; all its other denials stay.

    From a denial by type they are excepted: `types` has theirs.
    """
    wanted = set(logical_ids)
    document = json.loads(policy)
    statements = []
    for statement in _as_list(document["Statement"]):
        if statement["Effect"] == "Deny" and _is_by_type(statement):
            statement = _excepting(
                statement, [name for name in wanted if _is_about(statement, types.get(name, ""))]
            )
        elif statement["Effect"] == "Deny" and "Resource" in statement:
            left = [
                resource
                for resource in _as_list(statement["Resource"])
                if resource.removeprefix(_PREFIX) not in wanted
            ]
            if not left:
                continue
            statement = statement | {"Resource": left}
        statements.append(statement)
    return json.dumps(document | {"Statement": statements}, indent=2)


def is_lifted(own: str, deployed: str) -> bool:
    """Whether a deployed policy is a layer's own one, lifted for some resources."""
    types = _excepted(deployed)
    missing = (_denied(own) - _denied(deployed)) | types.keys()
    return bool(missing) and json.loads(lifted(own, missing, types)) == json.loads(deployed)


def _is_by_type(statement: Any) -> bool:
    """Whether a statement is about all resources of some types, but for those that are excepted."""
    return "Condition" in statement and (
        "NotResource" in statement or _as_list(statement["Resource"]) == ["*"]
    )


def _excepting(statement: Any, logical_ids: Iterable[str]) -> Any:
    names = {_PREFIX + name for name in logical_ids}
    if not names:
        return statement
    rest = {key: value for key, value in statement.items() if key != "Resource"}
    return rest | {"NotResource": sorted(names.union(_as_list(statement.get("NotResource", []))))}


def _excepted(policy: str) -> dict[str, str]:
    """The resources that denials by type except, with one of these types."""
    return {
        resource.removeprefix(_PREFIX): kind
        for statement in _as_list(json.loads(policy)["Statement"])
        if statement["Effect"] == "Deny" and _is_by_type(statement)
        for condition in statement["Condition"].values()
        for kind in _as_list(condition.get("ResourceType", []))[:1]
        for resource in _as_list(statement.get("NotResource", []))
    }


def _denied(policy: str) -> set[str]:
    """The logical ids that denials name."""
    return {
        resource.removeprefix(_PREFIX)
        for statement in _as_list(json.loads(policy)["Statement"])
        if statement["Effect"] == "Deny" and not _is_by_type(statement)
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
    return acts and concerns and _is_about(statement, resource_type)


def _is_about(statement: Any, resource_type: str) -> bool:
    """Whether a statement's conditions, if it has any, let it be about resources of this type."""
    return all(
        any(
            fnmatchcase(resource_type, kind) if operator == "StringLike" else resource_type == kind
            for kind in _as_list(condition.get("ResourceType", []))
        )
        for operator, condition in statement.get("Condition", {}).items()
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

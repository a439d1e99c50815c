"""The table of roles, made from `build/`: who assumes each, and what it may do on what."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ecs_blue_green.documents.generated import LAYERS, _table, alternatives, texts


def role_table() -> str:
    """Every role with its purpose, who may assume it, and its permissions."""
    rows = []
    for layer in LAYERS.values():
        for title, resource in layer.resources.items():
            if resource["Type"] == "AWS::IAM::Role":
                properties = resource["Properties"]
                permissions = [*_permissions(properties), *_attached(title)]
                purpose = texts("roles").get(title) or properties.get("Description", "")
                rows.append(
                    (
                        f"`{title}`<br>{purpose}" if purpose else f"`{title}`",
                        "<br>".join(_trusted(properties["AssumeRolePolicyDocument"])),
                        "<br>".join(permissions) or "nothing",
                    )
                )
    return _table(("Role", "Assumed by", "May"), rows)


def _trusted(document: Mapping[str, Any]) -> Iterator[str]:
    for _, statement in alternatives(document["Statement"]):
        principals = statement["Principal"]
        for members in principals.values() if isinstance(principals, dict) else [principals]:
            for _, principal in alternatives(members):
                yield principal if isinstance(principal, str) else f"`{_short(principal)}`"
        if keys := sorted(key for values in statement.get("Condition", {}).values() for key in values):
            yield f"by {', '.join(keys)}"


def _permissions(properties: Mapping[str, Any]) -> Iterator[str]:
    """The role's own permissions; those of a condition say which."""
    for when, managed in alternatives(properties.get("ManagedPolicyArns", [])):
        yield _said(when, f"AWS's managed policy {_short(managed).rpartition('/')[2]}")
    for when, policy in alternatives(properties.get("Policies", [])):
        for statement_when, statement in alternatives(policy["PolicyDocument"]["Statement"], when):
            yield _said(statement_when, _permission(statement))


def _attached(title: str) -> Iterator[str]:
    """Permissions from policies that name the role."""
    for layer in LAYERS.values():
        for resource in layer.resources.values():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::ManagedPolicy" and {"Ref": title} in properties.get(
                "Roles", []
            ):
                for when, statement in alternatives(properties["PolicyDocument"]["Statement"]):
                    yield _said(when, _permission(statement))


def _said(when: str, permission: str) -> str:
    return f"{when}: {permission}" if when else permission


def _permission(statement: Mapping[str, Any]) -> str:
    allowed = [action for _, action in alternatives(statement["Action"])]
    service = allowed[0].partition(":")[0]
    actions = ", ".join(action.removeprefix(f"{service}:") for action in allowed)
    keys = [
        f"{key} = {_values(value)}"
        for values in statement.get("Condition", {}).values()
        for key, value in values.items()
    ]
    permission = f"{service}: {actions} on {_values(statement['Resource'])}"
    denied = "never " if statement["Effect"] == "Deny" else ""
    return denied + permission + (f", with {'; '.join(keys)}" if keys else "")


def _values(value: Any) -> str:
    return ", ".join(f"`{_short(member)}`" for _, member in alternatives(value))


def _short(resource: Any) -> str:
    """A resource in a few characters: without the front of its ARN, an import by its output's name."""
    if not isinstance(resource, dict):
        return str(resource)
    ((function, value),) = resource.items()
    if function == "Fn::GetAtt":
        return str(value[0])
    if function == "Fn::ImportValue":
        return _short(value).rpartition("-")[2].removesuffix("Arn")
    if function == "Fn::Sub":
        text, values = (str(value[0]), value[1]) if isinstance(value, list) else (str(value), {})
        for name, given in values.items():
            text = text.replace(f"${{{name}}}", f"${{{_short(given)}}}")
        if text.startswith("arn:"):
            return text.partition("${AWS::AccountId}:")[2] or text
        return text.replace(".Arn}", "}")
    return value if isinstance(value, str) else json.dumps(value)

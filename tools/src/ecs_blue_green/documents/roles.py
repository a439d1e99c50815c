"""The table of roles, made from `build/`: who assumes each, and what it may do on what."""

from collections.abc import Iterator, Mapping
from typing import Any

from ecs_blue_green.documents.generated import LAYERS, _table, texts


def role_table() -> str:
    """Every role with its purpose, who may assume it, and its rights."""
    rows = []
    for layer in LAYERS.values():
        for title, resource in layer.resources.items():
            if resource["Type"] == "AWS::IAM::Role":
                properties = resource["Properties"]
                rights = [*_rights(properties), *_attached(title)]
                purpose = texts("roles").get(title) or properties.get("Description", "")
                rows.append(
                    (
                        f"`{title}`<br>{purpose}",
                        _trusted(properties["AssumeRolePolicyDocument"]),
                        "<br>".join(rights) or "nothing",
                    )
                )
    return _table(("Role", "Assumed by", "May"), rows)


def _trusted(document: Mapping[str, Any]) -> str:
    (statement,) = document["Statement"]
    ((_, (principal,)),) = statement["Principal"].items()
    who = principal if isinstance(principal, str) else f"`{principal['Fn::GetAtt'][0]}`"
    keys = sorted(key for values in statement.get("Condition", {}).values() for key in values)
    return f"{who}<br>by {', '.join(keys)}" if keys else str(who)


def _rights(properties: Mapping[str, Any]) -> Iterator[str]:
    """The role's own rights; those of a condition say which."""
    managed = properties.get("ManagedPolicyArns", {})
    if "Fn::If" in managed:
        name = managed["Fn::If"][2][0]["Fn::Sub"].rpartition("/")[2]
        yield f"unless {managed['Fn::If'][0]}: AWS's managed policy {name}"
    policies = properties.get("Policies", [])
    if isinstance(policies, dict):
        condition, given, _ = policies["Fn::If"]
        policies = [{"Fn::If": [condition, policy, None]} for policy in given]
    for policy in policies:
        condition, document = ("", policy)
        if "Fn::If" in policy:
            condition, document, _ = policy["Fn::If"]
        for statement in document["PolicyDocument"]["Statement"]:
            yield f"if {condition}: {_right(statement)}" if condition else _right(statement)


def _attached(title: str) -> Iterator[str]:
    """Rights from policies that name the role."""
    for layer in LAYERS.values():
        for resource in layer.resources.values():
            properties = resource["Properties"]
            if resource["Type"] == "AWS::IAM::ManagedPolicy" and {"Ref": title} in properties["Roles"]:
                yield from map(_right, properties["PolicyDocument"]["Statement"])


def _right(statement: Mapping[str, Any]) -> str:
    service = statement["Action"][0].partition(":")[0]
    actions = ", ".join(action.removeprefix(f"{service}:") for action in statement["Action"])
    resources = ", ".join(f"`{_short(resource)}`" for resource in statement["Resource"])
    keys = [
        f"{key} = {_values(value)}"
        for values in statement.get("Condition", {}).values()
        for key, value in values.items()
    ]
    return f"{service}: {actions} on {resources}" + (f", with {'; '.join(keys)}" if keys else "")


def _values(value: Any) -> str:
    return ", ".join(f"`{_short(member)}`" for member in (value if isinstance(value, list) else [value]))


def _short(resource: Any) -> str:
    """A resource in a few characters: without the front of its ARN, an import by its output's name."""
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    if "Fn::ImportValue" in resource:
        return str(resource["Fn::ImportValue"]["Fn::Sub"]).rpartition("-")[2].removesuffix("Arn")
    if "Ref" in resource:
        return str(resource["Ref"])
    text = str(resource["Fn::Sub"])
    if text.startswith("arn:"):
        return text.partition("${AWS::AccountId}:")[2] or text
    return text.replace(".Arn}", "}")

"""What a template holds, read without CloudFormation: conditions, resources, and what differs between two."""

import json
import re
from collections.abc import Mapping
from typing import Any

from stacks.changes import PropertyChange, ResourceChange
from stacks.environment import Environment
from stacks.layers import Layer, parse


def resources(body: Any) -> Mapping[str, Mapping[str, Any]]:
    """The `Resources` block of a template body: text, or the dictionary that GetTemplate gives for JSON."""
    document = parse(body) if isinstance(body, str) else body
    found: Mapping[str, Mapping[str, Any]] = document.get("Resources", {})
    return found


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts say the same."""
    same: bool = json.loads(one) == json.loads(other)
    return same


def parameter_values(layer: Layer, environment: Environment) -> dict[str, str]:
    """Every parameter of the layer's template with its value in this environment, defaults included."""
    defaults = {
        title: str(block["Default"]) for title, block in layer.parameters.items() if "Default" in block
    }
    return defaults | environment.parameters_for(layer.parameters)


def text(value: Any, parameters: Mapping[str, str]) -> str:
    """What a text, a !Ref to a parameter or a !Sub of parameters comes to. Raises ValueError for others."""
    if isinstance(value, dict) and value.keys() == {"Ref"} and value["Ref"] in parameters:
        return parameters[value["Ref"]]
    if isinstance(value, dict) and value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        return re.sub(r"\$\{(\w+)\}", lambda match: parameters[match[1]], value["Fn::Sub"])
    if isinstance(value, dict | list):
        raise ValueError(f"{value} cannot be known without CloudFormation")
    return str(value)


def changes(
    before: Mapping[str, Mapping[str, Any]], layer: Layer, environment: Environment
) -> tuple[ResourceChange, ...]:
    """What changes from the resources `before` to those that the layer declares in this environment.

    A changed resource may be replaced: which property does that is CloudFormation's to say.
    """
    values = parameter_values(layer, environment)
    holds = conditions(layer.template.get("Conditions", {}), values)
    after = {
        title: resource
        for title, resource in layer.resources.items()
        if holds.get(resource.get("Condition", ""), True)
    }
    found = []
    for title, resource in after.items():
        old = before.get(title)
        if old is None:
            found.append(ResourceChange(title, resource["Type"], "add"))
        elif old != resource:
            old_properties, new_properties = old.get("Properties", {}), resource.get("Properties", {})
            paths = sorted(
                name
                for name in old_properties.keys() | new_properties.keys()
                if old_properties.get(name) != new_properties.get(name)
            )
            properties = tuple(PropertyChange(f"/Properties/{name}") for name in paths)
            found.append(ResourceChange(title, resource["Type"], "may replace", "", properties))
    found += [
        ResourceChange(title, resource["Type"], "remove")
        for title, resource in before.items()
        if title not in layer.resources
    ]
    return tuple(found)


def conditions(declared: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, bool]:
    """The truth of each condition with these parameter values.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
    """

    def truth(condition: Any) -> bool:
        ((function, argument),) = condition.items()
        if function == "Condition":
            return truth(declared[argument])
        if function == "Fn::Equals":
            return text(argument[0], parameters) == text(argument[1], parameters)
        if function == "Fn::Not":
            return not truth(argument[0])
        if function == "Fn::And":
            return all(map(truth, argument))
        if function == "Fn::Or":
            return any(map(truth, argument))
        raise ValueError(f"{function} is no condition function")

    return {title: truth(condition) for title, condition in declared.items()}

"""Values in a template that are known without CloudFormation."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts say the same."""
    same: bool = json.loads(one) == json.loads(other)
    return same


def parameter_values(layer: Layer, environment: Environment) -> dict[str, str]:
    """Every parameter of the layer's template with its value in this environment, defaults included."""
    defaults = {
        title: str(block["Default"]) for title, block in layer.parameters.items() if "Default" in block
    }
    return defaults | layer.given(environment)


def text(value: Any, parameters: Mapping[str, str]) -> str:
    """What a text, a !Ref to a parameter or a !Sub of parameters comes to. Raises ValueError for others."""
    if isinstance(value, dict) and value.keys() == {"Ref"} and value["Ref"] in parameters:
        return parameters[value["Ref"]]
    if isinstance(value, dict) and value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        return re.sub(r"\$\{(\w+)\}", lambda match: parameters[match[1]], value["Fn::Sub"])
    if isinstance(value, dict | list):
        raise ValueError(f"{value} cannot be known without CloudFormation")
    return str(value)

"""Values in a template that are known without CloudFormation."""

import json
from typing import Any

from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import Expression, resolve


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts say the same."""
    same: bool = json.loads(one) == json.loads(other)
    return same


def parameter_values(layer: Layer, environment: Environment) -> dict[str, str]:
    """Every parameter of the layer's template with its value in this environment, defaults included."""
    return dict(layer.scope(environment).parameters)


def text(value: Any, layer: Layer, environment: Environment) -> str:
    """What a part of the layer's template comes to. Raises ValueError where only CloudFormation knows."""
    found = resolve(value, layer.scope(environment))
    if isinstance(found, Expression | dict | list):
        raise ValueError(f"{value} cannot be known without CloudFormation")
    return str(found)

"""Values in a template that are known without CloudFormation."""

import json
from typing import Any

from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import Expression, Scope, pseudo_parameters, resolve


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


def text(value: Any, layer: Layer, environment: Environment) -> str:
    """What a part of the layer's template comes to. Raises ValueError where only CloudFormation knows."""
    stack_name = environment.stack_name(layer.slug)
    found = resolve(
        value,
        Scope(
            layer.slug,
            layer.template,
            parameter_values(layer, environment),
            pseudo_parameters(environment.account, environment.region, stack_name),
        ),
    )
    if isinstance(found, Expression | dict | list):
        raise ValueError(f"{value} cannot be known without CloudFormation")
    return str(found)

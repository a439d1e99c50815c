"""The generated templates with parameters and conditions carried out, as one environment would have them.

A rule that is satisfied under a condition only is not satisfied where the condition is off.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.effects import resolve
from ecs_blue_green.deployer.effects.resolve import Expression, Reference, Scope
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer

ROOT = Path(__file__).resolve().parent.parent
LAYERS: Mapping[str, Layer] = layers.read(ROOT / "build")
DECLARED = {slug: layer.parameters for slug, layer in LAYERS.items()}
# Sets what has no default and nothing else.
LOCAL: Environment = environment.load(ROOT / "params", environment.LOCAL, DECLARED)


def templates(
    parameters: Mapping[str, str] | None = None, settings: Environment = LOCAL
) -> dict[str, dict[str, Any]]:
    """Every template, by slug, with these parameters and otherwise the defaults.

    What only a running resource knows stays a function; what comes from another layer is a text that names
    the resource there.
    """
    return {slug: _template(slug, parameters or {}, settings) for slug in LAYERS}


def scope(slug: str, parameters: Mapping[str, str], settings: Environment) -> Scope:
    """What the functions of a layer's template see; imports are followed to the output behind them."""
    layer = LAYERS[slug]
    defaults = {name: str(block["Default"]) for name, block in layer.parameters.items() if "Default" in block}
    given = {**settings.parameters_for(layer.parameters), **parameters}
    return Scope(
        layer=slug,
        template=layer.template,
        parameters=defaults | {name: value for name, value in given.items() if name in layer.parameters},
        pseudo=resolve.pseudo_parameters(settings.account, settings.region, settings.stack_name(slug)),
        imported=lambda name: _exported(name, parameters, settings),
        reference=lambda _reference: None,
    )


def _exported(name: str, parameters: Mapping[str, str], settings: Environment) -> Any:
    for slug, layer in LAYERS.items():
        for export, title in layers.exports(layer, settings).items():
            if export == name:
                value = layer.template["Outputs"][title]["Value"]
                return resolve.resolve(value, scope(slug, parameters, settings))
    return None


def _template(slug: str, parameters: Mapping[str, str], settings: Environment) -> dict[str, Any]:
    seen = scope(slug, parameters, settings)
    resources = {}
    for title, resource in LAYERS[slug].resources.items():
        if "Condition" in resource and not resolve.holds(resource["Condition"], seen):
            continue
        properties = resolve.resolve(resource.get("Properties", {}), seen)
        rest = {key: value for key, value in resource.items() if key not in ("Condition", "Properties")}
        resources[title] = {**rest, "Properties": _functions(properties, slug)}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _functions(value: Any, slug: str) -> Any:
    """A resolved value as a template has it: references are functions again."""
    if isinstance(value, dict):
        return {key: _functions(member, slug) for key, member in value.items()}
    if isinstance(value, list):
        return [_functions(member, slug) for member in value]
    if not isinstance(value, Expression):
        return value
    first, *others = value.parts
    if others or not isinstance(first, Reference) or first.layer != slug:
        return str(value)
    if first.attribute is None:
        return {"Ref": first.logical_id}
    return {"Fn::GetAtt": [first.logical_id, first.attribute]}

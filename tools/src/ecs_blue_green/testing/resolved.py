"""The generated templates with parameters and conditions carried out, as one environment would have them.

A rule that is satisfied under a condition only is not satisfied where the condition is off.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import layers, resolve
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.deployer.project import read_build
from ecs_blue_green.deployer.resolve import Expression, Reference, Scope


class Project:
    """The layers of the project at `root`, and its local environment."""

    def __init__(self, root: Path) -> None:
        build = read_build(root)
        self.layers = build.layers
        self.declared = {slug: layer.parameters for slug, layer in self.layers.items()}
        self.environment = build.read_environment(LOCAL)

    def templates(self, parameters: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
        """Every template, by slug, with these parameters and otherwise the environment's.

        What only a running resource knows stays a function; what comes from another layer is a text that
        names the resource there.
        """
        return {slug: self._template(slug, parameters or {}) for slug in self.layers}

    def _scope(self, slug: str, parameters: Mapping[str, str]) -> Scope:
        """What the functions of a layer's template see; imports are followed to the output behind them."""
        layer, settings = self.layers[slug], self.environment
        values = {
            **{name: str(block["Default"]) for name, block in layer.parameters.items() if "Default" in block},
            **layer.given(settings),
            **parameters,
        }
        return Scope(
            layer=slug,
            template=layer.template,
            parameters={name: value for name, value in values.items() if name in layer.parameters},
            pseudo=resolve.pseudo_parameters(settings.account, settings.region, settings.stack_name(slug)),
            imported=lambda name: self._exported(name, parameters),
            reference=lambda _reference: None,
        )

    def _exported(self, name: str, parameters: Mapping[str, str]) -> Any:
        for slug, layer in self.layers.items():
            for export, title in layers.exports(layer, self.environment).items():
                if export == name:
                    value = layer.template["Outputs"][title]["Value"]
                    return resolve.resolve(value, self._scope(slug, parameters))
        return None

    def _template(self, slug: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        seen = self._scope(slug, parameters)
        resources = {}
        for title, resource in self.layers[slug].resources.items():
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

"""The state before or after a change: stacks as they are, or would be, with their values filled in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ecs_blue_green.deployer.effects.differences import name_key
from ecs_blue_green.deployer.effects.schemas import Location, schema
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import (
    NO_VALUE,
    Reference,
    Scope,
    holds,
    pseudo_parameters,
    resolve,
)
from ecs_blue_green.deployer.template import parameter_values
from ecs_blue_green.imported_exports import import_values

# Attributes of a resource beside its properties: a change of these alone leaves the resource as it is. Two of
# the policies decide how it ends.
ATTRIBUTES = (
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
)


@dataclass(frozen=True)
class StackState:
    """One stack in one state: `parameters` has every parameter's value, defaults included."""

    stack: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The stacks of one account and region by layer, in an order of deployment."""

    account: str
    region: str
    stacks: Mapping[str, StackState]


@dataclass(frozen=True)
class Resource:
    """A resource of a template with its values filled in."""

    type: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]


def desired_state(layers: Mapping[str, Layer], environment: Environment) -> State:
    """The state that a deployment of these layers to this environment leads to."""
    return State(
        environment.account,
        environment.region,
        {
            slug: StackState(
                environment.stack_name(slug),
                layer.template,
                parameter_values(layer, environment),
                layer.tags(environment),
            )
            for slug, layer in layers.items()
        },
    )


class ResolvedState:
    """One state with its values filled in, each computed when it is first asked for."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.account, self.region, self.stacks = state.account, state.region, state.stacks
        self._scopes: dict[str, Scope] = {}
        self._resources: dict[str, dict[str, Resource]] = {}
        self._exports: dict[str, tuple[str, str]] | None = None
        self._imports: dict[str, set[str]] = {}

    def scope(self, layer: str) -> Scope:
        """What the functions of a layer's template can see."""
        if layer not in self._scopes:
            stack = self.stacks[layer]
            self._scopes[layer] = Scope(
                layer,
                stack.template,
                stack.parameters,
                pseudo_parameters(self.account, self.region, stack.stack),
                self._imported,
                self._reference,
            )
        return self._scopes[layer]

    def resources(self, layer: str) -> dict[str, Resource]:
        """The layer's resources by logical id, without those whose condition is false."""
        if layer not in self.stacks:
            return {}
        if layer not in self._resources:
            scope = self.scope(layer)
            self._resources[layer] = {
                logical_id: Resource(
                    declared["Type"],
                    resolve(declared.get("Properties") or {}, scope),
                    {name: resolve(declared[name], scope) for name in ATTRIBUTES if name in declared},
                )
                for logical_id, declared in scope.template["Resources"].items()
                if _exists(declared, scope)
            }
        return self._resources[layer]

    def exports(self) -> dict[str, tuple[str, str]]:
        """The layer and the output of every export by its name."""
        if self._exports is None:
            self._exports = {}
            for layer in self.stacks:
                scope = self.scope(layer)
                for title, declared in scope.template.get("Outputs", {}).items():
                    name = _export_name(declared, scope) if _exists(declared, scope) else ""
                    if name:
                        self._exports[name] = layer, title
        return self._exports

    def outputs(self, layer: str) -> dict[str, tuple[Any, str]]:
        """The value of each of the layer's outputs, and the name under which it is exported, if it is."""
        if layer not in self.stacks:
            return {}
        names = {title: name for name, (slug, title) in self.exports().items() if slug == layer}
        scope = self.scope(layer)
        return {
            title: (resolve(output["Value"], scope), names.get(title, ""))
            for title, output in scope.template.get("Outputs", {}).items()
            if _exists(output, scope)
        }

    def exported(self, name: str) -> Any:
        """The value of an export."""
        layer, title = self.exports()[name]
        scope = self.scope(layer)
        return resolve(scope.template["Outputs"][title]["Value"], scope)

    def imports(self, layer: str) -> set[str]:
        """The names of the exports that a layer imports, without what its conditions leave out."""
        if layer not in self._imports:
            self._imports[layer] = set(self._names_imported(layer))
        return self._imports[layer]

    def imported_by(self, layer: str, logical_id: str) -> dict[Location, set[str]]:
        """The names of the exports that a resource imports, by where in its properties.

        Members of a list stand under their names; a list whose members have none counts as a whole.
        """
        scope = self.scope(layer)
        properties = scope.template["Resources"][logical_id].get("Properties") or {}
        imports: dict[Location, set[str]] = {}
        # Most resources import nothing.
        if not import_values(properties):
            return imports
        for location, value in _values(properties, (), scope):
            names = {
                str(resolve(argument, scope))
                for argument in import_values(value, partial(holds, scope=scope))
            }
            if names:
                imports[location] = names
        return imports

    def importers(self, name: str) -> tuple[str, ...]:
        """The layers that import an export."""
        return tuple(layer for layer in self.stacks if name in self.imports(layer))

    def _names_imported(self, layer: str) -> Iterator[str]:
        scope = self.scope(layer)
        for section in ("Resources", "Outputs"):
            for declared in scope.template.get(section, {}).values():
                if _exists(declared, scope):
                    yield from (
                        name
                        for value in import_values(declared, partial(holds, scope=scope))
                        if isinstance(name := resolve(value, scope), str)
                    )

    def _imported(self, name: str) -> Any:
        return self.exported(name) if name in self.exports() else None

    def _reference(self, reference: Reference) -> Any:
        declared = self.stacks[reference.layer].template["Resources"].get(reference.logical_id)
        type_schema = schema(declared["Type"], self.region) if declared else None
        if declared is None or type_schema is None:
            return None
        properties = declared.get("Properties") or {}
        value = (
            type_schema.reference(properties)
            if reference.attribute is None
            else properties.get(reference.attribute)
        )
        known = None if value is None else resolve(value, self.scope(reference.layer))
        return None if known is NO_VALUE else known


def _values(value: Any, location: Location, scope: Scope) -> Iterator[tuple[Location, Any]]:
    """Every value of a resource's properties as it is written, a function whole, and where it stands."""
    if isinstance(value, dict) and not any(key == "Ref" or key.startswith("Fn::") for key in value):
        for key, member in value.items():
            yield from _values(member, (*location, key), scope)
        return
    key = name_key(value, value) if isinstance(value, list) else None
    if key is None:
        yield location, value
        return
    for member in value:
        yield from _values(member, (*location, str(resolve(member[key], scope))), scope)


def _export_name(output: Mapping[str, Any], scope: Scope) -> str:
    return str(resolve(output["Export"]["Name"], scope)) if "Export" in output else ""


def _exists(declared: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a resource or output is there; one whose condition cannot be known is taken to be."""
    return "Condition" not in declared or holds(declared["Condition"], scope) is not False

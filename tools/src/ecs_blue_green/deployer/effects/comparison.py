"""What a change of templates, parameters or tags does to every resource, told from the two states alone.

Each state is a set of stacks as they are or would be deployed. Their values are compared after all functions
are carried out (`resolve.py`); what a difference does is said by CloudFormation's resource schemas
(`schemas.py`). References are followed, within a stack and through exports: where a resource is replaced,
everything that refers to it changes, and is replaced itself where that property replaces.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from ecs_blue_green.deployer.changes import Action, PropertyChange, Recreation, ResourceChange, holds
from ecs_blue_green.deployer.effects.differences import (
    Difference,
    map_changes,
    orders,
    pairs,
    placed,
    same,
    text_of,
)
from ecs_blue_green.deployer.effects.outcomes import NEW_RULE_NOTE, modification, removal
from ecs_blue_green.deployer.effects.renames import with_renames
from ecs_blue_green.deployer.effects.schemas import Location, Schema, schema
from ecs_blue_green.deployer.effects.states import ATTRIBUTES, ResolvedState, Resource, StackState, State
from ecs_blue_green.deployer.effects.traffic import moved_rules
from ecs_blue_green.deployer.resolve import HIDDEN, Expression, has_secret, is_hidden, references
from ecs_blue_green.deployer.rules import LISTENER_RULE
from ecs_blue_green.deployer.text import differing

# Why a value changes that reads the same.
OTHERWISE = "a NoEcho value in it changes"


@dataclass(frozen=True)
class ExportChange:
    """What happens to one export; `importers` are the layers that import it before the change."""

    name: str
    output: str
    action: Literal["add", "remove", "change", "may change"]
    before: str | None = None
    after: str | None = None
    because: str = ""
    importers: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputChange:
    """What happens to one output of a stack; `export` is the name under which it is, or was, exported."""

    output: str
    action: Literal["add", "remove", "change", "may change"]
    before: str | None = None
    after: str | None = None
    because: str = ""
    export: str = ""

    def document(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "name": self.output,
            "action": self.action,
            "before": self.before,
            "after": self.after,
            "difference": differing(self.before, self.after),
            "because": self.because or None,
            "export": self.export or None,
        }


@dataclass(frozen=True)
class LayerChange:
    """What happens to one layer. `move` is a stack of another name, account or region beside the old one.

    `parameters` and `tags` have what differs, by name in `path`. `exports` are told by their names, since
    other layers know them by these; `outputs` has theirs and all others.
    """

    layer: str
    stack: str
    action: Literal["nothing", "create", "update", "remove", "move"]
    resources: tuple[ResourceChange, ...] = ()
    exports: tuple[ExportChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    parameters: tuple[PropertyChange, ...] = ()
    tags: tuple[PropertyChange, ...] = ()


def compare(before: State, after: State) -> list[LayerChange]:
    """What leads from one state to the other, one entry a layer, in the order of `after`."""
    return compare_resolved(ResolvedState(before), ResolvedState(after))


def compare_resolved(before: ResolvedState, after: ResolvedState) -> list[LayerChange]:
    """The same for states whose values are asked for elsewhere too."""
    comparison = _Comparison(before, after)
    stacks = after.stacks
    slugs = [*stacks, *(slug for slug in before.stacks if slug not in stacks)]
    return _with_moves([comparison.layer(slug) for slug in slugs])


class _Comparison:
    """The states before and after, and what was found out about each resource so far."""

    def __init__(self, before: ResolvedState, after: ResolvedState) -> None:
        self.before, self.after = before, after
        self._known: dict[tuple[str, str], ResourceChange | None] = {}

    @cached_property
    def _moved_rules(self) -> frozenset[tuple[str, str]]:
        return moved_rules(self.before, self.after)

    def layer(self, slug: str) -> LayerChange:
        """What happens to one layer."""
        old, new = self.before.stacks.get(slug), self.after.stacks.get(slug)
        old_resources, new_resources = self.before.resources(slug), self.after.resources(slug)
        if new is None or old is None or self._moves(slug):
            return self._whole(slug, old, new)
        changes = [self.resource(slug, logical_id) for logical_id in {**new_resources, **old_resources}]
        layer_change = LayerChange(
            layer=slug,
            stack=new.stack,
            action="update",
            resources=with_renames(
                [change for change in changes if change], old_resources, new_resources, self.after.region
            ),
            exports=tuple(self._exports(slug)),
            outputs=tuple(self._outputs(slug)),
            parameters=tuple(_parameters(old, new)),
            tags=tuple(map_changes(old.tags, new.tags)),
        )
        nothing = not (
            layer_change.resources or layer_change.outputs or layer_change.parameters or layer_change.tags
        )
        # A template that is only written differently changes nothing here.
        return replace(layer_change, action="nothing") if nothing else layer_change

    def resource(self, layer: str, logical_id: str) -> ResourceChange | None:
        """What happens to one resource, None when nothing does."""
        key = layer, logical_id
        if key not in self._known:
            self._known[key] = None  # what refers to itself finds nothing there
            self._known[key] = self._compare(layer, logical_id)
        return self._known[key]

    def _moves(self, slug: str) -> bool:
        """Whether the layer's stack is not the same one before and after."""
        before, after = self.before, self.after
        return (before.account, before.region, before.stacks[slug].stack) != (
            after.account,
            after.region,
            after.stacks[slug].stack,
        )

    def _whole(self, slug: str, old: StackState | None, new: StackState | None) -> LayerChange:
        if new is None:
            removed = self.before.resources(slug).items()
            return LayerChange(
                slug,
                old.stack if old else "",
                "remove",
                tuple(
                    ResourceChange(title, resource.type, "remove", notes=("the stack stays as it is",))
                    for title, resource in removed
                ),
            )
        added = self.after.resources(slug).items()
        return LayerChange(
            slug,
            new.stack,
            "move" if old else "create",
            tuple(ResourceChange(title, resource.type, "add") for title, resource in added),
            tuple(
                ExportChange(name, title, "add", after=text_of(self.after.exported(name), slug))
                for name, (layer, title) in self.after.exports().items()
                if layer == slug
            ),
            tuple(self._outputs(slug)),
        )

    def _compare(self, layer: str, logical_id: str) -> ResourceChange | None:
        old = self.before.resources(layer).get(logical_id)
        new = self.after.resources(layer).get(logical_id)
        if new is None:
            return removal(logical_id, old) if old else None
        moved = (
            LISTENER_RULE in (new.type, old.type if old else "") and (layer, logical_id) in self._moved_rules
        )
        if old is None:
            return ResourceChange(logical_id, new.type, "add", notes=(NEW_RULE_NOTE,) if moved else ())
        if old.type != new.type:
            return ResourceChange(
                logical_id,
                new.type,
                "replace",
                properties=(PropertyChange("/Type", old.type, new.type, "Always"),),
                effect="refused",
                notes=("CloudFormation cannot change the type of a resource: use another logical ID",),
            )
        type_schema = schema(new.type, self.after.region)
        changes = list(self._changes(layer, old, new, type_schema))
        labels = [change.label for change in changes if change.label]
        for change in self._other_imports(layer, logical_id, new, type_schema):
            if not any(holds(label, change.label) or holds(change.label, label) for label in labels):
                changes.append(change)
        return (
            modification(logical_id, old, new, tuple(changes), type_schema, moved=moved) if changes else None
        )

    def _changes(
        self, layer: str, old: Resource, new: Resource, type_schema: Schema | None
    ) -> Iterator[PropertyChange]:
        for difference in self._differences(old.properties, new.properties, (), ()):
            # A type without a schema, such as a custom resource: nothing is known.
            recreation: Recreation = (
                type_schema.recreation(difference.location, difference.before, difference.after)
                if type_schema
                else "Conditionally"
            )
            if recreation == "Always" and not difference.certain:
                recreation = "Conditionally"
            values = text_of(difference.before, layer), text_of(difference.after, layer)
            hides = values[0] == values[1] and has_secret(difference.after)
            yield PropertyChange(
                "/".join(["/Properties", *difference.location]),
                *values,
                recreation,
                difference.because or (OTHERWISE if hides else ""),
                difference.certain,
                label="/".join(["/Properties", *difference.label]),
            )
        for name in ATTRIBUTES:
            before, after = old.attributes.get(name), new.attributes.get(name)
            if not same(before, after):
                yield PropertyChange(f"/{name}", text_of(before, layer), text_of(after, layer))
        old_tags, new_tags = self.before.stacks[layer].tags, self.after.stacks[layer].tags
        if type_schema and type_schema.taggable:
            for change in map_changes(old_tags, new_tags):
                recreation = "Never" if type_schema.tags_updatable else "Always"
                yield replace(change, path=f"/Tags/{change.path}", recreation=recreation)

    def _other_imports(
        self, layer: str, logical_id: str, new: Resource, type_schema: Schema | None
    ) -> Iterator[PropertyChange]:
        """Where a resource imports a value under another name, or begins or ceases to import it.

        CloudFormation compares the functions, and not what they give, so that is a change although the value
        is the same: https://github.com/aws/aws-cdk/issues/38492.
        """
        before, after = (state.imported_by(layer, logical_id) for state in (self.before, self.after))
        for label in {**before, **after}:
            if before.get(label) == after.get(label):
                continue
            location, value = placed(new.properties, label)
            recreation = type_schema.recreation(location, None, value) if type_schema else "Conditionally"
            yield PropertyChange(
                "/".join(["/Properties", *location]),
                text_of(value, layer),
                text_of(value, layer),
                "Never" if recreation == "Never" else "Conditionally",
                _IMPORTED[label in before, label in after],
                certain=False,
                label="/".join(["/Properties", *label]),
            )

    def _differences(
        self, before: Any, after: Any, location: Location, label: Location
    ) -> Iterator[Difference]:
        """Where two resolved values differ, or will although they read the same."""
        if same(before, after):
            yield from self._moved(after, location, label)
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in {**before, **after}:
                yield from self._differences(before.get(key), after.get(key), (*location, key), (*label, key))
        elif isinstance(before, list) and isinstance(after, list):
            for pair in pairs(before, after):
                yield from self._differences(
                    pair.before, pair.after, (*location, str(pair.index)), (*label, pair.label)
                )
            old, new = orders(before, after)
            if old != new:
                yield Difference(location, label, old, new)
        else:
            yield Difference(location, label, before, after)

    def _moved(self, value: Any, location: Location, label: Location) -> Iterator[Difference]:
        if isinstance(value, Expression):
            certain, because = self._why(value)
            if because:
                yield Difference(location, label, value, value, because, certain)
        elif isinstance(value, dict):
            for key, member in value.items():
                yield from self._moved(member, (*location, key), (*label, key))
        elif isinstance(value, list):
            for pair in pairs(value, value):
                yield from self._moved(pair.after, (*location, str(pair.index)), (*label, pair.label))

    def _why(self, value: Any) -> tuple[bool, str]:
        """Whether a value that reads the same surely changes, and what changes it; "" when nothing does."""
        certain, causes = False, []
        for reference in references(value):
            change = self.resource(reference.layer, reference.logical_id)
            if change is None or change.action not in ("modify", "replace", "may replace"):
                continue
            if change.action == "modify":
                resource = self.after.resources(reference.layer)[reference.logical_id]
                type_schema = schema(resource.type, self.after.region)
                if change.effect in ("none", "refused") or (
                    type_schema and type_schema.stays(reference.attribute)
                ):
                    continue
            cause = f"{reference.logical_id} {_BECOMES[change.action]}"
            certain = certain or change.action == "replace"
            if cause not in causes:
                causes.append(cause)
        return certain, ", ".join(causes)

    def _exports(self, slug: str) -> Iterator[ExportChange]:
        old = {name: title for name, (layer, title) in self.before.exports().items() if layer == slug}
        new = {name: title for name, (layer, title) in self.after.exports().items() if layer == slug}
        for name in {**new, **old}:
            before = self.before.exported(name) if name in old else None
            after = self.after.exported(name) if name in new else None
            title = new.get(name) or old[name]
            importers = self.before.importers(name)
            values = text_of(before, slug), text_of(after, slug)
            if name not in old:
                yield ExportChange(name, title, "add", after=values[1])
            elif name not in new:
                yield ExportChange(name, title, "remove", before=values[0], importers=importers)
            elif not same(before, after):
                yield ExportChange(name, title, "change", *values, importers=importers)
            else:
                certain, because = self._why(after)
                if because:
                    action: Literal["change", "may change"] = "change" if certain else "may change"
                    yield ExportChange(name, title, action, *values, because, importers)

    def _outputs(self, slug: str) -> Iterator[OutputChange]:
        """What happens to the outputs; of a stack that moves, all of them are new."""
        old = {} if slug in self.before.stacks and self._moves(slug) else self.before.outputs(slug)
        new = self.after.outputs(slug)
        for title in {**new, **old}:
            before, old_export = old.get(title, (None, ""))
            after, new_export = new.get(title, (None, ""))
            values = text_of(before, slug), text_of(after, slug)
            if title not in old:
                yield OutputChange(title, "add", after=values[1], export=new_export)
            elif title not in new:
                yield OutputChange(title, "remove", before=values[0], export=old_export)
            elif not same(before, after):
                because = OTHERWISE if values[0] == values[1] else ""
                yield OutputChange(title, "change", *values, because, new_export)
            elif old_export != new_export:
                because = f"it was exported as {old_export}" if old_export else "it was not exported"
                yield OutputChange(title, "change", *values, because, new_export)
            else:
                certain, because = self._why(after)
                if because:
                    action: Literal["change", "may change"] = "change" if certain else "may change"
                    yield OutputChange(title, action, *values, because, new_export)


def _parameters(old: StackState, new: StackState) -> Iterator[PropertyChange]:
    declared = {**old.template.get("Parameters", {}), **new.template.get("Parameters", {})}
    for change in map_changes(old.parameters, new.parameters):
        if is_hidden(declared.get(change.path, {})):
            before, after = (None if value is None else HIDDEN for value in (change.before, change.after))
            yield replace(change, before=before, after=after, because=OTHERWISE)
        else:
            yield change


# By whether a value is imported before and after.
_IMPORTED = {
    (True, True): "it is imported under another name",
    (True, False): "it is no longer imported",
    (False, True): "it is imported now",
}
_BECOMES: dict[Action, str] = {
    "modify": "is updated",
    "replace": "is replaced",
    "may replace": "may be replaced",
}


def _with_moves(layers: list[LayerChange]) -> list[LayerChange]:
    """The layers, with a note on resources that leave one for another."""
    added = {
        (change.type, change.logical_id): layer.layer
        for layer in layers
        if layer.action != "create"
        for change in layer.resources
        if change.action == "add"
    }
    noted = []
    for layer in layers:
        resources = tuple(
            replace(
                change,
                notes=(*change.notes, f"another one is created in {added[change.type, change.logical_id]}"),
            )
            if change.action == "remove" and (change.type, change.logical_id) in added
            else change
            for change in layer.resources
        )
        noted.append(replace(layer, resources=resources))
    return noted

"""What a change of templates, parameters or tags does to every resource, told from the two sides alone.

Each side is a set of stacks as they are or would be deployed. Their values are compared after all functions
are carried out (`resolve.py`); what a difference does is said by CloudFormation's resource schemas
(`schemas.py`). References are followed, within a stack and through exports: where a resource is replaced,
everything that refers to it changes, and is replaced itself where that property replaces.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any, Literal

from stacks.changes import Action, Effect, PropertyChange, Recreation, ResourceChange
from stacks.environment import Environment
from stacks.layers import Layer
from stacks.resolve import (
    NO_VALUE,
    Expression,
    Reference,
    Scope,
    canonical,
    holds,
    pseudo_parameters,
    references,
    resolve,
)
from stacks.rules import SERVICE, SERVICE_FIELDS, TASK_DEFINITION
from stacks.schemas import Location, Schema, schema
from stacks.template import parameter_values

# Attributes of a resource beside its properties. DependsOn only orders, the policies only speak of a later
# deletion: a change of these alone leaves the resource as it is.
ATTRIBUTES = (
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
)

# Two resources of a type that agree in this share of their values are one that was renamed.
NEARLY = 0.75


@dataclass(frozen=True)
class StackSide:
    """One stack on one side: `parameters` has every parameter's value, defaults included."""

    stack: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """The stacks of one account and region by layer, in an order of deployment."""

    account: str
    region: str
    stacks: Mapping[str, StackSide]


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
class LayerChange:
    """What happens to one layer. `move` is a stack of another name, account or region beside the old one.

    `parameters` and `tags` have what differs, by name in `path`.
    """

    layer: str
    stack: str
    action: Literal["nothing", "create", "update", "remove", "move"]
    resources: tuple[ResourceChange, ...] = ()
    exports: tuple[ExportChange, ...] = ()
    parameters: tuple[PropertyChange, ...] = ()
    tags: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True)
class Resource:
    """A resource of a template with its values filled in."""

    type: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]


def side(layers: Mapping[str, Layer], environment: Environment) -> Side:
    """The side that a deployment of these layers to this environment leads to."""
    return Side(
        environment.account,
        environment.region,
        {
            slug: StackSide(
                environment.stack_name(slug),
                layer.template,
                parameter_values(layer, environment),
                environment.stack_tags(slug),
            )
            for slug, layer in layers.items()
        },
    )


def compare(before: Side, after: Side) -> list[LayerChange]:
    """What leads from one side to the other, one entry a layer, in the order of `after`."""
    comparison = _Comparison(World(before), World(after))
    slugs = [*after.stacks, *(slug for slug in before.stacks if slug not in after.stacks)]
    return _with_moves([comparison.layer(slug) for slug in slugs])


class World:
    """One side with its values filled in, each computed when it is first asked for."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._scopes: dict[str, Scope] = {}
        self._resources: dict[str, dict[str, Resource]] = {}
        self._exports: dict[str, tuple[str, str]] | None = None

    def scope(self, layer: str) -> Scope:
        """What the functions of a layer's template can see."""
        if layer not in self._scopes:
            stack = self.side.stacks[layer]
            self._scopes[layer] = Scope(
                layer,
                stack.template,
                stack.parameters,
                pseudo_parameters(self.side.account, self.side.region, stack.stack),
                self._imported,
                self._reference,
            )
        return self._scopes[layer]

    def resources(self, layer: str) -> dict[str, Resource]:
        """The layer's resources by logical id, without those whose condition is false."""
        if layer not in self.side.stacks:
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
            for layer in self.side.stacks:
                scope = self.scope(layer)
                for title, output in scope.template.get("Outputs", {}).items():
                    if "Export" in output and _exists(output, scope):
                        name = resolve(output["Export"]["Name"], scope)
                        self._exports[name if isinstance(name, str) else str(name)] = layer, title
        return self._exports

    def exported(self, name: str) -> Any:
        """The value of an export."""
        layer, title = self.exports()[name]
        scope = self.scope(layer)
        return resolve(scope.template["Outputs"][title]["Value"], scope)

    def importers(self, name: str) -> tuple[str, ...]:
        """The layers that import an export."""
        return tuple(layer for layer in self.side.stacks if name in set(self._imports(layer)))

    def _imports(self, layer: str) -> Iterator[str]:
        scope = self.scope(layer)
        for value in _import_values(scope.template):
            name = resolve(value, scope)
            if isinstance(name, str):
                yield name

    def _imported(self, name: str) -> Any:
        return self.exported(name) if name in self.exports() else None

    def _reference(self, reference: Reference) -> Any:
        declared = self.side.stacks[reference.layer].template["Resources"].get(reference.logical_id)
        found = schema(declared["Type"], self.side.region) if declared else None
        if declared is None or found is None:
            return None
        properties = declared.get("Properties") or {}
        value = (
            found.reference(properties)
            if reference.attribute is None
            else properties.get(reference.attribute)
        )
        known = None if value is None else resolve(value, self.scope(reference.layer))
        return None if known is NO_VALUE else known


class _Comparison:
    """Two worlds, and what was found out about each resource so far."""

    def __init__(self, before: World, after: World) -> None:
        self.before, self.after = before, after
        self._known: dict[tuple[str, str], ResourceChange | None] = {}

    def layer(self, slug: str) -> LayerChange:
        """What happens to one layer."""
        old, new = self.before.side.stacks.get(slug), self.after.side.stacks.get(slug)
        old_resources, new_resources = self.before.resources(slug), self.after.resources(slug)
        if new is None or old is None or self._moves(slug):
            return self._whole(slug, old, new)
        changes = [self.resource(slug, logical_id) for logical_id in {**new_resources, **old_resources}]
        found = LayerChange(
            layer=slug,
            stack=new.stack,
            action="update",
            resources=_with_renames(
                [change for change in changes if change], old_resources, new_resources, self.after.side.region
            ),
            exports=tuple(self._exports(slug)),
            parameters=tuple(_map_changes(old.parameters, new.parameters)),
            tags=tuple(_map_changes(old.tags, new.tags)),
        )
        nothing = not (found.resources or found.exports or found.parameters or found.tags)
        # A template that says the same in other words is still another template: that is no change here.
        return replace(found, action="nothing") if nothing else found

    def resource(self, layer: str, logical_id: str) -> ResourceChange | None:
        """What happens to one resource, None when nothing does."""
        key = layer, logical_id
        if key not in self._known:
            self._known[key] = None  # what refers to itself finds nothing there
            self._known[key] = self._compare(layer, logical_id)
        return self._known[key]

    def _moves(self, slug: str) -> bool:
        """Whether the layer's stack on the two sides is not the same one."""
        one, other = self.before.side, self.after.side
        return (one.account, one.region, one.stacks[slug].stack) != (
            other.account,
            other.region,
            other.stacks[slug].stack,
        )

    def _whole(self, slug: str, old: StackSide | None, new: StackSide | None) -> LayerChange:
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
                ExportChange(name, title, "add", after=_shown(self.after.exported(name), slug))
                for name, (layer, title) in self.after.exports().items()
                if layer == slug
            ),
        )

    def _compare(self, layer: str, logical_id: str) -> ResourceChange | None:
        old = self.before.resources(layer).get(logical_id)
        new = self.after.resources(layer).get(logical_id)
        if new is None:
            return _removal(logical_id, old) if old else None
        if old is None:
            return ResourceChange(logical_id, new.type, "add")
        if old.type != new.type:
            return ResourceChange(
                logical_id,
                new.type,
                "replace",
                properties=(PropertyChange("/Type", old.type, new.type, "Always"),),
                effect="refused",
                notes=("CloudFormation does not change a resource's type: give it another logical id",),
            )
        found = schema(new.type, self.after.side.region)
        changes = tuple(self._changes(layer, old, new, found))
        return _modification(logical_id, old, new, changes, found) if changes else None

    def _changes(
        self, layer: str, old: Resource, new: Resource, found: Schema | None
    ) -> Iterator[PropertyChange]:
        for difference in self._differences(old.properties, new.properties, ()):
            # A type without a schema, such as a custom resource: nothing is known.
            recreation: Recreation = (
                found.recreation(difference.location, difference.before, difference.after)
                if found
                else "Conditionally"
            )
            if recreation == "Always" and not difference.certain:
                recreation = "Conditionally"
            yield PropertyChange(
                "/".join(["/Properties", *difference.location]),
                _shown(difference.before, layer),
                _shown(difference.after, layer),
                recreation,
                difference.because,
                difference.certain,
            )
        for name in ATTRIBUTES:
            before, after = old.attributes.get(name), new.attributes.get(name)
            if canonical(before) != canonical(after):
                yield PropertyChange(f"/{name}", _shown(before, layer), _shown(after, layer))
        tags, wanted = self.before.side.stacks[layer].tags, self.after.side.stacks[layer].tags
        if found and found.taggable:
            for change in _map_changes(tags, wanted):
                recreation = "Never" if found.tags_updatable else "Always"
                yield replace(change, path=f"/Tags/{change.path}", recreation=recreation)

    def _differences(self, before: Any, after: Any, location: Location) -> Iterator["_Difference"]:
        """Where two resolved values differ, or will although they read the same."""
        if canonical(before) == canonical(after):
            yield from self._moved(after, location)
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in {**before, **after}:
                yield from self._differences(before.get(key), after.get(key), (*location, key))
        elif isinstance(before, list) and isinstance(after, list):
            for index, one, other in _aligned(before, after):
                yield from self._differences(one, other, (*location, str(index)))
        else:
            yield _Difference(location, before, after)

    def _moved(self, value: Any, location: Location) -> Iterator["_Difference"]:
        if isinstance(value, Expression):
            certain, because = self._why(value)
            if because:
                yield _Difference(location, value, value, because, certain)
        elif isinstance(value, dict):
            for key, member in value.items():
                yield from self._moved(member, (*location, key))
        elif isinstance(value, list):
            for index, member in enumerate(value):
                yield from self._moved(member, (*location, str(index)))

    def _why(self, value: Any) -> tuple[bool, str]:
        """Whether a value that reads the same surely changes, and what changes it; "" when nothing does."""
        certain, causes = False, []
        for reference in references(value):
            change = self.resource(reference.layer, reference.logical_id)
            if change is None or change.action not in ("modify", "replace", "may replace"):
                continue
            if change.action == "modify":
                resource = self.after.resources(reference.layer)[reference.logical_id]
                found = schema(resource.type, self.after.side.region)
                if change.effect in ("none", "refused") or (found and found.stays(reference.attribute)):
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
            told = _shown(before, slug), _shown(after, slug)
            if name not in old:
                yield ExportChange(name, title, "add", after=told[1])
            elif name not in new:
                yield ExportChange(name, title, "remove", before=told[0], importers=importers)
            elif canonical(before) != canonical(after):
                yield ExportChange(name, title, "change", *told, importers=importers)
            else:
                certain, because = self._why(after)
                if because:
                    action: Literal["change", "may change"] = "change" if certain else "may change"
                    yield ExportChange(name, title, action, *told, because, importers)


_BECOMES: dict[Action, str] = {
    "modify": "is updated",
    "replace": "is replaced",
    "may replace": "may be replaced",
}


@dataclass(frozen=True)
class _Difference:
    location: Location
    before: Any
    after: Any
    because: str = ""
    certain: bool = True


def _exists(declared: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a resource or output is there; one whose condition cannot be known is taken to be."""
    return "Condition" not in declared or holds(declared["Condition"], scope) is not False


def _import_values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "Fn::ImportValue":
                yield member
            else:
                yield from _import_values(member)
    elif isinstance(value, list):
        for member in value:
            yield from _import_values(member)


def _shown(value: Any, layer: str) -> str | None:
    """A value as text: a text as it is, anything else as JSON; None where there is none."""
    if value is None:
        return None
    if isinstance(value, Expression):
        return value.text(layer)
    if isinstance(value, str):
        return value
    return json.dumps(value, default=lambda inner: inner.text(layer), ensure_ascii=False)


def _map_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[PropertyChange]:
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield PropertyChange(name, before.get(name), after.get(name))


def _aligned(before: list[Any], after: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """The members that differ, in pairs: a member that is added or taken out does not shift the others.

    The index is that of the member in the new list; of one that is taken out, in the old list.
    """
    old, new = [canonical(member) for member in before], [canonical(member) for member in after]
    for what, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            # Equal to read; a reference in them may still have moved.
            yield from ((j + k, before[i + k], after[j + k]) for k in range(i_end - i))
            continue
        for k in range(max(i_end - i, j_end - j)):
            one = before[i + k] if i + k < i_end else None
            other = after[j + k] if j + k < j_end else None
            yield (j + k if other is not None else i + k), one, other


def _removal(logical_id: str, old: Resource) -> ResourceChange:
    policy = old.attributes.get("DeletionPolicy")
    kept = policy in ("Retain", "RetainExceptOnCreate")
    note = (
        "it stays behind, outside any stack"
        if kept
        else "a snapshot of it is taken"
        if policy == "Snapshot"
        else ""
    )
    return ResourceChange(logical_id, old.type, "remove", notes=(note,) if note else ())


def _modification(
    logical_id: str,
    old: Resource,
    new: Resource,
    changes: tuple[PropertyChange, ...],
    found: Schema | None,
) -> ResourceChange:
    recreations = {change.recreation for change in changes}
    action: Action = (
        "replace"
        if "Always" in recreations
        else "may replace"
        if "Conditionally" in recreations
        else "modify"
    )
    effects: dict[Action, Effect] = {"replace": "replaced", "may replace": "may be replaced"}
    effect: Effect = effects.get(action, "in place")
    notes = list(_notes(old, new, changes, found, action))
    if action == "modify" and all(change.path.split("/")[1] in ATTRIBUTES for change in changes):
        effect = "none"
    if new.type == TASK_DEFINITION and action == "replace":
        effect = "released"
        notes.append("a new revision; running tasks keep the old one until a release")
    if _by_codedeploy(old) and action == "modify":
        effect, note = _service_effect(new, changes)
        notes.append(note)
    if found and any(found.is_read_only(location) for location in _locations(changes)):
        effect = "refused"
        notes.append("AWS sets a property itself that the template gives")
    return ResourceChange(logical_id, new.type, action, properties=changes, effect=effect, notes=tuple(notes))


def _notes(
    old: Resource,
    new: Resource,
    changes: Iterable[PropertyChange],
    found: Schema | None,
    action: Action,
) -> Iterator[str]:
    if found is None:
        yield f"CloudFormation has no schema of {new.type} here: what a change does is not known"
    if action in ("replace", "may replace"):
        policy = new.attributes.get("UpdateReplacePolicy")
        if policy == "Retain":
            yield "the old one stays behind, outside any stack"
        elif policy == "Snapshot":
            yield "a snapshot of the old one is taken before it is deleted"
        names = found.named(new.properties) if found else {}
        if names and canonical(names) == canonical(found.named(old.properties) if found else {}):
            # The new one is created first, and the old one has the name.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
            yield f"fails: a second one cannot have the same {' and '.join(names)}"
    if found:
        hidden = [location for location in _locations(changes) if found.is_write_only(location)]
        if hidden:
            yield f"AWS never shows {', '.join('/'.join(location) for location in hidden)}: drift cannot be seen"


def _locations(changes: Iterable[PropertyChange]) -> list[Location]:
    prefix = "/Properties/"
    paths = (change.path.removeprefix(prefix) for change in changes if change.path.startswith(prefix))
    return [tuple(path.split("/")) for path in paths]


def _by_codedeploy(resource: Resource) -> bool:
    controller = resource.properties.get("DeploymentController")
    return (
        resource.type == SERVICE and isinstance(controller, dict) and controller.get("Type") == "CODE_DEPLOY"
    )


def _service_effect(new: Resource, changes: Iterable[PropertyChange]) -> tuple[Effect, str]:
    """What ECS does with an update of a service that CodeDeploy controls.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html
    """
    changed = {
        change.path.split("/")[2] if change.path.startswith("/Properties/") else change.path
        for change in changes
    }
    # Leaving CodeDeploy is an update that ECS accepts; becoming CodeDeploy's is none.
    accepted = SERVICE_FIELDS if _by_codedeploy(new) else {*SERVICE_FIELDS, "DeploymentController"}
    if changed <= accepted:
        return "in place", "ECS accepts this update; CloudFormation has been seen to fail with it"
    return "refused", "ECS refuses this update while CodeDeploy controls the service"


def _with_renames(
    changes: list[ResourceChange],
    old: Mapping[str, Resource],
    new: Mapping[str, Resource],
    region: str,
) -> tuple[ResourceChange, ...]:
    """The changes, with those marked that are one resource under another logical id."""
    found: dict[str, ResourceChange] = {change.logical_id: change for change in changes}
    added = [change.logical_id for change in changes if change.action == "add"]
    for removed in (change.logical_id for change in changes if change.action == "remove"):
        scores = {
            title: (_likeness(old[removed], new[title]), SequenceMatcher(None, removed, title).ratio())
            for title in added
            if new[title].type == old[removed].type
        }
        best = max(scores, key=lambda title: scores[title], default="")
        if not best or scores[best][0] < NEARLY:
            continue
        added.remove(best)
        found[removed] = replace(found[removed], renamed=best)
        shape = schema(new[best].type, region)
        names = shape.named(new[best].properties) if shape else {}
        taken = bool(names) and canonical(names) == canonical(
            shape.named(old[removed].properties) if shape else {}
        )
        note = (f"fails: {removed} still has the same {' and '.join(names)}",) if taken else ()
        found[best] = replace(found[best], renamed=removed, notes=(*found[best].notes, *note))
    return tuple(found.values())


def _likeness(one: Resource, other: Resource) -> float:
    """The share of values in which two resources agree, from 0 to 1."""
    first, second = dict(_leaves(one.properties, ())), dict(_leaves(other.properties, ()))
    together = first.keys() | second.keys()
    equal = sum(1 for key in together if first.get(key) == second.get(key))
    return equal / len(together) if together else 1.0


def _leaves(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, (*location, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _leaves(member, (*location, str(index)))
    else:
        yield location, canonical(value)


def _with_moves(layers: list[LayerChange]) -> list[LayerChange]:
    """The layers, with a note on resources that leave one for another."""
    added = {
        (change.type, change.logical_id): layer.layer
        for layer in layers
        if layer.action != "create"
        for change in layer.resources
        if change.action == "add"
    }
    found = []
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
        found.append(replace(layer, resources=resources))
    return found

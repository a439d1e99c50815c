"""The table in docs/ownership.md: every resource of every template, and what becomes of it.

Who changes a resource at run time is what its layer says, what becomes of it in the end what `destroy` says;
everything else is worked out from `build/`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.drift.ownership import LIMITS, changed_by
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.effects.traffic import moved_rules
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import fate
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.rules import denied_resources
from ecs_blue_green.documents.generated import LAYERS, LOCAL, ORDER, RUNTIME
from ecs_blue_green.runtime import Changed

IN_ORDER = {slug: LAYERS[slug] for slug in ORDER}

_EFFECTS = {
    "in place": "in place",
    "replaced": "replaces it",
    "may be replaced": "may replace it",
    "released": "new revision",
    "refused": "ECS refuses",
}


def tables() -> str:
    """A section with a table for each layer, in the order in which the file of the layers has them."""
    return "\n\n".join(f"### {layer}\n\n{table(layer)}" for layer in RUNTIME.layers)


def table(layer: str) -> str:
    """The rows of one layer, as a Markdown table."""
    head = (
        "| Resource | Changed at run time by | With the role | A changed tag | Parameters that change it "
        "| Stack policy | DeletionPolicy | `destroy`, unprotected |"
    )
    rows = [_row(layer, logical_id, resource) for logical_id, resource in LAYERS[layer].resources.items()]
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- | --- |", *rows])


def delegations() -> str:
    """What counts as delegated drift, as a Markdown table."""
    rows = [
        f"| {slug} | `{changed.resource}` | `{one.property}` | {one.owner} | {LIMITS[one.limit].__doc__} |"
        for slug in RUNTIME.layers
        for changed in _CHANGED_BY[slug]
        for one in changed.properties
    ]
    return "\n".join(
        [
            "| Layer | Resource | Property | Owner | As long as it is |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def _row(layer: str, logical_id: str, resource: Mapping[str, Any]) -> str:
    kind = resource["Type"]
    known = {changed.resource: changed for changed in _CHANGED_BY[layer]}
    at_run_time = known.get(logical_id, Changed(logical_id, "nobody"))
    when = f", if `{resource['Condition']}`" if "Condition" in resource else ""
    cells = (
        f"`{logical_id}`<br>{kind.removeprefix('AWS::')}{when}",
        at_run_time.by,
        at_run_time.role,
        _tag_words(layer, logical_id),
        _parameter_words(layer, logical_id),
        _policy_words(layer, logical_id, kind),
        fate.deletion_policy(resource),
        fate.of(resource).words,
    )
    return f"| {' | '.join(cells)} |"


def _policy_words(layer: str, logical_id: str, kind: str) -> str:
    """Whether an update of the resource is denied: for itself, or because a protected one refers to it."""
    denied = denied_resources(
        LAYERS[layer].stack_policy, LAYERS[layer].resources, ResourceChange(logical_id, kind, "modify")
    )
    if logical_id in denied:
        return "protected"
    if denied:
        return f"protected through {', '.join(f'`{name}`' for name in sorted(denied))}"
    return "open"


def _tag_words(layer: str, logical_id: str) -> str:
    effect = _TAGGED.get((layer, logical_id))
    if effect is None:
        return "does not reach it"
    if LAYERS[layer].keeps_tags:
        return "keeps its own"
    moved = (layer, logical_id) in _MOVED_RULES
    return _EFFECTS[effect] + (", with blue's actions: blocked while green is live" if moved else "")


def _parameter_words(layer: str, logical_id: str) -> str:
    found = _PARAMETERS[layer, logical_id]
    if not found:
        return "none"
    return "; ".join(f"{word}: {', '.join(f'`{name}`' for name in names)}" for word, names in found.items())


def _effects_of(
    changed: Environment, layers: Mapping[str, Layer] = IN_ORDER
) -> Iterator[tuple[tuple[str, str], str]]:
    """What a change of the parameter file does, by layer and logical id."""
    for change in comparison.compare(desired_state(IN_ORDER, LOCAL), desired_state(layers, changed)):
        for resource in change.resources:
            effect = resource.effect
            if resource.action in ("add", "remove"):
                yield (change.layer, resource.logical_id), "adds or removes it"
            elif effect and effect != "none":
                yield (change.layer, resource.logical_id), effect


def _tagged() -> dict[tuple[str, str], str]:
    """The effect on each resource of one more tag, also on those that only some parameter makes."""
    found: dict[tuple[str, str], str] = {}
    for given in ({}, *({name: value} for name, value in _of_conditions())):
        everything = LOCAL._replace(parameters={**LOCAL.parameters, **given})
        changed = everything._replace(tags={"changed": "changed"})
        before, after = desired_state(IN_ORDER, everything), desired_state(IN_ORDER, changed)
        for change in comparison.compare(before, after):
            for resource in change.resources:
                found.setdefault((change.layer, resource.logical_id), resource.effect)
    return found


def _of_conditions() -> Iterator[tuple[str, str]]:
    """Each parameter that a condition reads, with a value that it does not have."""
    for layer in LAYERS.values():
        conditions = str(layer.template.get("Conditions", {}))
        for name, block in layer.parameters.items():
            if f"'{name}'" in conditions:
                yield name, _another(name, block)


def _parameters() -> Mapping[tuple[str, str], Mapping[str, list[str]]]:
    """The parameters that change each resource, by what they do to it."""
    filled_in = {"Project", "Environment", "Protected", *map(environment.stack_name_parameter, LAYERS)}
    filled_in |= RUNTIME.fixed_at_creation
    declared = {name: block for slug in ORDER for name, block in LAYERS[slug].parameters.items()}
    changes = {
        name: LOCAL._replace(parameters={**LOCAL.parameters, name: _another(name, block)})
        for name, block in declared.items()
        if name not in filled_in
    }
    changes["protected:"] = LOCAL._replace(protected=not LOCAL.protected)
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    # What a stack keeps reaches no other through it.
    there = {slug: layer.keeping(layer.given(LOCAL), layer.tags(LOCAL)) for slug, layer in IN_ORDER.items()}
    for name, changed in changes.items():
        for where, effect in _effects_of(changed, there):
            found[where][_EFFECTS.get(effect, effect)].append(name)
        for where, _ in _effects_of(changed):
            if _moves(where[0], name):
                found[where]["with the next release"].append(name)
    return found


def _moves(layer: str, parameter: str) -> bool:
    """Whether the layer's stack keeps its value of a parameter, which reaches the resource by a release."""
    return parameter in LAYERS[layer].runtime.moved_by_releases


def _another(name: str, block: Mapping[str, Any]) -> str:
    """A value that the parameter does not have; whether it is a sensible one does not matter here."""
    now = LOCAL.parameters.get(name, str(block.get("Default", "")))
    if "AllowedValues" in block:
        return next(str(value) for value in block["AllowedValues"] if str(value) != now)
    if block["Type"] == "Number":
        return str(float(now) + 1 if "." in now else int(now) + 1)
    return "changed"


_CHANGED_BY = changed_by(IN_ORDER, LOCAL)
_MOVED_RULES = moved_rules(ResolvedState(desired_state(IN_ORDER, LOCAL)))
_TAGGED = _tagged()
_PARAMETERS = _parameters()

"""What two revisions of `build/` and `params/` do to every environment, compared offline.

The guards are the deployer's (`rules.py`), as far as two revisions can decide them: the base revision stands
for what is deployed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from ecs_blue_green.deployer import plain_secrets, policy, rules
from ecs_blue_green.deployer.changes import PropertyChange
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.comparison import LayerChange
from ecs_blue_green.deployer.effects.differences import map_changes, moved_by_releases
from ecs_blue_green.deployer.effects.states import ResolvedState, State, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import EXIT_BLOCKED, EXIT_CHANGES, EXIT_DONE
from ecs_blue_green.deployer.layers import Layer, agreed
from ecs_blue_green.deployer.resolve import references
from ecs_blue_green.deployer.review import openings, permissions
from ecs_blue_green.deployer.review.like import Access, Candidate, Like, likest
from ecs_blue_green.deployer.review.revisions import Revision
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.runtime import Runtime

# The rules that two revisions decide; the others need to look at what is running.
DECIDED = ("replacement", "service-frozen", "export-in-use", "stack-policy")
CHECKED_AT_DEPLOY = tuple(rule for rule in rules.RULES if rule not in DECIDED)

# Ids that AWS gives, such as those of the network.
_ID = re.compile(r"[a-z]+-[0-9a-f]{8,17}")
PIPELINE = "AWS::CodePipeline::Pipeline"
IAM = "AWS::IAM::"


@dataclass(frozen=True)
class Need:
    """A layer that must be deployed before the push, and why the release that it starts fails without."""

    layer: str
    reason: str


@dataclass(frozen=True)
class EnvironmentReview:
    """What happens to one environment.

    `settings` are the changes of the file's own keys (account, region, ...), `configuration` those of the
    pipeline's file for it. `release` has the changed files for which a push starts the pipeline, `branch`
    its branch, `needs` what has to come before that push; `own` are the texts by which it differs from
    another environment with the same changes. `released` are the layers that the pipeline brings into
    production. `kept_tags` has by layer the tags that a stack does not take, since it keeps its own; `moves`
    are the parameters that a release brings, and no stack. `like` is, of a new one, another that it is told
    by.
    """

    name: str
    layers: tuple[LayerChange, ...]
    settings: tuple[PropertyChange, ...] = ()
    configuration: tuple[PropertyChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    access: tuple[Access, ...] = ()
    release: tuple[str, ...] = ()
    branch: str = ""
    needs: tuple[Need, ...] = ()
    notes: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    kept_tags: Mapping[str, tuple[PropertyChange, ...]] = field(default_factory=dict)
    moves: tuple[PropertyChange, ...] = ()
    like: Like | None = None

    def is_released(self, layer: LayerChange) -> bool:
        """Whether the pipeline brings the layer's changes into production; others need `make deploy`."""
        return layer.layer in self.released and layer.action == "update"

    @property
    def changed(self) -> tuple[LayerChange, ...]:
        """The layers to which something happens."""
        return tuple(layer for layer in self.layers if layer.action != "nothing")

    @property
    def changes_something(self) -> bool:
        """Whether anything happens at all."""
        return bool(self.changed or self.settings or self.configuration or self.access or self.notes)


@dataclass(frozen=True)
class Review:
    """The review of one revision against another; `warnings` are about the revisions themselves."""

    base: str
    head: str
    environments: tuple[EnvironmentReview, ...]
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 where the deployer would block, 4 where something changes, else 0."""
        if any(environment.findings for environment in self.environments):
            return EXIT_BLOCKED
        changed = any(environment.changes_something for environment in self.environments)
        return EXIT_CHANGES if changed else EXIT_DONE


def review(base: Revision, head: Revision, changed_files: Iterable[str], lacking: int = 0) -> Review:
    """Compare two revisions in every environment that one of them has.

    `changed_files` are the paths that differ; `lacking` is how many commits of the base the head does not
    have.
    """
    warnings = []
    if lacking:
        warnings.append(
            f"{head.label} lacks {lacking} commit{'s' * (lacking > 1)} of {base.label}: "
            "what they changed appears reverted here"
        )
    for name, problem in base.broken.items():
        warnings.append(
            f"{name} cannot be read from {base.label}, so everything in it counts as new: {problem}"
        )
    warnings += [f"of {side.label}, {side.unusable}" for side in (base, head) if side.unusable]
    for name, environment in head.environments.items():
        state = ResolvedState(desired_state(head.layers, environment))
        warnings += [f"in {name}, {secret}" for secret in plain_secrets.found(state)]
    files = tuple(changed_files)
    names = sorted({*base.environments, *head.environments})
    return Review(
        base.label,
        head.label,
        tuple(_environment(name, base, head, files) for name in names),
        tuple(warnings),
    )


def _environment(name: str, base: Revision, head: Revision, files: tuple[str, ...]) -> EnvironmentReview:
    old, new = base.environments.get(name), head.environments.get(name)
    if new is None:
        return EnvironmentReview(
            name,
            (),
            notes=(
                "its parameter file is removed, but its stacks remain: destroy them first (make destroy)",
            ),
        )
    before = desired_state(base.layers, old) if old else State(new.account, new.region, {})
    layers_after = _keeping(head, base, before, new)
    after = desired_state(layers_after, new)
    kept_tags = {
        slug: tuple(map_changes(layer.tags(new), new.stack_tags(slug)))
        for slug, layer in layers_after.items()
    }
    states = ResolvedState(before), ResolvedState(after)
    layers = tuple(comparison.compare_resolved(*states))
    runtime = head.runtime or base.runtime
    released = runtime.released if runtime else ()
    release, branch = _release(states[1], files)
    access = tuple(access for layer in layers for access in _access(layer.layer, states, base, head))
    releases = bool(release) or any(layer.layer in released for layer in layers if layer.action == "update")
    return EnvironmentReview(
        name,
        layers,
        settings=tuple(map_changes(_settings(old), _settings(new))) if old else (),
        configuration=tuple(_configuration(name, base, head)),
        findings=tuple(finding for layer in layers for finding in _findings(layer, base, head)),
        access=access,
        release=release,
        branch=branch,
        needs=tuple(_needs(states[1], runtime, layers, access)) if old and runtime and releases else (),
        notes=() if old else ("a new environment",),
        own=tuple(_own(new)),
        released=released,
        kept_tags={slug: tags for slug, tags in kept_tags.items() if tags},
        moves=tuple(moved_by_releases(layers_after, *_parameters_of_both(before, after))),
        like=None if old else _like(name, base, head, layers_after),
    )


def _like(name: str, base: Revision, head: Revision, layers: Mapping[str, Layer]) -> Like | None:
    """The environment, of those that there were before, by which a new one is told with the fewest words."""

    def candidate(name: str) -> Candidate:
        settings = head.environments[name]
        state = ResolvedState(desired_state(layers, settings))
        nothing = ResolvedState(State(settings.account, settings.region, {}))
        access = tuple(one for slug in layers for one in _access(slug, (nothing, state), base, head))
        own = (*_own(settings), settings.region)
        return Candidate(name, state, access, own, _written(settings, layers), settings.is_local)

    others = [other for other in head.environments if other in base.environments]
    return likest(candidate(name), map(candidate, others)) if others else None


def _written(environment: Environment, layers: Mapping[str, Layer]) -> dict[str, str]:
    """What a parameter file says, or leaves at its default, by the name that it has there."""
    values = {
        title: value
        for stack in desired_state(layers, environment).stacks.values()
        for title, value in stack.parameters.items()
        if not is_filled_in(title)
    }
    return {**_settings(environment), **values, **{f"tags: {k}": v for k, v in environment.tags.items()}}


def is_filled_in(parameter: str) -> bool:
    """Whether the deployer gives a parameter its value, which then says nothing new."""
    return parameter in ("Project", "Environment", "Protected") or parameter.endswith("StackName")


def _keeping(head: Revision, base: Revision, before: State, environment: Environment) -> dict[str, Layer]:
    """The layers of `head` with what their stacks keep for their life, where there are some before it.

    Of a value that is decided when a stack is made, all that two revisions tell is that it stays: also in one
    that is from before layers said which these are.
    """
    layers = dict(head.layers)
    if head.runtime is None:
        layers = {slug: _fixing_as(layer, base.layers.get(slug)) for slug, layer in layers.items()}
    deployed = {
        slug: stack
        for slug, stack in before.stacks.items()
        if (before.account, before.region, stack.stack)
        == (environment.account, environment.region, environment.stack_name(slug))
    }
    for slug in layers.keys() & deployed:
        layers[slug] = layers[slug].keeping(deployed[slug].parameters, deployed[slug].tags)
    return agreed(layers, deployed)


def _parameters_of_both(before: State, after: State) -> tuple[dict[str, Mapping[str, str]], ...]:
    """The parameters before and after of the stacks that exist before and after, by layer."""
    both = [slug for slug in after.stacks if slug in before.stacks]
    return tuple({slug: side.stacks[slug].parameters for slug in both} for side in (before, after))


def _fixing_as(layer: Layer, other: Layer | None) -> Layer:
    """The layer with those of its parameters fixed at creation that the other revision fixes."""
    declared = other.runtime.fixed_at_creation if other else ()
    fixed = tuple(parameter for parameter in declared if parameter.parameter in layer.parameters)
    return replace(
        layer,
        runtime=layer.runtime._replace(fixed_at_creation=fixed),
        fixed={str(parameter.parameter): parameter.for_new_stacks for parameter in fixed},
    )


def _own(environment: Environment) -> Iterator[str]:
    yield f"{environment.project}-{environment.name}"
    yield environment.account
    for value in environment.parameters.values():
        yield from (part for part in value.split(",") if _ID.fullmatch(part) or part.startswith("arn:"))


def _settings(environment: Environment) -> dict[str, str]:
    return {
        "account": environment.account,
        "region": environment.region,
        "project": environment.project,
        "protected": str(environment.protected).lower(),
    }


def _configuration(name: str, base: Revision, head: Revision) -> Iterator[PropertyChange]:
    """What changes in the files that the environment's pipeline gives CloudFormation."""
    for path in {**base.configurations, **head.configurations}:
        if path.startswith(f"{name}/"):
            old, new = (_flat(side.configurations.get(path)) for side in (base, head))
            yield from map_changes(old, new)


def _flat(text: str | None) -> dict[str, str]:
    document: dict[str, Any] = json.loads(text) if text else {}
    return {
        f"{section}.{key}": str(value)
        for section, values in document.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }


def _findings(layer: LayerChange, base: Revision, head: Revision) -> Iterator[Finding]:
    """What the deployer would block; it never touches the stack of a layer that is gone."""
    if layer.action != "update":
        return
    slug = layer.layer
    resources = head.layers[slug].resources
    endangered = {e.name: e.importers for e in layer.exports if e.action != "add" and e.importers}
    deployed = base.layers[slug].stack_policy

    def found(allowed: set[str]) -> Iterator[Finding]:
        yield from rules.replacement(slug, layer.resources, allowed)
        yield from rules.service_frozen(slug, layer.resources, resources, allowed)
        yield from rules.export_in_use(slug, endangered)
        yield from rules.stack_policy(slug, layer.resources, deployed, resources, allowed)

    offered = {rules.name(slug, change) for change in layer.resources}
    yield from rules.honest(list(found(set())), list(found(offered)))


def _access(
    slug: str, states: tuple[ResolvedState, ResolvedState], base: Revision, head: Revision
) -> Iterator[Access]:
    before, after = (state.resources(slug) for state in states)
    for logical_id in {**after, **before}:
        for words in permissions.added(before.get(logical_id), after.get(logical_id), slug):
            yield Access(slug, logical_id, words)
    for logical_id, words in openings.added(before, after, slug):
        yield Access(slug, logical_id, words)
    for logical_id in _unprotected(base.layers.get(slug), head.layers.get(slug)):
        yield Access(slug, logical_id, "is no longer protected by the stack policy")


def _unprotected(old: Layer | None, new: Layer | None) -> Iterator[str]:
    if old is None or new is None:
        return
    for logical_id, resource in new.resources.items():
        was, stays = (
            policy.denies(layer.stack_policy, logical_id, resource["Type"], "Update:Modify")
            for layer in (old, new)
        )
        if was and not stays:
            yield logical_id


def _release(state: ResolvedState, files: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The changed files for which a push starts this environment's pipeline, and the branch it follows."""
    for slug in state.stacks:
        for resource in state.resources(slug).values():
            if resource.type == PIPELINE:
                return _triggered(resource.properties, files)
    return (), ""


def _triggered(pipeline: Mapping[str, Any], files: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    for trigger in pipeline.get("Triggers", []):
        for push in trigger.get("GitConfiguration", {}).get("Push", []):
            patterns = push.get("FilePaths", {}).get("Includes", ["**"])
            branches = push.get("Branches", {}).get("Includes", [])
            matching = tuple(f for f in files if any(fnmatchcase(f, str(pattern)) for pattern in patterns))
            return matching, str(branches[0]) if branches else ""
    return (), ""


def _needs(
    state: ResolvedState, runtime: Runtime, layers: Iterable[LayerChange], access: Iterable[Access]
) -> Iterator[Need]:
    """What a release finds only when a layer that no push deploys has been deployed before.

    That is what the released layers import, and what the roles may do that a release works with: those that
    CloudFormation has for their stacks, those that they import, and the pipeline's own.
    """
    released = [slug for slug in runtime.released if slug in state.stacks]
    for slug in released:
        for layer in layers:
            for export in layer.exports:
                if export.name in state.imports(slug) and export.action == "add":
                    yield Need(layer.layer, f"{slug} imports {export.output}, which is new")
    roles = set(_roles(state, runtime, released))
    for opened in access:
        if opened.layer not in released and (opened.layer, opened.resource) in roles:
            yield Need(opened.layer, f"{opened.resource} {opened.words}")


def _roles(state: ResolvedState, runtime: Runtime, released: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The roles that a release works with, and the policies attached to them, by layer and logical id."""
    operating = {tuple(role) for slug in released if (role := runtime.layers[slug].role)}
    imported = {name for slug in released for name in state.imports(slug)}
    role_ids = {
        (reference.layer, reference.logical_id)
        for name, output in state.exports().items()
        if name in imported or output in operating
        for reference in references(state.exported(name))
    }
    for slug in state.stacks:
        resources = state.resources(slug)
        runs = any(resource.type == PIPELINE for resource in resources.values())
        for logical_id, resource in resources.items():
            if not resource.type.startswith(IAM):
                continue
            used = {(r.layer, r.logical_id) for r in references(dict(resource.properties))}
            if runs or (slug, logical_id) in role_ids or used & role_ids:
                yield slug, logical_id

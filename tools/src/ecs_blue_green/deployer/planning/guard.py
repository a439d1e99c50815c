"""What must not happen unasked: every rule over a plan and a snapshot of the live state.

Pure functions. A finding blocks before anything is executed; docs/operations.md has what to do about each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ecs_blue_green.deployer import commands, remedies, rules
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.planning import beside
from ecs_blue_green.deployer.planning.beside import Beside
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.release.live import Live
from ecs_blue_green.deployer.rules import LISTENER, LISTENER_RULE, Finding


def findings(plan: Plan, live: Live, importers: Mapping[str, list[str]], allowed: set[str]) -> list[Finding]:
    """Everything that blocks the plan.

    `importers` has the importing stacks of each export that would change or go away; `allowed` the
    resources named with ALLOW, as LAYER:LOGICALID.
    """
    offered = {rules.name(slug, change) for slug, step in plan.steps.items() for change in step.changes}
    found = rules.honest(
        list(_of_stacks(plan, live, importers, allowed)),
        list(_of_stacks(plan, live, importers, allowed | offered)),
    )
    return found + list(release_running(plan, live))


def _of_stacks(
    plan: Plan, live: Live, importers: Mapping[str, list[str]], allowed: set[str]
) -> Iterator[Finding]:
    for slug, step in plan.steps.items():
        if step.act != "update":
            continue
        yield from rules.replacement(slug, step.changes, allowed)
        yield from rules.service_frozen(slug, step.changes, step.layer.resources, allowed)
        yield from listener_live(slug, step, live)
        yield from export_in_use(slug, step, plan, importers)
        yield from rules.stack_policy(slug, step.changes, step.deployed_policy, step.layer.resources, allowed)


def export_in_use(
    layer: str, step: Step, plan: Plan, importers: Mapping[str, list[str]]
) -> Iterator[Finding]:
    """Exports that would change or go away while a stack imports them.

    Where every importer is a layer that will do without, one command after the other leads there.
    """
    environment = plan.environment
    for export in step.endangered_exports:
        users = importers.get(export, [])
        without = [slug for slug, imported in plan.imports.items() if export not in imported]
        stacks = {environment.stack_name(slug): slug for slug in without}
        for finding in rules.export_in_use(layer, {export: users}):
            if not stacks.keys() >= set(users):
                yield finding
                continue
            going = [stacks[user] for user in users]
            lost = [found.resource for found in rules.replacement(layer, step.changes, set())]
            allow = {"ALLOW": " ".join(f"{layer}:{resource}" for resource in lost)} if lost else {}
            yield replace(
                finding,
                remedy=remedies.LET_GO_FIRST(
                    layers=" and ".join(going),
                    first=commands.make("deploy", environment.name, ONLY=" ".join(going)),
                    then=commands.make("deploy", environment.name, **allow),
                ),
            )


def listener_live(layer: str, step: Step, live: Live) -> Iterator[Finding]:
    """A change of what sends users to the service, while its template does not say where traffic goes.

    CloudFormation sends all properties of a listener or a rule, its actions too, and those name blue. A new
    listener has no users yet; a new rule takes them from its listener.
    """
    if live.colour in ("blue", "none"):
        return
    now = "green is live" if live.colour == "green" else "traffic is shifting"
    for change in step.changes:
        if change.stays:
            continue
        if change.type == LISTENER_RULE and change.logical_id in step.moved_rules:
            danger = {
                "add": "the new rule would send its requests to blue, which runs nothing",
                "remove": "without the rule its requests would go at once to where the listener's others say",
            }.get(
                change.action,
                "any update of the rule would send its requests to blue, which runs nothing",
            )
        elif (
            change.type == LISTENER
            and change.action != "add"
            and _may_forward(step.layer.resources.get(change.logical_id))
        ):
            danger = "any update of the listener would send traffic to blue, which runs nothing"
        else:
            continue
        yield Finding(
            layer,
            change.logical_id,
            "listener-live",
            f"{now}, and {danger}",
            remedies.BLUE_AGAIN(),
        )


def _may_forward(listener: Mapping[str, Any] | None) -> bool:
    """Whether a listener sends requests to a target group, which one that the template no longer has may."""
    return listener is None or rules.forwards(listener["Properties"])


def beside_release(plan: Plan, live: Live) -> list[Beside]:
    """Every change of the plan beside the release that runs; none where none runs."""
    if not live.deployment and not live.execution:
        return []
    return [
        found
        for slug, step in plan.steps.items()
        if step.act != "nothing" and not step.layer.runtime.untouched_by_releases
        for found in beside.changes(slug, step, live)
    ]


def release_running(plan: Plan, live: Live) -> Iterator[Finding]:
    """A change while CodeDeploy or the pipeline is at work on the same resources."""
    running = []
    if live.deployment:
        running.append(f"CodeDeploy deployment {live.deployment}")
    if live.execution:
        running.append(f"pipeline execution {live.execution}")
    colliding = [found for found in beside_release(plan, live) if found.collides]
    # What has no reason of its own is told once, for the first stack.
    told = [found for found in colliding if not found.why][:1] + [found for found in colliding if found.why]
    for found in told:
        yield Finding(
            found.layer,
            found.resource if found.why else "",
            "release-running",
            f"{' and '.join(running)} running" + (f": {found.why}" if found.why else ""),
            remedies.WAIT_OR_STOP(stop=commands.make("rollback", plan.environment.name)),
        )


def lifting(plan: Plan, allowed: set[str]) -> Plan:
    """The plan with what each step lifts: the protected resources that the `allowed` changes touch."""
    steps = {
        slug: replace(
            step,
            lifts={
                denied: kind
                for change in step.changes
                if rules.name(slug, change) in allowed
                for denied, kind in denied_resources(step, change).items()
            },
        )
        for slug, step in plan.steps.items()
    }
    return replace(plan, steps=steps)


def denied_resources(step: Step, change: ResourceChange) -> dict[str, str]:
    """The resources, with their types, for which the deployed policy denies this change."""
    there = rules.without_added(step.layer.resources, step.changes)
    return rules.types_of(rules.denied_resources(step.deployed_policy, there, change), there, change)

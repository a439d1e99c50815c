"""What must not happen unasked: every rule over a plan and a snapshot of the live state.

Pure functions. A finding blocks before anything is executed; docs/operations.md has what to do about each.
"""

from collections.abc import Iterator, Mapping

from ecs_blue_green.deployer import commands, rules
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
    found: list[Finding] = []
    for slug, step in plan.steps.items():
        if step.act != "update":
            continue
        found += rules.replacement(slug, step.changes, allowed)
        found += rules.service_frozen(slug, step.changes, step.layer.resources, allowed)
        found += listener_live(slug, step, live)
        found += rules.export_in_use(
            slug, {name: importers.get(name, []) for name in step.endangered_exports}
        )
        found += rules.stack_policy(slug, step.changes, step.deployed_policy, step.layer.resources, allowed)
    return found + list(release_running(plan, live))


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
            and rules.forwards(step.layer.resources, change.logical_id)
        ):
            danger = "any update of the listener would send traffic to blue, which runs nothing"
        else:
            continue
        yield Finding(
            layer,
            change.logical_id,
            "listener-live",
            f"{now}, and {danger}",
            "wait for or make a release that brings blue back, then deploy; a certificate or a path that "
            "cannot wait: docs/operations.md, listener-live",
        )


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
            "wait for its end with ARGS=--wait, or stop it: "
            + commands.make("rollback", plan.environment.name),
        )


def denied_resources(step: Step, change: ResourceChange) -> dict[str, str]:
    """The resources, with their types, for which the deployed policy denies this change."""
    there = rules.without_added(step.layer.resources, step.changes)
    return rules.types_of(rules.denied_resources(step.deployed_policy, there, change), there, change)

"""What must not happen unasked: every rule over a plan and a snapshot of the live state.

Pure functions. A finding blocks before anything is executed; docs/operations.md has what to do about each.
"""

from collections.abc import Iterator, Mapping

from ecs_blue_green.deployer import commands, rules
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.release.live import Live
from ecs_blue_green.deployer.rules import LISTENER, Finding


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
    """A change of a listener that forwards, while its template does not say where traffic goes.

    CloudFormation sends all of a listener's properties, its actions too, and those name blue.
    """
    if live.colour in ("blue", "none"):
        return
    for change in step.changes:
        if (
            change.type == LISTENER
            and change.action != "add"
            and not change.stays
            and rules.forwards(step.layer.resources, change.logical_id)
        ):
            now = "green is live" if live.colour == "green" else "traffic is shifting"
            yield Finding(
                layer,
                change.logical_id,
                "listener-live",
                f"{now}, and any update of the listener would send traffic to blue, which runs nothing",
                "wait for or make a release that brings blue back, then deploy; a certificate that cannot "
                "wait: docs/operations.md, listener-live",
            )


def release_running(plan: Plan, live: Live) -> Iterator[Finding]:
    """A change while CodeDeploy or the pipeline is at work on the same resources."""
    changed = [
        slug
        for slug, step in plan.steps.items()
        if step.act != "nothing" and not step.layer.runtime.untouched_by_releases
    ]
    if not changed:
        return
    running = []
    if live.deployment:
        running.append(f"CodeDeploy deployment {live.deployment}")
    if live.execution:
        running.append(f"pipeline execution {live.execution}")
    if running:
        yield Finding(
            changed[0],
            "",
            "release-running",
            f"{' and '.join(running)} running",
            "wait for its end with ARGS=--wait, or stop it: "
            + commands.make("rollback", plan.environment.name),
        )


def denied_resources(step: Step, change: ResourceChange) -> set[str]:
    """The resources for which the deployed policy denies this change."""
    return rules.denied_resources(step.deployed_policy, step.layer.resources, change)

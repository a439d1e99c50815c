"""What must not happen unasked: every rule over a plan and a snapshot of the live state.

Pure functions. A finding blocks before anything is executed; docs/operations.md has what to do about each.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stacks import policy, rules
from stacks.changes import ResourceChange
from stacks.layers import Layer
from stacks.live import Live
from stacks.plan import Plan, Step
from stacks.policy import Update
from stacks.rules import LISTENER, Finding, name

# A push releases into these only; the repository of the images has no part in a running release.
UNTOUCHED_BY_RELEASES = {"container-repository"}

_UPDATES: Mapping[str, Update] = {
    "modify": "Update:Modify",
    "replace": "Update:Replace",
    "may replace": "Update:Replace",
    "remove": "Update:Delete",
}


def findings(plan: Plan, live: Live, importers: Mapping[str, list[str]], allowed: set[str]) -> list[Finding]:
    """Everything that blocks the plan.

    `importers` has the importing stacks of each export that would change or go away (see
    `endangered_exports`); `allowed` the resources named with --allow, as LAYER:LOGICALID.
    """
    found: list[Finding] = []
    for slug, step in plan.steps.items():
        if step.act != "update":
            continue
        found += rules.replacement(slug, step.changes, allowed)
        found += rules.service_frozen(slug, step.changes, step.layer.resources, allowed)
        found += listener_live(slug, step, live)
        found += export_in_use(plan, slug, step, importers)
        found += stack_policy(slug, step, allowed)
    return found + list(release_running(plan, live))


def listener_live(layer: str, step: Step, live: Live) -> Iterator[Finding]:
    """A change of a listener that forwards, while its template does not say where traffic goes.

    CloudFormation sends all of a listener's properties, its actions too, and those name blue.
    """
    if live.colour in ("blue", "none"):
        return
    for change in step.changes:
        if change.type == LISTENER and change.action != "add" and _forwards(step.layer, change):
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
        if step.act != "nothing" and slug not in UNTOUCHED_BY_RELEASES
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
            "wait for its end (--wait), or stop it: deploy.py rollback",
        )


def endangered_exports(step: Step, exported: Mapping[str, str]) -> set[str]:
    """The deployed exports of a stack that its update would change or take away.

    `exported` maps the names that the new template exports to its outputs' logical ids.
    """
    if step.stack is None:
        return set()
    gone = set(step.stack.exports) - set(exported)
    unstable = {c.logical_id for c in step.changes if c.action in ("replace", "may replace", "remove")}
    changed = {
        export
        for export, output in exported.items()
        if export in step.stack.exports
        and references(step.layer.template["Outputs"][output].get("Value")) & unstable
    }
    return gone | changed


def export_in_use(
    plan: Plan, layer: str, step: Step, importers: Mapping[str, list[str]]
) -> Iterator[Finding]:
    """An export that changes or goes away while another stack imports it: CloudFormation would refuse it."""
    for export in sorted(endangered_exports(step, plan.exported[layer])):
        if importers.get(export):
            yield Finding(
                layer,
                "",
                "export-in-use",
                f"export {export} changes or goes away, and {', '.join(importers[export])} imports it",
                "in two steps: first deploy the importing stack without the import, then this change",
            )


def stack_policy(layer: str, step: Step, allowed: set[str]) -> Iterator[Finding]:
    """An update that the deployed stack policy denies, for the resource or for one that references it."""
    for change in step.changes:
        if name(layer, change) in allowed:
            continue
        denied = denied_resources(step, change)
        if denied:
            others = ", ".join(sorted(denied - {change.logical_id}))
            because = f", because {others} uses it" if change.logical_id not in denied else ""
            yield Finding(
                layer,
                change.logical_id,
                "stack-policy",
                f"the stack policy protects it{because}",
                f"if that is meant: --allow {name(layer, change)}",
            )


def denied_resources(step: Step, change: ResourceChange) -> set[str]:
    """The resources for which the deployed policy denies this change: itself, and those that reference it.

    "You must also have permission to update any resources that reference the resource":
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    if change.action not in _UPDATES:
        return set()
    update = _UPDATES[change.action]
    denied = set()
    if policy.denies(step.deployed_policy, change.logical_id, change.type, update):
        denied.add(change.logical_id)
    for logical_id, resource in step.layer.resources.items():
        if logical_id == change.logical_id or change.logical_id not in references(resource.get("Properties")):
            continue
        # What happens to it is an update in place unless AWS says otherwise in a change of its own.
        if policy.denies(step.deployed_policy, logical_id, resource["Type"], "Update:Modify"):
            denied.add(logical_id)
    return denied


def references(value: Any) -> set[str]:
    """The logical ids that a part of a template refers to by Ref, GetAtt or Sub."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "Ref":
                found.add(member)
            elif key == "Fn::GetAtt":
                found.add(member[0] if isinstance(member, list) else member.split(".")[0])
            elif key == "Fn::Sub":
                text, *rest = member if isinstance(member, list) else [member]
                found |= {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
                found |= references(rest)
            else:
                found |= references(member)
    elif isinstance(value, list):
        for member in value:
            found |= references(member)
    return found


def _forwards(layer: Layer, change: ResourceChange) -> bool:
    resource = layer.resources.get(change.logical_id)
    if resource is None:
        return True
    actions = resource["Properties"].get("DefaultActions", [])
    return any(action.get("Type") == "forward" for action in actions)

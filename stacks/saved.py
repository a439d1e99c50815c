"""A plan kept in a file, approved by one person or job and executed by another.

The file holds no template and no secret: it names the change sets, and what the stacks looked like. What is
executed is what CloudFormation keeps under those ARNs.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stacks import cloudformation, plan
from stacks.aws import Aws
from stacks.environment import Environment
from stacks.errors import BadInput, Blocked
from stacks.layers import RELEASED_LAYER
from stacks.plan import Plan, Step

SCHEMA = "saved-plan/1"
_KEPT = {"act", "inputs", "state", "new", "change_set", "stack", "changes"}


def write(path: Path, planned: Plan, allowed: set[str]) -> None:
    """Keep the plan. Its change sets stay until it is executed or discarded."""
    document = {
        "schema": SCHEMA,
        "environment": planned.environment.name,
        "digest": planned.digest,
        "allowed": sorted(allowed),
        "layers": {
            slug: {
                "act": step.act,
                "inputs": plan.inputs_digest(planned.environment, step.layer),
                "state": plan.state(step.stack),
                "new": step.stack is None,
                "change_set": step.change_set.arn if step.change_set else None,
                "stack": step.change_set.stack_arn if step.change_set else None,
                "changes": _summary(step),
            }
            for slug, step in planned.steps.items()
        },
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read(path: Path, environment: Environment) -> dict[str, Any]:
    """The kept plan. Raises BadInput when the file is none, or of another environment."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read", str(error), "make one: deploy.py plan --out FILE") from error
    if not _is_plan(document):
        raise BadInput(f"{path} is no saved plan", "", "make one: deploy.py plan --out FILE")
    if document["environment"] != environment.name:
        raise BadInput(
            f"{path} is a plan for {document['environment']}", f"not for {environment.name}", "name the other"
        )
    found: dict[str, Any] = document
    return found


def require_writable(path: Path) -> None:
    """Raise BadInput when a plan could not be kept in this file."""
    place = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(place, os.W_OK):
        raise BadInput(f"{path} cannot be written", "no such folder, or no right to", "name another --out")


def _is_plan(document: Any) -> bool:
    """Whether a document has what `write` writes."""
    return (
        isinstance(document, dict)
        and document.get("schema") == SCHEMA
        and {"environment", "digest", "allowed", "layers"} <= document.keys()
        and isinstance(document["layers"], dict)
        and isinstance(document["allowed"], list)
        and all(isinstance(kept, dict) and kept.keys() >= _KEPT for kept in document["layers"].values())
    )


def discard(aws: Aws, document: Mapping[str, Any]) -> None:
    """Remove the change sets of a kept plan, and the empty stacks that they made."""
    client = aws.client("cloudformation")
    for kept in document["layers"].values():
        if kept["change_set"]:
            cloudformation.delete_change_set(client, kept["change_set"])
            if kept["new"]:
                cloudformation.delete_shell(client, kept["stack"])


def restored(aws: Aws, document: Mapping[str, Any], fresh: Plan) -> Plan:
    """The plan to execute: `fresh`, which was made just now, with the change sets that were approved.

    The fresh change sets of layers that have not moved are removed. The layers that the kept plan changes
    must be as they were; task-definition may have moved, since every release moves it, when planning it
    again gives the same changes. Raises Blocked with what moved.
    """
    client = aws.client("cloudformation")
    moved = []
    steps = {}
    for slug, step in fresh.steps.items():
        kept = document["layers"].get(slug)
        steps[slug] = step
        if kept is None or (kept["act"] == "nothing" and step.act == "nothing"):
            continue
        if kept["inputs"] != plan.inputs_digest(fresh.environment, step.layer):
            moved.append(f"{slug}: build/ or params/ is not what was planned")
            continue
        unmoved = kept["state"] == plan.state(step.stack) or (
            kept["new"] and not (step.stack and step.stack.exists)
        )
        if (
            kept["act"] == step.act
            and kept["changes"] == _summary(step)
            and (unmoved or slug == RELEASED_LAYER)
        ):
            if unmoved and kept["change_set"]:
                steps[slug] = _with_kept_change_set(client, step, kept)
            continue
        moved.append(f"{slug}: {_what_moved(kept, step)}")
    if moved:
        plan.discard(aws, fresh)
        raise Blocked(
            "the plan is out of date",
            "".join(f"\n  {line}" for line in moved),
            "make and approve a new one: deploy.py plan --out FILE",
        )
    return replace(fresh, steps=steps)


def _with_kept_change_set(client: Any, step: Step, kept: Mapping[str, Any]) -> Step:
    if step.change_set and step.change_set.arn != kept["change_set"]:
        cloudformation.delete_change_set(client, step.change_set.arn)
    approved = cloudformation.read_change_set(client, kept["change_set"])
    if approved is None:
        raise Blocked(
            f"the change set of {step.layer.slug} is gone",
            "somebody executed or removed it",
            "make and approve a new plan: deploy.py plan --out FILE",
        )
    return replace(step, change_set=approved, changes=approved.changes)


def _what_moved(kept: Mapping[str, Any], step: Step) -> str:
    now = plan.state(step.stack)
    if kept["state"] != now:
        was, is_now = " at ".join(kept["state"][1:]) or "not there", " at ".join(now[1:]) or "not there"
        return f"was {was}, is {is_now}"
    return (
        f"planned to {kept['act']} {len(kept['changes'])}, would now {step.act} {len(step.changes)} resources"
    )


def _summary(step: Step) -> list[Any]:
    """The changes as they are approved: which resource, what happens to it, which values it gets."""
    return sorted(
        [change.logical_id, change.action, [[changed.path, changed.after] for changed in change.properties]]
        for change in step.changes
    )

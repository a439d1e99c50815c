"""A plan kept in a file, approved by one person or job and executed by another.

The file holds no template and no secret: it names the change sets, and what the stacks looked like. What is
executed is what CloudFormation keeps under those ARNs. It is begun before the first change set is made, so
that those of a run which is killed in between can be found and discarded. A checksum over all of it tells
whether somebody has edited it since.
"""

import contextlib
import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ecs_blue_green import shapes
from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import change_sets, describe
from ecs_blue_green.deployer.cloudformation.change_sets import SAVED, ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Blocked
from ecs_blue_green.deployer.planning import plan
from ecs_blue_green.deployer.planning.current import EnvironmentState
from ecs_blue_green.deployer.planning.plan import Plan, Step

SCHEMA = "saved-plan/2"
# A plan of six layers has some ten thousand characters.
LARGEST_BYTES = 10_000_000


@dataclass(frozen=True)
class _Layer:
    """What is kept of a layer: what the plan does with it, and what it was made from."""

    act: str
    inputs: str
    state: tuple[str, ...]
    new: bool
    change_set: str | None
    stack: str | None
    changes: tuple[Any, ...]


@dataclass(frozen=True)
class _Saved:
    """The file. `layers` is None while the plan is made; the fields behind it are there with them."""

    schema: Literal["saved-plan/2"]
    environment: str
    name: str
    checksum: str
    layers: Mapping[str, _Layer] | None
    digest: str = ""
    allowed: tuple[str, ...] = ()
    moved_from: str = ""


_ANOTHER = "name another --out"


def begin(path: Path, aws: Aws, environment: Environment) -> str:
    """Begin the file of a plan, and give the name that all its change sets must have.

    A plan of this environment that is in the file already is discarded: nobody could execute it any more.
    Raises BadInput where there is anything else in it.
    """
    if path.exists() and path.stat().st_size:
        try:
            before = read(path, environment)
        except BadInput as error:
            raise BadInput(
                f"{path} is not overwritten", f"{error}", f"{_ANOTHER}, or remove the file"
            ) from error
        discard(aws, environment, before)
    name = f"{SAVED}-{secrets.token_hex(8)}"
    _write(path, {"schema": SCHEMA, "environment": environment.name, "name": name, "layers": None})
    return name


def write(path: Path, planned: Plan, name: str, allowed: set[str], moved_from: str | None = None) -> None:
    """Complete the file. The plan's change sets stay until it is executed or discarded.

    `moved_from` is the repository whose environment it was until now, where a person said so.
    """
    document = {
        "schema": SCHEMA,
        "environment": planned.environment.name,
        "name": name,
        "digest": planned.digest,
        "allowed": sorted(allowed),
        **({"moved_from": moved_from} if moved_from else {}),
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
    _write(path, document)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    # A process that is killed leaves the file before or the one after, and no half of one.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({**document, "checksum": plan.digest(document)}, indent=2)
    try:
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise BadInput(f"{path} cannot be written", error.strerror or str(error), _ANOTHER) from error


def read(path: Path, environment: Environment, remedy: str = "name the file of plan --out") -> dict[str, Any]:
    """The saved plan; `layers` is None where its making was not finished.

    Raises BadInput, with `remedy`, when the file is none, of another environment, or was edited.
    """
    try:
        # A pipe or a device may have no end.
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} cannot be read", "it is no regular file", remedy)
        if path.stat().st_size > LARGEST_BYTES:
            raise BadInput(f"{path} is no saved plan", "it is far too large", remedy)
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read", error.strerror or str(error), remedy) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no saved plan", str(error).splitlines()[0], remedy) from error
    try:
        shapes.made(_Saved, document)
    except shapes.ShapeError as error:
        raise BadInput(f"{path} is no saved plan", str(error), remedy) from error
    if document["environment"] != environment.name:
        raise BadInput(
            f"{path} is a plan for {document['environment']}", f"not for {environment.name}", "name the other"
        )
    if document["checksum"] != plan.digest({key: document[key] for key in document if key != "checksum"}):
        raise BadInput(f"{path} is not as it was made", "the plan file was changed", remedy)
    found: dict[str, Any] = document
    return found


def require_writable(path: Path, remedy: str = _ANOTHER) -> None:
    """Raise BadInput, with `remedy`, when a plan could not be written to this file."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} cannot be written", "it is no regular file", remedy)
    place = path if path.exists() else path.parent
    if not path.parent.is_dir() or not os.access(place, os.W_OK):
        raise BadInput(f"{path} cannot be written", "no such folder, or no permission", remedy)


def read_complete(path: Path, environment: Environment) -> dict[str, Any]:
    """The saved plan. Raises BadInput as `read` does, and for one whose making was not finished."""
    document = read(path, environment, remedies.MAKE_PLAN(plan=_making(environment, path)))
    if document["layers"] is None:
        raise BadInput(
            f"{path} is not complete",
            "the command that made it was ended before its end",
            remedies.DISCARD_PLAN(
                discard=commands.make("plan", environment.name, ARGS=f"--discard {shlex.quote(str(path))}")
            ),
        )
    return document


def _making(environment: Environment, path: Path) -> str:
    # What is there already is not overwritten.
    file = "FILE" if path.exists() else shlex.quote(str(path))
    return commands.make("plan", environment.name, ARGS=f"--out {file}")


@interrupts.uninterrupted()
def discard(aws: Aws, environment: Environment, document: Mapping[str, Any]) -> None:
    """Remove the change sets of a saved plan, and the empty stacks that they made."""
    client = aws.client("cloudformation")
    if document["layers"] is None:
        for slug in environment.layers:
            _discard_by_name(client, environment.stack_name(slug), document["name"])
        return
    for kept in document["layers"].values():
        if kept["change_set"]:
            change_sets.remove(client, kept["change_set"], kept["stack"] if kept["new"] else None)


def abandon(path: Path, aws: Aws, environment: Environment) -> None:
    """Discard a plan whose making failed, and remove its file."""
    document = read(path, environment)
    if document["layers"] is None:
        discard(aws, environment, document)
        path.unlink()


def _discard_by_name(client: Any, stack_name: str, name: str) -> None:
    stack = describe.stack(client, stack_name)
    if stack is None:
        return
    for listed in change_sets.waiting(client, stack.arn):
        if listed.name == name:
            change_sets.remove(client, listed.arn, None if stack.exists else stack.arn)


def executable(aws: Aws, document: Mapping[str, Any], state: EnvironmentState) -> dict[str, ChangeSet]:
    """For a plan made anew: the kept change sets that are still there, of stacks that have not moved."""
    client = aws.client("cloudformation")
    arns = {
        slug: document["layers"][slug]["change_set"]
        for slug in state.changed
        if slug in document["layers"] and _is_unmoved(document["layers"][slug], state.stacks[slug])
    }
    with interrupts.threads(WORKERS) as pool:
        there = pool.map(lambda arn: change_sets.read_change_set(client, arn) if arn else None, arns.values())
        return {slug: change_set for slug, change_set in zip(arns, there, strict=True) if change_set}


def refuse_moved(document: Mapping[str, Any], fresh: Plan) -> None:
    """Raise Blocked, with what moved, unless `fresh`, which was made just now, is what was approved.

    The layers that the saved plan changes must be as they were; one that every release moves may have moved,
    when planning it again gives the same changes. A layer that needs nothing any more is
    done: an earlier run of the same plan got that far.
    """
    moved = []
    for slug, step in fresh.steps.items():
        kept = document["layers"].get(slug)
        if kept is None or step.act == "nothing":
            continue
        if kept["inputs"] != plan.inputs_digest(fresh.environment, step.layer):
            moved.append(f"{slug}: build/ or params/ is not what was planned")
        elif not _is_approved(kept, step):
            moved.append(f"{slug}: {_what_moved(kept, step)}")
    if moved:
        raise Blocked(
            "the plan is out of date",
            "".join(f"\n  {line}" for line in moved),
            remedies.PLAN_AGAIN(plan=commands.make("plan", fresh.environment.name, ARGS="--out FILE")),
        )


def adopted(planned: Plan, document: Mapping[str, Any] | None) -> set[str]:
    """The layers whose change set is the kept one."""
    kept = document["layers"] if document else {}
    return {
        slug
        for slug, step in planned.steps.items()
        if step.change_set and slug in kept and kept[slug]["change_set"] == step.change_set.arn
    }


def _is_approved(kept: Mapping[str, Any], step: Step) -> bool:
    if step.change_set and step.change_set.arn == kept["change_set"]:
        return True
    if kept["act"] != step.act or kept["changes"] != _summary(step):
        return False
    # Without a change set the template is the plan.
    return step.layer.runtime.released or (kept["change_set"] is None and _is_unmoved(kept, step.stack))


def _is_unmoved(kept: Mapping[str, Any], stack: Stack | None) -> bool:
    return bool(kept["state"] == plan.state(stack) or (kept["new"] and not (stack and stack.exists)))


def _what_moved(kept: Mapping[str, Any], step: Step) -> str:
    now = plan.state(step.stack)
    if kept["state"] != now and not _is_unmoved(kept, step.stack):
        was, is_now = " at ".join(kept["state"][1:]) or "not there", " at ".join(now[1:]) or "not there"
        return f"was {was}, is {is_now}"
    if kept["change_set"]:
        return "its change set is gone: somebody executed or removed it"
    return (
        f"planned to {kept['act']} {len(kept['changes'])}, would now {step.act} {len(step.changes)} resources"
    )


def _summary(step: Step) -> list[Any]:
    """The changes as they are approved: which resource, what happens to it, which values it gets."""
    return sorted(
        [change.logical_id, change.action, [[changed.path, changed.after] for changed in change.properties]]
        for change in step.changes
    )

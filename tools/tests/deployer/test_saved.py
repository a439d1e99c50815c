"""A saved plan is executed as it was approved, or not at all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Blocked
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import saved
from ecs_blue_green.deployer.planning.plan import Plan, Step
from tests.deployer.shop import LAYERS

SHOP = Environment("dev", "0" * 12, "eu-west-1", "shop", False, {}, {}, tuple(LAYERS))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANGE = ResourceChange(
    "Thing", "AWS::SNS::Topic", "modify", "id", (PropertyChange("/Properties/A", "1", "2"),)
)


def step(built: Mapping[str, Layer], layer: str, **more: Any) -> Step:
    stack = Stack(SHOP.stack_name(layer), f"arn:{layer}", "UPDATE_COMPLETE", changed=NOW)
    change_set = ChangeSet(f"arn:changes-{layer}", stack.arn, (CHANGE,))
    return replace(Step(built[layer], "update", stack, (CHANGE,), change_set), **more)


def plan(*steps: Step) -> Plan:
    return Plan(SHOP, {one.layer.slug: one for one in steps}, {}, {})


def kept(path: Path, *steps: Step) -> dict[str, Any]:
    saved.write(path, plan(*steps), "plan-0", set())
    return saved.read_complete(path, SHOP)


def moved(one: Step, **more: Any) -> Step:
    """The same step after somebody operated on the stack: its kept change set is not valid any more."""
    assert one.stack is not None
    stack = replace(one.stack, changed=NOW + timedelta(hours=1))
    return replace(one, stack=stack, change_set=ChangeSet("arn:fresh", stack.arn, ()), **more)


def test_plan_whose_change_sets_are_still_valid_is_executed(
    built: Mapping[str, Layer], tmp_path: Path
) -> None:
    one = step(built, "pipeline")
    document = kept(tmp_path / "plan", one)
    saved.refuse_moved(document, plan(one))
    assert saved.adopted(plan(one), document) == {"pipeline"}


def test_stack_that_has_moved_is_refused_with_what_moved(built: Mapping[str, Layer], tmp_path: Path) -> None:
    one = step(built, "pipeline")
    document = kept(tmp_path / "plan", one)
    with pytest.raises(Blocked, match="pipeline: was UPDATE_COMPLETE at 2026-01-01 00:00") as caught:
        saved.refuse_moved(document, plan(moved(one)))
    assert "2026-01-01 01:00" in str(caught.value)


def test_task_definition_may_have_moved_when_the_changes_are_the_same(
    built: Mapping[str, Layer], tmp_path: Path
) -> None:
    one = step(built, "task-definition")
    document = kept(tmp_path / "plan", one)
    saved.refuse_moved(document, plan(moved(one)))
    other = replace(CHANGE, properties=(PropertyChange("/Properties/A", "1", "3"),))
    with pytest.raises(Blocked, match="task-definition"):
        saved.refuse_moved(document, plan(moved(one, changes=(other,))))


def test_stack_that_the_plan_does_not_change_may_have_moved(
    built: Mapping[str, Layer], tmp_path: Path
) -> None:
    idle = step(built, "pipeline", act="nothing", changes=(), change_set=None)
    document = kept(tmp_path / "plan", idle)
    saved.refuse_moved(document, plan(replace(moved(idle), act="nothing")))


def test_stack_that_needs_nothing_any_more_is_done(built: Mapping[str, Layer], tmp_path: Path) -> None:
    """An earlier run of the same plan was killed after it had updated this stack."""
    one = step(built, "pipeline")
    document = kept(tmp_path / "plan", one)
    saved.refuse_moved(document, plan(moved(one, act="nothing", changes=())))


def test_change_that_was_not_planned_is_refused(built: Mapping[str, Layer], tmp_path: Path) -> None:
    idle = step(built, "pipeline", act="nothing", changes=(), change_set=None)
    document = kept(tmp_path / "plan", idle)
    with pytest.raises(Blocked, match="pipeline"):
        saved.refuse_moved(document, plan(step(built, "pipeline")))


def test_checkout_that_has_changed_is_refused(built: Mapping[str, Layer], tmp_path: Path) -> None:
    one = step(built, "pipeline")
    document = kept(tmp_path / "plan", one)
    edited = replace(one.layer, body=one.layer.body + "# more\n")
    with pytest.raises(Blocked, match="not what was planned"):
        saved.refuse_moved(document, plan(replace(one, layer=edited)))


def test_change_set_that_is_gone_is_refused(built: Mapping[str, Layer], tmp_path: Path) -> None:
    one = step(built, "pipeline")
    document = kept(tmp_path / "plan", one)
    fresh = replace(one, change_set=ChangeSet("arn:fresh", "arn:pipeline", ()))
    with pytest.raises(Blocked, match="somebody executed or removed it"):
        saved.refuse_moved(document, plan(fresh))


def test_plan_from_the_template_is_executed_when_it_is_still_the_same(
    built: Mapping[str, Layer], tmp_path: Path
) -> None:
    """A layer whose upstream is not deployed has no change set: the template is the plan."""
    one = step(built, "service", act="create", stack=None, change_set=None)
    document = kept(tmp_path / "plan", one)
    saved.refuse_moved(document, plan(one))
    with pytest.raises(Blocked, match="service"):
        saved.refuse_moved(document, plan(replace(one, changes=())))


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.update(digest="0" * 64),
        lambda document: document["layers"].clear(),
        lambda document: document["layers"]["pipeline"].update(act="destroy"),
        lambda document: document["layers"]["pipeline"].update(changes=[]),
        lambda document: document["allowed"].append("pipeline:Thing"),
    ],
)
def test_plan_that_somebody_edited_is_refused(
    built: Mapping[str, Layer], tmp_path: Path, edit: Callable[[Any], None]
) -> None:
    path = tmp_path / "plan"
    kept(path, step(built, "pipeline"))
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="the plan file was changed"):
        saved.read(path, SHOP)


@pytest.mark.parametrize(
    "edit",
    [{"state": None}, {"change_set": 5}, {"stack": []}, {"new": "no"}, {"changes": {}}, {"more": 1}],
)
def test_plan_of_another_shape_is_none(
    built: Mapping[str, Layer], tmp_path: Path, edit: Mapping[str, Any]
) -> None:
    path = tmp_path / "plan"
    kept(path, step(built, "pipeline"))
    document = json.loads(path.read_text())
    document["layers"]["pipeline"] |= edit
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=f"no saved plan: layers.pipeline.{next(iter(edit))} "):
        saved.read(path, SHOP)


@pytest.mark.parametrize("path", [Path("/dev/full"), Path("/dev/zero"), Path("/proc/x"), Path("/dev/x/y")])
def test_only_a_regular_file_can_keep_a_plan(path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        saved.read(path, SHOP)
    with pytest.raises(BadInput, match="cannot be written"):
        saved.require_writable(path)
        saved._write(path, {})


def test_plan_whose_making_was_killed_can_only_be_discarded(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    saved._write(path, {"schema": saved.SCHEMA, "environment": "dev", "name": "plan-0", "layers": None})
    assert saved.read(path, SHOP)["layers"] is None
    with pytest.raises(BadInput, match="not complete") as caught:
        saved.read_complete(path, SHOP)
    assert f"make plan ENV=dev ARGS='--discard {path}'" in caught.value.remedy


@pytest.mark.parametrize("text", ["# Read me\n", "Resources: {}\n", "{}", "another"])
def test_file_that_is_no_plan_of_this_environment_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    if text == "another":
        saved._write(path, {"schema": saved.SCHEMA, "environment": "prod", "name": "plan-0", "layers": None})
    before = path.read_bytes()
    with pytest.raises(BadInput, match="is not overwritten") as caught:
        saved.begin(path, Aws(boto3.session.Session(), Config(), None), SHOP)
    assert "name another --out" in caught.value.remedy
    assert path.read_bytes() == before


def test_empty_file_is_taken_for_a_plan_and_a_wrong_one_to_discard_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    saved.begin(path, Aws(boto3.session.Session(), Config(), None), SHOP)
    assert saved.read(path, SHOP)["environment"] == "dev"
    path.write_text("Resources: {}")
    with pytest.raises(BadInput) as caught:
        saved.read(path, SHOP)
    assert caught.value.remedy == "name the file of plan --out"
    with pytest.raises(BadInput) as caught:
        saved.read_complete(path, SHOP)
    assert "--out FILE" in caught.value.remedy

"""A review says of an edit what CloudFormation's change set (the emulator's) then says.

What a change set cannot know it reports to be careful; a review tells these apart, and so does this test:

- An attribute of a resource that is updated in place may change (`Dynamic`): every referrer is listed. A
  review leaves out those whose attribute is an identity, such as an ARN.
- A resource that is named by its template gives the same name after its replacement.
- A reference to a changed parameter counts although it stands behind a condition that does not hold.
- A changed stack tag lists resources that take no tags.
- Whether a reference to a replaced resource replaces the referrer is `Conditional` until it is executed.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.cloudformation import change_sets
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.comparison import LayerChange
from ecs_blue_green.deployer.effects.schemas import schema
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from tests.deployer import conftest
from tests.deployer.review_edits import Edit, edits

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

SEED = int(os.environ.get("REVIEW_SEED", "7"))
# A sample here, all of them with `make test-review`.
COMPARED = int(os.environ.get("REVIEW_EDITS", "40"))

Json = dict[str, Any]


@dataclass(frozen=True)
class Deployed:
    """The six stacks on an emulator, and the same from their templates."""

    client: "CloudFormationClient"
    resolved: ResolvedState


@pytest.fixture(scope="module")
def deployed_once(deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    root = tmp_path_factory.mktemp("review")
    conftest._copy_project(root)
    shutil.copytree(deployed_state, root / ".emulator")
    with conftest._reached(root):
        built = layers.read(root / "build")
        declared = {slug: layer.parameters for slug, layer in built.items()}
        settings = environment.load(root / "params", "dev", declared)
        client = boto3.client("cloudformation", region_name=settings.region)
        yield Deployed(client, ResolvedState(desired_state(built, settings)))


def test_reviews_of_seeded_edits_are_what_the_change_sets_say(deployed_once: Deployed) -> None:
    before = deployed_once.resolved.state
    agreed: Counter[str] = Counter()
    for edit in edits(before.stacks, before.region, SEED):
        if agreed.total() == COMPARED:
            break
        said = _change_set(deployed_once.client, edit)
        if said is None:
            continue
        after = ResolvedState(replace(before, stacks={**before.stacks, edit.layer: edit.after}))
        (review,) = [
            c for c in comparison.compare_resolved(deployed_once.resolved, after) if c.layer == edit.layer
        ]
        differences = disagreements(review, said, before.region)
        assert not differences, f"seed {SEED}, {edit}: {differences}"
        agreed[edit.kind] += 1
    assert agreed.total() == COMPARED, agreed
    assert len(agreed) == 7, agreed


def disagreements(review: LayerChange, change_set: dict[str, Json], region: str) -> dict[str, str]:
    """The resources about which the two say something that neither can explain, with what each says."""
    ours = {change.logical_id: change for change in review.resources if change.effect != "none"}
    careful = _careful(ours, change_set, region)
    found = {}
    for logical_id in ours.keys() | change_set.keys():
        mine = ours.get(logical_id)
        theirs = change_sets._action(change_set[logical_id]) if logical_id in change_set else None
        action = mine.action if mine else None
        same = action == theirs or (action == "replace" and theirs == "may replace" and _follows(mine))
        if not same and not (mine is None and logical_id in careful):
            found[logical_id] = f"review: {action}, change set: {theirs}"
    return found


def _change_set(client: "CloudFormationClient", edit: Edit) -> dict[str, Json] | None:
    """What a change set says of each resource; None where the emulator refuses to make one."""
    made = None
    try:
        request = change_sets.Request(
            stack_name=edit.after.stack,
            kind="UPDATE",
            template={"TemplateBody": json.dumps(edit.after.template)},
            parameters=edit.after.parameters,
            tags=edit.after.tags,
            capabilities=["CAPABILITY_NAMED_IAM"],
        )
        made = change_sets.create(client, request)
        if made is None:
            return {}
        pages = client.get_paginator("describe_change_set").paginate(
            ChangeSetName=made.arn, IncludePropertyValues=True
        )
        changes = [change["ResourceChange"] for page in pages for change in page["Changes"]]
        return {change["LogicalResourceId"]: dict(change) for change in changes}
    except (change_sets.ChangeSetFailedError, client.exceptions.ClientError):
        return None
    finally:
        if made:
            change_sets.delete(client, made.arn)


def _careful(ours: dict[str, ResourceChange], change_set: dict[str, Json], region: str) -> set[str]:
    """The resources that are listed for nothing that a review knows better."""
    found: set[str] = set()
    # One that is listed for nothing can be the reason why another one is.
    for _ in change_set:
        for logical_id, change in change_set.items():
            details = change.get("Details", [])
            if details and all(_is_careful(detail, change, ours, found, region) for detail in details):
                found.add(logical_id)
    return found - ours.keys()


def _is_careful(
    detail: Json, change: Json, ours: dict[str, ResourceChange], careful: set[str], region: str
) -> bool:
    shape = schema(change["ResourceType"], region)
    if detail["Target"]["Attribute"] == "Tags":
        return shape is not None and not shape.taggable
    if detail["ChangeSource"] == "ParameterReference":
        values = detail["Target"].get("BeforeValue"), detail["Target"].get("AfterValue")
        return values[0] is not None and values[0] == values[1]
    cause = detail.get("CausingEntity", "")
    owner, _, attribute = cause.partition(".")
    if detail["ChangeSource"] == "ResourceAttribute" and detail["Evaluation"] == "Dynamic":
        upstream = schema(ours[owner].type, region) if owner in ours else None
        return owner in careful or (upstream is not None and upstream.stays(attribute))
    if detail["ChangeSource"] == "ResourceReference":
        upstream = schema(ours[owner].type, region) if owner in ours else None
        named = upstream is not None and len(upstream.identifier) == 1
        return owner in careful or (named and any("same" in note for note in ours[owner].notes))
    return False


def _follows(change: ResourceChange | None) -> bool:
    """Whether what replaces a resource is what it refers to."""
    return change is not None and all(
        part.because for part in change.properties if part.recreation == "Always"
    )

"""What a plan changes beside a release that runs: what collides with it, what does not, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.planning.plan import Step
from ecs_blue_green.deployer.planning.survey import RANGE, SCALABLE_TARGET
from ecs_blue_green.deployer.release.live import Live

LOG_GROUP = "AWS::Logs::LogGroup"
# No part of a release waits for one of these, or is changed by it.
APART = {
    "AWS::ECR::Repository": "a release pulls images, and is told nothing by this",
    "AWS::SNS::Subscription": "notifications alone",
    "AWS::SNS::Topic": "notifications alone",
    "AWS::SNS::TopicPolicy": "notifications alone",
}
RETENTION = {"RetentionInDays"}


@dataclass(frozen=True)
class Beside:
    """A change beside a running release; without `resource` it is the whole stack's."""

    layer: str
    resource: str
    collides: bool
    why: str


def changes(layer: str, step: Step, live: Live) -> Iterator[Beside]:
    """Each change of a step, judged; a whole stack as one where it is made, or no resource of it changes."""
    building = bool(live.execution) and live.building
    changed = [change for change in step.changes if not change.stays]
    if step.act != "update" or not changed:
        yield Beside(layer, "", True, "")
    elif step.layer.runtime.released and building:
        yield Beside(layer, "", True, "it would take away the change set that the pipeline has prepared")
    else:
        for change in changed:
            yield _judged(layer, step, change, live, building=building)


def _judged(layer: str, step: Step, change: ResourceChange, live: Live, *, building: bool) -> Beside:
    def told(why: str, *, collides: bool) -> Beside:
        return Beside(layer, change.logical_id, collides, why)

    if change.type in APART and change.action in ("add", "modify"):
        return told(APART[change.type], collides=False)
    properties = {changed.path.removeprefix("/Properties/") for changed in change.properties}
    if change.action != "modify" or not properties:
        return told("", collides=True)
    if change.type == LOG_GROUP and properties <= RETENTION:
        if building:
            why = "the retention of logs can change once the stage that changes stacks is over"
            return told(why, collides=True)
        return told("the retention of logs, and the pipeline changes no stack any more", collides=False)
    if change.type == SCALABLE_TARGET and properties <= set(RANGE) and change.logical_id in step.ranges:
        return _range(layer, change.logical_id, step.ranges[change.logical_id], live)
    return told("", collides=True)


def _range(layer: str, logical_id: str, wanted: tuple[int, int], live: Live) -> Beside:
    """A range for the count of the tasks: does it leave the count alone?

    A scaling event while traffic shifts can fail the deployment.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-bluegreen.html
    """
    low, high = wanted
    if live.tasks is None:
        return Beside(layer, logical_id, True, "how many tasks run is not known")
    if low <= live.tasks <= high:
        why = f"the count of tasks, {live.tasks}, is inside the range of {low} to {high}"
        return Beside(layer, logical_id, False, why)
    count = min(max(live.tasks, low), high)
    moves = f"the range of {low} to {high} moves the count of tasks from {live.tasks} to {count}"
    if live.approval and not live.deployment:
        return Beside(layer, logical_id, False, f"{moves}, while {live.approval} waits for an approval")
    return Beside(layer, logical_id, True, f"{moves}, which can fail a deployment")

"""Each rule over plans and snapshots of the live state: what it blocks, the way out, a harmless neighbour."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer import rules
from ecs_blue_green.deployer.changes import Action, PropertyChange, Recreation, ResourceChange
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import owner
from ecs_blue_green.deployer.execution.owner import Owner, Owners
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import deployed, guard, survey
from ecs_blue_green.deployer.planning.plan import Act, Plan, Step
from ecs_blue_green.deployer.release.live import Live, TaskSet
from ecs_blue_green.deployer.rules import Guarded
from tests.deployer.shop import LAYERS

BLUE, GREEN = "arn:blue", "arn:green"
SHOP = Environment("dev", "0" * 12, "eu-west-1", "shop", False, {}, {}, tuple(LAYERS))
NOBODY: Mapping[str, list[str]] = {}


def change(
    type: str,
    logical_id: str = "Thing",
    action: Action = "modify",
    *paths: str,
    recreation: Recreation = "Never",
) -> ResourceChange:
    properties = tuple(PropertyChange(f"/Properties/{path}", "a", "b", recreation) for path in paths)
    return ResourceChange(logical_id, type, action, "id", properties)


def live(
    blue: int = 100,
    green: int = 0,
    primary: str | None = None,
    *,
    deployment: str = "",
    execution: str = "",
    **more: Any,
) -> Live:
    sets = (TaskSet("1", "PRIMARY", "family:1", primary, 1, True),) if primary else ()
    return Live(
        weights={BLUE: blue, GREEN: green},
        blue=BLUE,
        green=GREEN,
        task_sets=sets,
        deployment=deployment or None,
        execution=execution or None,
        **more,
    )


def blocked(
    built: Mapping[str, Layer],
    layer: str,
    *changes: ResourceChange,
    now: Live | None = None,
    allowed: tuple[str, ...] = (),
    act: Act = "update",
    exports: tuple[str, ...] = (),
    importers: Mapping[str, list[str]] = NOBODY,
    policy: bool = False,
) -> list[str]:
    """The rules that block these changes of a layer."""
    step = Step(
        built[layer],
        act,
        changes=changes,
        endangered_exports=exports,
        deployed_policy=built[layer].stack_policy if policy else None,
    )
    plan = Plan(SHOP, {layer: step}, {layer: set()}, {})
    found = guard.findings(plan, now or live(), importers, set(allowed))
    for finding in found:
        assert finding.layer == layer
        assert finding.reason
        assert finding.remedy
    return [finding.rule for finding in found]


BUCKET = "AWS::S3::Bucket"


@pytest.mark.parametrize("action", ["replace", "may replace", "remove"])
def test_replacement_and_removal_need_to_be_named(action: Action, built: Mapping[str, Layer]) -> None:
    lost = change(BUCKET, "ArtifactBucket", action, "BucketName", recreation="Always")
    assert blocked(built, "pipeline", lost) == ["replacement"]
    assert blocked(built, "pipeline", lost, allowed=("pipeline:ArtifactBucket",)) == []
    assert blocked(built, "pipeline", lost, allowed=("pipeline:Other",)) == ["replacement"]
    assert blocked(built, "pipeline", lost, allowed=("service:ArtifactBucket",)) == ["replacement"]


@pytest.mark.parametrize("action", ["modify", "add", "import"])
def test_changes_in_place_are_no_surprise(action: Action, built: Mapping[str, Layer]) -> None:
    assert blocked(built, "pipeline", change(BUCKET, "ArtifactBucket", action, "Tags")) == []


def test_new_revision_is_a_release_and_a_removed_task_definition_is_none(built: Mapping[str, Layer]) -> None:
    task = rules.TASK_DEFINITION
    revision = change(task, "TaskDefinition", "replace", "Cpu", recreation="Always")
    assert blocked(built, "task-definition", revision) == []
    assert blocked(built, "task-definition", change(task, "TaskDefinition", "remove")) == ["replacement"]


@pytest.mark.parametrize("path", ["Tags", "TaskDefinition", "LoadBalancers/0", "PlatformVersion"])
def test_what_ecs_refuses_cannot_even_be_named(path: str, built: Mapping[str, Layer]) -> None:
    frozen = change(rules.SERVICE, "Service", "modify", path)
    assert blocked(built, "service", frozen) == ["service-frozen"]
    assert blocked(built, "service", frozen, allowed=("service:Service",)) == ["service-frozen"]


def test_what_ecs_accepts_needs_to_be_named(built: Mapping[str, Layer]) -> None:
    accepted = change(rules.SERVICE, "Service", "modify", "HealthCheckGracePeriodSeconds")
    mixed = change(rules.SERVICE, "Service", "modify", "HealthCheckGracePeriodSeconds", "PlatformVersion")
    assert blocked(built, "service", accepted) == ["service-frozen"]
    assert blocked(built, "service", accepted, allowed=("service:Service",)) == []
    assert blocked(built, "service", mixed, allowed=("service:Service",)) == ["service-frozen"]


@pytest.mark.parametrize(
    ("layer", "type", "logical_id"),
    [
        ("infrastructure", "AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancer"),
        ("infrastructure", rules.LISTENER, "ProductionListener"),
        ("service", rules.SERVICE, "Service"),
    ],
)
def test_what_cloudformation_only_reads_again_is_no_change(
    layer: str, type: str, logical_id: str, built: Mapping[str, Layer]
) -> None:
    told = change(type, logical_id, "modify", "Tags")
    assert blocked(built, layer, told, now=live(0, 100), policy=True)
    (reread,) = [replace(one, reread=True) for one in told.properties]
    stays = replace(told, properties=(reread,), effect="none")
    assert blocked(built, layer, stays, now=live(0, 100), policy=True) == []


@pytest.mark.parametrize("action", ["replace", "may replace", "remove"])
def test_service_is_never_replaced_or_removed(action: Action, built: Mapping[str, Layer]) -> None:
    lost = change(rules.SERVICE, "Service", action, "ServiceName", recreation="Always")
    assert blocked(built, "service", lost, allowed=("service:Service",)) == ["service-frozen"]


def test_new_service_is_no_change_of_one(built: Mapping[str, Layer]) -> None:
    assert blocked(built, "service", change(rules.SERVICE, "Service", "add")) == []


LISTENERS = ("ProductionListener", "TestListener")


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize(
    "now",
    [
        pytest.param(live(0, 100, GREEN), id="green"),
        pytest.param(live(90, 10, BLUE), id="shifting"),
        pytest.param(live(0, 100, BLUE), id="task sets say otherwise"),
    ],
)
def test_listener_is_not_touched_unless_blue_is_live(
    listener: str, now: Live, built: Mapping[str, Layer]
) -> None:
    tagged = change(rules.LISTENER, listener, "modify", "Tags")
    named = (f"infrastructure:{listener}",)
    assert blocked(built, "infrastructure", tagged, now=now) == ["listener-live"]
    assert blocked(built, "infrastructure", tagged, now=now, allowed=named) == ["listener-live"]
    # A release that brings blue back is the way out.
    assert blocked(built, "infrastructure", tagged, now=live(100, 0, BLUE), allowed=named) == []


@pytest.mark.parametrize("now", [live(0, 100, GREEN), live(90, 10, BLUE)], ids=["green", "shifting"])
def test_what_is_no_forwarding_listener_may_change_whichever_colour_is_live(
    now: Live, built: Mapping[str, Layer]
) -> None:
    assert (
        blocked(built, "infrastructure", change("AWS::ECS::Cluster", "Cluster", "modify", "Tags"), now=now)
        == []
    )
    redirect = change(rules.LISTENER, "RedirectListener", "modify", "Tags")
    assert blocked(built, "infrastructure", redirect, now=now) == []
    assert blocked(built, "infrastructure", change(rules.LISTENER, "NewListener", "add"), now=now) == []


@pytest.mark.parametrize(
    "now", [live(deployment="d-1"), live(execution="e-1")], ids=["CodeDeploy", "pipeline"]
)
def test_nothing_changes_while_a_release_is_running(now: Live, built: Mapping[str, Layer]) -> None:
    tagged = change(BUCKET, "ArtifactBucket", "modify", "Tags")
    assert blocked(built, "pipeline", tagged, now=now) == ["release-running"]
    assert blocked(built, "pipeline", tagged, now=now, act="create") == ["release-running"]
    assert blocked(built, "pipeline", now=now, act="nothing") == []
    assert blocked(built, "pipeline", tagged, now=live()) == []
    # The images' repository has no part in a release.
    repository = change("AWS::ECR::Repository", "Repository", "modify", "LifecyclePolicy")
    assert blocked(built, "container-repository", repository, now=now) == []


@pytest.mark.parametrize(
    ("now", "running"),
    [
        (live(deployment="d-1"), "CodeDeploy deployment d-1 running"),
        (live(execution="e-1"), "pipeline execution e-1 running"),
        (
            live(deployment="d-1", execution="e-1"),
            "CodeDeploy deployment d-1 and pipeline execution e-1 running",
        ),
    ],
    ids=["CodeDeploy", "pipeline", "both"],
)
def test_what_is_running_is_named(now: Live, running: str, built: Mapping[str, Layer]) -> None:
    tagged = change(BUCKET, "ArtifactBucket", "modify", "Tags")
    plan = Plan(
        SHOP, {"pipeline": Step(built["pipeline"], "update", changes=(tagged,))}, {"pipeline": set()}, {}
    )
    assert [finding.reason for finding in guard.findings(plan, now, NOBODY, set())] == [running]


TARGET = survey.SCALABLE_TARGET
LOGS = "AWS::Logs::LogGroup"
WAITING = {"execution": "e-1", "building": False, "approval": "e-1"}
SHIFTING = {"execution": "e-1", "building": False, "deployment": "d-1"}
BUILDING = {"execution": "e-1", "building": True}
BY_HAND = {"deployment": "d-1"}


def beside(
    layer: Layer, *changes: ResourceChange, now: Mapping[str, Any], ranges: Mapping[str, Any] = {}
) -> tuple[list[str], list[str]]:
    """What passes beside a release, and the reasons that block the rest."""
    step = Step(layer, "update", changes=changes, ranges=ranges)
    plan = Plan(SHOP, {layer.slug: step}, {layer.slug: set()}, {})
    found = guard.beside_release(plan, live(tasks=3, **now))
    findings = guard.findings(plan, live(tasks=3, **now), {}, set())
    assert bool(findings) is any(one.collides for one in found)
    assert {finding.rule for finding in findings} <= {"release-running"}
    return [one.resource for one in found if not one.collides], [finding.reason for finding in findings]


@pytest.mark.parametrize("now", [WAITING, SHIFTING, BUILDING, BY_HAND])
@pytest.mark.parametrize(
    "kind", ["AWS::SNS::Topic", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::ECR::Repository"]
)
def test_what_is_no_part_of_a_release_passes_beside_it(
    kind: str, now: Mapping[str, Any], built: Mapping[str, Layer]
) -> None:
    layer = built["service-preference"]
    assert beside(layer, change(kind, "It", "modify", "Name"), now=now) == (["It"], [])
    assert beside(layer, change(kind, "It", "add"), now=now) == (["It"], [])
    # Every other change of the stack still collides.
    _, reasons = beside(
        layer, change(kind, "It", "modify", "Name"), change(BUCKET, "Other", "modify", "Tags"), now=now
    )
    assert len(reasons) == 1


@pytest.mark.parametrize("now", [WAITING, SHIFTING, BUILDING, BY_HAND])
@pytest.mark.parametrize("wanted", [(1, 9), (3, 3), (1, 3), (3, 4)])
def test_range_with_the_count_inside_passes_beside_a_release(
    wanted: tuple[int, int], now: Mapping[str, Any], built: Mapping[str, Layer]
) -> None:
    ranged = change(TARGET, "It", "modify", "MaxCapacity", "MinCapacity")
    assert beside(built["service-preference"], ranged, now=now, ranges={"It": wanted}) == (["It"], [])


@pytest.mark.parametrize(("wanted", "count"), [((4, 9), 4), ((1, 2), 2)])
@pytest.mark.parametrize("now", [SHIFTING, BUILDING, BY_HAND, WAITING | BY_HAND])
def test_range_that_moves_the_count_waits_for_the_release(
    wanted: tuple[int, int], count: int, now: Mapping[str, Any], built: Mapping[str, Layer]
) -> None:
    ranged = change(TARGET, "It", "modify", "MaxCapacity")
    passing, (reason,) = beside(built["service-preference"], ranged, now=now, ranges={"It": wanted})
    assert passing == []
    assert f"moves the count of tasks from 3 to {count}, which can fail a deployment" in reason
    # While a person is waited for, nothing shifts.
    assert beside(built["service-preference"], ranged, now=WAITING, ranges={"It": wanted}) == (["It"], [])


def test_more_than_a_range_collides(built: Mapping[str, Layer]) -> None:
    layer, ranges = built["service-preference"], {"It": (1, 9)}
    for collides in (
        change(TARGET, "It", "modify", "MaxCapacity", "SuspendedState"),
        change(TARGET, "It", "replace", "ResourceId", recreation="Always"),
        change(TARGET, "Another", "modify", "MaxCapacity"),
        change("AWS::ApplicationAutoScaling::ScalingPolicy", "It", "modify", "PolicyName"),
    ):
        assert beside(layer, replace(collides, action="modify"), now=SHIFTING, ranges=ranges)[1]
    unknown = live(deployment="d-1")
    step = Step(layer, "update", changes=(change(TARGET, "It", "modify", "MaxCapacity"),), ranges=ranges)
    plan = Plan(SHOP, {"service-preference": step}, {"service-preference": set()}, {})
    assert [one.collides for one in guard.beside_release(plan, unknown)] == [True]


@pytest.mark.parametrize("slug", ["task-definition", "pipeline", "service-preference"])
def test_retention_of_logs_waits_for_the_build_alone(slug: str, built: Mapping[str, Layer]) -> None:
    kept = change(LOGS, "It", "modify", "RetentionInDays")
    for now in (WAITING, SHIFTING, BY_HAND):
        assert beside(built[slug], kept, now=now) == (["It"], [])
    passing, (reason,) = beside(built[slug], kept, now=BUILDING)
    assert passing == []
    released = built[slug].runtime.released
    assert ("change set that the pipeline has prepared" if released else "retention of logs") in reason
    assert beside(built[slug], change(LOGS, "It", "modify", "KmsKeyId"), now=SHIFTING)[1]


def test_change_beside_a_release_is_blocked_by_every_other_rule(built: Mapping[str, Layer]) -> None:
    lost = change("AWS::SNS::Topic", "NotificationTopic", "remove")
    now = live(deployment="d-1")
    assert set(blocked(built, "service-preference", lost, now=now)) == {"replacement", "release-running"}
    renamed = change("AWS::ECR::Repository", "It", "replace", "RepositoryName", recreation="Always")
    assert set(blocked(built, "pipeline", renamed, now=now)) == {"replacement", "release-running"}


def test_export_that_is_imported_stays_as_it_is(built: Mapping[str, Layer]) -> None:
    other = change("AWS::ECS::Cluster", "Cluster", "modify", "Tags")
    exports, importers = ("one", "two"), {"one": ["reader", "writer"], "two": []}
    assert blocked(built, "infrastructure", other, exports=exports, importers=importers) == ["export-in-use"]
    # The way out: the importers do without it.
    assert blocked(built, "infrastructure", other, exports=exports, importers={"one": [], "two": []}) == []
    assert blocked(built, "infrastructure", other) == []


def test_protected_resource_and_what_it_refers_to_need_to_be_named(built: Mapping[str, Layer]) -> None:
    port = change(rules.LISTENER, "TestListener", "modify", "Port")
    balancer = change("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancer", "modify", "Tags")
    cluster = change("AWS::ECS::Cluster", "Cluster", "modify", "Tags")
    assert blocked(built, "infrastructure", port, policy=True) == ["stack-policy"]
    # The listeners refer to it, and they are protected.
    assert blocked(built, "infrastructure", balancer, policy=True) == ["stack-policy"]
    named = ("infrastructure:TestListener", "infrastructure:LoadBalancer")
    assert blocked(built, "infrastructure", port, balancer, policy=True, allowed=named) == []
    assert blocked(built, "infrastructure", cluster, policy=True) == []


ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "Update:*", "Principal": "*"}


@pytest.mark.parametrize(
    ("statements", "liftable"),
    [
        pytest.param([ALLOW_ALL, DENY | {"Resource": "LogicalResourceId/TestListener"}], True, id="by name"),
        pytest.param([DENY | {"Resource": "*"}], False, id="everything"),
        pytest.param([ALLOW_ALL, DENY | {"Resource": "LogicalResourceId/Test*"}], False, id="a pattern"),
        pytest.param([ALLOW_ALL, DENY | {"NotResource": "LogicalResourceId/Other"}], False, id="the others"),
        pytest.param([ALLOW_ALL | {"Resource": "LogicalResourceId/Other"}], False, id="nothing allows it"),
    ],
)
def test_allow_is_offered_only_where_it_can_lift_the_policy(
    statements: list[dict[str, str]], liftable: bool, built: Mapping[str, Layer]
) -> None:
    port = change(rules.LISTENER, "TestListener", "modify", "Port")
    text, named = json.dumps({"Statement": statements}), "infrastructure:TestListener"

    def found(*allowed: str) -> list[rules.Finding]:
        resources = built["infrastructure"].resources
        return list(rules.stack_policy("infrastructure", (port,), text, resources, set(allowed)))

    (finding,) = found()
    assert (f"ALLOW={named}" in finding.remedy) is liftable
    assert ("aws cloudformation set-stack-policy" in finding.remedy) is not liftable
    # Where it would be refused half-way, naming it does not help.
    assert found(named) == ([] if liftable else [finding])


def test_stack_that_is_not_ours_is_foreign() -> None:
    tags = SHOP.stack_tags("service")
    deployed.refuse_foreign(SHOP, "service", Stack("s", "arn", "CREATE_COMPLETE", tags=tags))
    # The harmless neighbours: more tags, and a stack that has no resources yet.
    deployed.refuse_foreign(SHOP, "service", Stack("s", "arn", "CREATE_COMPLETE", tags=tags | {"team": "a"}))
    deployed.refuse_foreign(SHOP, "service", Stack("s", "arn", "REVIEW_IN_PROGRESS"))
    for key in ("Project", "Environment", "Layer"):
        with pytest.raises(Guarded) as caught:
            deployed.refuse_foreign(
                SHOP, "service", Stack("s", "arn", "CREATE_COMPLETE", tags=tags | {key: "other"})
            )
        assert [finding.rule for finding in caught.value.findings] == ["foreign-stack"]


def test_environment_of_another_repository_is_not_ours_to_change() -> None:
    told = (Owner("acme/store", "the stack a"), Owner("ACME/Shop", "the record b"))
    owners = Owners("acme/shop", told, "delivery")

    def found(moved_from: str | None) -> list[str]:
        try:
            owner.refuse_other(SHOP, owners, moved_from, lambda repository: f"make it {repository}")
        except Guarded as error:
            assert all("acme/store" in one.reason and "acme/shop's" in one.reason for one in error.findings)
            return [one.rule for one in error.findings]
        return []

    assert found(None) == found("acme/shop") == ["other-repository"]
    assert found("Acme/store") == []


def test_every_rule_is_tested_here() -> None:
    text = Path(__file__).read_text()
    assert not [rule for rule in rules.RULES if f'["{rule}"]' not in text]

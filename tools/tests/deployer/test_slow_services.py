"""A service that does not come up: what ECS says of it is told while CloudFormation still waits."""

from collections.abc import Mapping
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from ecs_blue_green.deployer import clock
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import execution, services
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning.plan import Plan, Step
from ecs_blue_green.deployer.planning.report import Progress
from tests.deployer.fake_cloudformation import Clock, FakeCloudFormation, arn, error

STACK = "shop-dev-service"
SERVICE = "arn:aws:ecs:eu-west-1:111111111111:service/shop/shop-api"
UNABLE = "(service shop-api) was unable to place a task. Reason: CannotPullContainerError"
FAILED = "(service shop-api) failed to launch a task with (error ECS was unable to assume the role)"


class World:
    """CloudFormation at work on a service, and what ECS says of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloudformation = FakeCloudFormation(self.clock)
        self.ecs = MagicMock()
        self.says((0, UNABLE))
        self.cloudformation.resources[STACK] = [
            {
                "LogicalResourceId": "Service",
                "ResourceType": "AWS::ECS::Service",
                "ResourceStatus": "CREATE_IN_PROGRESS",
                "PhysicalResourceId": SERVICE,
            }
        ]

    def says(self, *messages: tuple[float, str]) -> None:
        """What the newest event is from which second on."""

        def describe(**request: Any) -> Any:
            assert request == {"cluster": "shop", "services": [SERVICE]}
            newest = [message for second, message in messages if second <= self.clock.now]
            events = [{"message": message} for message in [*reversed(newest), "it was created"]]
            return {"services": [{"events": events}]}

        self.ecs.describe_services.side_effect = describe

    def client(self, name: str) -> Any:
        return {"cloudformation": self.cloudformation, "ecs": self.ecs}[name]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(clock, "monotonic", made.clock)
    monkeypatch.setattr(clock, "wait", lambda event, seconds: made.clock.sleep(seconds))
    return made


def deployed(world: World, built: Mapping[str, Layer], minutes: float) -> tuple[Outcome, list[Any]]:
    """A service that comes up after so many minutes: what became of it, and what was told when."""
    world.cloudformation.script(STACK, (0, "CREATE_IN_PROGRESS"), (minutes * 60, "CREATE_COMPLETE"))
    change_set = ChangeSet("arn:changes", arn(STACK), ())
    settings = Environment("dev", "111111111111", "eu-west-1", "shop", False, {}, {}, ("service",))
    plan = Plan(
        settings, {"service": Step(built["service"], "create", change_set=change_set)}, {"service": set()}, {}
    )
    told: list[Any] = []

    def remark(layer: str, text: str) -> None:
        told.append((world.clock.now // 60, layer, text))

    (outcome,) = execution.execute(
        cast("Aws", world),
        plan,
        Progress(lambda layer, event: None, lambda layer, text: None, remark, live=None),
        before=lambda layer: None,
    )
    return outcome, told


def test_newest_event_is_told_after_five_minutes(world: World, built: Mapping[str, Layer]) -> None:
    outcome, told = deployed(world, built, minutes=8)
    assert told == [(5, "service", f"ECS, about Service: {UNABLE}")]
    assert outcome.result == "done"


def test_service_that_comes_up_sooner_is_not_asked_about(world: World, built: Mapping[str, Layer]) -> None:
    _, told = deployed(world, built, minutes=4)
    assert told == []
    assert not world.ecs.describe_services.called


def test_event_is_told_once_and_another_one_five_minutes_later(
    world: World, built: Mapping[str, Layer]
) -> None:
    world.says((0, UNABLE), (12 * 60, FAILED))
    _, told = deployed(world, built, minutes=27)
    assert [(minute, text.endswith(UNABLE), text.endswith(FAILED)) for minute, _, text in told] == [
        (5, True, False),
        (15, False, True),
    ]


def test_who_may_not_ask_ecs_waits_all_the_same(world: World, built: Mapping[str, Layer]) -> None:
    world.ecs.describe_services.side_effect = error("AccessDeniedException")
    outcome, told = deployed(world, built, minutes=8)
    assert (outcome.result, told) == ("done", [])


@pytest.mark.parametrize(
    "resource",
    [
        {"ResourceStatus": "CREATE_COMPLETE"},
        {"ResourceType": "AWS::SNS::Topic"},
        {"PhysicalResourceId": ""},
    ],
)
def test_others_are_not_asked_about(resource: dict[str, str], world: World) -> None:
    world.cloudformation.resources[STACK][0] |= resource
    assert list(services.newest_events(cast("Aws", world), arn(STACK))) == []
    assert not world.ecs.describe_services.called

"""The course of a deployment that waits for a rehearsal: traffic by configuration, and every way back.

No task runs here: the test says when they are healthy, as the rehearsal does.
"""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.emulator.names import TASKS
from ecs_blue_green.rehearsal import session, system
from ecs_blue_green.rehearsal.cloud import Cloud
from tests.paths import RUNTIME

# A minute in seconds: the longest configuration takes 27 of them.
MINUTE = 0.03
# A deployment that has to be met at a certain point stays there for as long as this.
LONG_MINUTES = 2800
STAY_AT_10_PERCENT = "stays at 10 percent"
HOOKS = ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic")
ENDED = ("Succeeded", "Failed", "Stopped")


class Stage:
    """One service in the emulator, and one deployment of it at a time."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.system = system.read_system(cloud, "sample-local", RUNTIME)
        self.codedeploy = cloud.client("codedeploy")
        self.codedeploy.update_deployment_group(
            applicationName=self.system.application,
            currentDeploymentGroupName=self.system.deployment_group,
            blueGreenDeploymentConfiguration={
                "terminateBlueInstancesOnDeploymentSuccess": {
                    "action": "TERMINATE",
                    "terminationWaitTimeInMinutes": LONG_MINUTES,
                }
            },
        )
        self.codedeploy.create_deployment_config(
            deploymentConfigName=STAY_AT_10_PERCENT,
            computePlatform="ECS",
            trafficRoutingConfig={
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": LONG_MINUTES},
            },
        )
        self.old = self.new = self.deployment_id = ""
        # The new tasks' share of the traffic, each with the minute in which it was first seen.
        self.shares: list[tuple[float, int]] = []

    def start(self, config: str = "CodeDeployDefault.ECSAllAtOnce", hooks: tuple[str, ...] = ()) -> None:
        """Start a deployment, from whatever colour is live, whose hooks are called as their events."""
        weights = self.look()["listeners"][self.system.production]
        (self.old,) = [arn for arn, weight in weights.items() if weight]
        (self.new,) = set(self.system.colours) - {self.old}
        target = {"ContainerName": "sample-api", "ContainerPort": 1323}
        properties = {"TaskDefinition": "sample-local-api:1", "LoadBalancerInfo": target}
        spec = {
            "version": 0.0,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
            "Hooks": [{hook: hook} for hook in hooks],
        }
        self.shares, self._began = [], time.monotonic()
        content = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}}
        self.deployment_id = self.codedeploy.create_deployment(
            applicationName=self.system.application,
            deploymentGroupName=self.system.deployment_group,
            deploymentConfigName=config,
            revision=content,
        )["deploymentId"]

    def look(self) -> dict[str, Any]:
        """What the listeners, the service and the deployment are meant to be."""
        seen: dict[str, Any] = self.cloud.control(
            "Look",
            applicationName=self.system.application,
            deploymentGroupName=self.system.deployment_group,
            deploymentId=self.deployment_id,
        )
        share = seen["listeners"][self.system.production].get(self.new, 0)
        if self.new and (not self.shares or self.shares[-1][1] != share):
            self.shares.append(((time.monotonic() - self._began) / MINUTE, share))
        return seen

    def play(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Let everything succeed until the deployment is where it is wanted; gives what is seen there."""
        for _ in range(2000):
            seen = self.look()
            if until(seen) or seen["deployment"]["status"] in ENDED:
                return seen
            if seen["deployment"]["waitId"]:
                self.answer(seen, well=True)
            elif seen["deployment"]["stage"] == "Terminate":
                self.codedeploy.continue_deployment(
                    deploymentId=self.deployment_id, deploymentWaitType="TERMINATION_WAIT"
                )
            time.sleep(MINUTE / 5)
        raise AssertionError(f"the deployment stays at {seen['deployment']}")

    def answer(self, seen: Mapping[str, Any], *, well: bool) -> None:
        """Answer what the deployment waits for: the tasks, or a hook."""
        deployment = seen["deployment"]
        if deployment["waitsFor"] == TASKS:
            self.cloud.control(
                "ReportTasks",
                deploymentId=self.deployment_id,
                waitId=deployment["waitId"],
                healthy=well,
                reason="the tasks are not healthy",
            )
        else:
            self.codedeploy.put_lifecycle_event_hook_execution_status(
                deploymentId=self.deployment_id,
                lifecycleEventHookExecutionId=deployment["waitId"],
                status="Succeeded" if well else "Failed",
            )

    def set_alarm(self, state: str) -> None:
        self.cloud.client("cloudwatch").set_alarm_state(
            AlarmName=self.system.alarms[0].name, StateValue=state, StateReason="test"
        )

    def assert_all_on_old(self, seen: Mapping[str, Any]) -> None:
        weights = seen["listeners"][self.system.production]
        assert {arn for arn, weight in weights.items() if weight} == {self.old}
        (task_set,) = seen["taskSets"]
        assert task_set["status"] == "PRIMARY"
        assert task_set["loadBalancers"][0]["targetGroupArn"] == self.old


@pytest.fixture(scope="module")
def shared_stage(deployed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    state = tmp_path_factory.mktemp("stage") / "state"
    shutil.copytree(deployed / ".local", state)
    parameters = deployed / "params" / "local.yaml"
    with emulator.running(state, parameters, minute=MINUTE, attended=True) as endpoint:
        yield Stage(Cloud(endpoint, "ap-northeast-1"))


@pytest.fixture
def stage(shared_stage: Stage) -> Iterator[Stage]:
    """The stage as the test before left it: no deployment runs, either colour is live."""
    yield shared_stage
    shared_stage.set_alarm("OK")
    if shared_stage.look()["deployment"]["status"] not in ENDED:
        shared_stage.codedeploy.stop_deployment(
            deploymentId=shared_stage.deployment_id, autoRollbackEnabled=True
        )


def steps(share: int, minutes: int) -> list[tuple[int, int]]:
    return [(minutes * number, share * (number + 1)) for number in range(100 // share)]


# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
PREDEFINED = {
    "ECSAllAtOnce": [(0, 100)],
    "ECSCanary10Percent5Minutes": [(0, 10), (5, 100)],
    "ECSCanary10Percent15Minutes": [(0, 10), (15, 100)],
    "ECSLinear10PercentEvery1Minutes": steps(10, 1),
    "ECSLinear10PercentEvery3Minutes": steps(10, 3),
}
# In a process of its own: the emulator's modules keep what they know for good.
PLANNED = """
import json
from ecs_blue_green.emulator.services import codedeploy, stages
print(json.dumps({name: stages.shifts(routing) for name, routing in codedeploy.PREDEFINED.items()}))
"""


def test_predefined_configurations_are_those_of_the_documentation() -> None:
    command = [interpreters.emulator(), "-c", PLANNED]
    done = subprocess.run(command, capture_output=True, check=True)
    planned = {
        name: list(
            zip(itertools.accumulate(wait for _, wait in shifts), (share for share, _ in shifts), strict=True)
        )
        for name, shifts in json.loads(done.stdout).items()
    }
    assert planned == PREDEFINED


@pytest.mark.parametrize(("config", "expected"), PREDEFINED.items())
def test_predefined_configurations_move_the_traffic_in_their_steps(
    stage: Stage, config: str, expected: list[tuple[int, int]]
) -> None:
    stage.start(f"CodeDeployDefault.{config}")
    seen = stage.play(lambda _: False)
    assert seen["deployment"]["status"] == "Succeeded"
    assert_in_steps(stage, expected)
    (task_set,) = seen["taskSets"]
    assert task_set["loadBalancers"][0]["targetGroupArn"] == stage.new


def assert_in_steps(stage: Stage, expected: list[tuple[int, int]]) -> None:
    """A busy machine may be late and miss a step; but no step is early, and there are no others."""
    due = {share: minute for minute, share in expected}
    moved = {share: minute for minute, share in stage.shares if share}
    assert {100} <= moved.keys() <= due.keys()
    assert all(minute >= due[share] for share, minute in moved.items())


@pytest.mark.parametrize(
    ("routing", "expected"),
    [
        (
            {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 25, "canaryInterval": 2}},
            [(0, 25), (2, 100)],
        ),
        (
            {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 40, "linearInterval": 1}},
            [(0, 40), (1, 80), (2, 100)],
        ),
    ],
)
def test_own_configurations_move_the_traffic_in_their_steps(
    stage: Stage, routing: dict[str, Any], expected: list[tuple[int, int]]
) -> None:
    stage.codedeploy.create_deployment_config(
        deploymentConfigName=routing["type"], computePlatform="ECS", trafficRoutingConfig=routing
    )
    stage.start(routing["type"])
    assert stage.play(lambda _: False)["deployment"]["status"] == "Succeeded"
    assert_in_steps(stage, expected)


def test_lifecycle_events_come_in_their_order_and_install_waits_for_the_tasks(stage: Stage) -> None:
    stage.start(hooks=HOOKS)
    waits: list[str] = []

    def note(seen: dict[str, Any]) -> bool:
        deployment = seen["deployment"]
        if deployment["waitId"] and deployment["waitsFor"] not in waits:
            waits.append(deployment["waitsFor"])
        return False

    seen = stage.play(note)
    assert waits == ["BeforeInstall", TASKS, *HOOKS[1:]]
    events = [(item["lifecycleEventName"], item["status"]) for item in seen["deployment"]["lifecycleEvents"]]
    assert events == [
        (name, "Succeeded")
        for name in (
            "BeforeInstall",
            "Install",
            "AfterInstall",
            "AllowTestTraffic",
            "AfterAllowTestTraffic",
            "BeforeAllowTraffic",
            "AllowTraffic",
            "AfterAllowTraffic",
        )
    ]


def waits_for(what: str) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: seen["deployment"]["waitId"] is not None and seen["deployment"]["waitsFor"] == what


def has_moved(stage: Stage, share: int) -> Callable[[dict[str, Any]], bool]:
    return lambda seen: seen["listeners"][stage.system.production].get(stage.new) == share


POINTS: dict[str, Callable[[Stage], Callable[[dict[str, Any]], bool]]] = {
    **{hook: lambda _, hook=hook: waits_for(hook) for hook in HOOKS},  # type: ignore[misc]
    "Install": lambda _: waits_for(TASKS),
    "canary": lambda stage: has_moved(stage, 10),
    "wait before termination": lambda stage: lambda seen: seen["deployment"]["stage"] == "Terminate",
}
CAUSES = {
    "alarm": ("Stopped", "ALARM_ACTIVE"),
    "stop": ("Stopped", "MANUAL_STOP"),
    "failure": ("Failed", None),
}


# CodeDeploy watches neither the tasks nor a function while traffic shifts or the old tasks wait: nothing but
# an alarm or a stop can come there.
NOTHING_TO_FAIL = ("canary", "wait before termination")


@pytest.mark.parametrize(
    ("cause", "point"),
    [
        (cause, point)
        for cause in CAUSES
        for point in POINTS
        if not (cause == "failure" and point in NOTHING_TO_FAIL)
    ],
)
def test_rollback_from_every_point_leaves_all_traffic_on_the_original_tasks(
    stage: Stage, cause: str, point: str
) -> None:
    config = STAY_AT_10_PERCENT if point == "canary" else "CodeDeployDefault.ECSAllAtOnce"
    stage.start(config, HOOKS)
    reached = stage.play(POINTS[point](stage))
    match cause:
        case "alarm":
            stage.set_alarm("ALARM")
        case "stop":
            stage.codedeploy.stop_deployment(deploymentId=stage.deployment_id, autoRollbackEnabled=True)
        case "failure":
            stage.answer(reached, well=False)
    seen = stage.look()
    status, code = CAUSES[cause]
    assert seen["deployment"]["status"] == status
    assert seen["deployment"]["errorInformation"]["code"] == (
        code or ("TIMEOUT" if point == "Install" else "HOOK_EXECUTION_FAILURE")
    )
    assert seen["deployment"]["rollbackInfo"]
    stage.assert_all_on_old(seen)


@pytest.mark.parametrize("point", NOTHING_TO_FAIL)
def test_answer_changes_nothing_where_nothing_waits_for_one(stage: Stage, point: str) -> None:
    stage.start(STAY_AT_10_PERCENT if point == "canary" else "CodeDeployDefault.ECSAllAtOnce", HOOKS)
    waited = stage.play(waits_for("BeforeAllowTraffic"))
    reached = stage.play(POINTS[point](stage))
    with pytest.raises(ClientError, match="InvalidLifecycleEventHookExecutionIdException"):
        stage.answer(waited, well=False)
    stage.answer({"deployment": {"waitsFor": TASKS, "waitId": "hook of Install"}}, well=False)
    assert stage.look()["deployment"] == reached["deployment"]


@pytest.mark.parametrize(
    ("point", "ends_on"), [("wait before termination", "new"), ("canary", "old"), ("AfterInstall", "old")]
)
def test_deployment_that_an_earlier_command_left_is_ended_before_a_rehearsal(
    stage: Stage, point: str, ends_on: str
) -> None:
    """A rollback that has its traffic is not undone; what has not arrived goes back."""
    stage.start(STAY_AT_10_PERCENT if point == "canary" else "CodeDeployDefault.ECSAllAtOnce", HOOKS)
    stage.play(POINTS[point](stage))
    said = session.end_earlier_deployment(stage.codedeploy, stage.deployment_id)
    assert ("has been completed" in said) == (ends_on == "new")
    seen = stage.look()
    assert seen["deployment"]["status"] in ENDED
    weights = seen["listeners"][stage.system.production]
    assert [arn for arn, weight in weights.items() if weight] == [getattr(stage, ends_on)]
    assert "has just ended" in session.end_earlier_deployment(stage.codedeploy, stage.deployment_id)


def test_alarm_that_is_in_alarm_already_stops_a_deployment_at_once(stage: Stage) -> None:
    stage.set_alarm("ALARM")
    stage.start()
    seen = stage.look()
    assert seen["deployment"]["errorInformation"]["code"] == "ALARM_ACTIVE"
    stage.assert_all_on_old(seen)
    stage.set_alarm("OK")
    stage.start()
    assert stage.play(lambda _: False)["deployment"]["status"] == "Succeeded"


def test_answer_for_an_earlier_wait_changes_nothing(stage: Stage) -> None:
    stage.start()
    seen = stage.play(waits_for(TASKS))
    late = {"deployment": {**seen["deployment"], "waitId": "another"}}
    stage.answer(late, well=False)
    assert stage.look()["deployment"]["status"] == "InProgress"

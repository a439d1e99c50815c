"""What a rehearsal concludes: the result, the reason, and the findings that mistakes must lead to."""

from collections.abc import Mapping
from typing import Any

import pytest

from ecs_blue_green.rehearsal import alarms, verdict
from ecs_blue_green.rehearsal.alarms import Alarm
from ecs_blue_green.rehearsal.journal import Journal, Reading
from ecs_blue_green.rehearsal.load import Tally
from ecs_blue_green.rehearsal.system import System
from ecs_blue_green.rehearsal.target_health import Settings
from tests.paths import RUNTIME
from tests.rehearsal.test_alarms import BALANCER, BLUE, GREEN, rate_alarm

SUCCEEDED = {
    "status": "Succeeded",
    "lifecycleEvents": [{"lifecycleEventName": "AfterAllowTestTraffic", "status": "Succeeded"}],
    "errorInformation": None,
    "rollbackInfo": None,
}


def settings(name: str) -> Settings:
    return Settings(f"arn:{name}", name, f"targetgroup/{name}/1", "/health", 10, 5, 2, 3, "200", 30)


def system(watched: list[Alarm], **changes: Any) -> System:
    given: dict[str, Any] = {
        "pipeline": {},
        "application": "shop",
        "deployment_group": "shop",
        "cluster": "shop",
        "service": "shop",
        "container": "api",
        "container_port": 1323,
        "grace_seconds": 60.0,
        "desired_count": 1,
        "min_capacity": 1,
        "max_capacity": 2,
        "load_balancer": BALANCER,
        "host": "shop.example",
        "keeps_host": False,
        "security_groups": [],
        "listeners": {},
        "production": "production",
        "test": "test",
        "colours": {"arn:blue": "blue", "arn:green": "green"},
        "groups": {"arn:blue": settings("blue"), "arn:green": settings("green")},
        "deployment_config": "CodeDeployDefault.ECSAllAtOnce",
        "routing": {"type": "AllAtOnce"},
        "termination_wait": 10.0,
        "watches_alarms": True,
        "alarms": watched,
        "not_modelled": [],
        "controller": RUNTIME.controller,
    }
    return System(**given | changes)


def journal(values: Mapping[str, float | None]) -> Journal:
    """A journal of a release from blue to green; `values` has the highest value of each alarm."""
    minutes = iter(range(1000))
    made = Journal(lambda: float(next(minutes)), is_open=True)
    made.set_weights({"blue": 100, "green": 0})
    made.set_weights({"blue": 0, "green": 100})
    for name, value in values.items():
        made.readings[name] = [Reading(0, None, "OK"), Reading(1, value, "OK")]
    return made


def judge(
    found: System,
    *,
    green: tuple[int, int] = (100, 0),
    deployment: Mapping[str, Any] | None = SUCCEEDED,
    failure: str | None = None,
    values: Mapping[str, float | None] | None = None,
    **tally: Any,
) -> verdict.Verdict:
    requests = Tally(planned=200, sent=200, answered=200, by={"blue": [100, 0], "green": [*green]}, **tally)
    outcome = verdict.Outcome(deployment, failure, hooks=True)
    return verdict.judge(found, journal(values or {}), requests, outcome)


BOTH = [alarms.read_alarm(rate_alarm(group)) for group in (BLUE, GREEN)]


def test_healthy_release_has_nothing_to_find() -> None:
    judged = judge(system(BOTH))
    assert (judged.result, judged.exit_code, judged.findings) == ("released", 0, ())


def test_few_failures_among_many_answers_are_no_bad_release() -> None:
    assert judge(system(BOTH), green=(1000, 4)).findings == ()


@pytest.mark.parametrize(
    ("found", "values", "words"),
    [
        pytest.param(
            system([BOTH[0], alarms.read_alarm(rate_alarm(BLUE, AlarmName="green-rate"))]),
            {},
            "no alarm watches the 5xx answers of the green target group",
            id="green alarm on the blue target group",
        ),
        pytest.param(
            system([alarms.read_alarm(rate_alarm(GREEN, Threshold=101.0))]),
            {f"rate-{GREEN}": 50},
            "its highest value was 50, the condition is ≥ 101",
            id="threshold too high",
        ),
        pytest.param(
            system(BOTH),
            {f"rate-{GREEN}": 0},
            "its highest value was 0",
            id="request floor above the traffic",
        ),
        pytest.param(system(BOTH), {f"rate-{GREEN}": None}, "was missing", id="no data"),
        pytest.param(
            system(BOTH, watches_alarms=False),
            {},
            "watches no alarm (DeploymentAlarms is disabled, or the list is empty)",
            id="alarms disabled",
        ),
    ],
)
def test_bad_release_that_was_not_stopped(found: System, values: dict[str, float], words: str) -> None:
    judged = judge(found, green=(200, 100), values=values)
    assert judged.result == "released"
    assert "released although the 5xx rate was 50 %" in judged.findings
    assert any(words in finding for finding in judged.findings), judged.findings


def test_hook_left_out_is_told() -> None:
    judged = judge(system(BOTH), deployment={**SUCCEEDED, "lifecycleEvents": []})
    assert judged.findings == ("no hook tested the green tasks: users were the first to use the new version",)


def test_no_wait_before_termination_is_told() -> None:
    (finding,) = judge(system(BOTH, termination_wait=0.0)).findings
    assert "(TerminationWaitMinutes is 0): from then on an instant rollback was not possible" in finding


def test_requests_without_an_answer_are_told() -> None:
    lost, stopped = judge(system(BOTH), lost=2, by_stopped=1).findings
    assert lost == "2 of 200 requests had no answer"
    assert stopped == "1 request was answered by a task that was stopping"


def test_busy_machine_is_told() -> None:
    made = journal({})
    outcome = verdict.Outcome(SUCCEEDED, None, hooks=True)
    (finding,) = verdict.judge(system(BOTH), made, Tally(planned=100, sent=50), outcome).findings
    assert "only 50 % of the requests could be sent" in finding


def failed(code: str, message: str, *, rolled_back: bool = True) -> dict[str, Any]:
    rollback = {"rollbackDeploymentId": "d-2"} if rolled_back else None
    error = {"code": code, "message": message}
    return {**SUCCEEDED, "status": "Failed", "errorInformation": error, "rollbackInfo": rollback}


def test_rollback_names_the_alarm_as_the_template_does() -> None:
    alarm = alarms.read_alarm(rate_alarm(GREEN), "GreenAlarm")
    deployment = failed("ALARM_ACTIVE", f"One or more alarms have been activated: rate-{GREEN}")
    judged = judge(system([alarm]), deployment=deployment, failure="Deploy failed")
    assert (judged.result, judged.exit_code) == ("rolled back", 5)
    assert judged.reason == "One or more alarms have been activated: GreenAlarm"


def test_failure_without_a_rollback_is_told() -> None:
    deployment = failed("TIMEOUT", "never healthy.", rolled_back=False)
    judged = judge(system(BOTH), deployment=deployment, failure="Deploy failed")
    assert (judged.result, judged.exit_code) == ("failed", 1)
    assert "was not rolled back" in judged.reason


def test_pipeline_that_fails_before_the_deployment() -> None:
    judged = judge(system(BOTH), deployment=None, failure="Verify failed: stale")
    assert (judged.result, judged.exit_code, judged.reason) == ("failed", 1, "Verify failed: stale")


def test_pipeline_that_fails_after_the_deployment() -> None:
    judged = judge(system(BOTH), failure="TagRelease failed: no image")
    assert (judged.result, judged.reason) == ("failed", "TagRelease failed: no image")

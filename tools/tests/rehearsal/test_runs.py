"""Rehearsals with real processes and real requests: the three stories, and mistakes that must be noticed."""

import re
import uuid
from collections.abc import Callable

import pytest

from ecs_blue_green.deployer import remedies
from tests.deployer.followed import follows
from tests.rehearsal.place import EVERYTHING, Ended, Place

# A canary of 10 % gets 9 requests a minute, above the floor set here.
MINUTE, REQUESTS, FLOOR = 0.4, 90, 4
# A minute of a deployment is a second in the emulator that a command brings along.


def live(place: Place) -> str:
    return str(place.status()["live"]["colour"])


@follows(remedies.RUN_OR_REHEARSE)
def test_healthy_release_moves_the_traffic_and_nothing_is_lost_in_either_direction(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blue to green, then green to blue: the second rehearsal goes on from what the first one left."""
    place.set(TerminationWaitMinutes=2, AlarmMinRequests=FLOOR, MinCapacity=2, MaxCapacity=4)
    place.deploy()
    assert "or make rehearse (releases it)" in capsys.readouterr().err
    first = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS)
    assert first.verdict.result == "released"
    assert [shares for _, shares in first.rehearsal.stage.journal.weights] == [
        {"blue": 100, "green": 0},
        {"blue": 90, "green": 10},
        {"blue": 0, "green": 100},
    ]
    assert_nothing_lost(first)
    assert live(place) == "green"

    place.set(DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    place.deploy()
    second = place.rehearse("1.0", minute=MINUTE / 2, requests=REQUESTS / 2)
    assert second.verdict.result == "released"
    assert [shares["blue"] for _, shares in second.rehearsal.stage.journal.weights] == [0, 100]
    assert_nothing_lost(second)
    assert live(place) == "blue"

    # The deployer sees what the rehearsals left, and can go back to the release before. Nobody calls its
    # hook without a rehearsal: the emulator answers, and says so.
    place.roll_back()
    assert live(place) == "green"
    assert "AfterAllowTestTraffic: a placeholder answered Succeeded" in capsys.readouterr().err


def assert_nothing_lost(ended: Ended) -> None:
    tally = ended.tally
    assert tally.answered == tally.sent > 100
    assert tally.lost == tally.by_stopped == tally.five_xx == 0
    # Two tasks of each colour answered.
    assert {task.split("-")[0] for task in ended_tasks(ended)} == {"blue", "green"}
    assert len(ended_tasks(ended)) == 4


def ended_tasks(ended: Ended) -> list[str]:
    return [task.name for task_set, task in ended.rehearsal.stage.task_sets.all_tasks()]


def test_smoke_test_stops_a_bad_release_before_any_user_saw_it(place: Place) -> None:
    place.set(TerminationWaitMinutes=2, AlarmMinRequests=FLOOR)
    place.deploy()
    ended = place.rehearse("0.5", minute=MINUTE, requests=REQUESTS)
    assert ended.verdict.exit_code == 5
    assert "AfterAllowTestTraffic" in ended.verdict.reason
    assert re.search(r"problems /: \d+ of 25 answers are errors \(503 \d+ times\)", ended.verdict.reason)
    assert "/health (requests 25, latencyMs" in ended.verdict.reason
    told = [entry["text"] for entry in ended.document["entries"]]
    (answer,) = (number for number, text in enumerate(told) if "smoke-test: " in text)
    assert told[answer + 1 : answer + 3] == ["AfterAllowTestTraffic failed", "CodeDeploy rolls back"]
    assert ended.tally.five_xx == 0
    assert "green" not in ended.tally.by
    assert live(place) == "blue"


RULE = """\
  ApiRule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref ProductionListener
      Priority: 10
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: ['/api/*']}}]
      Actions: [{Type: forward, TargetGroupArn: !Ref BlueTargetGroup}]
Outputs:
"""


def test_release_moves_what_comes_by_a_rule_too(place: Place) -> None:
    """Users of /api/ meet green when the others do, and nobody is sent to tasks that are gone."""
    place.edit("infrastructure", "Outputs:\n", RULE)
    place.set(TerminationWaitMinutes=2, AlarmMinRequests=FLOOR)
    place.deploy()
    ended = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS)
    assert ended.verdict.result == "released"
    tally = ended.tally
    assert tally.lost == tally.five_xx == 0
    assert tally.by_path.keys() == {"/", "/api/x"}
    for path, by in tally.by_path.items():
        assert by.keys() == {"blue", "green"}, path
        assert by["green"][0] > 10, path
    assert live(place) == "green"


ANSWER = "        self.send_response(200 if is_good else 503)\n"
# As an application does that forces HTTPS. The load balancer's health checks come past it.
REDIRECT = """\
        is_check = self.headers.get("User-Agent", "").startswith("ELB-HealthChecker")
        is_secure = self.headers.get("X-Forwarded-Proto") == "https"
        self.send_response(200 if is_check or is_secure else 301)
        self.send_header("Location", f"https://{self.headers['Host']}{self.path}")
"""


def test_smoke_test_stops_a_version_that_redirects_everything(place: Place) -> None:
    """Not a line of it has run, apart from that: nobody knows whether it is good."""
    place.set(TerminationWaitMinutes=2, AlarmMinRequests=FLOOR)
    place.deploy()
    place.edit_application(ANSWER, REDIRECT)
    ended = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS)
    assert ended.verdict.exit_code == 5
    assert "AfterAllowTestTraffic" in ended.verdict.reason
    for path in ("/health", "/"):
        assert f"{path}: 25 of 25 answers are errors (301 25 times)" in ended.document["reason"]
    assert "green" not in ended.tally.by
    assert live(place) == "blue"


def test_version_that_redirects_is_released_where_the_redirect_is_named(place: Place) -> None:
    """The way of an environment whose test listener speaks HTTP, because it is older."""
    place.set(TerminationWaitMinutes=0, AlarmMinRequests=FLOOR, SmokePaths="/health 301,/ 301 308")
    place.set(DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    place.deploy()
    place.edit_application(ANSWER, REDIRECT)
    ended = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS)
    assert ended.verdict.result == "released", ended.verdict
    (said,) = [entry["text"] for entry in ended.document["entries"] if entry["kind"] == "hook"]
    assert "/health 301 (requests 25, latencyMs" in said, said
    assert live(place) == "green"


def test_version_that_forces_https_is_released_where_the_test_listener_speaks_it(place: Place) -> None:
    """In an environment that is new, with a certificate; the certificate must be for the users' name."""
    place.start_anew()
    place.provide(CertificateArn=f"arn:aws:acm:ap-northeast-1:000000000000:certificate/{uuid.UUID(int=1)}")
    place.set(SmokeHost="shop.example", TerminationWaitMinutes=0, AlarmMinRequests=FLOOR)
    place.set(DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    place.deploy()
    place.edit_application(ANSWER, REDIRECT + NAMED)
    ended = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS)
    assert ended.verdict.result == "released", ended.verdict
    (said,) = [entry["text"] for entry in ended.document["entries"] if entry["kind"] == "hook"]
    assert "/health (requests 25, latencyMs" in said, said
    assert "status Succeeded" in said
    # Users come by the same name, and get what the hook got.
    assert ended.tally.five_xx == ended.tally.lost == 0
    assert ended.five_xx("green") == 0 < ended.tally.by["green"][0]
    assert live(place) == "green"


# Who comes by another name is refused, and would be noticed.
NAMED = """\
        host = self.headers["Host"]
        if not is_check and host not in ("shop.example", "shop.example:9002"):
            raise LookupError(host)
"""


def test_alarm_stops_a_version_that_is_slow_under_the_users_load(place: Place) -> None:
    place.set(TerminationWaitMinutes=4, AlarmMinRequests=FLOOR, AlarmLatencyMs=80, SmokeMaxLatencyMs=30000)
    place.set(DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    place.deploy()
    place.edit_application(ANSWER, f"        threading.Event().wait(0.2)\n{ANSWER}")
    ended = place.rehearse("1.0", minute=MINUTE, requests=REQUESTS, hooks=False)
    assert ended.verdict.exit_code == 5, ended.verdict
    assert "TargetGroupLatencyAlarm" in ended.verdict.reason
    assert live(place) == "blue"


def test_without_the_hook_the_alarm_stops_a_bad_release_after_a_part_of_the_traffic(place: Place) -> None:
    place.set(TerminationWaitMinutes=2, AlarmMinRequests=FLOOR)
    place.deploy()
    ended = place.rehearse("0.5", minute=MINUTE, requests=REQUESTS, hooks=False)
    assert ended.verdict.exit_code == 5
    assert "GreenTargetGroupFiveXxRateAlarm" in ended.verdict.reason
    assert max(shares["green"] for _, shares in ended.rehearsal.stage.journal.weights) == 10
    assert ended.five_xx("green") > 0
    assert ended.five_xx("blue") == ended.tally.lost == ended.tally.by_stopped == 0
    assert live(place) == "blue"
    told = [entry["text"] for entry in ended.document["entries"]]
    (off,) = (number for number, text in enumerate(told) if "OK → ALARM" in text)
    (why,) = (number for number, text in enumerate(told) if text.startswith("CodeDeploy rolls back"))
    assert off < why < told.index("100 % blue, 0 % green")
    shown = {alarm["label"]: alarm["readings"] for alarm in ended.document["alarms"]}
    states = [reading["state"] for reading in shown["GreenTargetGroupFiveXxRateAlarm"]]
    assert "ALARM" in states
    assert states[-1] == "OK", "the rehearsal goes on until the alarm has recovered"


def wrong_target_group(place: Place) -> None:
    """The green alarm on the blue target group."""
    text = (place.root / "build" / "pipeline.yaml").read_text()
    start = text.index("  GreenTargetGroupFiveXxRateAlarm:")
    end = text.index("AWS::CloudWatch::Alarm", start + 80)
    wrong = text[start:end].replace("GreenTargetGroupFullName", "BlueTargetGroupFullName")
    (place.root / "build" / "pipeline.yaml").write_text(text[:start] + wrong + text[end:])


def no_hook(place: Place) -> None:
    place.set(SmokeTest="disabled", AlarmMinRequests=1)


def threshold_too_high(place: Place) -> None:
    place.edit("pipeline", "Threshold: !Ref AlarmFiveXxRatePercent", "Threshold: 101", count=3)


def floor_above_the_traffic(place: Place) -> None:
    place.set(AlarmMinRequests=1000)


def no_wait(place: Place) -> None:
    place.set(TerminationWaitMinutes=0)


# Each with what it changes, the share of good answers of the release, and how it must end: the words are in
# the reason or in a finding. All run in `make test-rehearsal`; test_verdict.py has them without processes.
MISTAKES: dict[str, tuple[Callable[[Place], None], str, str, list[str]]] = {
    "the green alarm watches the blue target group": (
        wrong_target_group,
        "0.0",
        "released",
        ["released although the 5xx rate was 100 %", "no alarm watches the 5xx answers of the green"],
    ),
    "the hook is left out": (no_hook, "0.0", "rolled back", ["no hook tried the green tasks"]),
    "the threshold is too high": (
        threshold_too_high,
        "0.0",
        "released",
        ["released although the 5xx rate was 100 %", "its highest value was 100, the condition is ≥ 101"],
    ),
    "the request floor is above the traffic": (
        floor_above_the_traffic,
        "0.0",
        "released",
        ["released although the 5xx rate was 100 %", "its highest value was 0"],
    ),
    "the old tasks do not wait": (no_wait, "1.0", "released", ["an instant rollback was not possible"]),
}


@pytest.mark.parametrize("mistake", MISTAKES if EVERYTHING else list(MISTAKES)[:1])
def test_mistake_in_a_template_or_parameter_is_noticed(place: Place, mistake: str) -> None:
    change, health_rate, result, words = MISTAKES[mistake]
    place.set(
        DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
        TerminationWaitMinutes=4,
        AlarmMinRequests=FLOOR,
    )
    change(place)
    place.deploy()
    hooks = change in (no_hook, no_wait)
    ended = place.rehearse(health_rate, minute=0.3, requests=40, hooks=hooks)
    assert ended.verdict.result == result, ended.verdict
    said = " / ".join([ended.verdict.reason, *ended.verdict.findings])
    assert all(word in said for word in words), said


@pytest.mark.skipif(not EVERYTHING, reason="make test-rehearsal")
@pytest.mark.parametrize(
    ("kind", "step", "expected", "told"),
    [
        ("Linear", 30, [0, 30, 60, 90, 100], "30 % more every 2 minutes"),
        ("Canary", 25, [0, 25, 100], "25 %, the rest after 2 minutes"),
    ],
)
def test_configuration_of_ones_own_is_taken_from_the_template(
    place: Place, kind: str, step: int, expected: list[int], told: str
) -> None:
    place.edit(
        "pipeline",
        "      DeploymentConfigName: !Ref DeploymentConfigName",
        "      DeploymentConfigName: !Ref DeploymentConfig",
    )
    place.edit(
        "pipeline", "\nResources:\n", "\nResources:\n" + OWN_CONFIGURATION.format(kind=kind, step=step)
    )
    place.set(TerminationWaitMinutes=0)
    place.deploy()
    ended = place.rehearse("1.0", minute=0.3, requests=40)
    assert ended.verdict.result == "released"
    shares = [shares["green"] for _, shares in ended.rehearsal.stage.journal.weights]
    assert shares == expected
    assert ended.document["settings"]["routing"] == told


OWN_CONFIGURATION = """\
  DeploymentConfig:
    Type: AWS::CodeDeploy::DeploymentConfig
    Properties:
      ComputePlatform: ECS
      TrafficRoutingConfig:
        Type: TimeBased{kind}
        TimeBased{kind}: {{{kind}Percentage: {step}, {kind}Interval: 2}}
"""


@pytest.mark.skipif(not EVERYTHING, reason="make test-rehearsal")
def test_wrong_health_check_path_stops_the_release(place: Place) -> None:
    place.set(HealthCheckPath="/healthz", DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    place.edit_application(ANSWER, '        self.send_response(404 if self.path == "/healthz" else 200)\n')
    place.start_anew()
    place.deploy()
    ended = place.rehearse("1.0", minute=0.3, requests=40)
    assert ended.verdict.result == "rolled back", ended.verdict
    said = " / ".join(entry.text for entry in ended.rehearsal.stage.journal.entries)
    assert "/healthz answered 404, the matcher takes 200" in said
    assert "green" not in ended.tally.by

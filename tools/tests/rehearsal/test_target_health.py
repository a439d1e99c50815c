"""A target's health: what turns it healthy and unhealthy, and who gets requests then."""

import pytest

from ecs_blue_green.rehearsal.target_health import Settings, Target, matches, routable

SETTINGS = Settings(
    arn="arn",
    name="blue",
    full_name="targetgroup/blue/1",
    path="/health",
    interval=10,
    timeout=5,
    healthy_threshold=2,
    unhealthy_threshold=3,
    matcher="200",
    deregistration_delay=30,
)


def after(checks: str) -> str:
    """The state of a new target after checks that pass (+) or fail (-)."""
    target = Target("127.0.0.1:1")
    for check in checks:
        target.observe(SETTINGS, passed=check == "+", reason="it answered 404")
    return target.state


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ("", "initial"),
        ("+", "healthy"),
        ("--", "initial"),
        ("---", "unhealthy"),
        ("--+", "healthy"),
        ("+--", "healthy"),
        ("+---", "unhealthy"),
        ("+--+--", "healthy"),
        ("---+", "unhealthy"),
        ("---++", "healthy"),
    ],
)
def test_thresholds(checks: str, expected: str) -> None:
    assert after(checks) == expected


def test_draining_target_stays_so() -> None:
    target = Target("127.0.0.1:1", state="draining")
    assert not target.observe(SETTINGS, passed=True)
    assert target.state == "draining"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param(["healthy", "unhealthy", "initial"], ["healthy"], id="only the healthy ones"),
        pytest.param(["unhealthy", "unhealthy"], ["unhealthy", "unhealthy"], id="all, where none is healthy"),
        pytest.param(["initial"], [], id="a new one not before its first check"),
        pytest.param(["draining", "healthy"], ["healthy"], id="never one that leaves"),
    ],
)
def test_routable(states: list[str], expected: list[str]) -> None:
    targets = [Target(str(number), state=state) for number, state in enumerate(states)]  # type: ignore[arg-type]
    assert [target.state for target in routable(targets)] == expected


@pytest.mark.parametrize(
    ("matcher", "status", "expected"),
    [
        ("200", 200, True),
        ("200", 404, False),
        ("200,202", 202, True),
        ("200-299", 204, True),
        ("200-299", 301, False),
    ],
)
def test_matcher(matcher: str, status: int, *, expected: bool) -> None:
    assert matches(matcher, status) is expected

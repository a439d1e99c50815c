"""The health of a target, as Elastic Load Balancing keeps it.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["initial", "healthy", "unhealthy", "draining"]


@dataclass(frozen=True)
class Settings:
    """A target group's settings; times in seconds."""

    arn: str
    name: str
    full_name: str
    path: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str
    deregistration_delay: float


@dataclass
class Target:
    """A registered target and what its checks have found so far."""

    address: str
    state: State = "initial"
    reason: str = "no health check was answered yet"
    streak: int = field(default=0, repr=False)

    def observe(self, settings: Settings, *, passed: bool, reason: str = "") -> bool:
        """Take the result of a check; whether the state changed."""
        if self.state == "draining":
            return False
        before = self.state
        self.streak = max(self.streak, 0) + 1 if passed else min(self.streak, 0) - 1
        if passed:
            # A new target needs to pass one check only.
            needed = 1 if self.state == "initial" else settings.healthy_threshold
            if self.streak >= needed:
                self.state, self.reason = "healthy", ""
        else:
            self.reason = reason
            if -self.streak >= settings.unhealthy_threshold:
                self.state = "unhealthy"
        return self.state != before


def routable(targets: Iterable[Target]) -> list[Target]:
    """The targets that get requests: the healthy ones, or all unhealthy ones where none is healthy."""
    registered = [target for target in targets if target.state != "draining"]
    healthy = [target for target in registered if target.state == "healthy"]
    return healthy or [target for target in registered if target.state == "unhealthy"]


def matches(matcher: str, status: int) -> bool:
    """Whether an HTTP status is one that the matcher takes: "200", "200,202" or "200-299"."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def read_settings(group: Mapping[str, Any], attributes: Mapping[str, str]) -> Settings:
    """The settings of a target group as DescribeTargetGroups and its attributes show it."""
    return Settings(
        arn=group["TargetGroupArn"],
        name=group["TargetGroupName"],
        full_name=group["TargetGroupArn"].rpartition(":")[2],
        path=group["HealthCheckPath"],
        interval=group["HealthCheckIntervalSeconds"],
        timeout=group["HealthCheckTimeoutSeconds"],
        healthy_threshold=group["HealthyThresholdCount"],
        unhealthy_threshold=group["UnhealthyThresholdCount"],
        matcher=group["Matcher"]["HttpCode"],
        # 300 is Elastic Load Balancing's default (November 2026).
        deregistration_delay=float(attributes.get("deregistration_delay.timeout_seconds", "300")),
    )

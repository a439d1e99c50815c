"""The target groups: which tasks are registered, and what their health checks find."""

import asyncio
from collections.abc import Callable, Mapping

import httpx2

from ecs_blue_green.rehearsal import ending
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.plain import NO_AUTHORITIES
from ecs_blue_green.rehearsal.target_health import Settings, Target, matches, routable

# A busy machine answers late. AWS's five seconds would be milliseconds at a fast pace, and would say more
# about the machine than about the application; the same for checks that follow one another too closely.
LEAST_TIMEOUT_SECONDS = 1.0
LEAST_INTERVAL_SECONDS = 0.1


class TargetGroups:
    """The target groups of a load balancer with their targets; `on_change` is called for each change."""

    def __init__(self, settings: Mapping[str, Settings], clock: Clock, on_change: Callable[[], None]) -> None:
        self.settings = settings
        self._clock = clock
        self._on_change = on_change
        self._targets: dict[str, dict[str, Target]] = {arn: {} for arn in settings}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._client = httpx2.AsyncClient(
            verify=NO_AUTHORITIES,
            trust_env=False,
            # Each check has a connection of its own, as Elastic Load Balancing's have.
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers={"User-Agent": "ELB-HealthChecker/2.0"},
        )

    def register(self, arn: str, address: str) -> Target:
        """Register a target, which gets requests once it has passed a check."""
        target = self._targets[arn][address] = Target(address)
        self._checks[address] = asyncio.create_task(self._check(self.settings[arn], target))
        self._on_change()
        return target

    async def deregister(self, arn: str, address: str) -> None:
        """Deregister a target: it gets no new requests, and is removed after the deregistration delay."""
        target = self._targets[arn].get(address)
        if target is None or target.state == "draining":
            return
        target.state, target.reason = "draining", "deregistered"
        self._checks.pop(address).cancel()
        self._on_change()
        await self._clock.sleep(self.settings[arn].deregistration_delay)
        self._targets[arn].pop(address, None)

    def targets(self, arn: str) -> list[Target]:
        """The targets of a group, draining ones included."""
        return list(self._targets[arn].values())

    def routable(self) -> dict[str, list[str]]:
        """The addresses that get requests, by target group."""
        return {
            arn: [target.address for target in routable(targets.values())]
            for arn, targets in self._targets.items()
        }

    def count(self, arn: str, state: str) -> int:
        """How many targets of a group are in a state."""
        return sum(target.state == state for target in self._targets[arn].values())

    async def stop(self) -> None:
        """End all checks."""
        await ending.end(self._checks.values())
        await self._client.aclose()

    async def _check(self, settings: Settings, target: Target) -> None:
        interval = max(self._clock.real_seconds(settings.interval), LEAST_INTERVAL_SECONDS)
        timeout = max(self._clock.real_seconds(settings.timeout), LEAST_TIMEOUT_SECONDS)
        while True:
            problem = await self._ask(settings, target.address, timeout)
            if target.observe(settings, passed=problem is None, reason=problem or ""):
                self._on_change()
            await asyncio.sleep(interval)

    async def _ask(self, settings: Settings, address: str, timeout: float) -> str | None:
        """What is wrong with a target, None when it passes."""
        try:
            answer = await self._client.get(f"http://{address}{settings.path}", timeout=timeout)
        except httpx2.TimeoutException:
            return f"{settings.path} was not answered in time"
        except httpx2.HTTPError as error:
            return f"{settings.path}: {error or type(error).__name__}"
        if matches(settings.matcher, answer.status_code):
            return None
        return f"{settings.path} answered {answer.status_code}, the matcher takes {settings.matcher}"

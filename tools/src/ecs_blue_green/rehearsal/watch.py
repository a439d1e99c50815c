"""CloudWatch's part: turns the access log and target health into metrics, and evaluates the alarms."""

import asyncio
import time
from collections.abc import Callable, Sequence

from ecs_blue_green.rehearsal import alarms
from ecs_blue_green.rehearsal.access_log import Request
from ecs_blue_green.rehearsal.alarms import Alarm, State
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.journal import Journal, Reading, Span
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer, LoadBalancerError
from ecs_blue_green.rehearsal.metrics import Metrics, dimensions
from ecs_blue_green.rehearsal.system import System
from ecs_blue_green.rehearsal.target_groups import TargetGroups

SERVER_ERROR = 500
# How often the hosts are counted: several times a minute, so that a maximum sees a short absence.
HOSTS_SECONDS = 10.0
LOG_SECONDS = 0.03
ELB_CODES = (502, 503, 504)


class Watch:
    """The metrics and alarms of a rehearsal."""

    def __init__(
        self,
        cloud: Cloud,
        system: System,
        clock: Clock,
        journal: Journal,
        groups: TargetGroups,
        group_of: Callable[[str], str | None],
    ) -> None:
        """`group_of` gives the ARN of the target group in which an address is, or last was."""
        self.metrics = Metrics()
        self.states: dict[str, State] = {}
        self._cloud = cloud
        self._system = system
        self._clock = clock
        self._journal = journal
        self._groups = groups
        self._group_of = group_of
        self._in_alarm: dict[str, Span] = {}
        # The log has the time of day; the clock counts from the beginning.
        self._began = time.time() - clock.now() * clock.minute

    async def read_states(self) -> None:
        """Begin with the states that the alarms had: one that is in ALARM still is."""
        names = [alarm.name for alarm in self._system.alarms]
        if not names:
            return
        client = self._cloud.client("cloudwatch")
        described = await asyncio.to_thread(client.describe_alarms, AlarmNames=names)
        for description in described["MetricAlarms"]:
            self.states[description["AlarmName"]] = description["StateValue"]

    async def follow_requests(self, balancer: LoadBalancer) -> None:
        """Count every request that the load balancer answers. Raises LoadBalancerError when it ends."""
        production = balancer.number(self._system.production)
        async for request in balancer.requests():
            self._count(request, by_users=request.listener == production)
        raise LoadBalancerError("the load balancer has ended by itself")

    async def count_hosts(self) -> None:
        """Report the healthy and unhealthy hosts of each target group that has any."""
        while True:
            minute = int(self._clock.now())
            for arn, settings in self._system.groups.items():
                where = dimensions(self._system.load_balancer, settings.full_name)
                if self._groups.targets(arn):
                    healthy, unhealthy = (
                        self._groups.count(arn, state) for state in ("healthy", "unhealthy")
                    )
                    self.metrics.add(minute, "HealthyHostCount", where, healthy)
                    self.metrics.add(minute, "UnHealthyHostCount", where, unhealthy)
            await self._clock.sleep(HOSTS_SECONDS)

    async def evaluate_alarms(self) -> None:
        """Evaluate every alarm each minute, and tell CloudWatch where its state changes."""
        minute = int(self._clock.now()) + 1
        while True:
            await self._clock.until(minute)
            # The last requests of the minute are still on their way from the load balancer's log.
            await asyncio.sleep(LOG_SECONDS)
            await self._evaluate(minute, self._system.alarms)
            minute = max(minute + 1, int(self._clock.now()) + 1)

    def in_alarm(self) -> list[str]:
        """The names of the alarms that are in ALARM."""
        return [name for name, state in self.states.items() if state == "ALARM"]

    def _count(self, request: Request, *, by_users: bool) -> None:
        moment = (request.time - self._began) / self._clock.minute
        minute = int(moment)
        balancer = self._system.load_balancer
        arn = self._group_of(request.target) if request.target else None
        group = self._system.groups[arn].full_name if arn else None
        failed = request.status >= SERVER_ERROR
        if group:
            self.metrics.add_both(minute, "RequestCount", balancer, group)
        if request.by_target and group:
            family = f"HTTPCode_Target_{request.status // 100}XX_Count"
            self.metrics.add_both(minute, family, balancer, group)
            self.metrics.add_both(minute, "TargetResponseTime", balancer, group, request.seconds)
        elif failed:
            self.metrics.add(minute, "HTTPCode_ELB_5XX_Count", dimensions(balancer))
            if request.status in ELB_CODES:
                self.metrics.add(minute, f"HTTPCode_ELB_{request.status}_Count", dimensions(balancer))
            if group:
                self.metrics.add_both(minute, "TargetConnectionErrorCount", balancer, group)
        if by_users:
            who = self._system.colour(arn) if request.by_target and arn else "load balancer"
            self._journal.count(moment, who, five_xx=failed)

    async def _evaluate(self, minute: int, watched: Sequence[Alarm]) -> None:
        for alarm in watched:
            before = self.states.get(alarm.name, "INSUFFICIENT_DATA")
            found = alarms.evaluate(alarm, self.metrics, minute, before)
            self._journal.readings[alarm.name].append(Reading(minute - 1, found.value, found.state))
            self.states[alarm.name] = found.state
            if found.state != before:
                await self._tell(alarm, before, found)

    async def _tell(self, alarm: Alarm, before: State, found: alarms.Evaluation) -> None:
        value = "missing" if found.value is None else f"{found.value:.3g}"
        reason = f"the newest value is {value}, the alarm is {alarm.condition}"
        if found.state == "ALARM":
            self._in_alarm[alarm.name] = self._journal.begin("alarm", alarm.label)
        elif span := self._in_alarm.pop(alarm.name, None):
            self._journal.finish(span, found.state)
        if "ALARM" in (before, found.state):
            self._journal.note(
                "alarm", f"{alarm.label}: {before} → {found.state}; {reason}", bad=found.state == "ALARM"
            )
        await asyncio.to_thread(
            self._cloud.client("cloudwatch").set_alarm_state,
            AlarmName=alarm.name,
            StateValue=found.state,
            StateReason=reason,
        )

"""CloudWatch's part: turns the access log and target health into metrics, and evaluates the alarms."""

import asyncio
import time
from collections.abc import Sequence

from ecs_blue_green.rehearsal import alarms
from ecs_blue_green.rehearsal.access_log import Request
from ecs_blue_green.rehearsal.alarms import Alarm, State
from ecs_blue_green.rehearsal.journal import Reading, Span
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer, LoadBalancerError
from ecs_blue_green.rehearsal.metrics import Metrics, dimensions
from ecs_blue_green.rehearsal.stage import Stage

SERVER_ERROR = 500
# How often the hosts are counted: several times a minute, so that a maximum sees a short absence.
HOSTS_SECONDS = 10.0
LOG_SECONDS = 0.03
ELB_CODES = (502, 503, 504)


class Watch:
    """The metrics and alarms of a rehearsal."""

    def __init__(self, stage: Stage) -> None:
        self.metrics = Metrics()
        self.states: dict[str, State] = {}
        self._stage = stage
        self._in_alarm: dict[str, Span] = {}
        # The log has the time of day; the clock counts from the beginning.
        self._began = time.time() - stage.clock.now() * stage.clock.minute

    async def read_states(self) -> None:
        """Begin with the states that the alarms had: one that is in ALARM still is."""
        names = [alarm.name for alarm in self._stage.system.alarms]
        if not names:
            return
        client = self._stage.cloud.client("cloudwatch")
        described = await asyncio.to_thread(client.describe_alarms, AlarmNames=names)
        for description in described["MetricAlarms"]:
            self.states[description["AlarmName"]] = description["StateValue"]

    async def follow_requests(self, balancer: LoadBalancer) -> None:
        """Count every request that the load balancer answers. Raises LoadBalancerError when it ends."""
        production = balancer.number(self._stage.system.production)
        async for request in balancer.requests():
            self._count(request, by_users=request.listener == production)
        raise LoadBalancerError("the load balancer has ended by itself")

    async def count_hosts(self) -> None:
        """Report the healthy and unhealthy hosts of each target group that has any."""
        while True:
            minute = int(self._stage.clock.now())
            for arn, settings in self._stage.system.groups.items():
                where = dimensions(self._stage.system.load_balancer, settings.full_name)
                if self._stage.groups.targets(arn):
                    healthy, unhealthy = (
                        self._stage.groups.count(arn, state) for state in ("healthy", "unhealthy")
                    )
                    self.metrics.add(minute, "HealthyHostCount", where, healthy)
                    self.metrics.add(minute, "UnHealthyHostCount", where, unhealthy)
            await self._stage.clock.sleep(HOSTS_SECONDS)

    async def evaluate_alarms(self) -> None:
        """Evaluate every alarm each minute, and tell CloudWatch where its state changes."""
        minute = int(self._stage.clock.now()) + 1
        while True:
            await self._stage.clock.until(minute)
            # The last requests of the minute are still on their way from the load balancer's log.
            await asyncio.sleep(LOG_SECONDS)
            await self._evaluate(minute, self._stage.system.alarms)
            minute = max(minute + 1, int(self._stage.clock.now()) + 1)

    def in_alarm(self) -> list[str]:
        """The names of the alarms that are in ALARM."""
        return [name for name, state in self.states.items() if state == "ALARM"]

    def _count(self, request: Request, *, by_users: bool) -> None:
        moment = (request.time - self._began) / self._stage.clock.minute
        minute = int(moment)
        balancer = self._stage.system.load_balancer
        target = self._stage.task_sets.find(request.target) if request.target else None
        arn = target[0].group if target else None
        group = self._stage.system.groups[arn].full_name if arn else None
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
            who = self._stage.system.colour(arn) if request.by_target and arn else "load balancer"
            self._stage.journal.count(moment, who, five_xx=failed)

    async def _evaluate(self, minute: int, watched: Sequence[Alarm]) -> None:
        for alarm in watched:
            before = self.states.get(alarm.name, "INSUFFICIENT_DATA")
            evaluation = alarms.evaluate(alarm, self.metrics, minute, before)
            reading = Reading(minute - 1, evaluation.value, evaluation.state)
            self._stage.journal.readings[alarm.name].append(reading)
            self.states[alarm.name] = evaluation.state
            if evaluation.state != before:
                await self._note_change(alarm, before, evaluation)

    async def _note_change(self, alarm: Alarm, before: State, now: alarms.Evaluation) -> None:
        value = "missing" if now.value is None else f"{now.value:.3g}"
        reason = f"the newest value is {value}, the alarm is {alarm.condition}"
        if now.state == "ALARM":
            self._in_alarm[alarm.name] = self._stage.journal.begin("alarm", alarm.label)
        elif span := self._in_alarm.pop(alarm.name, None):
            self._stage.journal.finish(span, now.state)
        if "ALARM" in (before, now.state):
            self._stage.journal.note(
                "alarm", f"{alarm.label}: {before} → {now.state}; {reason}", bad=now.state == "ALARM"
            )
        await asyncio.to_thread(
            self._stage.cloud.client("cloudwatch").set_alarm_state,
            AlarmName=alarm.name,
            StateValue=now.state,
            StateReason=reason,
        )

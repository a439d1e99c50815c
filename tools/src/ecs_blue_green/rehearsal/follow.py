"""The data plane: real tasks and a real load balancer, kept in line with the emulated account.

CodeDeploy's steps are the emulator's (`emulator.services.deployments`). This looks at the listeners, task
sets and the deployment many times a second, and brings the processes of this machine in line.
"""

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from ecs_blue_green.emulator.names import TASKS
from ecs_blue_green.rehearsal.hook import Hooks
from ecs_blue_green.rehearsal.journal import Span
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer
from ecs_blue_green.rehearsal.releases import Releases
from ecs_blue_green.rehearsal.stage import Stage

LOOK_SECONDS = 0.05
# CodeDeploy waits an hour for tasks to become healthy. Where nothing has changed for this long, nothing will.
PATIENCE_MINUTES = 10.0
LEAST_PATIENCE_SECONDS = 5.0
NEVER_HEALTHY = (
    "The deployment timed out while waiting for the replacement task set to become healthy."
    " This time out period is 60 minutes."
)
TERMINATION_WAIT = "wait before termination"
# The one event that ends because the traffic has moved; the others end before it does.
TRAFFIC_EVENT = "AllowTraffic"
ENDED = ("Succeeded", "Failed", "Stopped")


class Follower:
    """Follows the service of a stage; `releases` know what a task set runs."""

    def __init__(self, stage: Stage, balancer: LoadBalancer, releases: Releases, hooks: Hooks) -> None:
        self.deployment_id: str | None = None
        self.deployment: Mapping[str, Any] | None = None
        self._stage = stage
        self._balancer = balancer
        self._releases = releases
        self._hooks = hooks
        self._spans: dict[str, Span] = {}
        self._answered: set[str] = set()
        self._calls: set[asyncio.Task[None]] = set()
        # Functions whose answer CodeDeploy waits for, by the execution of the hook.
        self._waits: dict[str, str] = {}
        self._noted_rollback = False
        self._waiting_since: float | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self.step()
            try:
                # Not wait_for, which before Python 3.12 can lose the cancellation that ends this.
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stage.changed.wait()
            except TimeoutError:
                continue
            self._stage.changed.clear()

    async def step(self) -> None:
        """Look once, and bring processes and load balancer in line."""
        seen = await asyncio.to_thread(
            self._stage.cloud.control,
            "Look",
            applicationName=self._stage.system.application,
            deploymentGroupName=self._stage.system.deployment_group,
            deploymentId=self.deployment_id,
        )
        task_sets = {task_set["id"]: task_set for task_set in seen["taskSets"]}
        for task_set_id, task_set in task_sets.items():
            if task_set_id not in self._stage.task_sets.running:
                await self._start(task_set)
        deployment = seen["deployment"]
        # What is found in one look has an order all the same: a cause is written down before its effect.
        if deployment:
            self._note_causes(deployment)
        # Traffic first: a deleted task set must receive none when its tasks are stopped.
        await self._balancer.apply(seen["listeners"], self._stage.groups.routable(), seen["rules"])
        self._note_weights(seen["listeners"])
        for task_set_id in set(self._stage.task_sets.running) - task_sets.keys():
            self._stage.task_sets.end(task_set_id)
        if deployment:
            self._note_events(deployment["lifecycleEvents"])
            self._note_termination_wait(deployment)
            await self._answer_waits(deployment)
            self.deployment = deployment

    async def until_ended(self) -> Mapping[str, Any]:
        """Wait for the deployment to end, and return its final state."""
        while self.deployment is None or self.deployment["status"] not in ENDED:
            await asyncio.sleep(LOOK_SECONDS)
        return self.deployment

    async def _start(self, task_set: Mapping[str, Any]) -> None:
        group = task_set["loadBalancers"][0]["targetGroupArn"]
        release = await self._releases.of(task_set)
        self._stage.task_sets.start(
            task_set["id"], self._stage.system.colour(group), release, group, task_set["computedDesiredCount"]
        )

    def _note_weights(self, listeners: Mapping[str, Mapping[str, int]]) -> None:
        weights = listeners[self._stage.system.production]
        total = sum(weights.values()) or 1
        shares = {
            colour: round(100 * weights.get(arn, 0) / total)
            for arn, colour in self._stage.system.colours.items()
        }
        known = len(self._stage.journal.weights)
        self._stage.journal.set_weights(shares)
        if known and len(self._stage.journal.weights) > known:
            self._stage.journal.note(
                "traffic", ", ".join(f"{share} % {colour}" for colour, share in shares.items())
            )

    def _note_causes(self, deployment: Mapping[str, Any]) -> None:
        """What a hook answered, the events up to the traffic's, and why CodeDeploy rolls back."""
        for wait in self._waits.keys() - {deployment["waitId"]}:
            self._hooks.note_answer(self._waits.pop(wait), wait)
        self._note_events(itertools.takewhile(_is_before_traffic, deployment["lifecycleEvents"]))
        if deployment["rollbackInfo"] and not self._noted_rollback:
            self._noted_rollback = True
            failed = any(event["status"] == "Failed" for event in deployment["lifecycleEvents"])
            why = "" if failed else f": {deployment['errorInformation']['message']}"
            self._stage.journal.note("event", f"CodeDeploy rolls back{why}", bad=True)

    def _note_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            name, status = event["lifecycleEventName"], event["status"]
            if status in ("Pending", "Skipped"):
                continue
            span = self._spans.get(name)
            if span is None:
                span = self._spans[name] = self._stage.journal.begin("event", name)
            if span.end is None and status != "InProgress":
                self._stage.journal.finish(span, status)
                self._stage.journal.note("event", f"{name} {status.lower()}", bad=status == "Failed")

    def _note_termination_wait(self, deployment: Mapping[str, Any]) -> None:
        """Note the wait before the original task set is terminated, in which a rollback is still instant."""
        running = deployment["status"] not in ENDED
        span = self._spans.get(TERMINATION_WAIT)
        if span is None and running and deployment["stage"] == "Terminate":
            self._spans[TERMINATION_WAIT] = self._stage.journal.begin("event", TERMINATION_WAIT)
        elif span and span.end is None and not running:
            succeeded = deployment["status"] == "Succeeded"
            self._stage.journal.finish(span, "Succeeded" if succeeded else "Stopped")

    async def _answer_waits(self, deployment: Mapping[str, Any]) -> None:
        wait, function = deployment["waitId"], deployment["waitsFor"]
        if wait is None or wait in self._answered:
            return
        if function == TASKS:
            await self._report_tasks(deployment)
            return
        self._answered.add(wait)
        self._waits[wait] = function
        event = {"DeploymentId": self.deployment_id or "", "LifecycleEventHookExecutionId": wait}
        call = asyncio.create_task(self._call_hook(function, event))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call_hook(self, function: str, event: dict[str, str]) -> None:
        failure = await self._hooks.call(function, event)
        if failure:
            await self._report(event["LifecycleEventHookExecutionId"], failure)

    async def _report_tasks(self, deployment: Mapping[str, Any]) -> None:
        task_set = self._stage.task_sets.running.get(deployment["replacement"])
        if task_set is None:
            return
        if task_set.is_steady:
            await self._report(deployment["waitId"], "")
        elif task_set.targets or task_set.starts > task_set.count:
            # Starting a process takes as long as it does on this machine: the wait begins afterwards.
            now = self._stage.clock.now()
            self._waiting_since = since = self._waiting_since or now
            patience = max(PATIENCE_MINUTES, LEAST_PATIENCE_SECONDS / self._stage.clock.minute)
            if now - since > patience:
                await self._report(deployment["waitId"], f"{NEVER_HEALTHY} ({task_set.problem})")

    async def _report(self, wait: str, failure: str) -> None:
        self._answered.add(wait)
        await asyncio.to_thread(
            self._stage.cloud.control,
            "ReportTasks",
            deploymentId=self.deployment_id,
            waitId=wait,
            healthy=not failure,
            reason=failure,
        )


def _is_before_traffic(event: Mapping[str, Any]) -> bool:
    return (event["lifecycleEventName"], event["status"]) != (TRAFFIC_EVENT, "Succeeded")

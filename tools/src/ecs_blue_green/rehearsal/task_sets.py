"""ECS's part: keeps the desired count of tasks of each task set running and registered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ecs_blue_green.rehearsal import ending, tasks
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.journal import Journal
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.source import Code
from ecs_blue_green.rehearsal.target_groups import TargetGroups
from ecs_blue_green.rehearsal.target_health import Target
from ecs_blue_green.rehearsal.tasks import Definition, Task

LOOK_SECONDS = 0.05
# A task that ends at once is started again after this pause.
RESTART_SECONDS = 0.5
# Where so many starts of each task have failed, one after the other, the next ones will fail too.
HOPELESS_STARTS = 3


@dataclass(frozen=True)
class Release:
    """What a task set runs: a revision, and the application as its image was built."""

    definition: Definition
    code: Code
    version: str


@dataclass
class TaskSet:
    """The tasks of one task set."""

    id: str
    label: str
    release: Release
    group: str
    count: int
    tasks: dict[int, Task] = field(default_factory=dict)
    targets: dict[int, Target] = field(default_factory=dict)
    keepers: list[asyncio.Task[None]] = field(default_factory=list)
    starts: int = 0
    # The last starts, in which no task began to listen.
    failed_starts: int = 0
    # Why the last task that was replaced was unhealthy.
    unhealthy: str = ""

    @property
    def is_steady(self) -> bool:
        """Whether every task runs and passes its health checks."""
        states = [target.state for target in self.targets.values()]
        return len(states) == self.count and all(state == "healthy" for state in states)

    @property
    def is_hopeless(self) -> bool:
        """Whether its tasks have been started again and again, and never began to listen."""
        return self.failed_starts >= HOPELESS_STARTS * self.count > 0

    @property
    def problem(self) -> str:
        """What keeps it from being steady."""
        reasons = [target.reason for target in self.targets.values() if target.state != "healthy"]
        failures = [task.failure for task in self.tasks.values() if task.failure]
        return [*failures, *reasons, self.unhealthy or "the tasks end as soon as they are started"][0]


class TaskSets:
    """All task sets of the service."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        groups: TargetGroups,
        journal: Journal,
        logs: Path,
        grace_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._groups = groups
        self._journal = journal
        self._logs = logs
        self._grace = grace_seconds
        # The task sets that are meant to run.
        self.running: dict[str, TaskSet] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        # Every task that ever ran, by address; an address that is used again belongs to the last one.
        self._by_address: dict[str, tuple[TaskSet, Task]] = {}

    def find(self, address: str) -> tuple[TaskSet, Task] | None:
        """The task that has, or last had, an address."""
        return self._by_address.get(address)

    def all_tasks(self) -> list[tuple[TaskSet, Task]]:
        """Every task that ever ran, with its task set."""
        return list(self._by_address.values())

    def failures(self) -> list[str]:
        """The tasks that did not begin to listen, and why: the first one of each colour."""
        first: dict[str, Task] = {}
        for task_set, task in self._by_address.values():
            if task.failure:
                first.setdefault(task_set.label, task)
        return [tasks.explained(task) for task in first.values()]

    def start(self, task_set_id: str, label: str, release: Release, group: str, count: int) -> TaskSet:
        """Run `count` tasks of a release in a target group, until `end`."""
        task_set = TaskSet(task_set_id, label, release, group, count)
        self.running[task_set_id] = task_set
        task_set.keepers = [asyncio.create_task(self._keep(task_set, slot)) for slot in range(count)]
        return task_set

    def end(self, task_set_id: str) -> asyncio.Task[None]:
        """Deregister and stop the tasks of a task set; returns a task to wait for."""
        task_set = self.running.pop(task_set_id)
        ended = asyncio.create_task(self._end(task_set))
        self._ending[task_set_id] = ended
        ended.add_done_callback(lambda _: self._ending.pop(task_set_id, None))
        return ended

    async def stop(self) -> None:
        """End everything at once: the rehearsal is over."""
        await ending.end(keeper for task_set in self.running.values() for keeper in task_set.keepers)
        running = [task for task_set in self.running.values() for task in task_set.tasks.values()]
        await asyncio.gather(*(tasks.stop(task, tasks.LEAST_STOP_SECONDS) for task in running))
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    async def _end(self, task_set: TaskSet) -> None:
        await ending.end(task_set.keepers)
        await asyncio.gather(*(self._stop(task_set, slot) for slot in list(task_set.tasks)))

    async def _keep(self, task_set: TaskSet, slot: int) -> None:
        """Keep one task running: ECS replaces one that ends, or that stays unhealthy after its grace."""
        while True:
            task_set.starts += 1
            name = f"{task_set.label}-{task_set.starts}"
            release = task_set.release
            task = await tasks.start(
                self._ledger, name, release.definition, release.code, release.version, self._logs
            )
            task_set.tasks[slot] = task
            task_set.failed_starts = task_set.failed_starts + 1 if task.failure else 0
            self._by_address[task.address] = (task_set, task)
            self._journal.note(
                "task", f"task {name} ({release.definition.revision}, {release.version[:7]}) runs"
            )
            target = task_set.targets[slot] = self._groups.register(task_set.group, task.address)
            grace_ends = self._clock.now() + self._grace / 60
            await self._until(
                lambda task=task, target=target, grace_ends=grace_ends: (  # type: ignore[misc]
                    task.has_ended or (target.state == "unhealthy" and self._clock.now() >= grace_ends)
                )
            )
            if not task.has_ended:
                task_set.unhealthy = target.reason
            why = (
                f"ended with {task.process.returncode}"
                if task.has_ended
                else f"is unhealthy: {target.reason}"
            )
            self._journal.note("task", f"task {name} {why}; ECS replaces it", bad=True)
            await self._stop(task_set, slot)
            await asyncio.sleep(RESTART_SECONDS)

    async def _stop(self, task_set: TaskSet, slot: int) -> None:
        task = task_set.tasks.get(slot)
        if task is None:
            return
        await self._groups.deregister(task_set.group, task.address)
        ended_before = task.has_ended
        by_itself = await tasks.stop(task, self._clock.real_seconds(task.stop_timeout))
        task_set.tasks.pop(slot, None)
        task_set.targets.pop(slot, None)
        if not ended_before:
            how = "stopped" if by_itself else "did not stop in time and was killed"
            self._journal.note("task", f"task {task.name} {how}", bad=not by_itself)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(LOOK_SECONDS)

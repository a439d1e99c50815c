"""One rehearsal: everything is started, the pipeline runs, what happens is written down, everything ends."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_blue_green.pipeline import deploy as deploy_action
from ecs_blue_green.pipeline.change_sets import ActionFailed
from ecs_blue_green.rehearsal import ending, follow, hook, load_balancer, processes, system
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.follow import Follower
from ecs_blue_green.rehearsal.journal import Journal
from ecs_blue_green.rehearsal.load import Load
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer
from ecs_blue_green.rehearsal.pipeline_run import PipelineFailed, PipelineRun
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.releases import Releases
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.system import System
from ecs_blue_green.rehearsal.target_groups import TargetGroups
from ecs_blue_green.rehearsal.task_sets import TaskSets
from ecs_blue_green.rehearsal.tasks import Task
from ecs_blue_green.rehearsal.watch import Watch
from ecs_blue_green.runtime import Runtime

# The service as it is must serve first; one that never does is rehearsed all the same, as it would be on AWS.
STEADY_SECONDS = 20.0
# Traffic before the pipeline starts, so that the alarms know the service as it was.
BEFORE_MINUTES = 2.0
# Alarms in ALARM at the end get this long to recover: until then they would block the next release.
AFTER_MINUTES = 6.0
# Two task sets of this many processes still fit into the memory that a rehearsal may take.
MOST_TASKS = 6
RUNNING = ["Created", "Queued", "InProgress", "Baking", "Ready"]


@dataclass(frozen=True)
class Options:
    """How to rehearse: the pace (real seconds a minute), the users' requests, hooks or none."""

    environment: str
    minute: float
    requests_a_minute: float
    health_rate: str | None
    hooks: bool


class NotStarted(Exception):
    """The application does not begin to listen; the message says why."""


class Rehearsal:
    """A rehearsal that can be watched while it runs; `run` does it, and `serve` only what users see of it."""

    def __init__(
        self,
        options: Options,
        cloud: Cloud,
        found: System,
        source: Source,
        root: Path,
        folder: Path,
        ledger: Ledger,
    ) -> None:
        """`root` is the repository, `folder` is for everything that the rehearsal writes."""
        self.options = options
        self.system = found
        self.source = source
        self.clock = Clock(options.minute)
        self.journal = Journal(self.clock.now)
        self.deployment: Mapping[str, Any] | None = None
        self.failure: str | None = None
        # How long it went on, in minutes.
        self.minutes = 0.0
        self.memory = 0
        self._cloud = cloud
        self._root = root
        self._folder = folder
        self._ledger = ledger
        self._changed = asyncio.Event()
        self._ended_first: list[str] = []
        self.groups = TargetGroups(found.groups, self.clock, self._changed.set)
        self.logs = folder / "logs"
        self.task_sets = TaskSets(
            ledger, self.clock, self.groups, self.journal, self.logs, found.grace_seconds
        )
        # Where users come, while it runs.
        self.address = ""
        self.watch: Watch | None = None
        self.load: Load | None = None

    async def run(self) -> None:
        """Rehearse; afterwards `deployment` or `failure` says how it ended, and nothing runs any more."""
        async with contextlib.AsyncExitStack() as stack:
            balancer, follower = await self._bring_up(stack)
            await ending.beside([follower.run()], self._until_steady())
            await follower.step()
            self.clock.restart()
            self.journal.is_open = True
            self.watch = Watch(
                self._cloud, self.system, self.clock, self.journal, self.groups, self._group_of
            )
            await self.watch.read_states()
            a_second = self.options.requests_a_minute / self.options.minute
            self.load = Load(self.address, self.system.host, a_second, self._task_of, self.system.asks)
            stack.push_async_callback(self.load.stop)
            self.load.start()
            await ending.beside(
                [
                    follower.run(),
                    self.watch.follow_requests(balancer),
                    self.watch.count_hosts(),
                    self.watch.evaluate_alarms(),
                    self._measure_memory(),
                ],
                self._release(follower),
            )

    async def serve(self, say: Callable[[], None]) -> None:
        """Bring the service up, `say` it, and keep it up until cancelled. Raises NotStarted."""
        async with contextlib.AsyncExitStack() as stack:
            _, follower = await self._bring_up(stack)
            await ending.beside([follower.run()], self._until_steady(gives_up=True))
            if failures := self.task_sets.failures():
                raise NotStarted(failures[0])
            # So that the load balancer knows the tasks that have become healthy.
            await follower.step()
            self.journal.is_open = True
            say()
            await follower.run()

    async def _bring_up(self, stack: contextlib.AsyncExitStack) -> tuple[LoadBalancer, Follower]:
        """Start the load balancer, and have the service be what is to be followed; `stack` ends all of it."""
        stack.push_async_callback(self.groups.stop)
        stack.push_async_callback(self.task_sets.stop)
        balancer = await self._start_balancer()
        stack.push_async_callback(balancer.stop)
        self.address = f"http://{load_balancer.HOST}:{balancer.port(self.system.production)}/"
        follower = self._follower(balancer)
        stack.push_async_callback(self._end_deployment, follower)
        await self._prepare_service()
        return balancer, follower

    async def _start_balancer(self) -> LoadBalancer:
        # The hook's requests are real in this too. The users' would cost this machine a handshake each.
        test = self.system.listeners.get(self.system.test or "")
        secure = {test.arn: self.system.host} if test and test.protocol == "HTTPS" else {}
        return await load_balancer.start(
            self._ledger,
            self._folder,
            list(self.system.listeners.values()),
            {},
            secure=secure,
            keeps_host=self.system.keeps_host,
        )

    def _follower(self, balancer: LoadBalancer) -> Follower:
        releases = Releases(self._cloud, self._root, self.source, self._folder / "applications")

        folder = self._folder / "function"
        told: set[str] = set()

        def tell(function: str, wait: str) -> None:
            # One that writes its line only after its answer is told when it has ended.
            said = hook.last_line(folder)
            if said and wait not in told:
                told.add(wait)
                self.journal.note("hook", f"{function}: {said}")

        async def call(function: str, event: dict[str, str]) -> str:
            test = self.system.test
            port = balancer.port(test) if test else None
            answer = await hook.invoke(
                self._cloud,
                self.system,
                self.clock,
                self._ledger,
                folder,
                function,
                event,
                port,
                balancer.authority,
            )
            if answer.failure or event["LifecycleEventHookExecutionId"] not in told:
                told.add(event["LifecycleEventHookExecutionId"])
                said = answer.failure or f"{function}: {answer.log}"
                self.journal.note("hook", said, bad=bool(answer.failure))
            return answer.failure

        return Follower(
            self._cloud,
            self.system,
            self.clock,
            self.journal,
            balancer,
            self.groups,
            self.task_sets,
            releases.of,
            call,
            tell,
            self._changed,
        )

    async def _prepare_service(self) -> None:
        """End what an earlier command left under way, and have as many tasks as scaling would."""
        client = self._cloud.client("codedeploy")
        names = {
            "applicationName": self.system.application,
            "deploymentGroupName": self.system.deployment_group,
        }
        left = await asyncio.to_thread(client.list_deployments, **names, includeOnlyStatuses=RUNNING)
        for deployment in left["deployments"]:
            self._ended_first.append(await asyncio.to_thread(end_left_deployment, client, deployment))
        wanted = min(max(self.system.desired_count, self.system.min_capacity), MOST_TASKS)
        if wanted != self.system.desired_count:
            await asyncio.to_thread(
                self._cloud.client("ecs").update_service,
                cluster=self.system.cluster,
                service=self.system.service,
                desiredCount=wanted,
            )

    async def _until_steady(self, *, gives_up: bool = False) -> None:
        """Wait for all tasks to be healthy, for a time; `gives_up` where one does not begin to listen."""
        deadline = asyncio.get_running_loop().time() + STEADY_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            running = self.task_sets.running.values()
            if running and all(task_set.is_steady for task_set in running):
                return
            if gives_up and self.task_sets.failures():
                return
            await asyncio.sleep(follow.LOOK_SECONDS)

    async def _release(self, follower: Follower) -> None:
        self._note_beginning()
        await self.clock.until(BEFORE_MINUTES)

        async def deploy(configuration: Mapping[str, str], release: deploy_action.Release) -> str:
            if not self.options.hooks:
                release = deploy_action.without_hooks(release)
            client = self._cloud.client("codedeploy")
            deployment_id = await asyncio.to_thread(deploy_action.start, client, configuration, release)
            self.journal.note("event", f"deployment {deployment_id} created")
            follower.deployment_id = deployment_id
            ended = self.deployment = await follower.until_ended()
            if ended["status"] != "Succeeded":
                raise ActionFailed(ended["errorInformation"]["message"])
            return deployment_id

        run = PipelineRun(self._cloud, self.journal, self.source, self._folder / "artifacts", deploy)
        try:
            await run.run(self.system.pipeline)
        except PipelineFailed as error:
            self.failure = str(error)
        shares = ", ".join(f"{share} % {colour}" for colour, share in self.journal.weights[-1][1].items())
        self.journal.note("end", f"the pipeline has ended; traffic: {shares}")
        await self._until_calm()
        self.minutes = self.clock.now()

    async def _until_calm(self) -> None:
        """Go on for a moment, longer while an alarm is still in ALARM."""
        assert self.watch is not None  # noqa: S101 - made before the release begins
        end = self.clock.now()
        await self.clock.until(end + 1.5)
        while self.watch.in_alarm() and self.clock.now() < end + AFTER_MINUTES:
            await self.clock.sleep(10)

    def _note_beginning(self) -> None:
        for ended in self._ended_first:
            self.journal.note("note", f"left from before: {ended}")
        for task_set in self.task_sets.running.values():
            steady = "healthy" if task_set.is_steady else f"not healthy: {task_set.problem}"
            self.journal.note(
                "note",
                f"the service runs {task_set.count} x {task_set.release.definition.revision} on"
                f" {task_set.label}, {steady}",
                bad=not task_set.is_steady,
            )
        for problem in self.system.not_modelled:
            self.journal.note("note", f"not evaluated: {problem}", bad=True)

    async def _end_deployment(self, follower: Follower) -> None:
        """Stop a deployment that still runs, because the rehearsal was interrupted."""
        ended = follower.deployment and follower.deployment["status"] in follow.ENDED
        if follower.deployment_id and not ended:
            client = self._cloud.client("codedeploy")
            await asyncio.to_thread(_stop_deployment, client, follower.deployment_id)

    async def _measure_memory(self) -> None:
        while True:
            self.memory = max(self.memory, await asyncio.to_thread(processes.memory_of_all))
            await asyncio.sleep(1)

    def _group_of(self, address: str) -> str | None:
        found = self.task_sets.find(address)
        return found[0].group if found else None

    def _task_of(self, address: str) -> tuple[str, Task] | None:
        found = self.task_sets.find(address)
        return (found[0].label, found[1]) if found else None


async def prepare(
    options: Options,
    cloud: Cloud,
    prefix: str,
    runtime: Runtime,
    source: Source,
    root: Path,
    folder: Path,
    ledger: Ledger,
) -> Rehearsal:
    """A rehearsal of the stacks `<prefix>-<layer>`, of which `runtime` says what is where.

    Raises alarms.UnsupportedAlarm.
    """
    found = await asyncio.to_thread(system.read, cloud, prefix, runtime)
    return Rehearsal(options, cloud, found, source, root, folder, ledger)


def end_left_deployment(codedeploy: Any, deployment_id: str) -> str:
    """Have a deployment that only waits before its old tasks go complete, else stop it; says which."""
    try:
        codedeploy.continue_deployment(deploymentId=deployment_id, deploymentWaitType="TERMINATION_WAIT")
    except codedeploy.exceptions.DeploymentIsNotInReadyStateException:
        _stop_deployment(codedeploy, deployment_id)
        return f"{deployment_id} was under way, and has been stopped and rolled back"
    except codedeploy.exceptions.DeploymentAlreadyCompletedException:
        return f"{deployment_id} has just ended"
    return f"{deployment_id} was waiting before its old tasks go, and has been completed"


def _stop_deployment(codedeploy: Any, deployment_id: str) -> None:
    with contextlib.suppress(codedeploy.exceptions.DeploymentAlreadyCompletedException):
        codedeploy.stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=True)

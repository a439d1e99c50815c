"""One rehearsal: everything is started, the pipeline runs, events are noted, everything is stopped."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.pipeline import deploy as deploy_action
from ecs_blue_green.pipeline.change_sets import ActionFailed
from ecs_blue_green.rehearsal import ending, follow, load_balancer, processes, verdict
from ecs_blue_green.rehearsal import system as systems
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.deployed import Deployed
from ecs_blue_green.rehearsal.follow import Follower
from ecs_blue_green.rehearsal.hook import Hooks
from ecs_blue_green.rehearsal.load import Load, Tally
from ecs_blue_green.rehearsal.load_balancer import LoadBalancer
from ecs_blue_green.rehearsal.pipeline_run import Deploy, PipelineFailed, PipelineRun
from ecs_blue_green.rehearsal.releases import Releases
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.stage import Stage
from ecs_blue_green.rehearsal.tasks import Task
from ecs_blue_green.rehearsal.verdict import Outcome, Verdict
from ecs_blue_green.rehearsal.watch import Watch

# The current service must serve first; one that never does is rehearsed anyway, as it would be on AWS.
STEADY_SECONDS = 20.0
# What is shown after a deployment; the pipeline's last actions run meanwhile.
CALM_MINUTES = 1.5
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


class Rehearsal:
    """A rehearsal that can be watched while it runs; `run` does it, and `serve` only what users see of it."""

    def __init__(self, options: Options, stage: Stage) -> None:
        self.options = options
        self.stage = stage
        self.deployment: Mapping[str, Any] | None = None
        self._deployed_at: float | None = None
        self.failure: str | None = None
        # How long it went on, in minutes.
        self.minutes = 0.0
        self.memory = 0
        # What became of the deployments that an earlier command had left under way.
        self._earlier: list[str] = []
        # Where users are served, while it runs.
        self.address = ""
        self.watch: Watch | None = None
        self.load: Load | None = None

    def verdict(self) -> Verdict:
        """How it ended, and what a team should know from it."""
        outcome = Outcome(
            self.deployment, self.failure, self.options.hooks, not_started=self.stage.task_sets.failures()
        )
        tally = self.load.tally if self.load else Tally()
        return verdict.judge(self.stage.system, self.stage.journal, tally, outcome)

    async def run(self) -> None:
        """Rehearse; afterwards `deployment` or `failure` says how it ended, and nothing runs."""
        async with contextlib.AsyncExitStack() as stack:
            balancer, follower = await self._bring_up(stack)
            run = PipelineRun(self.stage, self._deployment(follower))
            await ending.beside([follower.run()], self._until_ready(run))
            await follower.step()
            self.stage.clock.restart()
            self.stage.journal.is_open = True
            self.watch = Watch(self.stage)
            await self.watch.read_states()
            a_second = self.options.requests_a_minute / self.options.minute
            self.load = Load(
                self.address, self.stage.system.host, a_second, self._task_of, self.stage.system.asks
            )
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
                self._release(run),
            )

    async def serve(self, say: Callable[[], None]) -> None:
        """Bring the service up, `say` it, and keep it up until cancelled. Raises Failed."""
        async with contextlib.AsyncExitStack() as stack:
            _, follower = await self._bring_up(stack)
            await ending.beside([follower.run()], self._until_steady(gives_up=True))
            if failures := self.stage.task_sets.failures():
                raise Failed("the application does not start", failures[0], "correct it, then: make run")
            # So that the load balancer knows the tasks that have become healthy.
            await follower.step()
            self.stage.journal.is_open = True
            say()
            await follower.run()

    async def _bring_up(self, stack: contextlib.AsyncExitStack) -> tuple[LoadBalancer, Follower]:
        """Start the load balancer and follow the service; `stack` ends all of it."""
        stack.push_async_callback(self.stage.groups.stop)
        stack.push_async_callback(self.stage.task_sets.stop)
        balancer = await self._start_balancer()
        stack.push_async_callback(balancer.stop)
        self.address = f"http://{load_balancer.HOST}:{balancer.port(self.stage.system.production)}/"
        follower = self._follower(balancer)
        stack.push_async_callback(self._end_deployment, follower)
        await self._prepare_service()
        return balancer, follower

    async def _start_balancer(self) -> LoadBalancer:
        # The hook's requests are real in this too. The users' would cost this machine a handshake each.
        test = self.stage.system.listeners.get(self.stage.system.test or "")
        secure = {test.arn: self.stage.system.host} if test and test.protocol == "HTTPS" else {}
        return await load_balancer.start(
            self.stage.ledger,
            self.stage.folder,
            list(self.stage.system.listeners.values()),
            {},
            secure=secure,
            keeps_host=self.stage.system.keeps_host,
        )

    def _follower(self, balancer: LoadBalancer) -> Follower:
        return Follower(self.stage, balancer, Releases(self.stage), Hooks(self.stage, balancer))

    async def _prepare_service(self) -> None:
        """End the deployments that an earlier command left running, and scale the service as AWS would."""
        client = self.stage.cloud.client("codedeploy")
        names = {
            "applicationName": self.stage.system.application,
            "deploymentGroupName": self.stage.system.deployment_group,
        }
        listed = await asyncio.to_thread(client.list_deployments, **names, includeOnlyStatuses=RUNNING)
        for deployment in listed["deployments"]:
            self._earlier.append(await asyncio.to_thread(end_earlier_deployment, client, deployment))
        count = min(max(self.stage.system.desired_count, self.stage.system.min_capacity), MOST_TASKS)
        if count != self.stage.system.desired_count:
            await asyncio.to_thread(
                self.stage.cloud.client("ecs").update_service,
                cluster=self.stage.system.cluster,
                service=self.stage.system.service,
                desiredCount=count,
            )

    async def _until_steady(self, *, gives_up: bool = False) -> None:
        """Wait for healthy tasks, for a limited time and while there is hope.

        `gives_up` once one does not begin to listen.
        """
        deadline = asyncio.get_running_loop().time() + STEADY_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            running = self.stage.task_sets.running.values()
            if running and all(task_set.is_steady or task_set.is_hopeless for task_set in running):
                return
            if gives_up and self.stage.task_sets.failures():
                return
            await asyncio.sleep(follow.LOOK_SECONDS)

    async def _until_ready(self, run: PipelineRun) -> None:
        """Wait for healthy tasks; what the release needs first is made meanwhile."""
        packing = asyncio.create_task(run.pack())
        await self._until_steady()
        await packing

    def _deployment(self, follower: Follower) -> Deploy:
        """What carries out the deployment of the release."""

        async def deploy(configuration: Mapping[str, str], release: deploy_action.Release) -> str:
            if not self.options.hooks:
                release = deploy_action.without_hooks(release)
            client = self.stage.cloud.client("codedeploy")
            deployment_id = await asyncio.to_thread(deploy_action.start, client, configuration, release)
            self.stage.journal.note("event", f"deployment {deployment_id} created")
            follower.deployment_id = deployment_id
            deployment = self.deployment = await follower.until_ended()
            self._deployed_at = self.stage.clock.now()
            if deployment["status"] != "Succeeded":
                raise ActionFailed(deployment["errorInformation"]["message"])
            return deployment_id

        return deploy

    async def _release(self, run: PipelineRun) -> None:
        self._note_beginning()
        try:
            await run.run(self.stage.system.pipeline)
        except PipelineFailed as error:
            self.failure = str(error)
        shares = ", ".join(
            f"{share} % {colour}" for colour, share in self.stage.journal.weights[-1][1].items()
        )
        self.stage.journal.note("end", f"the pipeline has ended; traffic: {shares}")
        await self._until_calm()
        self.minutes = self.stage.clock.now()

    async def _until_calm(self) -> None:
        """Continue for a moment after the deployment, longer while an alarm is still in ALARM."""
        assert self.watch is not None  # noqa: S101 - made before the release begins
        end = self.stage.clock.now()
        await self.stage.clock.until((end if self._deployed_at is None else self._deployed_at) + CALM_MINUTES)
        while self.watch.in_alarm() and self.stage.clock.now() < end + AFTER_MINUTES:
            await self.stage.clock.sleep(10)

    def _note_beginning(self) -> None:
        for result in self._earlier:
            self.stage.journal.note("note", f"left from before: {result}")
        for task_set in self.stage.task_sets.running.values():
            steady = "healthy" if task_set.is_steady else f"not healthy: {task_set.problem}"
            self.stage.journal.note(
                "note",
                f"the service runs {task_set.count} x {task_set.release.definition.revision} on"
                f" {task_set.label}, {steady}",
                bad=not task_set.is_steady,
            )
        for problem in self.stage.system.not_modelled:
            self.stage.journal.note("note", f"not evaluated: {problem}", bad=True)

    async def _end_deployment(self, follower: Follower) -> None:
        """Stop a deployment that still runs, because the rehearsal was interrupted."""
        ended = follower.deployment and follower.deployment["status"] in follow.ENDED
        if follower.deployment_id and not ended:
            client = self.stage.cloud.client("codedeploy")
            await asyncio.to_thread(_stop_deployment, client, follower.deployment_id)

    async def _measure_memory(self) -> None:
        while True:
            self.memory = max(self.memory, await asyncio.to_thread(processes.memory_of_all))
            await asyncio.sleep(1)

    def _task_of(self, address: str) -> tuple[str, Task] | None:
        target = self.stage.task_sets.find(address)
        return (target[0].label, target[1]) if target else None


async def prepare(
    options: Options, deployed: Deployed, source: Source, root: Path, folder: Path
) -> Rehearsal:
    """A rehearsal of what is deployed. Raises alarms.UnsupportedAlarm.

    `root` is the repository, `folder` is for everything that the rehearsal writes.
    """
    system = await asyncio.to_thread(systems.read_system, deployed.cloud, deployed.prefix, deployed.runtime)
    clock = Clock(options.minute)
    return Rehearsal(options, Stage(deployed.cloud, system, source, root, folder, deployed.ledger, clock))


def end_earlier_deployment(codedeploy: Any, deployment_id: str) -> str:
    """Complete a deployment that only waits to terminate its original tasks, else stop it; says which."""
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

"""The pipeline of a rehearsal: `ecs_blue_green.pipeline` runs it, and this notes what it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from ecs_blue_green import interpreters, pipeline
from ecs_blue_green.codebuild import artifacts, stand_ins
from ecs_blue_green.pipeline import Action, ActionResult, Definition, Execution, Workshop, run_stage
from ecs_blue_green.pipeline.deploy import Release
from ecs_blue_green.rehearsal.journal import Span
from ecs_blue_green.rehearsal.stage import Stage

# Traffic before a deployment, so that the alarms know the service as it was. Builds run meanwhile.
BEFORE_MINUTES = 2.0
# Carries out the deployment of a release by its action's configuration, and gives its id.
Deploy = Callable[[Mapping[str, str], Release], Awaitable[str]]


class PipelineFailed(Exception):
    """An action failed; the message names it and says why."""


class _Interrupted(Exception):
    """The rehearsal was interrupted: no further action is started or retried."""


class PipelineRun:
    """One execution of the pipeline, with the stage's source as what was pushed."""

    def __init__(self, stage: Stage, deploy: Deploy) -> None:
        self._cloud = stage.cloud
        self._clock = stage.clock
        self._journal = stage.journal
        self._source = stage.source
        # Where all that it makes is.
        self._folder = stage.folder / "artifacts"
        self._archive = self._folder / "commit.zip"
        self._deploy = deploy
        self._spans: dict[str, Span] = {}
        self._is_over = False

    async def pack(self) -> None:
        """Make the archive that the source action hands on."""
        await asyncio.to_thread(artifacts.pack, self._source.folder, self._archive)

    async def run(self, definition: Definition) -> None:
        """Run all stages, after `pack`. Raises PipelineFailed with the first action that failed for good."""
        execution = Execution(self._folder, self._source.commit, self._archive)
        workshop = self._workshop(definition, asyncio.get_running_loop())
        try:
            for stage in definition.stages:
                await self._run_stage(stage, execution, workshop)
        finally:
            self._is_over = True

    async def _run_stage(self, stage: pipeline.Stage, execution: Execution, workshop: Workshop) -> None:
        if stage.deploys:
            await self._clock.until(BEFORE_MINUTES)
        self._journal.note("stage", f"stage {stage.name}")
        result = await asyncio.to_thread(run_stage, stage, execution, workshop)
        for ended in result.attempts[-1]:
            if ended.failure:
                raise PipelineFailed(f"{ended.action} failed: {self._reason(ended)}")

    def _workshop(self, definition: Definition, loop: asyncio.AbstractEventLoop) -> Workshop:
        def deployment(configuration: Mapping[str, str], release: Release) -> str:
            async def deploy() -> str:
                return await self._deploy(configuration, release)

            return asyncio.run_coroutine_threadsafe(deploy(), loop).result()

        return Workshop(
            client=self._cloud.client,
            definition=definition,
            aws=self._cloud.environment(),
            path=[stand_ins.make_stand_ins(self._folder / "bin")],
            # It has what the install phase would install.
            ready=Path(interpreters.deployer()).parents[1],
            variables={"DOCKER_STATE": str(self._folder / "docker")},
            deployment=deployment,
            log=self._log,
            began=self._began,
            ended=self._ended,
        )

    # These three are called in the threads of the actions; each appends to a list, or to a file of its own.

    def _began(self, action: Action) -> None:
        if self._is_over:
            raise _Interrupted
        if action.name in self._spans:
            self._journal.note("stage", f"{action.name} is tried again", bad=True)
        self._spans[action.name] = self._journal.begin("action", action.name)

    def _ended(self, action: Action, result: ActionResult) -> None:
        self._journal.finish(self._spans[action.name], "Failed" if result.failure else "Succeeded")
        if result.failure:
            self._journal.note("action", f"{action.name} failed: {self._reason(result)}", bad=True)
        else:
            self._journal.note("action", f"{action.name}: {self._summary(action, result)}")

    def _log(self, action: str, line: str) -> None:
        with self._log_of(action).open("a") as file:
            file.write(line + "\n")

    def _log_of(self, action: str) -> Path:
        return self._folder / f"{action}.log"

    def _reason(self, result: ActionResult) -> str:
        """The failure in one line; the rest of what a build said is in its log."""
        first = result.failure.partition("\n")[0]
        log = self._log_of(result.action)
        return f"{first}; log: {log}" if log.exists() else first

    def _summary(self, action: Action, result: ActionResult) -> str:
        if action.provider != "CodeStarSourceConnection":
            return result.summary or "succeeded"
        left_out = self._source.uncommitted
        return f"commit {result.summary[:7]}" + (
            f", {left_out} uncommitted files left out" if left_out else ""
        )

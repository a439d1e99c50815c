"""The pipeline, run from its own definition: stages in order, actions by run order, artifacts handed on.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from local.rehearsal import build_action, stack_actions
from local.rehearsal.build_action import BuildFailed
from local.rehearsal.cloud import Cloud
from local.rehearsal.deploy_action import DeployActionFailed
from local.rehearsal.journal import Journal
from local.rehearsal.source import Source
from local.rehearsal.stack_actions import StackActionFailed

Action = Mapping[str, Any]
# Deploys the artifacts by an action's configuration, and says what it did; raises DeployActionFailed.
Deploy = Callable[[Mapping[str, str], Mapping[str, Path]], Awaitable[str]]


class PipelineFailed(Exception):
    """An action failed; the message names it and says why."""


class Execution:
    """One execution of a pipeline, with `source` as what was pushed; artifacts are folders below `folder`."""

    def __init__(self, cloud: Cloud, journal: Journal, source: Source, folder: Path, deploy: Deploy) -> None:
        self._cloud = cloud
        self._journal = journal
        self._source = source
        self._folder = folder
        self._deploy = deploy
        self._artifacts: dict[str, Path] = {}
        self._variables: dict[str, str] = {}

    async def run(self, pipeline: Mapping[str, Any]) -> None:
        """Run all stages. Raises PipelineFailed with the first action that failed."""
        for stage in pipeline["stages"]:
            self._journal.note("stage", f"stage {stage['name']}")
            try:
                await self._stage(stage)
            except PipelineFailed as error:
                if stage.get("onFailure", {}).get("result") != "RETRY":
                    raise
                self._journal.note("stage", f"{error}; stage {stage['name']} is retried", bad=True)
                await self._stage(stage)

    async def _stage(self, stage: Mapping[str, Any]) -> None:
        actions = stage["actions"]
        for order in sorted({action.get("runOrder", 1) for action in actions}):
            together = [action for action in actions if action.get("runOrder", 1) == order]
            # The stage waits for the actions that run beside a failed one.
            results = await asyncio.gather(*map(self._action, together), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _action(self, action: Action) -> None:
        span = self._journal.begin("action", action["name"])
        settings = {key: self._resolved(value) for key, value in action.get("configuration", {}).items()}
        try:
            what = await self._done(action, settings)
        except (BuildFailed, StackActionFailed, DeployActionFailed) as error:
            self._journal.finish(span, "Failed")
            self._journal.note("action", f"{action['name']} failed: {error}", bad=True)
            raise PipelineFailed(f"{action['name']} failed: {error}") from error
        except asyncio.CancelledError:
            self._journal.finish(span, "Stopped")
            raise
        self._journal.finish(span, "Succeeded")
        self._journal.note("action", f"{action['name']}: {what}")

    async def _done(self, action: Action, settings: Mapping[str, str]) -> str:
        """Carry out one action and say what it did."""
        match action["actionTypeId"]["provider"]:
            case "CodeStarSourceConnection":
                return self._take_source(action)
            case "CodeBuild":
                return await self._build(action, settings)
            case "CloudFormation":
                return await asyncio.to_thread(stack_actions.run, self._cloud, settings, self._artifacts)
            case "CodeDeployToECS":
                return await self._deploy(settings, self._artifacts)
            case "Manual":
                return "approved by the rehearsal"
            case other:
                raise BuildFailed(f"the rehearsal has no action of the provider {other}")

    def _take_source(self, action: Action) -> str:
        (output,) = action["outputArtifacts"]
        self._artifacts[output["name"]] = self._source.folder
        self._variables[f"{action.get('namespace', '')}.CommitId"] = self._source.commit
        kept_out = (
            f", {self._source.uncommitted} uncommitted files left out" if self._source.uncommitted else ""
        )
        return f"commit {self._source.commit[:7]}{kept_out}"

    async def _build(self, action: Action, settings: Mapping[str, str]) -> str:
        folder = self._folder / action["name"]
        folder.mkdir(parents=True, exist_ok=True)
        source = self._artifacts[action["inputArtifacts"][0]["name"]]
        output = await asyncio.to_thread(build_action.run, self._cloud, settings, source, folder)
        for artifact in action.get("outputArtifacts", []):
            self._artifacts[artifact["name"]] = output
        return f"{settings['ProjectName']} succeeded"

    def _resolved(self, text: str) -> str:
        """A configuration value with the variables of earlier actions in it (`#{Source.CommitId}`)."""
        return re.sub(r"#\{([^}]+)\}", lambda match: self._variables[match[1]], text)

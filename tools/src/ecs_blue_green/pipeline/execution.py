"""One execution of the pipeline: its actions, stage by stage, with the artifacts that they pass on."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ecs_blue_green import codebuild
from ecs_blue_green.pipeline import change_sets, deploy
from ecs_blue_green.pipeline.change_sets import ActionFailed
from ecs_blue_green.pipeline.definition import CODEBUILD, CODEDEPLOY, Action, Client, Definition, Stage

# The automatic retries of a stage: one.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-retry.html
AUTOMATIC_RETRIES = 1
DEPLOYMENT_SECONDS = 600.0
# The namespace of the pipeline's own variables.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
OF_PIPELINE = "variables"


@dataclass(frozen=True)
class ActionResult:
    """How an action ended: `failure` is "" when it succeeded, `summary` says what it did."""

    action: str
    seconds: float
    summary: str
    failure: str


@dataclass(frozen=True)
class Workshop:
    """What the actions work with, and who is told of them. Actions run side by side, in threads.

    client: the emulator's clients, by service.
    aws: the variables by which programs find the emulator (AWS_ENDPOINT_URL and credentials).
    path: folders with stand-ins for programs, first on a build's PATH.
    ready: a virtual environment for install phases, where there is one.
    variables: more variables for every build, such as DOCKER_STATE.
    deployment: carries out the deployment of a release, in the place of `deploy.start` and `deploy.wait`,
        and gives its id; it raises ActionFailed.
    log: is given each line of a build, with the action's name.
    began: is told of each action before it is run; what it raises ends the execution.
    ended: is told of each action that was run, with its result.
    """

    client: Client
    definition: Definition
    aws: Mapping[str, str]
    path: Sequence[Path] = ()
    ready: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    deployment: Callable[[Mapping[str, str], deploy.Release], str] | None = None
    log: Callable[[str, str], None] = lambda _action, _line: None
    began: Callable[[Action], None] = lambda _action: None
    ended: Callable[[Action, ActionResult], None] = lambda _action, _result: None


@dataclass
class Execution:
    """One execution: where its artifacts are, and the variables of its namespaces.

    Values of the pipeline's own variables, instead of their defaults, are in the namespace `variables`.
    """

    folder: Path
    commit_id: str
    source: Path
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    results: list[ActionResult] = field(default_factory=list)

    def artifact(self, name: str) -> Path:
        """Where the artifact of this name is, or will be."""
        return self.folder / f"{name}.zip"


@dataclass(frozen=True)
class StageResult:
    """How a stage ended, with the actions of its first and of each further attempt."""

    name: str
    attempts: tuple[tuple[ActionResult, ...], ...]

    @property
    def failure(self) -> str:
        """Why the last attempt failed, "" when it did not."""
        return next(
            (f"{result.action}: {result.failure}" for result in self.attempts[-1] if result.failure), ""
        )


def run_stage(stage: Stage, execution: Execution, workshop: Workshop) -> StageResult:
    """Run a stage, and retry it on failure as its `OnFailure` says."""
    attempts = [_attempt(stage, execution, workshop, done=set())]
    for _ in range(AUTOMATIC_RETRIES if stage.retry_mode else 0):
        failed = [result for result in attempts[-1] if result.failure]
        if not failed:
            break
        succeeded = {result.action for result in attempts[-1] if not result.failure}
        done = succeeded if stage.retry_mode == "FAILED_ACTIONS" else set()
        attempts.append(_attempt(stage, execution, workshop, done))
    return StageResult(stage.name, tuple(attempts))


def _attempt(
    stage: Stage, execution: Execution, workshop: Workshop, done: set[str]
) -> tuple[ActionResult, ...]:
    results: list[ActionResult] = []
    for actions in stage.run_orders:
        pending = [action for action in actions if action.name not in done]
        # One that fails does not stop those beside it; what comes after them does not begin.
        with ThreadPoolExecutor(max(1, len(pending))) as pool:
            ended = list(pool.map(lambda action: run_action(action, execution, workshop), pending))
        results += ended
        if any(result.failure for result in ended):
            break
    return tuple(results)


def run_action(action: Action, execution: Execution, workshop: Workshop) -> ActionResult:
    """Run one action; its result says why it failed."""
    workshop.began(action)
    started = time.monotonic()
    summary, failure = "", ""
    try:
        if action.provider not in _ACTIONS:
            raise ActionFailed(f"actions of the provider {action.provider} are not run here")
        summary = _ACTIONS[action.provider](action, execution, workshop)
    except ActionFailed as error:
        failure = str(error)
    result = ActionResult(action.name, time.monotonic() - started, summary, failure)
    execution.results.append(result)
    workshop.ended(action, result)
    return result


def _source(action: Action, execution: Execution, _workshop: Workshop) -> str:
    (output,) = action.outputs
    execution.artifact(output).parent.mkdir(parents=True, exist_ok=True)
    execution.artifact(output).write_bytes(execution.source.read_bytes())
    if action.namespace:
        execution.variables[action.namespace] = {"CommitId": execution.commit_id}
    return execution.commit_id


def _codebuild(action: Action, execution: Execution, workshop: Workshop) -> str:
    configuration = _configuration(action, execution, workshop)
    variables = {
        item["name"]: item["value"] for item in json.loads(configuration.get("EnvironmentVariables", "[]"))
    }
    project = workshop.definition.projects.get(configuration["ProjectName"])
    if project is None:
        raise ActionFailed(f"there is no build project {configuration['ProjectName']}")
    build = codebuild.run(
        project,
        execution.artifact(action.inputs[0]),
        output=execution.artifact(action.outputs[0] if action.outputs else f"{action.name}-none"),
        variables={**workshop.variables, **variables},
        machine=codebuild.Machine(workshop.path, workshop.aws, workshop.ready),
        log=lambda line: workshop.log(action.name, line),
    )
    if action.namespace:
        execution.variables[action.namespace] = build.exported
    if build.status != codebuild.SUCCEEDED:
        raise ActionFailed(f"{build.why}\n{build.text}")
    return ", ".join(build.files)


def _cloudformation(action: Action, execution: Execution, workshop: Workshop) -> str:
    configuration = _configuration(action, execution, workshop)
    client = workshop.client("cloudformation")
    match configuration["ActionMode"]:
        case "CHANGE_SET_REPLACE":
            return change_sets.replace(client, configuration, _inputs(action, execution))
        case "CHANGE_SET_EXECUTE":
            return change_sets.execute(client, configuration)
        case mode:
            raise ActionFailed(f"the action mode {mode} is not run here")


def _deploy(action: Action, execution: Execution, workshop: Workshop) -> str:
    configuration = _configuration(action, execution, workshop)
    release = deploy.register(workshop.client("ecs"), configuration, _inputs(action, execution))
    if workshop.deployment:
        deployment_id = workshop.deployment(configuration, release)
    else:
        client = workshop.client("codedeploy")
        deployment_id = deploy.start(client, configuration, release)
        deploy.wait(client, deployment_id, DEPLOYMENT_SECONDS)
    return f"{deployment_id} deployed {release.task_definition_arn.rpartition('/')[2]}"


def _approve(_action: Action, _execution: Execution, _workshop: Workshop) -> str:
    return "approved without asking: this is a rehearsal"


def _inputs(action: Action, execution: Execution) -> dict[str, Path]:
    return {name: execution.artifact(name) for name in action.inputs}


def _configuration(action: Action, execution: Execution, workshop: Workshop) -> dict[str, str]:
    """The configuration with the variables of earlier actions; one without a value fails the action."""

    values = execution.variables.get(OF_PIPELINE, {})
    known = {**execution.variables, OF_PIPELINE: {**workshop.definition.variables, **values}}

    def value(match: re.Match[str]) -> str:
        text = known.get(match[1], {}).get(match[2])
        if text is None:
            raise ActionFailed(f"{match[0]} has no value")
        return text

    return {key: re.sub(r"#\{(\w+)\.(\w+)\}", value, text) for key, text in action.configuration.items()}


_ACTIONS: dict[str, Callable[[Action, Execution, Workshop], str]] = {
    "CodeStarSourceConnection": _source,
    CODEBUILD: _codebuild,
    "CloudFormation": _cloudformation,
    CODEDEPLOY: _deploy,
    "Manual": _approve,
}

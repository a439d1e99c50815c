"""The pipeline and its build projects as they are deployed: the template, with its values filled in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ecs_blue_green.codebuild import Project, read_project

# Gives the client of a service, by botocore's name for it.
Client = Callable[[str], Any]

CODEBUILD = "CodeBuild"
CODEDEPLOY = "CodeDeployToECS"


@dataclass(frozen=True)
class Action:
    """An action with its configuration; values of other actions are still `#{Namespace.Name}` in it."""

    name: str
    provider: str
    run_order: int
    configuration: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    namespace: str | None


@dataclass(frozen=True)
class Stage:
    """A stage, and the retry mode of its `OnFailure`: ALL_ACTIONS, FAILED_ACTIONS or None."""

    name: str
    actions: tuple[Action, ...]
    retry_mode: str | None

    @property
    def run_orders(self) -> Iterator[list[Action]]:
        """The actions in their run order: those of one list run in parallel."""
        for order in sorted({action.run_order for action in self.actions}):
            yield [action for action in self.actions if action.run_order == order]

    @property
    def deploys(self) -> bool:
        """Whether one of its actions is a blue/green deployment."""
        return any(action.provider == CODEDEPLOY for action in self.actions)


@dataclass(frozen=True)
class Definition:
    """The pipeline: its stages, and the projects that its actions name, by name.

    `variables` are the pipeline's own with their defaults, `#{variables.Name}` in its actions.
    """

    name: str
    execution_mode: str
    stages: tuple[Stage, ...]
    projects: Mapping[str, Project]
    variables: Mapping[str, str] = field(default_factory=dict)

    def action(self, name: str) -> Action:
        """The action of this name. Raises KeyError."""
        for stage in self.stages:
            for action in stage.actions:
                if action.name == name:
                    return action
        raise KeyError(name)


def read_definition(client: Client, name: str) -> Definition:
    """The pipeline of this name.

    Raises botocore's ClientError when there is none, and codebuild.BadSpecification for a project that
    cannot be run here.
    """
    declared = client("codepipeline").get_pipeline(name=name)["pipeline"]
    stages = tuple(_stage(stage) for stage in declared["stages"])
    names = sorted(
        {
            action.configuration["ProjectName"]
            for stage in stages
            for action in stage.actions
            if action.provider == CODEBUILD
        }
    )
    projects = client("codebuild").batch_get_projects(names=names)["projects"] if names else []
    return Definition(
        name=name,
        execution_mode=declared.get("executionMode", "SUPERSEDED"),
        stages=stages,
        projects={
            project["name"]: read_project(project["name"], _properties(project)) for project in projects
        },
        variables={
            variable["name"]: variable["defaultValue"]
            for variable in declared.get("variables", [])
            if "defaultValue" in variable
        },
    )


def _stage(declared: Mapping[str, Any]) -> Stage:
    on_failure = declared.get("onFailure", {})
    retry = on_failure.get("retryConfiguration", {}) if on_failure.get("result") == "RETRY" else {}
    return Stage(
        name=declared["name"],
        actions=tuple(
            Action(
                name=action["name"],
                provider=action["actionTypeId"]["provider"],
                run_order=int(action.get("runOrder", 1)),
                configuration=action.get("configuration", {}),
                inputs=tuple(artifact["name"] for artifact in action.get("inputArtifacts", [])),
                outputs=tuple(artifact["name"] for artifact in action.get("outputArtifacts", [])),
                namespace=action.get("namespace"),
            )
            for action in declared["actions"]
        ),
        retry_mode=retry.get("retryMode"),
    )


def _properties(project: Mapping[str, Any]) -> dict[str, Any]:
    """A project as the API shows it, in the template's spelling."""
    environment = project["environment"]
    return {
        "Name": project["name"],
        "TimeoutInMinutes": project.get("timeoutInMinutes", 60),
        "Source": {"BuildSpec": project["source"]["buildspec"]},
        "Environment": {
            "PrivilegedMode": environment.get("privilegedMode", False),
            "EnvironmentVariables": [
                {"Name": item["name"], "Value": item["value"], "Type": item.get("type", "PLAINTEXT")}
                for item in environment.get("environmentVariables", [])
            ],
        },
    }

"""The pipeline and its build projects, read from the generated template and resolved against its stack."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.codebuild import Project, read_project
from stacks.effects import resolve

LAYER = "pipeline"
PIPELINE_TYPE = "AWS::CodePipeline::Pipeline"
PROJECT_TYPE = "AWS::CodeBuild::Project"

# Gives the client of a service, by botocore's name for it.
Client = Callable[[str], Any]


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
    """A stage, and what its `OnFailure` says about trying again: ALL_ACTIONS, FAILED_ACTIONS or None."""

    name: str
    actions: tuple[Action, ...]
    retry_mode: str | None

    @property
    def run_orders(self) -> Iterator[list[Action]]:
        """The actions in their order: those of a list run side by side."""
        for order in sorted({action.run_order for action in self.actions}):
            yield [action for action in self.actions if action.run_order == order]


@dataclass(frozen=True)
class Definition:
    """The pipeline: its stages under the conditions of this stack, and its projects by name."""

    name: str
    execution_mode: str
    stages: tuple[Stage, ...]
    projects: Mapping[str, Project]

    def action(self, name: str) -> Action:
        """The action of this name. Raises KeyError."""
        for stage in self.stages:
            for action in stage.actions:
                if action.name == name:
                    return action
        raise KeyError(name)


def read(template: Mapping[str, Any], stack_name: str, client: Client) -> Definition:
    """The pipeline of `template` as it is in the stack `stack_name`.

    Parameters, exports and the names of created resources are asked of CloudFormation; a parameter that
    the stack does not have yet is taken at its default. Raises KeyError when the stack does not exist.
    """
    scope = _scope(template, stack_name, client)
    resources = template["Resources"]
    (pipeline,) = (
        resolve.resolve(resource["Properties"], scope)
        for resource in resources.values()
        if resource["Type"] == PIPELINE_TYPE
    )
    projects = {
        title: read_project(title, resolve.resolve(resource["Properties"], scope))
        for title, resource in resources.items()
        if resource["Type"] == PROJECT_TYPE
    }
    return Definition(
        name=pipeline["Name"],
        execution_mode=pipeline.get("ExecutionMode", "SUPERSEDED"),
        stages=tuple(_stage(stage) for stage in pipeline["Stages"]),
        projects={project.name: project for project in projects.values()},
    )


def _stage(declared: Mapping[str, Any]) -> Stage:
    on_failure = declared.get("OnFailure", {})
    retry = on_failure.get("RetryConfiguration", {}) if on_failure.get("Result") == "RETRY" else {}
    return Stage(
        name=declared["Name"],
        actions=tuple(
            Action(
                name=action["Name"],
                provider=action["ActionTypeId"]["Provider"],
                run_order=int(action.get("RunOrder", 1)),
                configuration={key: str(value) for key, value in action.get("Configuration", {}).items()},
                inputs=tuple(artifact["Name"] for artifact in action.get("InputArtifacts", [])),
                outputs=tuple(artifact["Name"] for artifact in action.get("OutputArtifacts", [])),
                namespace=action.get("Namespace"),
            )
            for action in declared["Actions"]
        ),
        retry_mode=retry.get("RetryMode"),
    )


def _scope(template: Mapping[str, Any], stack_name: str, client: Client) -> resolve.Scope:
    cloudformation = client("cloudformation")
    stack = next(
        (
            found
            for page in cloudformation.get_paginator("describe_stacks").paginate()
            for found in page["Stacks"]
            if found["StackName"] == stack_name
        ),
        None,
    )
    if stack is None:
        raise KeyError(f"there is no stack {stack_name}")
    _, _, _, region, account, _ = stack["StackId"].split(":", 5)
    exports = {
        export["Name"]: export["Value"]
        for page in cloudformation.get_paginator("list_exports").paginate()
        for export in page["Exports"]
    }
    made = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        for resource in page["StackResourceSummaries"]
    }
    defaults = {
        name: str(declared["Default"])
        for name, declared in template.get("Parameters", {}).items()
        if "Default" in declared
    }
    given = {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    return resolve.Scope(
        layer=LAYER,
        template=template,
        parameters=defaults | given,
        pseudo=resolve.pseudo_parameters(account, region, stack_name),
        imported=exports.get,
        reference=lambda wanted: made.get(wanted.logical_id) if wanted.attribute is None else None,
    )

"""The trigger and the stages of the pipeline, written in the order in which their actions run."""

import json
from typing import Any, get_args

from troposphere import GetAtt, If, NoValue, Ref, Sub
from troposphere.codebuild import Project
from troposphere.codepipeline import (
    Actions,
    ActionTypeId,
    FailureConditions,
    GitBranchFilterCriteria,
    GitConfiguration,
    GitFilePathFilterCriteria,
    GitPushFilter,
    InputArtifacts,
    OutputArtifacts,
    PipelineTriggerDeclaration,
    RetryConfiguration,
    Stages,
    VariableDeclaration,
)
from troposphere.iam import Role

from templates._application import BUILD_STEPS, CODE
from templates._exports import import_value
from templates._steps import When
from templates.pipeline.artifacts import IMAGE, RELEASE, SOURCE
from templates.pipeline.build_projects import NO_REBUILD, REBUILD, BuildProjects
from templates.pipeline.connection import CONNECTION_ARN
from templates.pipeline.deployment_group import BlueGreen
from templates.pipeline.notifications import NOTIFICATION_TOPIC_ARN
from templates.pipeline.roles import CHANGE_SET_NAME, ActionRoles

# What a push can release: the application, and the generated task definition with this environment's values.
# Everything else is deployed by people. A filter holds at most 8 patterns (November 2026).
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitFilePathFilterCriteria.html
RELEASED_PATHS = (*CODE.released_paths, "build/task-definition.yaml", Sub("build/config/${Environment}/**"))

SOURCE_ACTION = "Source"
# https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
SOURCE_NAMESPACE = "Source"
COMMIT_ID = "#{Source.CommitId}"

CHANGE_SET = {"StackName": Ref("TaskDefinitionStackName"), "ChangeSetName": CHANGE_SET_NAME}

# Retry the whole stage: after a failed execution the change set no longer exists, so executing it again could
# only fail. https://github.com/aws/aws-cdk/issues/21677
RETRY_ALL_ACTIONS = FailureConditions(
    Result="RETRY", RetryConfiguration=RetryConfiguration(RetryMode="ALL_ACTIONS")
)


def trigger() -> PipelineTriggerDeclaration:
    """Starts the pipeline on a push to the branch that changes a released file."""
    return PipelineTriggerDeclaration(
        ProviderType="CodeStarSourceConnection",
        GitConfiguration=GitConfiguration(
            SourceActionName=SOURCE_ACTION,
            Push=[
                GitPushFilter(
                    Branches=GitBranchFilterCriteria(Includes=[Ref("GitHubBranch")]),
                    FilePaths=GitFilePathFilterCriteria(Includes=list(RELEASED_PATHS)),
                )
            ],
        ),
    )


def variables() -> list[VariableDeclaration]:
    """Variables of an execution that is started by hand."""
    return [
        VariableDeclaration(
            Name=REBUILD,
            # Without a default, a push could not start an execution. A default must not be empty.
            DefaultValue=NO_REBUILD,
            Description="Builds the commit again, for a newer base image: any part of a tag, such as a date",
        )
    ]


def stages(
    projects: BuildProjects, blue_green: BlueGreen, roles: ActionRoles, is_approval_required: str
) -> list[Stages | If]:
    """The actions of a release, in parallel or one after the other, as in the diagram of docs/pipeline.md.

    `is_approval_required` is the condition under which a person must approve the deployment.
    """
    source = _source(roles)
    verify = _codebuild("Verify", projects.verify, roles, inputs=[SOURCE])
    image_build = _codebuild(
        "ImageBuild", projects.image_build, roles, inputs=[SOURCE], outputs=[IMAGE], commit=True, rebuild=True
    )
    prepare = _prepare_task_definition(roles)
    execute = _execute_task_definition(roles)
    render = _codebuild("Render", projects.render, roles, inputs=[IMAGE], outputs=[RELEASE])
    steps = {
        when: [
            _codebuild(step.name, projects.steps[step.name], roles, inputs=[SOURCE], commit=True)
            for step in BUILD_STEPS
            if step.when == when
        ]
        for when in get_args(When)
    }
    approve = _approve()
    deploy = _deploy(blue_green, roles)
    tag_release = _codebuild(
        "TagRelease", projects.tag_release, roles, inputs=[RELEASE], commit=True, rebuild=True
    )
    return [
        stage("Source", source),
        stage(
            "Build",
            side_by_side(verify, image_build, prepare, *steps["build"]),
            then(execute),
            then(render),
            OnFailure=RETRY_ALL_ACTIONS,
        ),
        # A stage of its own: a retried deployment needs no second approval.
        If(is_approval_required, stage("Approve", approve), NoValue),
        stage(
            "Deploy",
            side_by_side(*steps["before deploy"]),
            then(deploy),
            side_by_side(tag_release, *steps["after deploy"]),
        ),
    ]


Step = list[Actions]


def side_by_side(*actions: Actions) -> Step:
    """Actions that start together."""
    return list(actions)


def then(step: Actions | Step) -> Step:
    """What starts when everything before it in its stage has succeeded."""
    return step if isinstance(step, list) else [step]


def stage(name: str, first: Actions | Step, *later: Step, **properties: Any) -> Stages:
    """A stage that runs these steps in turn: an action's `RunOrder` is the number of its step.

    A step without actions is none.
    """
    steps = [step for step in (then(first), *later) if step]
    for number, step in enumerate(steps, 1):
        for action in step:
            action.RunOrder = number
    return Stages(Name=name, Actions=[action for step in steps for action in step], **properties)


def _source(roles: ActionRoles) -> Actions:
    return _action(
        SOURCE_ACTION,
        ("Source", "CodeStarSourceConnection"),
        roles.source,
        {
            "ConnectionArn": CONNECTION_ARN,
            "FullRepositoryId": Sub("${GitHubOwner}/${GitHubRepository}"),
            "BranchName": Ref("GitHubBranch"),
            "OutputArtifactFormat": "CODE_ZIP",
            # The trigger does this, with its filter; this setting would start the pipeline on every push.
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html
            "DetectChanges": "false",
        },
        outputs=[SOURCE],
        Namespace=SOURCE_NAMESPACE,
    )


def _prepare_task_definition(roles: ActionRoles) -> Actions:
    return _action(
        "PrepareTaskDefinition",
        ("Deploy", "CloudFormation"),
        roles.cloudformation,
        {
            "ActionMode": "CHANGE_SET_REPLACE",
            **CHANGE_SET,
            # No Capabilities: the stack has no IAM resource, and a push cannot add one.
            "RoleArn": import_value("infrastructure", "TaskDefinitionStackRoleArn"),
            "TemplatePath": f"{SOURCE}::build/task-definition.yaml",
            "TemplateConfiguration": Sub(f"{SOURCE}::build/config/${{Environment}}/task-definition.json"),
        },
        inputs=[SOURCE],
    )


def _execute_task_definition(roles: ActionRoles) -> Actions:
    # Whether this pair of actions succeeds if nothing changes is UNVERIFIED in AWS's documentation; pipelines
    # that run it on every commit, changed or not, are common (CDK Pipelines).
    return _action(
        "ExecuteTaskDefinition",
        ("Deploy", "CloudFormation"),
        roles.cloudformation,
        {"ActionMode": "CHANGE_SET_EXECUTE", **CHANGE_SET},
    )


def _approve() -> Actions:
    """Manual approval, with a notification. It blocks later executions for up to seven days."""
    return Actions(
        Name="Approve",
        ActionTypeId=_action_type("Approval", "Manual"),
        Configuration={
            "CustomData": f"Deploy commit {COMMIT_ID}?",
            "NotificationArn": NOTIFICATION_TOPIC_ARN,
        },
    )


def _deploy(blue_green: BlueGreen, roles: ActionRoles) -> Actions:
    return _action(
        "Deploy",
        ("Deploy", "CodeDeployToECS"),
        roles.deploy,
        {
            "ApplicationName": Ref(blue_green.application),
            "DeploymentGroupName": Ref(blue_green.deployment_group),
            "TaskDefinitionTemplateArtifact": RELEASE,
            # Where the action looks by default: taskdef.json.
            "AppSpecTemplateArtifact": RELEASE,
            "AppSpecTemplatePath": "appspec.json",
            "Image1ArtifactName": RELEASE,
            # <IMAGE1_NAME> in taskdef.json.
            "Image1ContainerName": "IMAGE1_NAME",
        },
        # Three small files and nothing else: the action accepts no artifact of 3 MB or more (November 2026).
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
        inputs=[RELEASE],
    )


def _codebuild(
    name: str,
    project: Project,
    roles: ActionRoles,
    commit: bool = False,
    rebuild: bool = False,
    **properties: Any,
) -> Actions:
    """`commit`: whether the build gets the commit ID; `rebuild`: and whether it is built again."""
    configuration: dict[str, Any] = {"ProjectName": Ref(project)}
    variables = [{"name": "COMMIT_ID", "value": COMMIT_ID}] if commit else []
    if rebuild and CODE.rebuilds:
        variables.append({"name": "REBUILD", "value": f"#{{variables.{REBUILD}}}"})
    if variables:
        configuration["EnvironmentVariables"] = json.dumps(variables)
    return _action(name, ("Build", "CodeBuild"), roles.build, configuration, **properties)


def _action(
    name: str,
    category_and_provider: tuple[str, str],
    role: Role,
    configuration: dict[str, Any],
    inputs: tuple[str, ...] | list[str] = (),
    outputs: tuple[str, ...] | list[str] = (),
    **properties: Any,
) -> Actions:
    artifacts: dict[str, Any] = {}
    if inputs:
        artifacts["InputArtifacts"] = [InputArtifacts(Name=artifact) for artifact in inputs]
    if outputs:
        artifacts["OutputArtifacts"] = [OutputArtifacts(Name=artifact) for artifact in outputs]
    return Actions(
        Name=name,
        ActionTypeId=_action_type(*category_and_provider),
        RunOrder=1,  # until `stage` says where it stands
        RoleArn=GetAtt(role, "Arn"),
        Configuration=configuration,
        **artifacts,
        **properties,
    )


def _action_type(category: str, provider: str) -> ActionTypeId:
    return ActionTypeId(Category=category, Owner="AWS", Provider=provider, Version="1")

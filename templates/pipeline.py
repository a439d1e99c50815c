"""The release pipeline: from a push to a blue/green deployment.

Owns: the pipeline, its artifact bucket, build projects and roles; CodeDeploy's application and deployment
group; the alarms that stop a release. Imports: from every layer before it, `service-preference` excepted.
Exports: nothing.

Everything that belongs to one release happens in one locked stage, Build: the task-definition stack is
changed, and what it says then is written down for the deployment. Two pushes close together cannot mix.
"""

import json
from typing import Any

from troposphere import Equals, GetAtt, If, NoValue, Output, Parameter, Ref, Sub, Template
from troposphere.codepipeline import (
    Actions,
    ActionTypeId,
    ArtifactStore,
    FailureConditions,
    GitBranchFilterCriteria,
    GitConfiguration,
    GitFilePathFilterCriteria,
    GitPushFilter,
    InputArtifacts,
    OutputArtifacts,
    Pipeline,
    PipelineTriggerDeclaration,
    RetryConfiguration,
    Stages,
)
from troposphere.iam import Role

from templates._alarms import add_alarms
from templates._artifacts import IMAGE, RELEASE, SOURCE, add_artifact_bucket
from templates._blue_green import BlueGreen, add_blue_green
from templates._build_projects import BuildProjects, add_build_projects
from templates._exports import import_value
from templates._parameters import shared
from templates._pipeline_roles import (
    CHANGE_SET_NAME,
    ActionRoles,
    add_action_roles,
    add_pipeline_role,
    add_pipeline_role_policy,
)

# Variables that the source action gives: https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
SOURCE_NAMESPACE = "Source"
COMMIT_ID = "#{Source.CommitId}"

# What a push can release: the application, and the generated task definition with this environment's
# values. The rest of the repository is deployed by people. A filter holds at most 8 patterns.
RELEASED_PATHS = ("app/**", "build/task-definition.yaml", Sub("build/config/${Environment}/**"))

PLACEHOLDER = "IMAGE1_NAME"


def build() -> Template:
    """The pipeline layer's template."""
    t = Template(Description="Release pipeline with blue/green deployment")
    t.set_version()
    shared(t, "Project")
    shared(t, "Environment")
    _repository_parameters(t)
    require_approval = t.add_parameter(
        Parameter(
            "RequireApproval",
            Type="String",
            Description="Whether a person approves each release before it is deployed",
            AllowedValues=["true", "false"],
            Default="false",
        )
    )
    t.add_condition("IsApprovalRequired", Equals(Ref(require_approval), "true"))

    bucket = add_artifact_bucket(t)
    projects = add_build_projects(t, bucket)
    alarms = add_alarms(t)
    blue_green = add_blue_green(t, alarms)

    pipeline_role = add_pipeline_role(t)
    roles = add_action_roles(t, bucket, pipeline_role, projects)
    role_policy = add_pipeline_role_policy(t, bucket, pipeline_role, roles)

    pipeline = t.add_resource(
        Pipeline(
            "Pipeline",
            # The first execution starts at once, and the role alone may do nothing.
            DependsOn=[role_policy],
            Name=Sub("${Project}-${Environment}"),
            PipelineType="V2",
            # Each commit is released, in order; PARALLEL would start a second deployment of one group.
            ExecutionMode="QUEUED",
            RoleArn=GetAtt(pipeline_role, "Arn"),
            ArtifactStore=ArtifactStore(Type="S3", Location=Ref(bucket)),
            Triggers=[_trigger()],
            Stages=_stages(t, projects, blue_green, roles),
        )
    )

    t.add_output(Output("PipelineName", Description="Name of the pipeline", Value=Ref(pipeline)))
    t.add_output(
        Output("ArtifactBucketName", Description="Bucket of the pipeline's artifacts", Value=Ref(bucket))
    )
    t.add_output(
        Output(
            "CodeDeployApplicationName",
            Description="CodeDeploy's application",
            Value=Ref(blue_green.application),
        )
    )
    t.add_output(
        Output(
            "CodeDeployDeploymentGroupName",
            Description="CodeDeploy's deployment group",
            Value=Ref(blue_green.deployment_group),
        )
    )
    return t


def _repository_parameters(t: Template) -> None:
    for title, description, pattern, constraint in (
        (
            "GitHubOwner",
            "GitHub user or organization, as GitHub writes it (case matters)",
            "[A-Za-z0-9][A-Za-z0-9-]{0,38}",
            "must be 1 to 39 letters, digits and hyphens",
        ),
        (
            "GitHubRepository",
            "Name of the repository, as GitHub writes it (case matters)",
            "[A-Za-z0-9._-]{1,100}",
            "must be 1 to 100 letters, digits, dots, hyphens and underscores",
        ),
        (
            "GitHubBranch",
            "Branch whose pushes are released",
            r"[A-Za-z0-9._/-]{1,255}",
            "must be the name of a branch, without wildcards",
        ),
    ):
        t.add_parameter(
            Parameter(
                title,
                Type="String",
                Description=description,
                AllowedPattern=pattern,
                ConstraintDescription=constraint,
            )
        )


def _trigger() -> PipelineTriggerDeclaration:
    return PipelineTriggerDeclaration(
        ProviderType="CodeStarSourceConnection",
        GitConfiguration=GitConfiguration(
            SourceActionName="Source",
            Push=[
                GitPushFilter(
                    Branches=GitBranchFilterCriteria(Includes=[Ref("GitHubBranch")]),
                    FilePaths=GitFilePathFilterCriteria(Includes=list(RELEASED_PATHS)),
                )
            ],
        ),
    )


def _stages(t: Template, projects: BuildProjects, blue_green: BlueGreen, roles: ActionRoles) -> list[Any]:
    return [
        Stages(
            Name="Source",
            Actions=[
                _action(
                    "Source",
                    ("Source", "CodeStarSourceConnection"),
                    roles.source,
                    {
                        "ConnectionArn": import_value(t, "infrastructure", "ConnectionArn"),
                        "FullRepositoryId": Sub("${GitHubOwner}/${GitHubRepository}"),
                        "BranchName": Ref("GitHubBranch"),
                        "OutputArtifactFormat": "CODE_ZIP",
                        # A trigger with a filter takes the place of the plain detection of changes.
                        # https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html
                        "DetectChanges": "false",
                    },
                    outputs=[SOURCE],
                    Namespace=SOURCE_NAMESPACE,
                )
            ],
        ),
        Stages(
            Name="Build",
            Actions=[
                _build_action("Verify", projects.verify, roles, inputs=[SOURCE]),
                _build_action(
                    "ImageBuild", projects.image_build, roles, inputs=[SOURCE], outputs=[IMAGE], commit=True
                ),
                _cloudformation_action(
                    "PrepareTaskDefinition",
                    roles,
                    {
                        "ActionMode": "CHANGE_SET_REPLACE",
                        "RoleArn": import_value(t, "infrastructure", "TaskDefinitionStackRoleArn"),
                        "TemplatePath": f"{SOURCE}::build/task-definition.yaml",
                        "TemplateConfiguration": Sub(
                            f"{SOURCE}::build/config/${{Environment}}/task-definition.json"
                        ),
                        # No Capabilities: the stack holds no IAM resource, and a push cannot add one.
                    },
                    inputs=[SOURCE],
                ),
                _cloudformation_action(
                    "ExecuteTaskDefinition", roles, {"ActionMode": "CHANGE_SET_EXECUTE"}, RunOrder=2
                ),
                _build_action(
                    "Render", projects.render, roles, inputs=[IMAGE], outputs=[RELEASE], RunOrder=3
                ),
            ],
            # All of it: the change set is gone when its execution has failed, so that executing again alone
            # would fail for ever. https://github.com/aws/aws-cdk/issues/21677
            OnFailure=FailureConditions(
                Result="RETRY", RetryConfiguration=RetryConfiguration(RetryMode="ALL_ACTIONS")
            ),
        ),
        # A stage of its own: a deployment that is tried again is not asked about again.
        If("IsApprovalRequired", _approval(), NoValue),
        Stages(
            Name="Deploy",
            Actions=[
                _action(
                    "Deploy",
                    ("Deploy", "CodeDeployToECS"),
                    roles.deploy,
                    {
                        "ApplicationName": Ref(blue_green.application),
                        "DeploymentGroupName": Ref(blue_green.deployment_group),
                        "TaskDefinitionTemplateArtifact": RELEASE,
                        "TaskDefinitionTemplatePath": "taskdef.json",
                        "AppSpecTemplateArtifact": RELEASE,
                        "AppSpecTemplatePath": "appspec.json",
                        "Image1ArtifactName": RELEASE,
                        "Image1ContainerName": PLACEHOLDER,
                    },
                    # Never the source: this action takes artifacts of less than 3 MB.
                    inputs=[RELEASE],
                ),
                _build_action(
                    "TagRelease", projects.tag_release, roles, inputs=[RELEASE], commit=True, RunOrder=2
                ),
            ],
        ),
    ]


def _approval() -> Stages:
    return Stages(
        Name="Approve",
        Actions=[
            Actions(
                Name="Approve",
                ActionTypeId=_action_type("Approval", "Manual"),
                Configuration={"CustomData": f"Deploy commit {COMMIT_ID}?"},
            )
        ],
    )


def _build_action(
    name: str, project: Any, roles: ActionRoles, commit: bool = False, **properties: Any
) -> Actions:
    configuration: dict[str, Any] = {"ProjectName": Ref(project)}
    if commit:
        configuration["EnvironmentVariables"] = json.dumps([{"name": "COMMIT_ID", "value": COMMIT_ID}])
    return _action(name, ("Build", "CodeBuild"), roles.build, configuration, **properties)


def _cloudformation_action(
    name: str, roles: ActionRoles, configuration: dict[str, Any], **properties: Any
) -> Actions:
    stack = {"StackName": Ref("TaskDefinitionStackName"), "ChangeSetName": CHANGE_SET_NAME}
    return _action(
        name, ("Deploy", "CloudFormation"), roles.cloudformation, {**configuration, **stack}, **properties
    )


def _action(
    name: str,
    category_and_provider: tuple[str, str],
    role: Role,
    configuration: dict[str, Any],
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    **properties: Any,
) -> Actions:
    if inputs:
        properties["InputArtifacts"] = [InputArtifacts(Name=artifact) for artifact in inputs]
    if outputs:
        properties["OutputArtifacts"] = [OutputArtifacts(Name=artifact) for artifact in outputs]
    properties.setdefault("RunOrder", 1)
    return Actions(
        Name=name,
        ActionTypeId=_action_type(*category_and_provider),
        RoleArn=GetAtt(role, "Arn"),
        Configuration=configuration,
        **properties,
    )


def _action_type(category: str, provider: str) -> ActionTypeId:
    return ActionTypeId(Category=category, Owner="AWS", Provider=provider, Version="1")

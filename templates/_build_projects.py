"""The CodeBuild projects of the pipeline, each with a log group and a role of its own.

Their build specifications are embedded: a push to the repository cannot change what a step with rights does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import awacs.cloudformation
import awacs.ecr
import awacs.ecs
import awacs.logs
from awacs.aws import Action, Allow, SourceArn, Statement, StringEquals
from troposphere import GetAtt, Parameter, Ref, Sub, Template
from troposphere.codebuild import (
    Artifacts,
    CloudWatchLogs,
    Environment,
    EnvironmentVariable,
    LogsConfig,
    Project,
    Source,
)
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup
from troposphere.s3 import Bucket

from templates._artifacts import IMAGE, RELEASE, SOURCE, artifact_access
from templates._exports import import_value
from templates._iam import policy, trust
from templates._parameters import shared

BUILDSPECS = Path(__file__).parent / "buildspecs"
TIMEOUT_MINUTES = 30

# Asking for an image and its digest by tag; needed wherever an immutable tag must be looked up first.
FIND_IMAGE = [awacs.ecr.BatchGetImage]
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
PUSH_IMAGE = [
    awacs.ecr.BatchCheckLayerAvailability,
    awacs.ecr.InitiateLayerUpload,
    awacs.ecr.UploadLayerPart,
    awacs.ecr.CompleteLayerUpload,
    awacs.ecr.PutImage,
]


class BuildProjects(NamedTuple):
    """The projects by what they do."""

    verify: Project
    image_build: Project
    render: Project
    tag_release: Project


def add_build_projects(t: Template, bucket: Bucket) -> BuildProjects:
    """The four projects; each role reads and writes the artifacts of its step only."""
    t.add_parameter(
        Parameter(
            "BuildImage",
            Type="String",
            Description="CodeBuild's image for the build steps, with bash, the AWS CLI, Python and docker",
            Default="aws/codebuild/amazonlinux-x86_64-standard:5.0",
            AllowedPattern=r"aws/codebuild/[a-z0-9_.:/-]+",
            ConstraintDescription="must be an image that CodeBuild provides (aws/codebuild/...)",
        )
    )
    repository = {
        "REPOSITORY_NAME": import_value(t, "container-repository", "RepositoryName"),
        "REPOSITORY_URI": import_value(t, "container-repository", "RepositoryUri"),
    }
    repository_arn = import_value(t, "container-repository", "RepositoryArn")
    container = {
        "CONTAINER_NAME": import_value(t, "task-definition", "ContainerName"),
        "CONTAINER_PORT": import_value(t, "task-definition", "ContainerPort"),
        "TASK_DEFINITION_STACK_NAME": Ref("TaskDefinitionStackName"),
    }

    return BuildProjects(
        verify=_project(
            t, "Verify", "verify", "Checks the pushed commit", artifact_access(bucket, reads=[SOURCE])
        ),
        image_build=_project(
            t,
            "ImageBuild",
            "image-build",
            "Builds and pushes the image of the pushed commit",
            [
                *artifact_access(bucket, reads=[SOURCE], writes=[IMAGE]),
                # Has no resource: the token is for the registry.
                _allow([awacs.ecr.GetAuthorizationToken], "*"),
                _allow([*FIND_IMAGE, *PUSH_IMAGE], repository_arn),
            ],
            repository,
            # The docker daemon needs it.
            privileged=True,
        ),
        render=_project(
            t,
            "Render",
            "render",
            "Writes the task definition and the AppSpec of the release",
            [
                *artifact_access(bucket, reads=[IMAGE], writes=[RELEASE]),
                _allow([awacs.cloudformation.DescribeStacks], task_definition_stack_arn()),
                # Has no resource type.
                _allow([awacs.ecs.DescribeTaskDefinition], "*"),
            ],
            container,
        ),
        tag_release=_project(
            t,
            "TagRelease",
            "tag-release",
            "Tags the image that has been deployed",
            [
                *artifact_access(bucket, reads=[RELEASE]),
                _allow([*FIND_IMAGE, awacs.ecr.PutImage], repository_arn),
            ],
            {"REPOSITORY_NAME": repository["REPOSITORY_NAME"]},
        ),
    )


def task_definition_stack_arn() -> Sub:
    """ARN of the only stack that the pipeline touches; its last part is new with each creation."""
    return Sub(
        "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}"
        ":stack/${TaskDefinitionStackName}/*"
    )


def _project(
    t: Template,
    title: str,
    slug: str,
    description: str,
    statements: Sequence[Statement],
    variables: dict[str, Any] | None = None,
    privileged: bool = False,
) -> Project:
    """Log group, role and project of one step; the specification is `buildspecs/<slug>.yml`."""
    name = f"${{Project}}-${{Environment}}-{slug}"
    log_group = t.add_resource(
        LogGroup(
            f"{title}LogGroup",
            LogGroupName=Sub(f"/aws/codebuild/{name}"),
            RetentionInDays=Ref(shared(t, "LogRetentionDays")),
        )
    )
    role = t.add_resource(
        Role(
            f"{title}Role",
            Description=description,
            # https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html
            AssumeRolePolicyDocument=trust(
                "codebuild.amazonaws.com",
                StringEquals(
                    {
                        SourceArn: Sub(
                            "arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}"
                            f":project/{name}"
                        )
                    }
                ),
            ),
            Policies=[
                Policy(
                    PolicyName=title,
                    PolicyDocument=policy(
                        # Not CreateLogGroup: the group is there, with its retention.
                        _allow(
                            [awacs.logs.CreateLogStream, awacs.logs.PutLogEvents], GetAtt(log_group, "Arn")
                        ),
                        *statements,
                    ),
                )
            ],
        )
    )
    return t.add_resource(
        Project(
            f"{title}Project",
            Name=Sub(name),
            ServiceRole=GetAtt(role, "Arn"),
            Source=Source(Type="CODEPIPELINE", BuildSpec=(BUILDSPECS / f"{slug}.yml").read_text()),
            Artifacts=Artifacts(Type="CODEPIPELINE"),
            Environment=Environment(
                Type="LINUX_CONTAINER",
                ComputeType="BUILD_GENERAL1_SMALL",
                Image=Ref("BuildImage"),
                PrivilegedMode=privileged,
                EnvironmentVariables=[
                    EnvironmentVariable(Name=key, Value=value) for key, value in (variables or {}).items()
                ],
            ),
            LogsConfig=LogsConfig(CloudWatchLogs=CloudWatchLogs(Status="ENABLED", GroupName=Ref(log_group))),
            TimeoutInMinutes=TIMEOUT_MINUTES,
        )
    )


def _allow(actions: list[Action], resource: Any) -> Statement:
    return Statement(Effect=Allow, Action=actions, Resource=[resource])

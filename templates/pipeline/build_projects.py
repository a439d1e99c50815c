"""The CodeBuild projects of the pipeline, each with its own log group and role.

The buildspecs are part of the template: a push cannot change what a step with permissions does.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import awacs.cloudformation
import awacs.ecr
import awacs.ecs
import awacs.logs
from awacs.aws import SourceArn, Statement, StringEquals
from troposphere import GetAtt, If, Join, Ref, Sub, Template
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

from templates._application import ASSIGN_PUBLIC_IP, BUILD_STEPS, CODE, REGISTRY_LOGINS
from templates._containers import Secret
from templates._exports import import_value
from templates._iam import allow, arn, policy, trust
from templates._parameters import has, is_arm, log_key, optional_value
from templates._steps import (
    BuildStep,
    StoredParameter,
    login_commands,
    login_secrets,
    secret_statements,
    secret_variables,
    specification,
)
from templates.pipeline.artifacts import IMAGE, RELEASE, SOURCE, artifact_access

BUILDSPECS = Path(__file__).parent / "buildspecs"
TIMEOUT_MINUTES = 30
# Used instead of capacity providers: the service keeps the launch type with which it was created.
LAUNCH_TYPE = "launch-type"

# The pipeline variable that makes a commit be built again, and its value in every other execution.
REBUILD, NO_REBUILD = "Rebuild", "none"
# If a commit is built again, its image gets another tag, because tags are immutable. Together with release-
# it has at most 128 characters.
REBUILD_COMMANDS = [
    "case $REBUILD in *[!A-Za-z0-9_.-]*)"
    f' echo "error: {REBUILD} must be a part of a tag: A-Z a-z 0-9 _ . -" >&2; exit 1 ;; esac',
    f'if [ "$REBUILD" != {NO_REBUILD} ]; then COMMIT_ID=$COMMIT_ID-$REBUILD; fi',
]

# The only stack that the pipeline changes; the last part of its ARN changes each time it is created.
TASK_DEFINITION_STACK_ARN = arn("cloudformation", "stack/${TaskDefinitionStackName}/*")

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
PUSH_IMAGE = [
    awacs.ecr.BatchCheckLayerAvailability,
    awacs.ecr.InitiateLayerUpload,
    awacs.ecr.UploadLayerPart,
    awacs.ecr.CompleteLayerUpload,
    awacs.ecr.PutImage,
]


class BuildProjects(NamedTuple):
    """The projects by purpose; `steps` are the team's own, by name."""

    verify: Project
    image_build: Project
    render: Project
    tag_release: Project
    steps: dict[str, Project]

    @property
    def all(self) -> list[Project]:
        """All projects, those of the team last."""
        return [self.verify, self.image_build, self.render, self.tag_release, *self.steps.values()]


def add_build_projects(t: Template, bucket: Bucket) -> BuildProjects:
    """The four projects and those of `BUILD_STEPS`: each role has the artifacts and secrets of its step."""
    repository_arn = import_value("container-repository", "RepositoryArn")
    repository_name = import_value("container-repository", "RepositoryName")
    # Runs pushed code. It can read the commit, and its only output is its exit status.
    verify = _project(t, "Verify", artifact_access(bucket, reads=[SOURCE]), variables={})
    # Runs pushed code too: the Dockerfile's.
    image_build = _project(
        t,
        "ImageBuild",
        [
            *artifact_access(bucket, reads=[SOURCE], writes=[IMAGE]),
            # The token is for the whole registry; the action does not support resource-level permissions.
            allow([awacs.ecr.GetAuthorizationToken], "*"),
            allow([awacs.ecr.BatchGetImage, *PUSH_IMAGE], repository_arn),
            *secret_statements(login_secrets(REGISTRY_LOGINS)),
        ],
        secrets=login_secrets(REGISTRY_LOGINS),
        variables={
            "REPOSITORY_NAME": repository_name,
            "REPOSITORY_URI": import_value("container-repository", "RepositoryUri"),
        },
        # The docker daemon needs it.
        PrivilegedMode=True,
    )
    container = {
        "CONTAINER_NAME": import_value("task-definition", "ContainerName"),
        "CONTAINER_PORT": import_value("task-definition", "ContainerPort"),
    }
    render = _project(
        t,
        "Render",
        [
            *artifact_access(bucket, reads=[IMAGE], writes=[RELEASE]),
            allow([awacs.cloudformation.DescribeStacks], TASK_DEFINITION_STACK_ARN),
            # It does not support resource-level permissions.
            allow([awacs.ecs.DescribeTaskDefinition], "*"),
        ],
        variables={
            "TASK_DEFINITION_STACK_NAME": Ref("TaskDefinitionStackName"),
            **container,
            # Settings of the service that a release changes, because its stack cannot. Never taken from what
            # was pushed.
            "SUBNET_IDS": Join(",", Ref("PrivateSubnetIds")),
            "SECURITY_GROUP_ID": import_value("infrastructure", "ServiceSecurityGroupId"),
            "ASSIGN_PUBLIC_IP": ASSIGN_PUBLIC_IP,
            "PLATFORM_VERSION": Ref("PlatformVersion"),
            # Not empty: whether CodeBuild takes a variable without a value is not documented.
            "CAPACITY_PROVIDERS": If(
                has(t, "CapacityProviderStrategy"), Ref("CapacityProviderStrategy"), LAUNCH_TYPE
            ),
            "SMOKE_TEST": Ref("SmokeTest"),
            "SMOKE_TEST_FUNCTION_NAME": import_value("service-preference", "SmokeTestFunctionName"),
        },
    )
    tag_release = _project(
        t,
        "TagRelease",
        [
            *artifact_access(bucket, reads=[RELEASE]),
            allow([awacs.ecr.BatchGetImage, awacs.ecr.PutImage], repository_arn),
        ],
        variables={"REPOSITORY_NAME": repository_name},
    )
    steps = {step.name: _step(t, step, bucket) for step in BUILD_STEPS}
    return BuildProjects(verify, image_build, render, tag_release, steps)


def _step(t: Template, step: BuildStep, bucket: Bucket) -> Project:
    return _project(
        t,
        step.name,
        [
            *artifact_access(bucket, reads=[SOURCE]),
            *secret_statements(step.secrets),
            *step.statements,
        ],
        variables={},
        secrets=step.secrets,
        buildspec=specification(step),
    )


def _project(
    t: Template,
    title: str,
    statements: list[Statement],
    variables: dict[str, Any],
    secrets: Sequence[Secret | StoredParameter] = (),
    buildspec: str = "",
    **environment: Any,
) -> Project:
    """Log group, role and project of the step `ImageBuild`; without `buildspec` it is `image-build.yml`."""
    slug = re.sub("(?<!^)([A-Z])", r"-\1", title).lower()
    name = f"${{Project}}-${{Environment}}-{slug}"
    log_group = t.add_resource(
        LogGroup(
            f"{title}LogGroup",
            LogGroupName=Sub(f"/aws/codebuild/{name}"),
            RetentionInDays=Ref("LogRetentionDays"),
            KmsKeyId=log_key(t),
        )
    )
    role = t.add_resource(
        Role(
            f"{title}Role",
            # https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html
            AssumeRolePolicyDocument=trust(
                "codebuild.amazonaws.com", StringEquals({SourceArn: arn("codebuild", f"project/{name}")})
            ),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=[
                Policy(
                    PolicyName=title,
                    PolicyDocument=policy(
                        # Not CreateLogGroup: the log group exists, with its retention.
                        allow(
                            [awacs.logs.CreateLogStream, awacs.logs.PutLogEvents], GetAtt(log_group, "Arn")
                        ),
                        *statements,
                    ),
                )
            ],
        )
    )
    if variables or secrets:
        environment["EnvironmentVariables"] = [
            *(EnvironmentVariable(Name=key, Value=value) for key, value in variables.items()),
            *secret_variables(secrets),
        ]
    return t.add_resource(
        Project(
            f"{title}Project",
            Name=Sub(name),
            ServiceRole=GetAtt(role, "Arn"),
            Source=Source(Type="CODEPIPELINE", BuildSpec=buildspec or build_specification(slug)),
            Artifacts=Artifacts(Type="CODEPIPELINE"),
            Environment=Environment(
                # https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html
                Type=If(is_arm(t), "ARM_CONTAINER", "LINUX_CONTAINER"),
                ComputeType="BUILD_GENERAL1_SMALL",
                Image=If(is_arm(t), Ref("ArmBuildImage"), Ref("BuildImage")),
                **environment,
            ),
            LogsConfig=LogsConfig(CloudWatchLogs=CloudWatchLogs(Status="ENABLED", GroupName=Ref(log_group))),
            TimeoutInMinutes=TIMEOUT_MINUTES,
        )
    )


def build_specification(slug: str) -> str:
    """The buildspec without its comment lines, because the length of a template is limited.

    A line that begins with # must be a comment there, in YAML, bash and Python. Three stand for what
    `_application.py` says: `# REGISTRY_LOGINS`, `# REBUILD`, and `@CODE@` in a line for what the image is
    built from.
    """
    lines = []
    for line in (BUILDSPECS / f"{slug}.yml").read_text().splitlines(keepends=True):
        text = line.strip()
        if text in inserts():
            lines += [line.replace(text, command) for command in inserts()[text]]
        elif not text.startswith("#"):
            lines.append(line)
    return "".join(lines).replace("@CODE@", CODE.build_arguments)


def inserts() -> dict[str, list[str]]:
    """The commands that replace a comment in the buildspecs."""
    return {
        "# REGISTRY_LOGINS": login_commands(REGISTRY_LOGINS),
        "# REBUILD": REBUILD_COMMANDS if CODE.rebuilds else [],
    }

"""The pipeline's role and the roles of its actions: each may do what its action does, and no more.

The role of an action trusts only the pipeline's role. The pipeline's permission to assume these roles is a
separate policy, so that neither role must exist before the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import awacs.cloudformation
import awacs.codebuild
import awacs.codeconnections
import awacs.codedeploy
import awacs.codestar_connections
import awacs.ecs
import awacs.iam
import awacs.s3
import awacs.sns
import awacs.sts
from awacs.aws import Allow, Principal, Statement, StringEquals, StringEqualsIfExists
from troposphere import GetAtt, ImportValue, Ref, Template
from troposphere.codebuild import Project
from troposphere.iam import ManagedPolicy, Policy, Role
from troposphere.s3 import Bucket

from templates._application import TASK_DEFINITION_ARNS
from templates._exports import import_value
from templates._iam import allow, arn, policy, trust
from templates._parameters import optional_value
from templates.pipeline.artifacts import EVERY, RELEASE, SOURCE, artifact_access, artifact_objects
from templates.pipeline.build_projects import TASK_DEFINITION_STACK_ARN
from templates.pipeline.connection import CONNECTION_ARN
from templates.pipeline.deployment_group import BlueGreen
from templates.pipeline.notifications import NOTIFICATION_TOPIC_ARN

# One at a time, created and executed in one locked stage.
CHANGE_SET_NAME = "pipeline"


class ActionRoles(NamedTuple):
    """The roles by the kind of action that runs with them."""

    source: Role
    build: Role
    cloudformation: Role
    deploy: Role


def add_pipeline_role(t: Template) -> Role:
    """The pipeline's role, without permissions yet."""
    # CodePipeline documents no condition key against the confused deputy problem: a condition could lock it
    # out.
    return t.add_resource(
        Role(
            "PipelineRole",
            AssumeRolePolicyDocument=trust("codepipeline.amazonaws.com"),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
        )
    )


def add_action_roles(
    t: Template, bucket: Bucket, pipeline_role: Role, projects: Sequence[Project], blue_green: BlueGreen
) -> ActionRoles:
    """The four roles. The pipeline's approval needs none."""
    return ActionRoles(
        source=_action_role(
            t,
            "SourceActionRole",
            pipeline_role,
            _source_statements(bucket),
        ),
        build=_action_role(t, "BuildActionRole", pipeline_role, _build_statements(projects)),
        cloudformation=_action_role(
            t,
            "CloudFormationActionRole",
            pipeline_role,
            _cloudformation_statements(bucket),
        ),
        deploy=_action_role(t, "DeployActionRole", pipeline_role, _deploy_statements(bucket, blue_green)),
    )


def add_pipeline_policy(
    t: Template, bucket: Bucket, pipeline_role: Role, roles: ActionRoles
) -> ManagedPolicy:
    """The pipeline's own permissions: assume its actions' roles, store artifacts, notify of an approval."""
    return t.add_resource(
        ManagedPolicy(
            "PipelineManagedPolicy",
            Roles=[Ref(pipeline_role)],
            PolicyDocument=policy(
                allow([awacs.sts.AssumeRole], *(GetAtt(role, "Arn") for role in roles)),
                *artifact_access(bucket, reads=[EVERY], writes=[EVERY]),
                # https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-service-role-permissions.html
                allow([awacs.sns.Publish], NOTIFICATION_TOPIC_ARN),
            ),
        )
    )


def _source_statements(bucket: Bucket) -> list[Statement]:
    return [
        # Both prefixes, because the ARN of a connection can begin with either.
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html
        allow(
            [awacs.codeconnections.UseConnection, awacs.codestar_connections.UseConnection],
            CONNECTION_ARN,
        ),
        # AWS documents the permissions to read and to write together; what is read are the action's own
        # artifacts.
        *artifact_access(bucket, reads=[SOURCE]),
        # The action sends an ACL with its upload and fails without this permission, although the bucket
        # ignores ACLs. https://github.com/aws/aws-cdk/issues/13557
        allow([awacs.s3.PutObject, awacs.s3.PutObjectAcl], artifact_objects(bucket, SOURCE)),
    ]


def _build_statements(projects: Sequence[Project]) -> list[Statement]:
    return [
        allow(
            [awacs.codebuild.StartBuild, awacs.codebuild.StopBuild, awacs.codebuild.BatchGetBuilds],
            *(GetAtt(project, "Arn") for project in projects),
        )
    ]


def _cloudformation_statements(bucket: Bucket) -> list[Statement]:
    stack_role_arn = import_value("infrastructure", "TaskDefinitionStackRoleArn")
    of_ours = StringEqualsIfExists({"cloudformation:ChangeSetName": CHANGE_SET_NAME})
    return [
        # Only a change set that CloudFormation executes with the role for this stack.
        allow(
            [awacs.cloudformation.CreateChangeSet],
            TASK_DEFINITION_STACK_ARN,
            when=[StringEquals({"cloudformation:RoleArn": stack_role_arn}), of_ours],
        ),
        allow(
            [
                awacs.cloudformation.DescribeChangeSet,
                awacs.cloudformation.DeleteChangeSet,
                awacs.cloudformation.ExecuteChangeSet,
            ],
            TASK_DEFINITION_STACK_ARN,
            when=[of_ours],
        ),
        allow(
            # With the events, a failed action shows the reason of the resource that failed. The template
            # configuration has tags; AWS does not document whether CreateChangeSet needs permissions of its
            # own for them.
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
            [
                awacs.cloudformation.DescribeStacks,
                awacs.cloudformation.DescribeStackEvents,
                awacs.cloudformation.TagResource,
                awacs.cloudformation.UntagResource,
            ],
            TASK_DEFINITION_STACK_ARN,
        ),
        _pass_role(["cloudformation.amazonaws.com"], stack_role_arn),
        # CloudFormation gets a signed URL of the template, extracted from its artifact. Where in the bucket
        # it is stored is not documented: permission for one artifact could be too narrow to sign it.
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
        *artifact_access(bucket, reads=[EVERY]),
    ]


def _deploy_statements(bucket: Bucket, blue_green: BlueGreen) -> list[Statement]:
    application = f"${{{blue_green.application.title}}}"
    deployment_group = f"${{{blue_green.deployment_group.title}}}"
    return [
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
        allow(
            [awacs.codedeploy.CreateDeployment, awacs.codedeploy.GetDeployment],
            arn("codedeploy", f"deploymentgroup:{application}/{deployment_group}"),
        ),
        allow(
            [
                awacs.codedeploy.GetApplication,
                awacs.codedeploy.GetApplicationRevision,
                awacs.codedeploy.RegisterApplicationRevision,
            ],
            arn("codedeploy", f"application:{application}"),
        ),
        allow(
            [awacs.codedeploy.GetDeploymentConfig],
            arn("codedeploy", "deploymentconfig:${DeploymentConfigName}"),
        ),
        # The action's documentation gives "*" only; that IAM supports the family as resource, as its
        # reference of 2026 says, is UNVERIFIED. The next statement limits the action: a task definition can
        # use no roles but these.
        allow([awacs.ecs.RegisterTaskDefinition], "*"),
        _pass_role(
            ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"],
            import_value("infrastructure", "TaskRoleArn"),
            import_value("infrastructure", "TaskExecutionRoleArn"),
        ),
        allow(
            [awacs.ecs.TagResource],
            *TASK_DEFINITION_ARNS,
            when=[StringEquals({"ecs:CreateAction": "RegisterTaskDefinition"})],
        ),
        *artifact_access(bucket, reads=[RELEASE]),
    ]


def _action_role(t: Template, title: str, pipeline_role: Role, statements: list[Statement]) -> Role:
    return t.add_resource(
        Role(
            title,
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Action=[awacs.sts.AssumeRole],
                    Principal=Principal("AWS", [GetAtt(pipeline_role, "Arn")]),
                )
            ),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=[Policy(PolicyName=title.removesuffix("Role"), PolicyDocument=policy(*statements))],
        )
    )


def _pass_role(services: list[str], *role_arns: ImportValue) -> Statement:
    passed_to = StringEquals({"iam:PassedToService": services})
    return allow([awacs.iam.PassRole], *role_arns, when=[passed_to])

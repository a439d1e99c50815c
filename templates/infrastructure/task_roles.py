"""Task role, task execution role, and CloudFormation's role for the task-definition stack."""

from typing import NamedTuple

import awacs.ecr
import awacs.ecs
import awacs.iam
import awacs.logs
import awacs.secretsmanager
import awacs.ssm
import awacs.ssmmessages
from awacs.aws import ArnLike, PolicyDocument, SourceAccount, SourceArn, StringEquals
from troposphere import AccountId, GetAtt, If, NoValue, Template
from troposphere.iam import Policy, Role

from templates import _application, _containers
from templates._exports import export
from templates._iam import allow, arn, policy, trust
from templates._parameters import is_execute_command_enabled, optional_value


class TaskRoles(NamedTuple):
    """The two roles that a task definition names."""

    task: Role
    execution: Role


def add_task_roles(t: Template) -> TaskRoles:
    """The task role, and the role with which ECS starts tasks."""
    return TaskRoles(task=_task_role(t), execution=_task_execution_role(t))


def _task_role(t: Template) -> Role:
    # Permissions of the application: none, until you add a policy here.
    task_role = t.add_resource(
        Role(
            "TaskRole",
            Description="The application",
            AssumeRolePolicyDocument=_trust_tasks(),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=If(
                is_execute_command_enabled(t),
                [
                    Policy(
                        PolicyName="ExecuteCommand",
                        PolicyDocument=policy(
                            allow(
                                [
                                    awacs.ssmmessages.CreateControlChannel,
                                    awacs.ssmmessages.CreateDataChannel,
                                    awacs.ssmmessages.OpenControlChannel,
                                    awacs.ssmmessages.OpenDataChannel,
                                ],
                                # These actions do not support resource-level permissions.
                                "*",
                            )
                        ),
                    )
                ],
                NoValue,
            ),
        )
    )
    export(t, "TaskRoleArn", GetAtt(task_role, "Arn"), "Role of the application")
    return task_role


def _task_execution_role(t: Template) -> Role:
    # What ECS does to start a task, before the application runs.
    statements = [
        # This action does not support resource-level permissions.
        allow([awacs.ecr.GetAuthorizationToken], "*", sid="LogInToRegistry"),
        allow(
            [
                awacs.ecr.BatchCheckLayerAvailability,
                awacs.ecr.BatchGetImage,
                awacs.ecr.GetDownloadUrlForLayer,
            ],
            _application.REPOSITORY_ARN,
            *_containers.repository_arns(_application.SIDE_CONTAINERS),
            sid="PullImage",
        ),
        allow(
            [awacs.logs.CreateLogStream, awacs.logs.PutLogEvents],
            _application.LOG_STREAMS_ARN,
            sid="WriteLogs",
        ),
    ]
    secret_arns = _containers.secret_arns(_application.SECRETS, _application.SIDE_CONTAINERS)
    if secret_arns:
        # Each ARN belongs to a secret or to a parameter, so only one of the two actions applies to it.
        reading = [awacs.secretsmanager.GetSecretValue, awacs.ssm.GetParameters]
        statements.append(allow(reading, *secret_arns, sid="ReadSecrets"))
    task_execution_role = t.add_resource(
        Role(
            "TaskExecutionRole",
            Description="ECS, to start the tasks of the service",
            AssumeRolePolicyDocument=_trust_tasks(),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=[Policy(PolicyName="StartTasks", PolicyDocument=policy(*statements))],
        )
    )
    export(t, "TaskExecutionRoleArn", GetAtt(task_execution_role, "Arn"), "Role with which ECS starts a task")
    return task_execution_role


def _trust_tasks() -> PolicyDocument:
    # The conditions that ECS documents against the confused deputy problem; ECS does not send the ARN of the
    # cluster.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    return trust(
        "ecs-tasks.amazonaws.com",
        StringEquals(SourceAccount, AccountId),
        ArnLike(SourceArn, arn("ecs", "*")),
    )


def add_task_definition_stack_role(t: Template, task_roles: TaskRoles) -> None:
    """CloudFormation's service role for the task-definition stack, the only stack that a push can change.

    CloudFormation keeps using the role of a stack's last operation, also for people. So the role is in this
    layer, where it outlives that stack and the pipeline.
    """
    task_role_arns = [GetAtt(role, "Arn") for role in task_roles]
    task_definition_stack_role = t.add_resource(
        Role(
            "TaskDefinitionStackRole",
            Description="CloudFormation, for the task-definition stack only",
            # No conditions: CloudFormation documents none for service roles, and a condition on a key that it
            # does not send would make the role unusable.
            AssumeRolePolicyDocument=trust("cloudformation.amazonaws.com"),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=[
                Policy(
                    PolicyName="ChangeTaskDefinition",
                    PolicyDocument=policy(
                        allow(
                            [
                                awacs.ecs.DeregisterTaskDefinition,
                                awacs.ecs.DescribeTaskDefinition,
                                awacs.ecs.RegisterTaskDefinition,
                            ],
                            # These actions do not support resource-level permissions, except the last one
                            # according to the reference of 2026 (UNVERIFIED, see the pipeline's roles). The
                            # roles that may be passed, below, limit what a revision can do.
                            "*",
                            sid="RegisterRevisions",
                        ),
                        allow(
                            [
                                awacs.ecs.ListTagsForResource,
                                awacs.ecs.TagResource,
                                awacs.ecs.UntagResource,
                            ],
                            *_application.TASK_DEFINITION_ARNS,
                            sid="TagRevisions",
                        ),
                        allow([awacs.iam.GetRole], *task_role_arns, sid="LookUpTaskRoles"),
                        allow(
                            [awacs.iam.PassRole],
                            *task_role_arns,
                            when=[StringEquals("iam:PassedToService", "ecs-tasks.amazonaws.com")],
                            sid="PassTaskRoles",
                        ),
                        allow(
                            [
                                awacs.logs.AssociateKmsKey,
                                awacs.logs.CreateLogGroup,
                                awacs.logs.DeleteLogGroup,
                                awacs.logs.DeleteRetentionPolicy,
                                awacs.logs.DescribeIndexPolicies,
                                awacs.logs.DisassociateKmsKey,
                                awacs.logs.GetDataProtectionPolicy,
                                awacs.logs.ListTagsForResource,
                                awacs.logs.PutRetentionPolicy,
                                awacs.logs.TagResource,
                                awacs.logs.UntagResource,
                            ],
                            _application.LOG_GROUP_ARN,
                            _application.LOG_STREAMS_ARN,
                            sid="KeepLogGroup",
                        ),
                        allow(
                            [awacs.logs.DescribeLogGroups, awacs.logs.DescribeResourcePolicies],
                            # These actions list all resources of the account.
                            "*",
                            sid="LookUpLogGroups",
                        ),
                    ),
                )
            ],
        )
    )
    export(
        t,
        "TaskDefinitionStackRoleArn",
        GetAtt(task_definition_stack_role, "Arn"),
        "CloudFormation's role for the task-definition stack",
    )

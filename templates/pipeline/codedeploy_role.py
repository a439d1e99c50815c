"""CodeDeploy's role, with the AWS managed policy or with permissions for this service's resources only."""

import awacs.awslambda
import awacs.cloudwatch
import awacs.ecs
import awacs.elasticloadbalancing
import awacs.iam
import awacs.sns
from awacs.aws import ArnLike, SourceAccount, SourceArn, Statement, StringEquals
from troposphere import AccountId, Equals, If, NoValue, Ref, Sub, Template
from troposphere.iam import Policy, Role
from troposphere.s3 import Bucket

from templates._application import NAME, SMOKE_TEST_NAME
from templates._exports import import_value
from templates._iam import allow, arn, policy, trust
from templates._parameters import optional_value
from templates.pipeline.artifacts import RELEASE, artifact_access
from templates.pipeline.notifications import NOTIFICATION_TOPIC_ARN

# The service in any cluster: its name contains the project and the environment.
TASK_SETS = arn("ecs", f"task-set/*/{NAME}/*")


def add_codedeploy_role(t: Template, bucket: Bucket) -> Role:
    """The role; the parameter ScopedCodeDeployRole chooses its policy."""
    is_code_deploy_role_scoped = t.add_condition(
        "IsCodeDeployRoleScoped", Equals(Ref("ScopedCodeDeployRole"), "true")
    )
    return t.add_resource(
        Role(
            "CodeDeployRole",
            # https://docs.aws.amazon.com/codedeploy/latest/userguide/security_confused_deputy_codedeploy.html
            AssumeRolePolicyDocument=trust(
                "codedeploy.amazonaws.com",
                StringEquals({SourceAccount: AccountId}),
                ArnLike({SourceArn: arn("codedeploy", f"deploymentgroup:{NAME}/*")}),
            ),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            ManagedPolicyArns=If(
                is_code_deploy_role_scoped,
                NoValue,
                [Sub("arn:${AWS::Partition}:iam::aws:policy/AWSCodeDeployRoleForECS")],
            ),
            Policies=[
                Policy(
                    PolicyName="TagTaskSets",
                    # The service propagates its tags to task sets, which the managed policy does not allow.
                    # That CreateTaskSet is refused without it is UNVERIFIED.
                    PolicyDocument=policy(allow([awacs.ecs.TagResource], TASK_SETS)),
                ),
                If(
                    is_code_deploy_role_scoped,
                    Policy(
                        PolicyName="Deploy",
                        PolicyDocument=policy(*_scoped_statements(bucket)),
                    ),
                    NoValue,
                ),
            ],
        )
    )


def _scoped_statements(bucket: Bucket) -> list[Statement]:
    """The managed policy, limited to this service's resources. UNVERIFIED as a whole: docs/first-run.md."""
    elb = awacs.elasticloadbalancing
    return [
        allow(
            [awacs.ecs.DescribeServices, awacs.ecs.UpdateServicePrimaryTaskSet],
            arn("ecs", f"service/*/{NAME}"),
        ),
        allow([awacs.ecs.CreateTaskSet, awacs.ecs.DeleteTaskSet], TASK_SETS),
        # These do not support resource-level permissions.
        allow([elb.DescribeTargetGroups, elb.DescribeListeners, elb.DescribeRules], "*"),
        allow(
            [elb.ModifyListener],
            import_value("infrastructure", "ProductionListenerArn"),
            import_value("infrastructure", "TestListenerArn"),
        ),
        # For rules that somebody may add to these listeners.
        allow(
            [elb.ModifyRule],
            Sub(
                "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:"
                "listener-rule/${LoadBalancer}/*",
                LoadBalancer=import_value("infrastructure", "LoadBalancerFullName"),
            ),
        ),
        allow([awacs.cloudwatch.DescribeAlarms], arn("cloudwatch", "alarm:*")),
        allow([awacs.awslambda.InvokeFunction], arn("lambda", f"function:{SMOKE_TEST_NAME}")),
        allow([awacs.sns.Publish], NOTIFICATION_TOPIC_ARN),
        allow(
            [awacs.iam.PassRole],
            import_value("infrastructure", "TaskRoleArn"),
            import_value("infrastructure", "TaskExecutionRoleArn"),
            when=[StringEquals({"iam:PassedToService": "ecs-tasks.amazonaws.com"})],
        ),
        # That CodeDeploy reads the artifacts when the pipeline starts it is UNVERIFIED.
        *artifact_access(bucket, reads=[RELEASE]),
    ]

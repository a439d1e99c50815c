"""CodeDeploy's role: AWS's managed policy, or instead of it rights on this service's resources only."""

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

# Of the service in whatever cluster: its name has the project and the environment in it.
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
                    # The service propagates its tags to task sets, and the managed policy lacks this.
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
    """What the managed policy allows everywhere, allowed here. UNVERIFIED as a whole: docs/first-run.md."""
    elb = awacs.elasticloadbalancing
    return [
        allow(
            [awacs.ecs.DescribeServices, awacs.ecs.UpdateServicePrimaryTaskSet],
            arn("ecs", f"service/*/{NAME}"),
        ),
        allow([awacs.ecs.CreateTaskSet, awacs.ecs.DeleteTaskSet], TASK_SETS),
        # IAM knows no resource for these.
        allow([elb.DescribeTargetGroups, elb.DescribeListeners, elb.DescribeRules], "*"),
        allow(
            [elb.ModifyListener],
            import_value("infrastructure", "ProductionListenerArn"),
            import_value("infrastructure", "TestListenerArn"),
        ),
        # These listeners have rules as soon as somebody adds one.
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

"""The smoke test: a function that checks a new version through the test listener before users see it.

CodeDeploy invokes it by name at AfterAllowTestTraffic. It runs in the private subnets and connects to the
private addresses of the load balancer, because the test listener is not open to the internet. From there it
must reach the APIs of CodeDeploy and EC2 (NAT gateway or VPC endpoints).
"""

from pathlib import Path

import awacs.codedeploy
import awacs.ec2
import awacs.logs
from awacs.aws import PolicyDocument, SourceAccount, StringEquals
from troposphere import AccountId, GetAtt, If, Ref, Sub, Template
from troposphere.awslambda import Code, Environment, Function, Permission, VPCConfig
from troposphere.ec2 import SecurityGroup, SecurityGroupIngress, SecurityGroupRule
from troposphere.events import Rule, Target
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup

from templates._application import SMOKE_TEST_NAME
from templates._exports import export, import_value
from templates._iam import allow, arn, policy, trust
from templates._parameters import has, is_test_listener_https, log_key, optional_value

# Inline: the code that is reviewed in build/ is the code that runs, and no bucket must exist before the
# stack.
CODE = Path(__file__).parent / "hooks" / "smoke_test.py"

TIMEOUT_SECONDS = 300
# boto3 with its EC2 client needs 65 MB in addition to Lambda's runtime, and a function that runs out of
# memory is killed without reporting a result.
MEMORY_MB = 256
# How long it takes until a new rule is in effect on all nodes of the load balancer: AWS documents no figure.
WAIT_SECONDS = 30
# A function in a VPC that is not invoked for 14 days loses its network interfaces, and the next invocation
# fails: that would be CodeDeploy's, in the first release after two quiet weeks.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
AWAKE = "rate(7 days)"
HTTPS_PORT = 443
ANYWHERE = "0.0.0.0/0"


def add_smoke_test(t: Template) -> None:
    """The function with its role, log group and access to the load balancer.

    It exists even if the smoke test is disabled: the AppSpec of a release to which somebody rolls back may
    name it.
    """
    port = Ref("TestListenerPort")
    load_balancer_group = import_value("infrastructure", "TestListenerSecurityGroupId")

    log_group = t.add_resource(
        LogGroup(
            "SmokeTestLogGroup",
            LogGroupName=Sub(f"/aws/lambda/{SMOKE_TEST_NAME}"),
            RetentionInDays=Ref("LogRetentionDays"),
            KmsKeyId=log_key(t),
        )
    )
    role = t.add_resource(
        Role(
            "SmokeTestRole",
            # Only aws:SourceAccount: AWS shows this key, and no other, in trust policies of function roles.
            # https://github.com/aws/agent-toolkit-for-aws (lambda-trust-policy.json)
            AssumeRolePolicyDocument=trust("lambda.amazonaws.com", StringEquals({SourceAccount: AccountId})),
            PermissionsBoundary=optional_value(t, "PermissionsBoundaryArn"),
            Policies=[Policy(PolicyName="SmokeTest", PolicyDocument=_rights(log_group))],
        )
    )
    security_group = t.add_resource(
        SecurityGroup(
            "SmokeTestSecurityGroup",
            # Must be deleted before the role: Lambda uses the role to remove its network interfaces, and as
            # long as they exist the security group cannot be deleted.
            # https://github.com/aws/aws-cdk/issues/6701
            DependsOn=[role],
            GroupDescription="Smoke test of new versions",
            VpcId=Ref("VpcId"),
            SecurityGroupEgress=[
                SecurityGroupRule(
                    Description="APIs of CodeDeploy and EC2",
                    IpProtocol="tcp",
                    FromPort=HTTPS_PORT,
                    ToPort=HTTPS_PORT,
                    CidrIp=ANYWHERE,
                ),
                SecurityGroupRule(
                    Description="Test listener",
                    IpProtocol="tcp",
                    FromPort=port,
                    ToPort=port,
                    DestinationSecurityGroupId=load_balancer_group,
                ),
            ],
        )
    )
    t.add_resource(
        SecurityGroupIngress(
            "SmokeTestSecurityGroupIngress",
            Description="Smoke test of new versions",
            GroupId=load_balancer_group,
            IpProtocol="tcp",
            FromPort=port,
            ToPort=port,
            SourceSecurityGroupId=Ref(security_group),
        )
    )
    function = t.add_resource(
        Function(
            "SmokeTestFunction",
            FunctionName=Sub(SMOKE_TEST_NAME),
            Runtime="python3.13",
            Handler="index.handler",
            Code=Code(ZipFile=CODE.read_text()),
            # The log group must exist first: Lambda would create one without retention.
            DependsOn=[log_group],
            Role=GetAtt(role, "Arn"),
            Timeout=TIMEOUT_SECONDS,
            MemorySize=MEMORY_MB,
            VpcConfig=VPCConfig(SubnetIds=Ref("PrivateSubnetIds"), SecurityGroupIds=[Ref(security_group)]),
            Environment=Environment(
                Variables={
                    "SMOKE_TEST": Ref("SmokeTest"),
                    "LOAD_BALANCER": import_value("infrastructure", "LoadBalancerFullName"),
                    "SECURITY_GROUP": load_balancer_group,
                    "HOST": import_value("infrastructure", "LoadBalancerDnsName"),
                    "PORT": port,
                    "PROTOCOL": If(is_test_listener_https(t), "HTTPS", "HTTP"),
                    "SMOKE_HOST": If(has(t, "SmokeHost"), Ref("SmokeHost"), optional_value(t, "DomainName")),
                    "WAIT_SECONDS": WAIT_SECONDS,
                    # Requests to send, and what passes.
                    "REQUESTS": Ref("SmokeRequests"),
                    "PATHS": Ref("SmokePaths"),
                    "MAX_FIVE_XX_PERCENT": Ref("SmokeMaxFiveXxPercent"),
                    "MAX_LATENCY_MS": Ref("SmokeMaxLatencyMs"),
                }
            ),
        )
    )
    _keep_awake(t, function)
    export(t, "SmokeTestFunctionName", Sub(SMOKE_TEST_NAME), "Name of the smoke test")


def _keep_awake(t: Template, function: Function) -> None:
    """A regular invocation, in which the function does nothing."""
    rule = t.add_resource(
        Rule(
            "SmokeTestRule",
            ScheduleExpression=AWAKE,
            Targets=[Target(Id="SmokeTestFunction", Arn=GetAtt(function, "Arn"), Input="{}")],
        )
    )
    t.add_resource(
        Permission(
            "SmokeTestPermission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function),
            Principal="events.amazonaws.com",
            SourceArn=GetAtt(rule, "Arn"),
        )
    )


def _rights(log_group: LogGroup) -> PolicyDocument:
    return policy(
        allow([awacs.logs.CreateLogStream, awacs.logs.PutLogEvents], GetAtt(log_group, "Arn")),
        # None of these supports resource-level permissions. That CodeDeploy's action accepts a deployment
        # group is UNVERIFIED.
        allow(
            [
                awacs.codedeploy.PutLifecycleEventHookExecutionStatus,
                awacs.ec2.DescribeNetworkInterfaces,
                awacs.ec2.DescribeSubnets,
            ],
            "*",
        ),
        # Lambda attaches the function to the VPC with these; the names of network interfaces are not known in
        # advance.
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
        allow(
            [
                awacs.ec2.CreateNetworkInterface,
                awacs.ec2.DeleteNetworkInterface,
                awacs.ec2.AssignPrivateIpAddresses,
                awacs.ec2.UnassignPrivateIpAddresses,
            ],
            arn("ec2", "*/*"),
        ),
        # The ARN of a subnet that is shared by another account contains that account.
        # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html
        allow(
            [awacs.ec2.CreateNetworkInterface],
            Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:*:subnet/*"),
        ),
    )

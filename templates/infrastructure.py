"""The ground on which the service stands: cluster, load balancer, security groups and roles.

Owns: the cluster; the load balancer with its listeners, target groups and security groups; the task's two
roles; the connection to GitHub and CloudFormation's role for the task-definition stack, which the pipeline
needs before it exists and must outlive it. Imports: nothing. Exports: what every later layer refers to.

CodeDeploy owns the two listeners' actions from the first release on: see `stack_policy`.
"""

from typing import Any

import awacs.ecr
import awacs.ecs
import awacs.iam
import awacs.logs
import awacs.secretsmanager
import awacs.ssm
import awacs.ssmmessages
from awacs.aws import (
    Allow,
    ArnLike,
    Condition,
    PolicyDocument,
    SourceAccount,
    SourceArn,
    Statement,
    StringEquals,
)
from troposphere import AccountId, Equals, GetAtt, If, Not, NoValue, Output, Parameter, Ref, Sub, Template
from troposphere.codeconnections import Connection
from troposphere.ec2 import SecurityGroup, SecurityGroupIngress, SecurityGroupRule
from troposphere.ecs import Cluster, ClusterSetting
from troposphere.elasticloadbalancingv2 import (
    Action,
    Certificate,
    Listener,
    LoadBalancer,
    LoadBalancerAttributes,
    Matcher,
    RedirectConfig,
    TargetGroup,
    TargetGroupAttribute,
)
from troposphere.iam import Policy, Role

from templates import _application
from templates._exports import export
from templates._iam import policy, trust
from templates._parameters import is_execute_command_enabled, is_protected, shared
from templates._stack_policy import deny_updates

ANYWHERE = "0.0.0.0/0"
HTTP_PORT = 80
HTTPS_PORT = 443

# What AWS recommends and its console sets. The listener cannot be changed once releases have run, so it
# begins with the strongest policy that TLS 1.2 clients can speak.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

# The application keeps its connections open for longer than this; it would answer 502 at random otherwise.
IDLE_TIMEOUT_SECONDS = 60
DEREGISTRATION_DELAY_SECONDS = 30
# A task that stops answering is out after 30 s, well within the first step of any release (1 minute).
HEALTH_CHECK_INTERVAL_SECONDS = 10
HEALTH_CHECK_TIMEOUT_SECONDS = 5
HEALTHY_THRESHOLD_COUNT = 2
UNHEALTHY_THRESHOLD_COUNT = 3

# One range of addresses, no wider than /8: nobody means the whole internet here.
_OCTET_REGEX = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
IPV4_RANGE_REGEX = rf"{_OCTET_REGEX}(\.{_OCTET_REGEX}){{3}}/([89]|[12]\d|3[0-2])"


def build() -> Template:
    """The infrastructure layer's template."""
    t = Template(Description="Cluster, load balancer, security groups and roles")
    t.set_version()
    for title in ("Project", "Environment", "Protected", "VpcId"):
        shared(t, title)
    public_subnet_ids = t.add_parameter(
        Parameter(
            "PublicSubnetIds",
            Type="List<AWS::EC2::Subnet::Id>",
            Description="Subnets of the load balancer, in two zones or more, open to the internet",
        )
    )
    cluster_name = t.add_parameter(
        Parameter(
            "ClusterName",
            Type="String",
            Description="Name of the ECS cluster; decided at creation",
            AllowedPattern="[A-Za-z][A-Za-z0-9_-]{0,254}",
            ConstraintDescription="must be 1 to 255 letters, digits, hyphens and underscores, a letter first",
        )
    )

    cluster = t.add_resource(
        Cluster(
            "Cluster",
            ClusterName=Ref(cluster_name),
            ClusterSettings=[ClusterSetting(Name="containerInsights", Value="enabled")],
        )
    )
    export(t, "ClusterName", Ref(cluster), "Name of the cluster")

    load_balancer_security_group = _security_groups(t)
    load_balancer = _load_balancer(t, public_subnet_ids, load_balancer_security_group)
    blue_target_group = _target_group(t, "Blue")
    green_target_group = _target_group(t, "Green")
    _listeners(t, load_balancer, blue_target_group, green_target_group)
    task_role = _task_role(t)
    task_execution_role = _task_execution_role(t)
    _task_definition_stack_role(t, task_role, task_execution_role)
    _connection(t)
    return t


def stack_policy() -> PolicyDocument:
    """Every release moves the listeners from one target group to the other, outside CloudFormation.

    A stack update of a listener would send it back to blue, which is empty after every other release.
    """
    return deny_updates("ProductionListener", "TestListener", "BlueTargetGroup", "GreenTargetGroup")


def _security_groups(t: Template) -> SecurityGroup:
    test_listener_port = Ref(shared(t, "TestListenerPort"))
    test_listener_cidr = t.add_parameter(
        Parameter(
            "TestListenerCidr",
            Type="String",
            Description="Range from which the test listener can be reached; empty: from nowhere",
            Default="",
            AllowedPattern=f"(|{IPV4_RANGE_REGEX})",
            ConstraintDescription="must be one IPv4 range from /8 to /32 such as 203.0.113.0/24, or empty",
        )
    )
    has_test_listener_cidr = t.add_condition("HasTestListenerCidr", Not(Equals(Ref(test_listener_cidr), "")))
    vpc_id = Ref(shared(t, "VpcId"))
    container_port = Ref(shared(t, "ContainerPort"))

    service_security_group = t.add_resource(
        SecurityGroup(
            "ServiceSecurityGroup",
            GroupDescription="Tasks of the service",
            VpcId=vpc_id,
            # A task pulls its image, writes its logs and reads its secrets over HTTPS, whose addresses are
            # AWS's and change. Name resolution needs no rule: security groups do not filter traffic to
            # Amazon's DNS server, nor to the task metadata endpoint.
            # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
            # An application that calls something else, a database, needs a rule of its own here.
            SecurityGroupEgress=[_rule(HTTPS_PORT, "AWS's services", CidrIp=ANYWHERE)],
        )
    )
    load_balancer_security_group = t.add_resource(
        SecurityGroup(
            "LoadBalancerSecurityGroup",
            GroupDescription="Load balancer",
            VpcId=vpc_id,
            SecurityGroupIngress=[
                _rule(HTTP_PORT, "HTTP from anywhere", CidrIp=ANYWHERE),
                _rule(HTTPS_PORT, "HTTPS from anywhere", CidrIp=ANYWHERE),
                If(
                    has_test_listener_cidr,
                    _rule(test_listener_port, "Test listener", CidrIp=Ref(test_listener_cidr)),
                    NoValue,
                ),
            ],
            SecurityGroupEgress=[
                _rule(
                    container_port,
                    "Requests and health checks to the tasks",
                    DestinationSecurityGroupId=GetAtt(service_security_group, "GroupId"),
                )
            ],
        )
    )
    # Each of the two groups names the other, so one rule has to stand outside.
    t.add_resource(
        SecurityGroupIngress(
            "ServiceSecurityGroupIngress",
            GroupId=GetAtt(service_security_group, "GroupId"),
            Description="Requests and health checks from the load balancer",
            IpProtocol="tcp",
            FromPort=container_port,
            ToPort=container_port,
            SourceSecurityGroupId=GetAtt(load_balancer_security_group, "GroupId"),
        )
    )
    export(
        t,
        "LoadBalancerSecurityGroupId",
        GetAtt(load_balancer_security_group, "GroupId"),
        "Security group of the load balancer",
    )
    export(
        t,
        "ServiceSecurityGroupId",
        GetAtt(service_security_group, "GroupId"),
        "Security group of the tasks",
    )
    return load_balancer_security_group


def _rule(port: Any, description: str, **peer: Any) -> SecurityGroupRule:
    return SecurityGroupRule(Description=description, IpProtocol="tcp", FromPort=port, ToPort=port, **peer)


def _load_balancer(t: Template, public_subnet_ids: Parameter, security_group: SecurityGroup) -> LoadBalancer:
    access_log_bucket_name = t.add_parameter(
        Parameter(
            "AccessLogBucketName",
            Type="String",
            Description=(
                "Bucket for the load balancer's access logs, whose policy lets Elastic Load Balancing write;"
                " empty: none are kept"
            ),
            Default="",
            AllowedPattern="(|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])",
            ConstraintDescription="must be the name of a bucket in this region, or empty",
        )
    )
    has_access_log_bucket = t.add_condition(
        "HasAccessLogBucket", Not(Equals(Ref(access_log_bucket_name), ""))
    )
    load_balancer = t.add_resource(
        LoadBalancer(
            "LoadBalancer",
            Type="application",
            Scheme="internet-facing",
            Subnets=Ref(public_subnet_ids),
            SecurityGroups=[GetAtt(security_group, "GroupId")],
            LoadBalancerAttributes=[
                _attribute("deletion_protection.enabled", If(is_protected(t), "true", "false")),
                _attribute("idle_timeout.timeout_seconds", str(IDLE_TIMEOUT_SECONDS)),
                _attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
                _attribute("access_logs.s3.enabled", If(has_access_log_bucket, "true", "false")),
                If(
                    has_access_log_bucket,
                    _attribute("access_logs.s3.bucket", Ref(access_log_bucket_name)),
                    NoValue,
                ),
            ],
        )
    )
    export(
        t,
        "LoadBalancerFullName",
        GetAtt(load_balancer, "LoadBalancerFullName"),
        "Name of the load balancer in metrics",
    )
    export(
        t, "LoadBalancerDnsName", GetAtt(load_balancer, "DNSName"), "Name at which the load balancer answers"
    )
    return load_balancer


def _attribute(key: str, value: Any) -> LoadBalancerAttributes:
    return LoadBalancerAttributes(Key=key, Value=value)


def _target_group(t: Template, colour: str) -> TargetGroup:
    """One of the two: alike in everything, because each is the production group after every other release."""
    target_group = t.add_resource(
        TargetGroup(
            f"{colour}TargetGroup",
            VpcId=Ref(shared(t, "VpcId")),
            # A Fargate task has a network interface of its own, whose address is the target.
            TargetType="ip",
            Protocol="HTTP",
            Port=Ref(shared(t, "ContainerPort")),
            HealthCheckPath=Ref(shared(t, "HealthCheckPath")),
            HealthCheckIntervalSeconds=HEALTH_CHECK_INTERVAL_SECONDS,
            HealthCheckTimeoutSeconds=HEALTH_CHECK_TIMEOUT_SECONDS,
            HealthyThresholdCount=HEALTHY_THRESHOLD_COUNT,
            UnhealthyThresholdCount=UNHEALTHY_THRESHOLD_COUNT,
            Matcher=Matcher(HttpCode="200"),
            TargetGroupAttributes=[
                TargetGroupAttribute(
                    Key="deregistration_delay.timeout_seconds", Value=str(DEREGISTRATION_DELAY_SECONDS)
                ),
                # A client that stuck to its target would not move with the traffic.
                TargetGroupAttribute(Key="stickiness.enabled", Value="false"),
            ],
        )
    )
    title = target_group.title
    export(t, f"{title}Arn", Ref(target_group), f"ARN of the {colour.lower()} target group")
    export(
        t,
        f"{title}Name",
        GetAtt(target_group, "TargetGroupName"),
        f"Name of the {colour.lower()} target group",
    )
    export(
        t,
        f"{title}FullName",
        GetAtt(target_group, "TargetGroupFullName"),
        f"Name of the {colour.lower()} target group in metrics",
    )
    return target_group


def _listeners(t: Template, load_balancer: LoadBalancer, blue: TargetGroup, green: TargetGroup) -> None:
    certificate_arn = t.add_parameter(
        Parameter(
            "CertificateArn",
            Type="String",
            Description="Certificate for HTTPS; empty: HTTP. Decided at creation",
            Default="",
            AllowedPattern=r"(|arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+)",
            ConstraintDescription="must be the ARN of an ACM certificate in this region, or empty",
        )
    )
    has_certificate = t.add_condition("HasCertificate", Not(Equals(Ref(certificate_arn), "")))

    # One listener whatever the protocol, so that what refers to it needs no condition. CodeDeploy rewrites
    # its action at each release; the simple form is what it begins with.
    production_listener = t.add_resource(
        Listener(
            "ProductionListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol=If(has_certificate, "HTTPS", "HTTP"),
            Port=If(has_certificate, HTTPS_PORT, HTTP_PORT),
            Certificates=If(has_certificate, [Certificate(CertificateArn=Ref(certificate_arn))], NoValue),
            SslPolicy=If(has_certificate, TLS_POLICY, NoValue),
            DefaultActions=[Action(Type="forward", TargetGroupArn=Ref(blue))],
        )
    )
    t.add_resource(
        Listener(
            "RedirectListener",
            Condition=has_certificate,
            # A production listener that moves from port 80 must have left it first.
            DependsOn=production_listener,
            LoadBalancerArn=Ref(load_balancer),
            Protocol="HTTP",
            Port=HTTP_PORT,
            DefaultActions=[
                Action(
                    Type="redirect",
                    RedirectConfig=RedirectConfig(
                        Protocol="HTTPS", Port=str(HTTPS_PORT), StatusCode="HTTP_301"
                    ),
                )
            ],
        )
    )
    # HTTP always: a certificate's name is not that of the load balancer, by which tests come.
    test_listener = t.add_resource(
        Listener(
            "TestListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol="HTTP",
            Port=Ref(shared(t, "TestListenerPort")),
            DefaultActions=[Action(Type="forward", TargetGroupArn=Ref(green))],
        )
    )
    export(t, "ProductionListenerArn", Ref(production_listener), "Listener with production traffic")
    export(t, "TestListenerArn", Ref(test_listener), "Listener on which a new version is tried")
    t.add_output(
        Output(
            "ServiceUrl",
            Description="Where the service answers; with a certificate, point the certificate's name there",
            Value=Sub("${Scheme}://${LoadBalancer.DNSName}", Scheme=If(has_certificate, "https", "http")),
        )
    )


def _task_role(t: Template) -> Role:
    """What the application itself may do: nothing, until somebody adds a policy here."""
    task_role = t.add_resource(
        Role(
            "TaskRole",
            Description="The application",
            AssumeRolePolicyDocument=_trust_tasks(),
            Policies=If(
                is_execute_command_enabled(t),
                [
                    Policy(
                        PolicyName="ExecuteCommand",
                        PolicyDocument=policy(
                            Statement(
                                Effect=Allow,
                                Action=[
                                    awacs.ssmmessages.CreateControlChannel,
                                    awacs.ssmmessages.CreateDataChannel,
                                    awacs.ssmmessages.OpenControlChannel,
                                    awacs.ssmmessages.OpenDataChannel,
                                ],
                                # These actions know no resources.
                                Resource=["*"],
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
    """What ECS does to start a task, before the application runs."""
    statements = [
        Statement(
            Sid="LogInToRegistry",
            Effect=Allow,
            Action=[awacs.ecr.GetAuthorizationToken],
            # This action knows no resources.
            Resource=["*"],
        ),
        Statement(
            Sid="PullImage",
            Effect=Allow,
            Action=[
                awacs.ecr.BatchCheckLayerAvailability,
                awacs.ecr.BatchGetImage,
                awacs.ecr.GetDownloadUrlForLayer,
            ],
            Resource=[_application.repository_arn(t)],
        ),
        Statement(
            Sid="WriteLogs",
            Effect=Allow,
            Action=[awacs.logs.CreateLogStream, awacs.logs.PutLogEvents],
            Resource=[_application.log_streams_arn(t)],
        ),
    ]
    secret_arns = _application.secret_arns(t)
    if secret_arns:
        statements.append(
            Statement(
                Sid="ReadSecrets",
                Effect=Allow,
                # Each ARN is a secret's or a parameter's, so only one of the two applies to it.
                Action=[awacs.secretsmanager.GetSecretValue, awacs.ssm.GetParameters],
                Resource=secret_arns,
            )
        )
    task_execution_role = t.add_resource(
        Role(
            "TaskExecutionRole",
            Description="ECS, to start the tasks of the service",
            AssumeRolePolicyDocument=_trust_tasks(),
            Policies=[Policy(PolicyName="StartTasks", PolicyDocument=policy(*statements))],
        )
    )
    export(t, "TaskExecutionRoleArn", GetAtt(task_execution_role, "Arn"), "Role with which ECS starts a task")
    return task_execution_role


def _trust_tasks() -> PolicyDocument:
    # The conditions that ECS documents against the confused deputy; it sends no cluster's ARN.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    return trust(
        "ecs-tasks.amazonaws.com",
        StringEquals(SourceAccount, AccountId),
        ArnLike(SourceArn, Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")),
    )


def _task_definition_stack_role(t: Template, task_role: Role, task_execution_role: Role) -> None:
    """CloudFormation's own role for the task-definition stack, the only stack that a push can change.

    CloudFormation goes on using the role with which a stack was last operated, for people too, so the
    role is here, where it outlives that stack and the pipeline.
    """
    task_definition_stack_role = t.add_resource(
        Role(
            "TaskDefinitionStackRole",
            Description="CloudFormation, for the task-definition stack only",
            # No conditions: CloudFormation documents none for the roles it is given, and a condition on a
            # key that it does not send would make the role unusable.
            AssumeRolePolicyDocument=trust("cloudformation.amazonaws.com"),
            Policies=[
                Policy(
                    PolicyName="ChangeTaskDefinition",
                    PolicyDocument=policy(
                        Statement(
                            Sid="RegisterRevisions",
                            Effect=Allow,
                            Action=[
                                awacs.ecs.DeregisterTaskDefinition,
                                awacs.ecs.DescribeTaskDefinition,
                                awacs.ecs.RegisterTaskDefinition,
                            ],
                            # These actions know no resources. What a revision can do is fenced by the
                            # roles that may be passed to it, below.
                            Resource=["*"],
                        ),
                        Statement(
                            Sid="TagRevisions",
                            Effect=Allow,
                            Action=[
                                awacs.ecs.ListTagsForResource,
                                awacs.ecs.TagResource,
                                awacs.ecs.UntagResource,
                            ],
                            Resource=[_application.task_definitions_arn(t)],
                        ),
                        Statement(
                            Sid="LookUpTaskRoles",
                            Effect=Allow,
                            Action=[awacs.iam.GetRole],
                            Resource=[GetAtt(task_role, "Arn"), GetAtt(task_execution_role, "Arn")],
                        ),
                        Statement(
                            Sid="PassTaskRoles",
                            Effect=Allow,
                            Action=[awacs.iam.PassRole],
                            Resource=[GetAtt(task_role, "Arn"), GetAtt(task_execution_role, "Arn")],
                            Condition=Condition(
                                StringEquals("iam:PassedToService", "ecs-tasks.amazonaws.com")
                            ),
                        ),
                        Statement(
                            Sid="KeepLogGroup",
                            Effect=Allow,
                            Action=[
                                awacs.logs.CreateLogGroup,
                                awacs.logs.DeleteLogGroup,
                                awacs.logs.DeleteRetentionPolicy,
                                awacs.logs.DescribeIndexPolicies,
                                awacs.logs.GetDataProtectionPolicy,
                                awacs.logs.ListTagsForResource,
                                awacs.logs.PutRetentionPolicy,
                                awacs.logs.TagResource,
                                awacs.logs.UntagResource,
                            ],
                            Resource=[_application.log_group_arn(t), _application.log_streams_arn(t)],
                        ),
                        Statement(
                            Sid="LookUpLogGroups",
                            Effect=Allow,
                            Action=[awacs.logs.DescribeLogGroups, awacs.logs.DescribeResourcePolicies],
                            # These actions list what the account has.
                            Resource=["*"],
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


def _connection(t: Template) -> None:
    connection_arn = t.add_parameter(
        Parameter(
            "ConnectionArn",
            Type="String",
            Description="Connection to GitHub; empty: one is created and waits for its handshake",
            Default="",
            AllowedPattern=(
                r"(|arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}"
                r":connection/[0-9a-f-]{36})"
            ),
            ConstraintDescription="must be the ARN of a connection, or empty",
        )
    )
    is_connection_created = t.add_condition("IsConnectionCreated", Equals(Ref(connection_arn), ""))
    connection = t.add_resource(
        Connection(
            "Connection",
            Condition=is_connection_created,
            # 32 characters at most, which the patterns of the two names respect.
            ConnectionName=Sub("${Project}-${Environment}"),
            ProviderType="GitHub",
        )
    )
    export(
        t,
        "ConnectionArn",
        If(is_connection_created, Ref(connection), Ref(connection_arn)),
        "Connection to GitHub",
    )

"""Everything between the clients and the tasks: security groups, load balancer, target groups, listeners.

From the first release on, CodeDeploy decides to which target group a listener forwards, not CloudFormation.
"""

from typing import Any

from troposphere import And, Condition, Equals, GetAtt, If, Not, NoValue, Parameter, Ref, Sub, Template
from troposphere.ec2 import SecurityGroup, SecurityGroupIngress, SecurityGroupRule
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
from troposphere.route53 import RecordSetType
from troposphere.validators.route53 import AliasTarget
from troposphere.wafv2 import WebACLAssociation

from templates._application import EGRESS
from templates._egress import egress_rules
from templates._exports import export, output
from templates._parameters import has, is_protected, is_test_listener_https

ANYWHERE = "0.0.0.0/0"
HTTP_PORT = 80
HTTPS_PORT = 443

# AWS's recommendation, and the default of the console. The listener cannot be changed after the first
# release, so it has the strongest policy that clients with TLS 1.2 support.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"

# The application must keep idle connections open for longer; otherwise some requests fail with 502.
IDLE_TIMEOUT_SECONDS = 60

HEALTH_CHECKS = (
    # With the defaults a task that stops answering is unhealthy after 30 s, well within the first step of any
    # release (1 minute).
    Parameter(
        "HealthCheckIntervalSeconds",
        Type="Number",
        Description="Seconds between two health checks of a task",
        Default=10,
        MinValue=5,
        MaxValue=300,
    ),
    Parameter(
        "HealthCheckTimeoutSeconds",
        Type="Number",
        Description="Seconds without a response after which a health check fails",
        Default=5,
        MinValue=2,
        MaxValue=120,
    ),
    Parameter(
        "HealthyThresholdCount",
        Type="Number",
        Description=(
            "Consecutive successful health checks after which an unhealthy task is considered healthy"
        ),
        Default=2,
        MinValue=2,
        MaxValue=10,
    ),
    Parameter(
        "UnhealthyThresholdCount",
        Type="Number",
        Description="Consecutive failed health checks after which a task is considered unhealthy",
        Default=3,
        MinValue=2,
        MaxValue=10,
    ),
    Parameter(
        "HealthCheckStatuses",
        Type="String",
        Description="HTTP status codes of a successful health check",
        Default="200",
        AllowedPattern=r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
        ConstraintDescription="must be status codes from 200 to 499, or ranges of them, such as 200-299,401",
    ),
    Parameter(
        "DeregistrationDelaySeconds",
        Type="Number",
        Description="Seconds that a deregistered task has to complete its requests",
        Default=30,
        MinValue=0,
        MaxValue=3600,
    ),
    # Slow start does not apply to the first targets of a target group, so it affects tasks that auto scaling
    # adds, but not a release.
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    Parameter(
        "SlowStartSeconds",
        Type="String",
        Description=(
            "Seconds in which a task that is added to running ones gets a growing share of the requests"
            " (slow start); has no effect in a release. 0: disabled"
        ),
        Default="0",
        AllowedPattern=r"(0|[3-9]\d|[1-8]\d\d|900)",
        ConstraintDescription="must be 0, or from 30 to 900",
    ),
)


def add_security_groups(t: Template) -> list[SecurityGroup]:
    """The security groups of load balancer and tasks, with rules for each other; returns the former."""
    service_security_group = t.add_resource(
        SecurityGroup(
            "ServiceSecurityGroup",
            GroupDescription="Tasks of the service",
            VpcId=Ref("VpcId"),
            # A task pulls its image, writes logs and reads secrets over HTTPS, at addresses of AWS that
            # change. Name resolution needs no rule: security groups do not filter traffic to
            # Amazon's DNS server, nor to the task metadata endpoint.
            # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
            # For anything else that the application calls, such as a database, add a row to EGRESS.
            SecurityGroupEgress=[
                _rule(HTTPS_PORT, "HTTPS to AWS services", CidrIp=ANYWHERE),
                *egress_rules(EGRESS),
            ],
        )
    )
    to_tasks = _rule(
        Ref("ContainerPort"),
        "Requests and health checks to the tasks",
        DestinationSecurityGroupId=GetAtt(service_security_group, "GroupId"),
    )
    http, https = _from_clients(t, HTTP_PORT, "HTTP"), _from_clients(t, HTTPS_PORT, "HTTPS")
    load_balancer_security_group = t.add_resource(
        SecurityGroup(
            "LoadBalancerSecurityGroup",
            GroupDescription="Load balancer",
            VpcId=Ref("VpcId"),
            SecurityGroupIngress=[
                http,
                # Same condition as for the listeners, below.
                If("HasCertificate", https, NoValue),
                If(
                    has(t, "TestListenerCidr"),
                    _rule(Ref("TestListenerPort"), "Test listener", CidrIp=Ref("TestListenerCidr")),
                    NoValue,
                ),
            ],
            SecurityGroupEgress=[to_tasks],
        )
    )
    # A second security group of the load balancer, for rules of other layers. For a group with inline rules,
    # CloudFormation reports a rule of another stack as drift; this one has no inline rules.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    test_listener_security_group = t.add_resource(
        SecurityGroup(
            "TestListenerSecurityGroup",
            GroupDescription="Load balancer, for what reaches the test listener",
            VpcId=Ref("VpcId"),
            SecurityGroupEgress=[to_tasks],
        )
    )
    # The two groups refer to each other, so one rule must be a resource of its own.
    t.add_resource(
        SecurityGroupIngress(
            "ServiceSecurityGroupIngress",
            GroupId=GetAtt(service_security_group, "GroupId"),
            Description="Requests and health checks from the load balancer",
            IpProtocol="tcp",
            FromPort=Ref("ContainerPort"),
            ToPort=Ref("ContainerPort"),
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
        "TestListenerSecurityGroupId",
        GetAtt(test_listener_security_group, "GroupId"),
        "Security group of the load balancer that lets in what tries new versions",
    )
    export(
        t, "ServiceSecurityGroupId", GetAtt(service_security_group, "GroupId"), "Security group of the tasks"
    )
    return [load_balancer_security_group, test_listener_security_group]


def _from_clients(t: Template, port: int, protocol: str) -> SecurityGroupRule:
    """The ingress rule for clients on a port: from one range, or from the ranges of a prefix list."""
    has_prefix_list = has(t, "LoadBalancerPrefixListId")
    is_open_to_anywhere = t.add_condition(
        "IsOpenToAnywhere",
        And(Not(Condition(has_prefix_list)), Equals(Ref("LoadBalancerCidr"), ANYWHERE)),
    )
    return _rule(
        port,
        If(is_open_to_anywhere, f"{protocol} from anywhere", f"{protocol} from the clients"),
        CidrIp=If(has_prefix_list, NoValue, Ref("LoadBalancerCidr")),
        SourcePrefixListId=If(has_prefix_list, Ref("LoadBalancerPrefixListId"), NoValue),
    )


def _rule(port: Any, description: str | If, **peer: Any) -> SecurityGroupRule:
    return SecurityGroupRule(Description=description, IpProtocol="tcp", FromPort=port, ToPort=port, **peer)


def add_load_balancer(t: Template, security_groups: list[SecurityGroup]) -> LoadBalancer:
    """The load balancer. CloudFormation generates its name; users connect to the team's own domain."""
    has_access_log_bucket = has(t, "AccessLogBucketName")
    is_internal = t.add_condition("IsInternal", Equals(Ref("LoadBalancerScheme"), "internal"))
    load_balancer = t.add_resource(
        LoadBalancer(
            "LoadBalancer",
            Type="application",
            Scheme=Ref("LoadBalancerScheme"),
            Subnets=If(is_internal, Ref("InternalSubnetIds"), Ref("PublicSubnetIds")),
            SecurityGroups=[GetAtt(group, "GroupId") for group in security_groups],
            LoadBalancerAttributes=[
                _attribute("deletion_protection.enabled", If(is_protected(t), "true", "false")),
                _attribute("idle_timeout.timeout_seconds", str(IDLE_TIMEOUT_SECONDS)),
                _attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
                _attribute("access_logs.s3.enabled", If(has_access_log_bucket, "true", "false")),
                If(
                    has_access_log_bucket,
                    _attribute("access_logs.s3.bucket", Ref("AccessLogBucketName")),
                    NoValue,
                ),
            ],
        )
    )
    _add_web_acl(t, load_balancer)
    _add_domain(t, load_balancer)
    full_name = GetAtt(load_balancer, "LoadBalancerFullName")
    export(t, "LoadBalancerFullName", full_name, "Name of the load balancer in metrics")
    dns_name = GetAtt(load_balancer, "DNSName")
    export(t, "LoadBalancerDnsName", dns_name, "Name at which the load balancer answers")
    # For stacks of others: an alias record, an alarm, a rule in their security group.
    export(t, "LoadBalancerArn", Ref(load_balancer), "ARN of the load balancer")
    hosted_zone = GetAtt(load_balancer, "CanonicalHostedZoneID")
    export(t, "LoadBalancerHostedZoneId", hosted_zone, "Hosted zone of the load balancer's own name")
    return load_balancer


def _add_web_acl(t: Template, load_balancer: LoadBalancer) -> None:
    t.add_resource(
        WebACLAssociation(
            "WebAclAssociation",
            Condition=has(t, "WebAclArn"),
            ResourceArn=Ref(load_balancer),
            WebACLArn=Ref("WebAclArn"),
        )
    )


def _add_domain(t: Template, load_balancer: LoadBalancer) -> None:
    # One record is enough: the load balancer has IPv4 addresses only.
    t.add_resource(
        RecordSetType(
            "DomainRecordSet",
            Condition=has(t, "HostedZoneId"),
            HostedZoneId=Ref("HostedZoneId"),
            Name=Ref("DomainName"),
            Type="A",
            AliasTarget=AliasTarget(
                DNSName=GetAtt(load_balancer, "DNSName"),
                HostedZoneId=GetAtt(load_balancer, "CanonicalHostedZoneID"),
                # There is no other record to fail over to.
                EvaluateTargetHealth=False,
            ),
        )
    )


def _attribute(key: str, value: Any) -> LoadBalancerAttributes:
    return LoadBalancerAttributes(Key=key, Value=value)


def add_target_groups(t: Template) -> tuple[TargetGroup, TargetGroup]:
    """The identical target groups blue and green; each is live after every second release."""
    blue_target_group, green_target_group = _target_group(t, "Blue"), _target_group(t, "Green")
    # The service is created with blue. CodeDeploy registers its tasks with green.
    export(t, "BlueTargetGroupArn", Ref(blue_target_group), "ARN of the blue target group")
    output(t, "GreenTargetGroupArn", Ref(green_target_group), "ARN of the green target group")
    return blue_target_group, green_target_group


def _target_group(t: Template, colour: str) -> TargetGroup:
    has_slow_start = t.add_condition("HasSlowStart", Not(Equals(Ref("SlowStartSeconds"), "0")))
    slow_start = TargetGroupAttribute(Key="slow_start.duration_seconds", Value=Ref("SlowStartSeconds"))
    target_group = t.add_resource(
        TargetGroup(
            f"{colour}TargetGroup",
            VpcId=Ref("VpcId"),
            # Each Fargate task has its own network interface, whose IP address is the target.
            TargetType="ip",
            Protocol="HTTP",
            Port=Ref("ContainerPort"),
            HealthCheckPath=Ref("HealthCheckPath"),
            HealthCheckIntervalSeconds=Ref("HealthCheckIntervalSeconds"),
            HealthCheckTimeoutSeconds=Ref("HealthCheckTimeoutSeconds"),
            HealthyThresholdCount=Ref("HealthyThresholdCount"),
            UnhealthyThresholdCount=Ref("UnhealthyThresholdCount"),
            Matcher=Matcher(HttpCode=Ref("HealthCheckStatuses")),
            TargetGroupAttributes=[
                TargetGroupAttribute(
                    Key="deregistration_delay.timeout_seconds", Value=Ref("DeregistrationDelaySeconds")
                ),
                # With stickiness, clients would not move when traffic is shifted.
                TargetGroupAttribute(Key="stickiness.enabled", Value="false"),
                If(has_slow_start, slow_start, NoValue),
            ],
        )
    )
    name = f"Name of the {colour.lower()} target group"
    export(t, f"{colour}TargetGroupName", GetAtt(target_group, "TargetGroupName"), name)
    full_name = GetAtt(target_group, "TargetGroupFullName")
    export(t, f"{colour}TargetGroupFullName", full_name, f"{name} in metrics")
    return target_group


def add_listeners(
    t: Template, load_balancer: LoadBalancer, blue: TargetGroup, green: TargetGroup
) -> tuple[Listener, Listener]:
    """Production traffic to blue, test traffic to green, until the first deployment swaps them."""
    has_certificate = has(t, "CertificateArn")
    # One listener for either protocol, so that references to it need no condition. CodeDeploy changes its
    # action in each release; this is only the initial one.
    production_listener = t.add_resource(
        Listener(
            "ProductionListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol=If(has_certificate, "HTTPS", "HTTP"),
            Port=If(has_certificate, HTTPS_PORT, HTTP_PORT),
            Certificates=If(has_certificate, [Certificate(CertificateArn=Ref("CertificateArn"))], NoValue),
            SslPolicy=If(has_certificate, TLS_POLICY, NoValue),
            DefaultActions=[Action(Type="forward", TargetGroupArn=Ref(blue))],
        )
    )
    t.add_resource(
        Listener(
            "RedirectListener",
            Condition=has_certificate,
            # The production listener must have released port 80 first.
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
    # New test listeners use HTTPS, as production does: the load balancer passes the listener's protocol to
    # the tasks, and an application that requires HTTPS would answer every test with a redirect. An existing
    # HTTP listener stays as it is, because CodeDeploy changes its actions.
    is_https = is_test_listener_https(t)
    test_listener = t.add_resource(
        Listener(
            "TestListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol=If(is_https, "HTTPS", "HTTP"),
            Port=Ref("TestListenerPort"),
            Certificates=If(is_https, [Certificate(CertificateArn=Ref("CertificateArn"))], NoValue),
            SslPolicy=If(is_https, TLS_POLICY, NoValue),
            DefaultActions=[Action(Type="forward", TargetGroupArn=Ref(green))],
        )
    )
    export(t, "ProductionListenerArn", Ref(production_listener), "Listener with production traffic")
    export(t, "TestListenerArn", Ref(test_listener), "Listener on which a new version is tried")
    output(
        t,
        "ServiceUrl",
        Sub(
            "${Scheme}://${Host}",
            Scheme=If(has_certificate, "https", "http"),
            Host=If(has(t, "DomainName"), Ref("DomainName"), GetAtt(load_balancer, "DNSName")),
        ),
        "Where the service answers; a name of yours must lead to LoadBalancerDnsName",
    )
    return production_listener, test_listener

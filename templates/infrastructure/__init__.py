"""What the service needs to run: cluster, load balancer, security groups and roles.

Owns: the cluster, unless it exists; the load balancer with its listeners, target groups and security groups;
the two task roles; and two resources that must exist before the pipeline and survive its deletion: the
connection to GitHub, and CloudFormation's role for the task-definition stack. Imports: nothing.
Exports: the names, ids and ARNs of all these that later layers need.
"""

from troposphere import Equals, If, Parameter, Ref, Sub, Template
from troposphere.codeconnections import Connection
from troposphere.ecs import Cluster, ClusterSetting
from troposphere.elasticloadbalancingv2 import ListenerRule

from templates._application import CERTIFICATES, EGRESS, SECRETS, SIDE_CONTAINERS
from templates._containers import secret_parameters
from templates._egress import egress_parameters, ranges
from templates._exports import export
from templates._listeners import certificate_parameters
from templates._parameters import PREFIX_LIST_REGEX, TEST_LISTENER_HTTPS, shared, template
from templates._runtime import (
    BelongsTo,
    Bucket,
    Changed,
    Cidr,
    Delegation,
    Distinct,
    Needs,
    NotLonger,
    Runtime,
)
from templates._stack_policy import deny_updates
from templates.infrastructure.listener_rules import add_certificates, add_listener_rules, moved_rules
from templates.infrastructure.load_balancing import (
    ANYWHERE,
    HEALTH_CHECKS,
    add_listeners,
    add_load_balancer,
    add_security_groups,
    add_target_groups,
)
from templates.infrastructure.task_roles import add_task_definition_stack_role, add_task_roles

_OCTET_REGEX = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4_REGEX = rf"{_OCTET_REGEX}(\.{_OCTET_REGEX}){{3}}"
# Not wider than /8: the test listener must not be open to the whole internet.
IPV4_RANGE_REGEX = rf"{_IPV4_REGEX}/([89]|[12]\d|3[0-2])"
_SUBNET_REGEX = "(|subnet-[0-9a-f]{8}([0-9a-f]{9})?)"
_SUBNETS = "must be subnet IDs such as subnet-0123456789abcdef0"

PARAMETERS = (
    *shared("Project", "Environment", "Protected", "VpcId"),
    Parameter(
        "ClusterName",
        Type="String",
        Description="Name of the ECS cluster; cannot be changed after creation",
        AllowedPattern="[A-Za-z][A-Za-z0-9_-]{0,254}",
        ConstraintDescription=(
            "must be 1 to 255 letters, digits, hyphens and underscores, and begin with a letter"
        ),
    ),
    Parameter(
        "ExistingCluster",
        Type="String",
        Description=(
            "Whether a cluster with that name exists already and is used as it is; cannot be changed"
            " after creation"
        ),
        AllowedValues=["true", "false"],
        Default="false",
    ),
    *shared("TestListenerPort"),
    Parameter(
        "TestListenerCidr",
        Type="String",
        Description="IPv4 range that can connect to the test listener; empty: none",
        Default="",
        AllowedPattern=f"(|{IPV4_RANGE_REGEX})",
        ConstraintDescription="must be one IPv4 range from /8 to /32, such as 203.0.113.0/24, or empty",
    ),
    *shared("ContainerPort"),
    Parameter(
        "LoadBalancerScheme",
        Type="String",
        Description=(
            "Whether the load balancer has public (internet-facing) or private (internal) addresses;"
            " cannot be changed after creation"
        ),
        AllowedValues=["internet-facing", "internal"],
        Default="internet-facing",
    ),
    # CommaDelimitedList, not List<AWS::EC2::Subnet::Id>: that type cannot be empty, and one of the two
    # parameters is.
    Parameter(
        "PublicSubnetIds",
        Type="CommaDelimitedList",
        Description="Public subnets of an internet-facing load balancer, in at least two Availability Zones",
        Default="",
        AllowedPattern=_SUBNET_REGEX,
        ConstraintDescription=_SUBNETS,
    ),
    Parameter(
        "InternalSubnetIds",
        Type="CommaDelimitedList",
        Description=(
            "Subnets of an internal load balancer, in at least two Availability Zones; can be those"
            " of the tasks"
        ),
        Default="",
        AllowedPattern=_SUBNET_REGEX,
        ConstraintDescription=_SUBNETS,
    ),
    Parameter(
        "LoadBalancerCidr",
        Type="String",
        Description="IPv4 range that can connect to the load balancer; 0.0.0.0/0: any address",
        Default=ANYWHERE,
        AllowedPattern=rf"{_IPV4_REGEX}/([12]?\d|3[0-2])",
        ConstraintDescription="must be one IPv4 range, such as 10.0.0.0/8 or 0.0.0.0/0",
    ),
    Parameter(
        "LoadBalancerPrefixListId",
        Type="String",
        Description=(
            "Prefix list of the ranges that can connect to the load balancer, used instead of"
            " LoadBalancerCidr; empty: none"
        ),
        Default="",
        AllowedPattern=f"(|{PREFIX_LIST_REGEX})",
        ConstraintDescription="must be a prefix list ID such as pl-0123456789abcdef0, or empty",
    ),
    Parameter(
        "AccessLogBucketName",
        Type="String",
        Description=(
            "Bucket for access logs of the load balancer; it must allow Elastic Load Balancing to write."
            " Empty: no access logs"
        ),
        Default="",
        AllowedPattern="(|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])",
        ConstraintDescription="must be the name of a bucket in this region, or empty",
    ),
    Parameter(
        "WebAclArn",
        Type="String",
        Description="Web ACL (AWS WAF) of the load balancer; empty: none",
        Default="",
        AllowedPattern=r"(|arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[A-Za-z0-9_-]+/[a-f0-9-]+)",
        ConstraintDescription="must be the ARN of a regional web ACL, or empty",
    ),
    *shared("HealthCheckPath"),
    *HEALTH_CHECKS,
    *shared("CertificateArn", "DomainName"),
    Parameter(
        "HostedZoneId",
        Type="String",
        Description=(
            "Route 53 hosted zone, in this account, in which a record for DomainName is created that"
            " points to the load balancer; empty: its DNS is managed elsewhere"
        ),
        Default="",
        AllowedPattern="(|Z[A-Z0-9]{1,31})",
        ConstraintDescription="must be a hosted zone ID such as Z0123456789ABCDEFGHIJ, or empty",
    ),
    *shared("TestListenerHttps"),
    *certificate_parameters(CERTIFICATES),
    *shared("PermissionsBoundaryArn", "EnableExecuteCommand"),
    *egress_parameters(EGRESS),
    *secret_parameters(SECRETS, SIDE_CONTAINERS),
    *shared("ConnectionArn"),
)


# CodeDeploy changes the target groups of the listeners outside CloudFormation.
_DEFAULT_ACTIONS = (Delegation("DefaultActions", "CodeDeploy", "forwards-to-target-groups"),)
_ACTIONS = (Delegation("Actions", "CodeDeploy", "forwards-to-target-groups"),)

RUNTIME = Runtime(
    # A stack update must not change what a release changes. An update of a listener would send its traffic
    # back to blue, which has no tasks after every second release.
    stack_policy=deny_updates(
        *("ProductionListener", "TestListener", "BlueTargetGroup", "GreenTargetGroup"),
        # Those of LISTENER_RULES: CodeDeploy changes them with their listener.
        types=(ListenerRule.resource_type,),
    ),
    changed_by=(
        Changed("ProductionListener", "CodeDeploy: its actions", "`CodeDeployRole`", _DEFAULT_ACTIONS),
        Changed("TestListener", "CodeDeploy: its actions", "`CodeDeployRole`", _DEFAULT_ACTIONS),
        *(Changed(rule, "CodeDeploy: its actions", "`CodeDeployRole`", _ACTIONS) for rule in moved_rules()),
        Changed("BlueTargetGroup", "ECS: its targets", "ECS's service-linked role"),
        Changed("GreenTargetGroup", "ECS: its targets", "ECS's service-linked role"),
        Changed("Connection", "a person: the handshake with GitHub, once", "the person's"),
    ),
    fixed_at_creation=(TEST_LISTENER_HTTPS,),
    controller={
        "cluster": "ClusterName",
        "production_listener": "ProductionListenerArn",
        "blue_target_group": "BlueTargetGroupArn",
        "green_target_group": "GreenTargetGroupArn",
        "address": "ServiceUrl",
    },
    domain={"name": "DomainName", "zone": "HostedZoneId"},
    cluster={"name": "ClusterName", "existing": "ExistingCluster"},
    network={
        "vpc": "VpcId",
        "public_subnets": "PublicSubnetIds",
        "internal_subnets": "InternalSubnetIds",
    },
    rules=(
        BelongsTo("PublicSubnetIds", "LoadBalancerScheme", "internet-facing"),
        BelongsTo("InternalSubnetIds", "LoadBalancerScheme", "internal"),
        Distinct("PublicSubnetIds", at_least=2),
        Distinct("InternalSubnetIds", at_least=2),
        *(Needs(certificate.parameter, "CertificateArn") for certificate in CERTIFICATES),
        Needs("HostedZoneId", "DomainName"),
        *(Cidr(title) for title in ranges(EGRESS)),
        NotLonger(
            [["HealthCheckTimeoutSeconds"]],
            [["HealthCheckIntervalSeconds"]],
            "Elastic Load Balancing wants it shorter than the interval",
            more=-1,
        ),
        Cidr("LoadBalancerCidr"),
        Cidr("TestListenerCidr"),
    ),
    buckets=(Bucket("AccessLogBucketName", written_by="load-balancer"),),
)


def build() -> Template:
    """The infrastructure layer's template."""
    t = template("Cluster, load balancer, security groups and roles", PARAMETERS)
    _add_cluster(t)
    security_groups = add_security_groups(t)
    load_balancer = add_load_balancer(t, security_groups)
    blue_target_group, green_target_group = add_target_groups(t)
    listeners = add_listeners(t, load_balancer, blue_target_group, green_target_group)
    add_listener_rules(t, list(zip(listeners, (blue_target_group, green_target_group), strict=True)))
    add_certificates(t, *listeners)
    task_roles = add_task_roles(t)
    add_task_definition_stack_role(t, task_roles)
    _add_connection(t)
    return t


def _add_cluster(t: Template) -> None:
    is_cluster_created = t.add_condition("IsClusterCreated", Equals(Ref("ExistingCluster"), "false"))
    cluster = t.add_resource(
        Cluster(
            "Cluster",
            # An existing cluster is neither changed nor deleted, and its capacity providers are not
            # associated: that would remove those of its owner.
            Condition=is_cluster_created,
            ClusterName=Ref("ClusterName"),
            # A release may name these; the launch type FARGATE needs none.
            CapacityProviders=["FARGATE", "FARGATE_SPOT"],
            ClusterSettings=[ClusterSetting(Name="containerInsights", Value="enabled")],
        )
    )
    name = If(is_cluster_created, Ref(cluster), Ref("ClusterName"))
    export(t, "ClusterName", name, "Name of the cluster")


def _add_connection(t: Template) -> None:
    is_connection_created = t.add_condition("IsConnectionCreated", Equals(Ref("ConnectionArn"), ""))
    connection = t.add_resource(
        Connection(
            "Connection",
            Condition=is_connection_created,
            # At most 32 characters (November 2026), which the patterns of both parameters guarantee.
            ConnectionName=Sub("${Project}-${Environment}"),
            ProviderType="GitHub",
        )
    )
    export(
        t,
        "ConnectionArn",
        If(is_connection_created, Ref(connection), Ref("ConnectionArn")),
        "Connection to GitHub",
    )

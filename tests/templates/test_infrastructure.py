"""What must never change in the infrastructure layer."""

from pathlib import Path
from typing import Any

import pytest
from ecs_blue_green.testing.resolved import Project

from templates import infrastructure, service_preference
from templates._application import EGRESS
from templates._egress import Egress, egress_rules
from tests.templates.conftest import Document

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def resources(documents: dict[str, Document]) -> dict[str, Any]:
    return {title: r["Properties"] for title, r in documents["infrastructure"]["Resources"].items()}


def test_target_groups_are_alike(resources: dict[str, Any]) -> None:
    """Each has the production traffic after every other release."""
    assert resources["BlueTargetGroup"] == resources["GreenTargetGroup"]


CHECKS = (
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
)


def test_target_group_checks_health_faster_than_a_release_moves_on(
    resources: dict[str, Any], documents: dict[str, Document]
) -> None:
    """Unless a parameter says otherwise."""
    declared = documents["infrastructure"]["Parameters"]
    group = resources["BlueTargetGroup"]
    default = {name: declared[value["Ref"]]["Default"] for name, value in group.items() if name in CHECKS}
    assert group["TargetType"] == "ip"
    assert (group["Protocol"], group["Port"]) == ("HTTP", {"Ref": "ContainerPort"})
    assert default["HealthCheckIntervalSeconds"] * default["UnhealthyThresholdCount"] < 60
    drain, stickiness, slow_start = group["TargetGroupAttributes"]
    assert drain == {
        "Key": "deregistration_delay.timeout_seconds",
        "Value": {"Ref": "DeregistrationDelaySeconds"},
    }
    assert stickiness == {"Key": "stickiness.enabled", "Value": "false"}
    # An attribute more, if only with its default, would be a change of a group that is there.
    assert slow_start["Fn::If"][2] == {"Ref": "AWS::NoValue"}
    assert declared["SlowStartSeconds"]["Default"] == "0"


def test_production_goes_to_blue_and_tests_to_green(resources: dict[str, Any]) -> None:
    """The simple form: CodeDeploy rewrites it, and takes no other."""
    for listener, group in (("ProductionListener", "BlueTargetGroup"), ("TestListener", "GreenTargetGroup")):
        assert resources[listener]["DefaultActions"] == [
            {"Type": "forward", "TargetGroupArn": {"Ref": group}}
        ]


def test_a_certificate_makes_the_production_listener_https(resources: dict[str, Any]) -> None:
    listener = resources["ProductionListener"]
    assert listener["Protocol"] == {"Fn::If": ["HasCertificate", "HTTPS", "HTTP"]}
    assert listener["Port"] == {"Fn::If": ["HasCertificate", 443, 80]}
    condition, policy, nothing = listener["SslPolicy"]["Fn::If"]
    assert (condition, nothing) == ("HasCertificate", {"Ref": "AWS::NoValue"})
    assert policy.startswith("ELBSecurityPolicy-TLS13-1-2-")


def test_test_listener_is_like_production_where_the_environment_is_new(
    documents: dict[str, Document], resources: dict[str, Any]
) -> None:
    """The load balancer tells the tasks of its listener's protocol, whatever a client says."""
    https = "IsTestListenerHttps"
    assert documents["infrastructure"]["Conditions"][https] == {
        "Fn::And": [
            {"Condition": "HasCertificate"},
            {"Fn::Equals": [{"Ref": "TestListenerHttps"}, "true"]},
        ]
    }
    listener, production = resources["TestListener"], resources["ProductionListener"]
    assert listener["Protocol"] == {"Fn::If": [https, "HTTPS", "HTTP"]}
    for name in ("Certificates", "SslPolicy"):
        assert listener[name]["Fn::If"] == [https, *production[name]["Fn::If"][1:]]


def test_test_listener_stays_what_it_was(documents: dict[str, Document]) -> None:
    """CodeDeploy moves its actions, so that it cannot be changed; who asks it has to know what it speaks."""
    for layer in (infrastructure, service_preference):
        (fixed,) = layer.RUNTIME.fixed_at_creation
        assert (fixed.parameter, fixed.for_new_stacks, fixed.for_older_stacks) == (
            "TestListenerHttps",
            "true",
            "false",
        )
    for slug in ("infrastructure", "service-preference"):
        assert documents[slug]["Parameters"]["TestListenerHttps"]["Default"] == "false"


def test_redirect_comes_after_the_listener_that_leaves_its_port(documents: dict[str, Document]) -> None:
    redirect = documents["infrastructure"]["Resources"]["RedirectListener"]
    assert redirect["Condition"] == "HasCertificate"
    assert redirect["DependsOn"] == "ProductionListener"
    assert redirect["Properties"]["Port"] == 80
    assert redirect["Properties"]["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"


def test_load_balancer_is_hardened(resources: dict[str, Any]) -> None:
    load_balancer = resources["LoadBalancer"]
    attributes = {
        item["Key"]: item["Value"] for item in load_balancer["LoadBalancerAttributes"] if "Key" in item
    }
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == {"Fn::If": ["IsProtected", "true", "false"]}


def balancer_of(**parameters: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The load balancer and what its security group lets in, as an environment with these would have them."""
    resources = Project(ROOT).templates(parameters)["infrastructure"]["Resources"]
    ingress = resources["LoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    return resources["LoadBalancer"]["Properties"], ingress


def test_load_balancer_is_where_its_scheme_says() -> None:
    subnets = {"PublicSubnetIds": "subnet-1,subnet-2", "InternalSubnetIds": ""}
    load_balancer, _ = balancer_of(LoadBalancerScheme="internet-facing", **subnets)
    assert (load_balancer["Scheme"], load_balancer["Subnets"]) == (
        "internet-facing",
        ["subnet-1", "subnet-2"],
    )
    subnets = {"PublicSubnetIds": "", "InternalSubnetIds": "subnet-3,subnet-4"}
    load_balancer, _ = balancer_of(LoadBalancerScheme="internal", **subnets)
    assert (load_balancer["Scheme"], load_balancer["Subnets"]) == ("internal", ["subnet-3", "subnet-4"])


def test_domain_is_an_alias_of_the_load_balancer_where_there_is_a_zone(
    documents: dict[str, Document],
) -> None:
    document = documents["infrastructure"]
    record = document["Resources"]["DomainRecordSet"]
    assert record["Condition"] == "HasHostedZone"
    assert record["Properties"] == {
        "HostedZoneId": {"Ref": "HostedZoneId"},
        "Name": {"Ref": "DomainName"},
        "Type": "A",
        "AliasTarget": {
            "DNSName": {"Fn::GetAtt": ["LoadBalancer", "DNSName"]},
            "HostedZoneId": {"Fn::GetAtt": ["LoadBalancer", "CanonicalHostedZoneID"]},
            "EvaluateTargetHealth": False,
        },
    }


def test_tasks_are_reached_through_the_load_balancer_only(resources: dict[str, Any]) -> None:
    assert "SecurityGroupIngress" not in resources["ServiceSecurityGroup"]
    ingress = resources["ServiceSecurityGroupIngress"]
    assert ingress["GroupId"] == {"Fn::GetAtt": ["ServiceSecurityGroup", "GroupId"]}
    assert ingress["SourceSecurityGroupId"] == {"Fn::GetAtt": ["LoadBalancerSecurityGroup", "GroupId"]}
    assert ingress["FromPort"] == ingress["ToPort"] == {"Ref": "ContainerPort"}
    # A group without an explicit rule would let the load balancer call anything.
    for group in ("LoadBalancerSecurityGroup", "TestListenerSecurityGroup"):
        (to_tasks,) = resources[group]["SecurityGroupEgress"]
        assert to_tasks["DestinationSecurityGroupId"] == {"Fn::GetAtt": ["ServiceSecurityGroup", "GroupId"]}


def test_tasks_may_call_https_and_what_the_table_says(resources: dict[str, Any]) -> None:
    """Without an explicit rule EC2 adds one that lets everything out."""
    egress, *others = resources["ServiceSecurityGroup"]["SecurityGroupEgress"]
    assert others == [rule.to_dict() for rule in egress_rules(EGRESS)]
    assert (egress["IpProtocol"], egress["FromPort"], egress["ToPort"]) == ("tcp", 443, 443)


def test_clients_reach_the_ports_that_have_a_listener() -> None:
    """443 only with a certificate: without one nothing listens there."""
    http = {"Description": "HTTP from anywhere", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    https = {"Description": "HTTPS from anywhere", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    anywhere = {"CidrIp": "0.0.0.0/0"}
    without = {"TestListenerCidr": "", "LoadBalancerCidr": "0.0.0.0/0", "LoadBalancerPrefixListId": ""}
    # What environments have that are older than the parameters: another text would change their groups.
    assert balancer_of(**without, CertificateArn="")[1] == [http | anywhere]
    assert balancer_of(**without, CertificateArn="arn:aws:acm:x")[1] == [http | anywhere, https | anywhere]


@pytest.mark.parametrize(
    ("given", "peer"),
    [
        ({"LoadBalancerCidr": "10.0.0.0/8"}, {"CidrIp": "10.0.0.0/8"}),
        ({"LoadBalancerPrefixListId": "pl-01234567"}, {"SourcePrefixListId": "pl-01234567"}),
    ],
)
def test_clients_may_be_those_of_a_range(given: dict[str, str], peer: dict[str, str]) -> None:
    _, ingress = balancer_of(TestListenerCidr="", CertificateArn="arn:aws:acm:x", **given)
    names = ("CidrIp", "SourcePrefixListId")
    assert [{name: rule[name] for name in names if name in rule} for rule in ingress] == [peer, peer]
    assert [rule["Description"] for rule in ingress] == ["HTTP from the clients", "HTTPS from the clients"]


def test_test_listener_is_open_to_one_range_or_to_nobody(resources: dict[str, Any]) -> None:
    _, _, test = resources["LoadBalancerSecurityGroup"]["SecurityGroupIngress"]
    condition, rule, nothing = test["Fn::If"]
    assert (condition, nothing) == ("HasTestListenerCidr", {"Ref": "AWS::NoValue"})
    assert rule["CidrIp"] == {"Ref": "TestListenerCidr"}
    assert rule["FromPort"] == rule["ToPort"] == {"Ref": "TestListenerPort"}


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("", True),
        ("203.0.113.0/24", True),
        ("10.0.0.0/8", True),
        ("198.51.100.7/32", True),
        ("0.0.0.0/0", False),
        ("10.0.0.0/7", False),
        ("10.0.0.256/24", False),
        ("10.0.0.0", False),
        ("10.0.0.0/33", False),
        ("2001:db8::/32", False),
    ],
)
def test_test_listener_cidr_is_one_range(value: str, allowed: bool, documents: dict[str, Document]) -> None:
    from ecs_blue_green.deployer import parameters

    parameter = documents["infrastructure"]["Parameters"]["TestListenerCidr"]
    assert (parameters.problem(parameter, [value]) is None) is allowed


def statements(role: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in role["Policies"][0]["PolicyDocument"]["Statement"]}


def test_execution_role_pulls_one_image_and_writes_one_log_group(resources: dict[str, Any]) -> None:
    rights = statements(resources["TaskExecutionRole"])
    assert rights.keys() - {"ReadSecrets"} == {"LogInToRegistry", "PullImage", "WriteLogs"}
    repository = rights["PullImage"]["Resource"][0]
    assert repository["Fn::Sub"].endswith(":repository/${Project}-${Environment}-api")
    (streams,) = rights["WriteLogs"]["Resource"]
    assert streams["Fn::Sub"].endswith(":log-group:/ecs/${Project}-${Environment}-api:*")
    assert rights["WriteLogs"]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_task_role_can_do_nothing_unless_a_shell_is_wanted(resources: dict[str, Any]) -> None:
    condition, policies, nothing = resources["TaskRole"]["Policies"]["Fn::If"]
    assert (condition, nothing) == ("IsExecuteCommandEnabled", {"Ref": "AWS::NoValue"})
    (statement,) = policies[0]["PolicyDocument"]["Statement"]
    assert [action.partition(":")[0] for action in statement["Action"]] == 4 * ["ssmmessages"]


def test_role_for_the_task_definition_stack_is_fenced(resources: dict[str, Any]) -> None:
    """A push runs with it: what it may pass on and write to is named, one by one."""
    role = resources["TaskDefinitionStackRole"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["cloudformation.amazonaws.com"]}
    assert "Condition" not in trust
    rights = statements(role)
    passed = rights["PassTaskRoles"]
    assert passed["Resource"] == [
        {"Fn::GetAtt": ["TaskRole", "Arn"]},
        {"Fn::GetAtt": ["TaskExecutionRole", "Arn"]},
    ]
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    for statement in rights.values():
        services = {action.partition(":")[0] for action in statement["Action"]}
        assert services <= {"ecs", "iam", "logs"}
        if services == {"iam"}:
            assert set(statement["Action"]) <= {"iam:GetRole", "iam:PassRole"}


def test_connection_is_created_unless_one_is_given(documents: dict[str, Document]) -> None:
    document = documents["infrastructure"]
    assert document["Resources"]["Connection"]["Condition"] == "IsConnectionCreated"
    assert document["Conditions"]["IsConnectionCreated"] == {"Fn::Equals": [{"Ref": "ConnectionArn"}, ""]}
    assert document["Outputs"]["ConnectionArn"]["Value"] == {
        "Fn::If": ["IsConnectionCreated", {"Ref": "Connection"}, {"Ref": "ConnectionArn"}]
    }


def test_connection_name_fits(documents: dict[str, Document]) -> None:
    """At most 32 characters, out of the longest names that the patterns allow."""
    import re

    longest = {"Project": "a" * 20, "Environment": "a" * 10}
    for title, value in longest.items():
        pattern = documents["infrastructure"]["Parameters"][title]["AllowedPattern"]
        assert re.fullmatch(pattern, value)
        assert not re.fullmatch(pattern, value + "a")
    assert len("{Project}-{Environment}".format(**longest)) <= 32


def test_stack_policy_protects_what_a_release_moves(documents: dict[str, Document]) -> None:
    import json

    policy = infrastructure.RUNTIME.stack_policy
    assert policy
    allow, deny, by_type = json.loads(policy.to_json())["Statement"]
    assert allow == {"Effect": "Allow", "Action": ["Update:*"], "Principal": "*", "Resource": ["*"]}
    assert (deny["Effect"], deny["Action"], deny["Principal"]) == ("Deny", ["Update:*"], "*")
    protected = {resource.removeprefix("LogicalResourceId/") for resource in deny["Resource"]}
    resources = documents["infrastructure"]["Resources"]
    assert protected == {
        title
        for title, resource in resources.items()
        if resource["Type"].endswith((":TargetGroup", ":Listener")) and title != "RedirectListener"
    }
    # A policy may not name a rule before there is one.
    assert (by_type["Effect"], by_type["Action"], by_type["Resource"]) == ("Deny", ["Update:*"], ["*"])
    rules = ["AWS::ElasticLoadBalancingV2::ListenerRule"]
    assert by_type["Condition"] == {"StringEquals": {"ResourceType": rules}}


def test_cluster_that_exists_is_not_made(documents: dict[str, Document]) -> None:
    document = documents["infrastructure"]
    assert document["Resources"]["Cluster"]["Condition"] == "IsClusterCreated"
    assert document["Conditions"]["IsClusterCreated"] == {"Fn::Equals": [{"Ref": "ExistingCluster"}, "false"]}
    # The name is the same either way, so that what imports it does not notice.
    name = {"Fn::If": ["IsClusterCreated", {"Ref": "Cluster"}, {"Ref": "ClusterName"}]}
    assert document["Outputs"]["ClusterName"]["Value"] == name


def test_cluster_has_container_insights(resources: dict[str, Any]) -> None:
    assert resources["Cluster"]["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]
    assert resources["Cluster"]["ClusterName"] == {"Ref": "ClusterName"}


def test_a_way_out_is_one_port_of_one_peer() -> None:
    rows = (
        Egress("Database", 5432, security_group="DatabaseSecurityGroupId"),
        Egress("Cache", 6379, cidr="CacheCidr"),
        Egress("Mail", 587, prefix_list="MailPrefixListId"),
    )
    database, cache, mail = (rule.to_dict() for rule in egress_rules(rows))
    assert (database["FromPort"], database["ToPort"], database["IpProtocol"]) == (5432, 5432, "tcp")
    assert database["DestinationSecurityGroupId"] == {"Ref": "DatabaseSecurityGroupId"}
    assert cache["CidrIp"] == {"Ref": "CacheCidr"}
    assert mail["DestinationPrefixListId"] == {"Ref": "MailPrefixListId"}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([Egress("Database", 5432)], "must have one of"),
        ([Egress("Database", 5432, cidr="A", prefix_list="B")], "must have one of"),
        ([Egress("Database", 0, cidr="A")], "a port from 1 to 65535"),
        ([Egress("Database", 5432, cidr="A"), Egress("Another", 5432, cidr="A")], "'Another' is there twice"),
    ],
)
def test_ways_out_that_ec2_would_refuse_are_told(rows: list[Egress], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        egress_rules(rows)

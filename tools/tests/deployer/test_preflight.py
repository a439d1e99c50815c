"""What is found out about the account before the first stack is touched, and what that stops."""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from ecs_blue_green.deployer import environment, preflight, remedies
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.schemas import schema
from ecs_blue_green.deployer.effects.states import ResolvedState, State, desired_state
from ecs_blue_green.deployer.errors import BadInput, Blocked, Failure
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight import PreflightFinding, image, names, network, quotas, references
from ecs_blue_green.deployer.preflight.network import Network
from tests.deployer.followed import follows
from tests.deployer.releases import client
from tests.deployer.shop import Shop
from tests.paths import PROJECT, RUNTIME

REGION = "ap-northeast-1"
VPC = "vpc-0a1b2c3d4e5f60718"
PUBLIC = ["subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"]
PRIVATE = ["subnet-0a1b2c3d4e5f6071c", "subnet-0a1b2c3d4e5f6071d"]


def survey_of(
    built: Mapping[str, Layer],
    /,
    created: set[str] | None = None,
    region: str = REGION,
    **parameters: Any,
) -> Survey:
    """A first deployment of these layers, or of all, with the required parameters of params/local.yaml."""
    declared = {slug: layer.parameters for slug, layer in built.items()}
    settings = environment.load(PROJECT / "params", "local", declared)
    optional = {name for block in declared.values() for name in block if "Default" in block[name]}
    # One of the two lists of the load balancer's subnets is needed, so each has a default.
    optional -= set(RUNTIME.network.of_load_balancer)
    required = {name: value for name, value in settings.parameters.items() if name not in optional}
    settings = settings._replace(parameters={**required, **parameters}, region=region)
    nothing = ResolvedState(State(settings.account, region, {}))
    world = ResolvedState(desired_state(built, settings))
    chosen = set(built) if created is None else created
    return Survey(
        environment=settings,
        layers={slug: layer for slug, layer in built.items() if slug in chosen},
        stacks=dict.fromkeys(built),
        changes={change.layer: change for change in comparison.compare_resolved(nothing, world)},
        created=frozenset(chosen),
        world=world,
    )


def subnet(identifier: str, zone: str, **more: Any) -> dict[str, Any]:
    return {
        "SubnetId": identifier,
        "VpcId": VPC,
        "AvailabilityZone": f"{REGION}{zone}",
        "AvailableIpAddressCount": 100,
        "CidrBlock": "10.0.1.0/24",
        **more,
    }


def table(identifier: str, subnets: list[str], **target: Any) -> dict[str, Any]:
    routes = [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}]
    if target:
        routes.append({"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target})
    associations: list[dict[str, Any]] = [{"SubnetId": name, "Main": False} for name in subnets]
    return {"RouteTableId": identifier, "Routes": routes, "Associations": associations or [{"Main": True}]}


def endpoint(service: str, **more: Any) -> dict[str, Any]:
    return {
        "VpcEndpointId": f"vpce-{service}",
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcEndpointType": "Interface",
        "State": "available",
        "PrivateDnsEnabled": True,
        "Groups": [{"GroupId": "sg-1"}],
        **more,
    }


def group(**rule: Any) -> dict[str, Any]:
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    return {"GroupId": "sg-1", "IpPermissions": [{**https, **rule}]}


GATEWAY_TO_S3 = endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=["rtb-private"])
ENDPOINTS = [GATEWAY_TO_S3, *(endpoint(name) for name in ("ecr.api", "ecr.dkr", "logs", "codedeploy", "ec2"))]


def good_network(**changes: Any) -> Network:
    subnets = [
        subnet(PUBLIC[0], "a"),
        subnet(PUBLIC[1], "c"),
        subnet(PRIVATE[0], "a"),
        subnet(PRIVATE[1], "c"),
    ]
    made = Network(
        vpc=True,
        subnets={one["SubnetId"]: one for one in subnets},
        tables=[
            table("rtb-main", []),
            table("rtb-public", PUBLIC, GatewayId="igw-1"),
            table("rtb-private", PRIVATE, NatGatewayId="nat-1"),
        ],
        gateways={"nat-1": {"NatGatewayId": "nat-1", "State": "available"}},
        endpoints=[],
        groups={"sg-1": group()},
    )
    return replace(made, **changes)


def without_way_out(**changes: Any) -> Network:
    tables = [table("rtb-public", PUBLIC, GatewayId="igw-1"), table("rtb-private", PRIVATE)]
    return good_network(tables=tables, **changes)


def judged(survey: Survey, seen: Network) -> list[str]:
    return [str(finding) for finding in network.judge(survey, RUNTIME, PUBLIC, PRIVATE, seen)]


def test_network_that_is_right(built: Mapping[str, Layer]) -> None:
    assert judged(survey_of(built), good_network()) == []
    assert judged(survey_of(built), without_way_out(endpoints=ENDPOINTS)) == []


def test_internal_load_balancer_needs_no_way_to_the_internet(built: Mapping[str, Layer]) -> None:
    """Its subnets are judged by what the template puts there, and told by the parameter that names them."""
    internal = survey_of(
        built, LoadBalancerScheme="internal", InternalSubnetIds=",".join(PUBLIC), PublicSubnetIds=""
    )
    assert judged(internal, good_network(tables=[table("rtb-main", [], NatGatewayId="nat-1")])) == []
    same_zone = judged(internal, with_subnet(PUBLIC[1], AvailabilityZone=f"{REGION}a"))
    assert same_zone == [
        f'parameters.InternalSubnetIds: "{PUBLIC[1]}" is in {REGION}a like {PUBLIC[0]}; a load balancer takes'
        " one subnet of a zone"
    ]
    public = survey_of(built, PublicSubnetIds=",".join(PUBLIC))
    (first, _) = judged(public, good_network(tables=[table("rtb-main", [], NatGatewayId="nat-1")]))
    assert "must have a route to an internet gateway" in first


def with_subnet(name: str, **changes: Any) -> Network:
    seen = good_network()
    return replace(seen, subnets={**seen.subnets, name: {**seen.subnets[name], **changes}})


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(good_network(vpc=False), f'VpcId: "{VPC}" does not exist in {REGION}', id="VPC"),
        pytest.param(
            good_network(subnets={k: v for k, v in good_network().subnets.items() if k != PUBLIC[0]}),
            f'PublicSubnetIds: "{PUBLIC[0]}" does not exist',
            id="subnet",
        ),
        pytest.param(
            with_subnet(PRIVATE[1], VpcId="vpc-1"),
            f'PrivateSubnetIds: "{PRIVATE[1]}" is in vpc-1, and VpcId is {VPC}',
            id="other VPC",
        ),
        pytest.param(
            with_subnet(PUBLIC[1], AvailabilityZone=f"{REGION}a"),
            f'PublicSubnetIds: "{PUBLIC[1]}" is in {REGION}a like {PUBLIC[0]}',
            id="public zones",
        ),
        pytest.param(
            with_subnet(PRIVATE[1], AvailabilityZone=f"{REGION}a"),
            f"PrivateSubnetIds: must be in two zones or more; all are in {REGION}a",
            id="private zones",
        ),
        pytest.param(
            with_subnet(PUBLIC[0], AvailableIpAddressCount=7),
            "has 7 free addresses; a load balancer needs 8",
            id="public addresses",
        ),
        pytest.param(
            good_network(tables=[table("rtb-main", [], NatGatewayId="nat-1")]),
            f'"{PUBLIC[0]}" must have a route to an internet gateway; rtb-main leads to nat-1',
            id="public by the main table",
        ),
        pytest.param(
            good_network(tables=[table("rtb-main", [], GatewayId="igw-1")]),
            f'"{PRIVATE[0]}" has no way out: rtb-main leads to igw-1, which takes only what has a public',
            id="private by an internet gateway",
        ),
        pytest.param(
            good_network(gateways={"nat-1": {"State": "deleted"}}),
            "rtb-private leads to nat-1, which is deleted",
            id="dead NAT gateway",
        ),
        pytest.param(
            good_network(
                tables=[
                    table("rtb-public", PUBLIC, GatewayId="igw-1", State="blackhole"),
                    table("rtb-private", PRIVATE, NatGatewayId="nat-1"),
                ]
            ),
            "the route of rtb-public to igw-1 is a black hole",
            id="black hole",
        ),
        pytest.param(
            without_way_out(),
            "no route to 0.0.0.0/0, and without it these endpoints are needed: ecr.api, ecr.dkr, logs, s3,"
            " codedeploy, ec2",
            id="no way out",
        ),
        pytest.param(
            without_way_out(endpoints=[*ENDPOINTS[1:], endpoint("s3", VpcEndpointType="Gateway")]),
            "these endpoints are needed: s3 (vpce-s3 is not in the subnet's route table)",
            id="gateway in another table",
        ),
        pytest.param(
            without_way_out(endpoints=[*ENDPOINTS[:-1], endpoint("ec2", PrivateDnsEnabled=False)]),
            "ec2 (vpce-ec2 has no private DNS name)",
            id="no private name",
        ),
        pytest.param(
            without_way_out(endpoints=[*ENDPOINTS[:-1], endpoint("ec2", State="pendingAcceptance")]),
            "ec2 (vpce-ec2 is pendingAcceptance)",
            id="pending endpoint",
        ),
        pytest.param(
            without_way_out(
                endpoints=ENDPOINTS, groups={"sg-1": group(IpRanges=[{"CidrIp": "10.1.0.0/16"}])}
            ),
            "ecr.api (vpce-ecr.api does not let port 443 in from the subnet)",
            id="closed endpoint",
        ),
    ],
)
def test_network_that_is_wrong(built: Mapping[str, Layer], seen: Network, said: str) -> None:
    assert any(said in line for line in judged(survey_of(built), seen)), judged(survey_of(built), seen)


def test_fewer_addresses_than_a_release_needs(built: Mapping[str, Layer]) -> None:
    seen = good_network()
    seen = replace(
        seen, subnets={name: {**one, "AvailableIpAddressCount": 9} for name, one in seen.subnets.items()}
    )
    assert judged(survey_of(built, MaxCapacity="9"), seen) == []
    (said,) = judged(survey_of(built, MaxCapacity="10"), seen)
    assert said == "parameters.PrivateSubnetIds: have 18 free addresses; a release at MaxCapacity needs 20"


@pytest.mark.parametrize(
    ("parameters", "service"),
    [
        ({"EnableExecuteCommand": "true"}, "ssmmessages"),
        ({"DatabaseUrlArn": f"arn:aws:secretsmanager:{REGION}:000000000000:secret:a-b"}, "secretsmanager"),
        ({"SmokeTest": "disabled"}, None),
    ],
)
def test_endpoints_follow_what_the_tasks_use(
    built: Mapping[str, Layer], parameters: dict[str, Any], service: str | None
) -> None:
    said = " ".join(judged(survey_of(built, **parameters), without_way_out()))
    assert service in said if service else "codedeploy" not in said


def test_way_behind_a_transit_gateway_is_not_judged(built: Mapping[str, Layer]) -> None:
    tables = [
        table("rtb-public", PUBLIC, GatewayId="igw-1"),
        table("rtb-private", PRIVATE, TransitGatewayId="tgw-1"),
    ]
    assert judged(survey_of(built), good_network(tables=tables)) == []


class Clients:
    """Clients with scripted answers, by service."""

    emulated = False

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.stubbers: dict[str, Stubber] = {}

    def client(self, service: str) -> Any:
        if service not in self.made:
            self.made[service] = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=REGION,
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            self.stubbers[service] = Stubber(self.made[service])
            self.stubbers[service].activate()
        return self.made[service]

    def answer(self, service: str, operation: str, response: dict[str, Any]) -> None:
        self.client(service)
        self.stubbers[service].add_response(operation, response)

    def refuse(self, service: str, operation: str, code: str) -> None:
        self.client(service)
        self.stubbers[service].add_client_error(operation, code, "no", http_status_code=400)


@pytest.fixture
def clients() -> Clients:
    return Clients()


CERTIFICATE = f"arn:aws:acm:{REGION}:000000000000:certificate/a"
KEY = f"arn:aws:kms:{REGION}:000000000000:key/a"
CONNECTION = f"arn:aws:codeconnections:{REGION}:000000000000:connection/a"
SECRET = f"arn:aws:secretsmanager:{REGION}:000000000000:secret:a"
POLICY = "arn:aws:iam::000000000000:policy/a"
ACL = f"arn:aws:wafv2:{REGION}:000000000000:regional/webacl/a/0"
STORED = f"arn:aws:ssm:{REGION}:000000000000:parameter/a/b"

KEYS = {str(key.parameter): key for key in RUNTIME.keys}
ACCESS_LOGS, ARTIFACT_LOGS = RUNTIME.buckets


def looked_up(clients: Clients, survey: Survey, title: str, arn: str) -> list[PreflightFinding]:
    return list(references.findings(clients, survey, title, arn, KEYS.get(title)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arn", "service", "operation", "code"),
    [
        (CERTIFICATE, "acm", "describe_certificate", "ResourceNotFoundException"),
        (KEY, "kms", "describe_key", "NotFoundException"),
        (CONNECTION, "codeconnections", "get_connection", "ResourceNotFoundException"),
        (CONNECTION.replace("codeconnections", "codestar-connections"), "codeconnections", "get_connection",
         "ResourceNotFoundException"),
        (SECRET, "secretsmanager", "describe_secret", "ResourceNotFoundException"),
        (POLICY, "iam", "get_policy", "NoSuchEntity"),
        (ACL, "wafv2", "get_web_acl", "WAFNonexistentItemException"),
    ],
)  # fmt: skip
def test_what_a_parameter_names_must_exist(
    built: Mapping[str, Layer], clients: Clients, arn: str, service: str, operation: str, code: str
) -> None:
    clients.refuse(service, operation, code)
    (finding,) = looked_up(clients, survey_of(built), "SomeArn", arn)
    assert str(finding) == f'parameters.SomeArn: "{arn}" does not exist in account 000000000000'


@pytest.mark.parametrize(
    ("arn", "service", "operation", "response", "said"),
    [
        (CERTIFICATE, "acm", "describe_certificate", {"Certificate": {"Status": "ISSUED"}}, None),
        (CERTIFICATE, "acm", "describe_certificate", {"Certificate": {"Status": "EXPIRED"}}, "is EXPIRED"),
        (CERTIFICATE, "acm", "describe_certificate", {"Certificate": {"Status": "PENDING_VALIDATION"}},
         "finish its validation"),
        (KEY, "kms", "describe_key", {"KeyMetadata": {"KeyId": "a", "KeyState": "Enabled"}}, None),
        (KEY, "kms", "describe_key", {"KeyMetadata": {"KeyId": "a", "KeyState": "PendingDeletion"}},
         "is PendingDeletion"),
        (SECRET, "secretsmanager", "describe_secret", {"DeletedDate": 0}, "is scheduled for deletion"),
        (STORED, "ssm", "describe_parameters", {"Parameters": []}, "does not exist"),
        (STORED, "ssm", "describe_parameters", {"Parameters": [{"Name": "/a/b"}]}, None),
    ],
)  # fmt: skip
def test_what_a_parameter_names_must_be_fit_for_use(
    built: Mapping[str, Layer],
    clients: Clients,
    arn: str,
    service: str,
    operation: str,
    response: dict[str, Any],
    said: str | None,
) -> None:
    clients.answer(service, operation, response)
    found = looked_up(clients, survey_of(built), "SomeArn", arn)
    assert [said in str(finding) for finding in found] == [True] if said else found == []


KEY_SERVICES = {
    "KmsKeyArn": [f"logs.{REGION}.amazonaws.com"],
    "LogKmsKeyArn": [f"logs.{REGION}.amazonaws.com"],
    "NotificationKeyArn": ["events.amazonaws.com", "cloudwatch.amazonaws.com"],
}
ROLE = "arn:aws:iam::000000000000:role"
OWNER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
# What docs/security.md says that the key's policy needs: tests/documents/test_docs.py compares it.
THROUGH_SNS = {
    "Effect": "Allow",
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
    "Principal": {"AWS": "*"},
    "Condition": {
        "StringEquals": {
            "kms:CallerAccount": "123456789012",
            "kms:ViaService": "sns.ap-northeast-1.amazonaws.com",
        }
    },
}


def key_findings(
    built: Mapping[str, Layer], clients: Clients, title: str, *statements: Mapping[str, Any]
) -> list[str]:
    clients.answer("kms", "describe_key", {"KeyMetadata": {"KeyId": "a", "KeyState": "Enabled"}})
    clients.answer("kms", "get_key_policy", {"Policy": json.dumps({"Statement": [OWNER, *statements]})})
    return [str(one) for one in looked_up(clients, survey_of(built), title, KEY)]


@pytest.mark.parametrize(
    ("title", "missing"),
    [(title, [one]) for title, users in KEY_SERVICES.items() for one in users]
    + list(KEY_SERVICES.items())
    + [(title, []) for title in KEY_SERVICES],
)
def test_key_must_let_its_services_in(
    built: Mapping[str, Layer], clients: Clients, title: str, missing: list[str]
) -> None:
    there = [user for user in KEY_SERVICES[title] if user not in missing]
    services = {"Effect": "Allow", "Principal": {"Service": there}}
    denied = {"Effect": "Deny", "Principal": {"Service": missing}}
    found = key_findings(built, clients, title, services, denied, THROUGH_SNS)
    expected = f"has a policy that does not let {' and '.join(missing)} use it; add that"
    assert [expected in one for one in found] == ([True] if missing else [])


def test_key_that_another_one_takes_the_place_of_needs_to_let_nobody_in(built: Mapping[str, Layer]) -> None:
    other = KEY.replace("key/", "key/0")

    def asked(**parameters: Any) -> dict[str, bool]:
        found = references.arns(survey_of(built, **parameters), RUNTIME.keys)
        return {title: key is not None for title, _, key in found}

    assert asked(KmsKeyArn=KEY) == {"KmsKeyArn": True}
    assert asked(KmsKeyArn=KEY, LogKmsKeyArn=other) == {"KmsKeyArn": False, "LogKmsKeyArn": True}


def via(service: str, **condition: Any) -> dict[str, Any]:
    return {**THROUGH_SNS, "Condition": {"StringEquals": {"kms:ViaService": service}, **condition}}


@pytest.mark.parametrize(
    ("statement", "good"),
    [
        pytest.param(THROUGH_SNS, True, id="as documented"),
        pytest.param(via("sns.eu-west-1.amazonaws.com"), False, id="another region"),
        pytest.param({**THROUGH_SNS, "Effect": "Deny"}, False, id="denied"),
        pytest.param(
            {"Effect": "Allow", "Principal": "*", "Condition": {"StringLike": {"KMS:viaservice": "sns.*"}}},
            True,
            id="any region",
        ),
        pytest.param(
            {
                **THROUGH_SNS,
                "Condition": {"StringNotEquals": {"kms:ViaService": "sns.eu-west-1.amazonaws.com"}},
            },
            True,
            id="through any but another",
        ),
        pytest.param(
            {"Effect": "Allow", "Principal": {"Service": f"sns.{REGION}.amazonaws.com"}},
            False,
            id="as a service",
        ),
        pytest.param({**THROUGH_SNS, "Principal": OWNER["Principal"]}, False, id="left to IAM"),
        pytest.param(
            {"Effect": "Allow", "Principal": {"AWS": [f"{ROLE}/sample-local-pipeline-Role-1"]}},
            True,
            id="roles",
        ),
        pytest.param(
            {"Effect": "Allow", "Principal": {"AWS": f"{ROLE}/sample-dev-pipeline-Role-1"}},
            False,
            id="roles of another environment",
        ),
    ],
)
def test_key_of_notifications_must_let_the_roles_in_through_sns(
    built: Mapping[str, Layer], clients: Clients, statement: Mapping[str, Any], good: bool
) -> None:
    services = {"Effect": "Allow", "Principal": {"Service": KEY_SERVICES["NotificationKeyArn"]}}
    found = key_findings(built, clients, "NotificationKeyArn", services, statement)
    expected = (
        "does not let this account use it through SNS (kms:ViaService): docs/security.md has the statement"
    )
    assert [expected in one for one in found] == ([] if good else [True])


def test_all_that_a_key_lacks_is_told_at_once(built: Mapping[str, Layer], clients: Clients) -> None:
    (found,) = key_findings(built, clients, "NotificationKeyArn")
    assert (
        "does not let events.amazonaws.com and cloudwatch.amazonaws.com use it and does not let this" in found
    )


@pytest.mark.parametrize(
    ("policy", "good"),
    [
        ('{"Statement": {"Effect": "Allow", "Action": "s3:PutObject"}}', True),
        ('{"Statement": [{"Effect": "Allow", "Action": ["s3:*"]}]}', True),
        ('{"Statement": [{"Effect": "Deny", "Action": "s3:*"}]}', False),
        (None, False),
    ],
)
def test_bucket_for_access_logs_must_let_somebody_write(
    built: Mapping[str, Layer], clients: Clients, policy: str | None, good: bool
) -> None:
    clients.answer("s3", "head_bucket", {"BucketRegion": REGION})
    if policy:
        clients.answer("s3", "get_bucket_policy", {"Policy": policy})
    else:
        clients.refuse("s3", "get_bucket_policy", "NoSuchBucketPolicy")
    found = list(references.bucket_findings(clients, survey_of(built), ACCESS_LOGS, "logs"))  # type: ignore[arg-type]
    assert bool(found) is not good


def test_bucket_for_access_logs_must_be_in_the_region(built: Mapping[str, Layer], clients: Clients) -> None:
    clients.answer("s3", "head_bucket", {"BucketRegion": "eu-west-1"})
    (finding,) = references.bucket_findings(clients, survey_of(built), ACCESS_LOGS, "logs")  # type: ignore[arg-type]
    assert "is in eu-west-1, and must be in ap-northeast-1" in str(finding)


def test_only_the_load_balancer_needs_a_policy(built: Mapping[str, Layer], clients: Clients) -> None:
    clients.answer("s3", "head_bucket", {"BucketRegion": REGION})
    survey = survey_of(built, ArtifactLogBucketName="logs")
    assert list(references.buckets(survey, RUNTIME.buckets)) == [(ARTIFACT_LOGS, "logs")]
    assert list(references.bucket_findings(clients, survey, ARTIFACT_LOGS, "logs")) == []  # type: ignore[arg-type]


def quota_findings(clients: Clients, survey: Survey) -> list[str]:
    return [str(one) for _, ask in quotas.questions(survey, RUNTIME.capacity) for one in ask(clients)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "balancers", "groups", "cpus", "said"),
    [
        (0, 0, 0, 6, []),
        (990, 0, 0, 6, ["account: has 990 of 1000 roles, and 14 more are needed"]),
        (0, 50, 0, 6, ["account: has 50 of 50 application load balancers, and 1 more are needed"]),
        (0, 0, 2999, 6, ["account: has 2999 of 3000 target groups, and 2 more are needed"]),
        (0, 0, 0, 0, ['parameters.MinCapacity: "1" and TaskCpu 256 need 0.5 virtual CPUs in a release']),
    ],
)
def test_quotas_are_not_exceeded(
    built: Mapping[str, Layer],
    clients: Clients,
    roles: int,
    balancers: int,
    groups: int,
    cpus: float,
    said: list[str],
) -> None:
    clients.answer("iam", "get_account_summary", {"SummaryMap": {"Roles": roles, "RolesQuota": 1000}})
    limits = [{"Name": "application-load-balancers", "Max": "50"}, {"Name": "target-groups", "Max": "3000"}]
    clients.answer("elbv2", "describe_account_limits", {"Limits": limits})
    clients.answer(
        "elbv2", "describe_load_balancers", {"LoadBalancers": [{"Type": "application"}] * balancers}
    )
    clients.answer("elbv2", "describe_target_groups", {"TargetGroups": [{}] * groups})
    clients.answer("service-quotas", "get_service_quota", {"Quota": {"Value": cpus}})
    found = quota_findings(clients, survey_of(built))
    assert [text in line for text, line in zip(said, found, strict=True)] == [True] * len(said)


def test_every_name_that_the_templates_set_is_looked_up(built: Mapping[str, Layer]) -> None:
    # A family takes any number of revisions, and what is named within a resource of ours is free with it.
    within = {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::ECS::TaskDefinition",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
    }
    survey = survey_of(built)
    looked_up = {named.logical_id for named in names.taken(survey)}
    for _, logical_id, resource in survey.new_resources():
        found = schema(resource.type, REGION)
        assert found
        if found.named(resource.properties) and resource.type not in within:
            assert logical_id in looked_up, resource.type


def test_type_that_the_region_lacks_is_named(built: Mapping[str, Layer], clients: Clients) -> None:
    survey = survey_of(built, {"infrastructure"}, region="ap-northeast-3")
    found = [str(finding) for finding in preflight.examination._region(survey)]
    assert found == [
        'region: "ap-northeast-3" has no AWS::CodeConnections::Connection, as far as'
        " CloudFormation's schemas of this region say"
    ]
    given = survey_of(built, {"infrastructure"}, region="ap-northeast-3", ConnectionArn=CONNECTION)
    assert list(preflight.examination._region(given)) == []


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetPolicy"),
            "AWS refused GetPolicy",
        ),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
    ],
)
def test_question_without_an_answer_says_why(error: Exception, why: str) -> None:
    def ask() -> list[PreflightFinding]:
        raise error

    found, told = preflight.examination._answer(preflight.examination.Question("x", ask))
    assert (found, told.startswith(why)) == ([], True)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetPolicy"),
        NoCredentialsError(),
    ],
)
def test_whoever_is_not_known_to_aws_is_told_so_at_once(error: Exception) -> None:
    def ask() -> list[PreflightFinding]:
        raise error

    with pytest.raises(type(error)):
        preflight.examination._answer(preflight.examination.Question("x", ask))


def refused(answers: preflight.Answers, built: Mapping[str, Layer]) -> Failure:
    survey = survey_of(built)
    wanted = image.required_image(survey.environment, built, RUNTIME.image, PROJECT)
    with pytest.raises((BadInput, Blocked)) as caught:
        preflight.refuse(survey.environment, answers, wanted)
    return caught.value


WRONG = PreflightFinding("parameters.VpcId", "vpc-1", "does not exist")
ACT = PreflightFinding("parameters.CertificateArn", "arn", "is PENDING_VALIDATION", "finish its validation")


def test_everything_is_told_at_once_and_a_wrong_file_counts_first(built: Mapping[str, Layer]) -> None:
    both = refused(preflight.Answers((WRONG, ACT), image="missing"), built)
    assert both.exit_code == 2
    for text in ("VpcId", "CertificateArn", "InitialImageTag"):
        assert f"\n  parameters.{text}: " in both.why
    assert "correct params/local.yaml" in both.remedy
    assert refused(preflight.Answers((ACT,)), built).exit_code == 3


def test_without_an_engine_the_commands_are_told(built: Mapping[str, Layer]) -> None:
    missing = refused(preflight.Answers(image="missing"), built)
    assert missing.exit_code == 2
    assert missing.remedy.splitlines()[1:] == [
        "  make deploy ENV=local ONLY=container-repository",
        "  make image ENV=local",
        "  make deploy ENV=local",
    ]


# From here on: on the emulator, through the command line.


def stacks() -> list[str]:
    return [stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]]


def cut_off(*subnets: str) -> None:
    """Take the default route away from the route tables of these subnets."""
    ec2 = client("ec2")
    wanted = [{"Name": "association.subnet-id", "Values": list(subnets)}]
    for found in ec2.describe_route_tables(Filters=wanted)["RouteTables"]:
        if any(association.get("SubnetId") in subnets for association in found["Associations"]):
            ec2.delete_route(RouteTableId=found["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


def test_nothing_is_made_where_the_network_does_not_fit(dev: Shop) -> None:
    cut_off(*PUBLIC, *PRIVATE)
    refused = dev.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    for text in (
        f'PublicSubnetIds: "{PUBLIC[0]}" must have a route',
        f'PrivateSubnetIds: "{PRIVATE[1]}" has no way',
    ):
        assert text in refused["error"]["why"]
    assert {finding["key"] for finding in refused["preflight"]["troubles"]} == {
        "parameters.PublicSubnetIds",
        "parameters.PrivateSubnetIds",
    }
    assert stacks() == []
    assert dev.run("plan")["exit_code"] == 2


def test_taken_names_are_all_told_and_nothing_is_made(dev: Shop) -> None:
    client("logs").create_log_group(logGroupName="/ecs/sample-dev-api")
    client("ecr").create_repository(repositoryName="sample-dev-api")
    client("ecs").create_cluster(clusterName="sample-local")
    refused = dev.run("deploy", "--yes")
    assert refused["exit_code"] == 3
    for text in (
        'project: "sample" leads to the log group /ecs/sample-dev-api, which exists outside the stacks',
        'project: "sample" leads to the repository sample-dev-api',
        'parameters.ClusterName: "sample-local" leads to the cluster sample-local',
    ):
        assert text in refused["error"]["why"]
    assert stacks() == []
    assert dev.run("plan")["exit_code"] == 3


@pytest.mark.parametrize(
    ("layer", "old", "what"),
    [
        ("container-repository", "Repository", "repository sample-dev-api"),
        ("task-definition", "LogGroup", "log group /ecs/sample-dev-api"),
        ("service-preference", "NotificationTopic", "topic sample-dev-"),
        ("infrastructure", "Connection", "connection sample-dev"),
    ],
)
def test_resource_that_was_given_another_logical_id_is_not_called_a_strangers(
    deployed: Shop, layer: str, old: str, what: str
) -> None:
    path = deployed.root / "build" / f"{layer}.yaml"
    # Where it is defined, referred to or read; not in types, names of outputs, or exports.
    renamed = re.sub(rf"(?m)^  {old}:\n    Type", "  Images:\n    Type", path.read_text())
    renamed = re.sub(rf"(!Ref |!GetAtt |\$\{{|DependsOn: \[){old}\b(?!Arn)", r"\1Images", renamed)
    path.write_text(renamed)
    refused = deployed.run("plan")
    assert refused["exit_code"] == 3
    (told,) = [line for line in refused["error"]["why"].splitlines() if what in line]
    assert f"which is {layer}:{old} under another logical id" in told
    assert f"give it the logical id {old} in {layer} back" in told
    assert "delete it if nobody needs it" not in refused["error"]["why"]


def test_person_who_knows_better_goes_on(dev: Shop) -> None:
    cut_off(*PRIVATE)
    assert dev.run("deploy", "--yes")["exit_code"] == 2
    code, _, said = dev.talk("deploy", "--yes", "--no-preflight")
    assert code == 0
    assert f'ignored (--no-preflight): parameters.PrivateSubnetIds: "{PRIVATE[0]}" has no way out' in said


@follows(remedies.ANOTHER_NAME)
def test_environment_whose_names_begin_like_anothers_is_not_changed_unasked(dev: Shop) -> None:
    other = dev.root / "params" / "dev-eu.yaml"
    other.write_bytes((dev.root / "params" / "dev.yaml").read_bytes())
    for verb in ("plan", "deploy"):
        refused = dev.run(verb)
        assert refused["exit_code"] == 2
        assert "params/dev.yaml and params/dev-eu.yaml are in one account" in refused["error"]["what"]
    assert dev.run("status")["exit_code"] == 0
    code, _, said = dev.talk("plan", "--no-preflight")
    assert code == 0
    assert "ignored (--no-preflight): params/dev.yaml and params/dev-eu.yaml are in one account" in said
    other.rename(dev.root / "dev-eu.yaml")
    assert dev.run("plan")["exit_code"] == 0


def test_only_what_is_to_be_deployed_is_asked_about(dev: Shop) -> None:
    cut_off(*PRIVATE)
    client("ecs").create_cluster(clusterName="sample-local")
    assert dev.results("deploy", "--yes", "--only", "container-repository") == {
        "container-repository": "done"
    }


def test_nothing_is_asked_when_nothing_changes(deployed: Shop, calls: list[str]) -> None:
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    others = {call for call in calls if not call.startswith(("sts:", "ssm:", "cloudformation:"))}
    # Whether somebody deleted the service is not the preflight's question: a deploy is held up by that.
    assert others == {"ecs:DescribeServices"}


def test_questions_are_asked_side_by_side(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ten calls wait for each other: one after the other, none of them would have an answer."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    together, first = threading.Barrier(10), iter(range(10))

    def waiting(self: Any, operation: str, request: Any) -> Any:
        if next(first, None) is not None:
            together.wait(timeout=60)
        return call(self, operation, request)

    examine = preflight.examine

    def watched(*arguments: Any) -> Any:
        monkeypatch.setattr(BaseClient, "_make_api_call", waiting)
        try:
            return examine(*arguments)
        finally:
            monkeypatch.setattr(BaseClient, "_make_api_call", call)

    monkeypatch.setattr(preflight, "examine", watched)
    assert dev.run("plan")["exit_code"] == 0
    assert not together.broken
    assert next(first, None) is None


def test_what_may_not_be_asked_blocks_nothing(dev: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def denied(self: Any, operation: str, request: Any) -> Any:
        if operation == "DescribeSubnets":
            error = {"Error": {"Code": "UnauthorizedOperation", "Message": "You are not authorized"}}
            raise self.exceptions.ClientError(error, operation)
        return call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", denied)
    done = dev.run("deploy", "--yes")
    assert done["exit_code"] == 0
    assert done["preflight"]["unchecked"] == [
        "the network: AWS refused DescribeSubnets: You are not authorized"
    ]


def test_placeholders_of_the_emulator_are_marked(dev: Shop) -> None:
    _, _, said = dev.talk("deploy", "--yes")
    assert "the emulator has placeholders for the image sample-dev-api:initial and for the connection" in said
    again = dev.run("deploy", "--yes")
    # Nothing to deploy, nothing to look at.
    assert "preflight" not in again

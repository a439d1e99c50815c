"""The calls of the deployer, on an account that is the same everywhere: what is there, what is not, in turn.

What CloudFormation makes on AWS is made here by the services' own calls, as not every server has the type.
"""

import hashlib
import itertools
import json
import time
from typing import Any

from ecs_blue_green.testing.clients import REGION
from judges.answers import ACCOUNT, Session, at, saying

NONE = "none-of-this-name"


def every_call(session: Session) -> None:
    """Make all of them."""
    network = _network(session)
    _load_balancing(session, network)
    _registry(session)
    _parameter_store(session)
    _roles(session)
    _services(session, network)
    _stacks(session)
    _deployments(session)
    _pipelines(session)
    _references(session)


def arn(service: str, resource: str) -> str:
    """An ARN of the account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _network(session: Session) -> dict[str, Any]:
    vpc = at(session.prepare("ec2", "create_vpc", CidrBlock="10.1.0.0/16"), "Vpc", "VpcId")
    subnets = [
        at(
            session.prepare(
                "ec2",
                "create_subnet",
                VpcId=vpc,
                CidrBlock=f"10.1.{number}.0/24",
                AvailabilityZone=f"{REGION}{zone}",
            ),
            "Subnet",
            "SubnetId",
        )
        for number, zone in enumerate("ac")
    ]
    group = at(
        session.prepare("ec2", "create_security_group", GroupName="judged", Description="judged", VpcId=vpc),
        "GroupId",
    )
    gateway = at(session.prepare("ec2", "create_internet_gateway"), "InternetGateway", "InternetGatewayId")
    session.prepare("ec2", "attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
    table = at(session.prepare("ec2", "create_route_table", VpcId=vpc), "RouteTable", "RouteTableId")
    session.prepare(
        "ec2", "create_route", RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
    for subnet in subnets:
        session.prepare("ec2", "associate_route_table", RouteTableId=table, SubnetId=subnet)
    address = at(session.prepare("ec2", "allocate_address", Domain="vpc"), "AllocationId")
    session.prepare("ec2", "create_nat_gateway", SubnetId=subnets[0], AllocationId=address)
    session.prepare(
        "ec2",
        "create_vpc_endpoint",
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=subnets,
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )
    # Another one, which is not asked about.
    other = at(session.prepare("ec2", "create_vpc", CidrBlock="10.2.0.0/16"), "Vpc", "VpcId")
    session.prepare(
        "ec2",
        "create_vpc_endpoint",
        VpcId=other,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
    )
    in_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    nowhere = [{"Name": "vpc-id", "Values": ["vpc-0123456789abcdef0"]}]
    session.call("a VPC", "ec2", "describe_vpcs", Filters=in_vpc, facts=_count("Vpcs"))
    session.call("a VPC that is not there", "ec2", "describe_vpcs", Filters=nowhere, facts=_count("Vpcs"))
    for what, ids in (
        ("subnets", subnets),
        ("subnets, one of which is not there", [*subnets, "subnet-0123456789abcdef0"]),
    ):
        named = [{"Name": "subnet-id", "Values": ids}]
        session.call(what, "ec2", "describe_subnets", Filters=named, facts=_count("Subnets"))
    session.call(
        "the route tables of a VPC",
        "ec2",
        "describe_route_tables",
        Filters=in_vpc,
        facts=lambda answer: {
            "the main one is marked": any(
                association.get("Main")
                for one in answer["RouteTables"]
                for association in one["Associations"]
            )
        },
    )
    session.call(
        "the NAT gateways of a VPC",
        "ec2",
        "describe_nat_gateways",
        Filter=in_vpc,
        facts=_count("NatGateways"),
    )
    session.call(
        "the endpoints of a VPC",
        "ec2",
        "describe_vpc_endpoints",
        Filters=in_vpc,
        facts=_count("VpcEndpoints"),
    )
    session.call(
        "security groups by their ids",
        "ec2",
        "describe_security_groups",
        Filters=[{"Name": "group-id", "Values": [group]}],
        facts=_count("SecurityGroups"),
    )
    return {"vpc": vpc, "subnets": subnets, "group": group}


def _count(key: str) -> Any:
    return lambda answer: {"how many": len(answer.get(key, []))}


def _load_balancing(session: Session, network: dict[str, Any]) -> None:
    call = session.call
    call("limits of load balancing", "elbv2", "describe_account_limits", facts=_limits)
    call("a load balancer that is not there", "elbv2", "describe_load_balancers", Names=[NONE])
    call("a target group that is not there", "elbv2", "describe_target_groups", Names=[NONE])
    balancer = at(
        call(
            "a new load balancer",
            "elbv2",
            "create_load_balancer",
            Name="judged",
            Subnets=network["subnets"],
            SecurityGroups=[network["group"]],
        ),
        *("LoadBalancers", 0, "LoadBalancerArn"),
    )
    network["groups"] = groups = [
        at(
            call(
                f"a new target group, {colour}",
                "elbv2",
                "create_target_group",
                Name=f"judged-{colour}",
                Port=8080,
                Protocol="HTTP",
                TargetType="ip",
                VpcId=network["vpc"],
                HealthCheckPath="/health",
            ),
            *("TargetGroups", 0, "TargetGroupArn"),
        )
        for colour in ("blue", "green")
    ]
    tcp = at(
        session.prepare(
            "elbv2",
            "create_target_group",
            Name="judged-tcp",
            Port=8080,
            Protocol="TCP",
            TargetType="ip",
            VpcId=network["vpc"],
        ),
        *("TargetGroups", 0, "TargetGroupArn"),
    )
    call(
        "a target group of a name that is taken, with other settings",
        "elbv2",
        "create_target_group",
        Name="judged-blue",
        Port=9090,
        Protocol="HTTP",
        TargetType="ip",
        VpcId=network["vpc"],
    )
    call(
        "the same load balancer once more",
        "elbv2",
        "create_load_balancer",
        Name="judged",
        Subnets=network["subnets"],
        SecurityGroups=[network["group"]],
        facts=_same("LoadBalancers", "LoadBalancerArn", balancer),
    )
    call(
        "a load balancer in one zone",
        "elbv2",
        "create_load_balancer",
        Name="judged-narrow",
        Subnets=network["subnets"][:1],
    )
    call("load balancers", "elbv2", "describe_load_balancers")
    call("a target group without a listener", "elbv2", "describe_target_groups", Names=["judged-blue"])
    forward = [{"Type": "forward", "TargetGroupArn": groups[0]}]
    weights = [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": groups[0], "Weight": 90},
                    {"TargetGroupArn": groups[1], "Weight": 10},
                ]
            },
        }
    ]
    on = {"LoadBalancerArn": balancer, "Protocol": "HTTP"}
    call(
        "a listener that forwards to a group of another protocol",
        "elbv2",
        "create_listener",
        **{**on, "Port": 81},
        DefaultActions=[{"Type": "forward", "TargetGroupArn": tcp}],
    )
    call(
        "a listener of a protocol that an application load balancer lacks",
        "elbv2",
        "create_listener",
        LoadBalancerArn=balancer,
        Protocol="TCP",
        Port=82,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": tcp}],
    )
    call(
        "an HTTPS listener without a certificate",
        "elbv2",
        "create_listener",
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        DefaultActions=forward,
    )
    call(
        "a listener on a target group that is not there",
        "elbv2",
        "create_listener",
        **{**on, "Port": 83},
        DefaultActions=[{"Type": "forward", "TargetGroupArn": f"{groups[0][:-16]}0123456789abcdef"}],
    )
    listener = at(
        call("a new listener", "elbv2", "create_listener", **{**on, "Port": 80}, DefaultActions=forward),
        *("Listeners", 0, "ListenerArn"),
    )
    call(
        "the same listener once more",
        "elbv2",
        "create_listener",
        **{**on, "Port": 80},
        DefaultActions=forward,
        facts=_same("Listeners", "ListenerArn", listener),
    )
    call(
        "another listener on a port",
        "elbv2",
        "create_listener",
        **{**on, "Port": 80},
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    call(
        "a listener with one target group",
        "elbv2",
        "describe_listeners",
        ListenerArns=[listener],
        facts=_forwards("Listeners", "DefaultActions"),
    )
    call(
        "a listener that begins to forward by weight",
        "elbv2",
        "modify_listener",
        ListenerArn=listener,
        DefaultActions=weights,
        facts=_forwards("Listeners", "DefaultActions"),
    )
    call(
        "a listener with two target groups",
        "elbv2",
        "describe_listeners",
        ListenerArns=[listener],
        facts=_forwards("Listeners", "DefaultActions"),
    )
    call(
        "a new rule",
        "elbv2",
        "create_rule",
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=weights,
    )
    session.prepare(
        "elbv2",
        "create_rule",
        ListenerArn=listener,
        Priority=5,
        Conditions=[{"Field": "host-header", "Values": ["api.example.com"]}],
        Actions=forward,
    )
    call(
        "the rules of a listener",
        "elbv2",
        "describe_rules",
        ListenerArn=listener,
        facts=_forwards("Rules", "Actions"),
    )
    call(
        "a second rule of a priority",
        "elbv2",
        "create_rule",
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/b/*"]}],
        Actions=forward,
    )
    call(
        "a listener that is not there",
        "elbv2",
        "describe_listeners",
        ListenerArns=[f"{listener[:-16]}0123456789abcdef"],
    )
    call(
        "the rules of a listener that is not there",
        "elbv2",
        "describe_rules",
        ListenerArn=f"{listener[:-16]}0123456789abcdef",
    )
    call("a target group that a listener uses", "elbv2", "describe_target_groups", Names=["judged-blue"])
    call(
        "the deletion of a target group that a listener uses",
        "elbv2",
        "delete_target_group",
        TargetGroupArn=groups[0],
    )
    call(
        "attributes of a load balancer",
        "elbv2",
        "describe_load_balancer_attributes",
        LoadBalancerArn=balancer,
        facts=lambda answer: {
            "protection": next(
                (one["Value"] for one in answer["Attributes"] if one["Key"] == "deletion_protection.enabled"),
                "none",
            ),
        },
    )
    call(
        "deletion protection of a load balancer",
        "elbv2",
        "modify_load_balancer_attributes",
        LoadBalancerArn=balancer,
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
    )
    call(
        "the deletion of a protected load balancer", "elbv2", "delete_load_balancer", LoadBalancerArn=balancer
    )
    call(
        "attributes of a load balancer that is not there",
        "elbv2",
        "describe_load_balancer_attributes",
        LoadBalancerArn=f"{balancer[:-16]}0123456789abcdef",
    )


def _same(key: str, name: str, before: str) -> Any:
    return lambda answer: {"the same one": answer[key][0][name] == before}


def _limits(answer: Any) -> dict[str, Any]:
    names = {limit["Name"] for limit in answer["Limits"]}
    return {name: name in names for name in ("application-load-balancers", "target-groups")}


def _forwards(key: str, actions: str) -> Any:
    """How an answer says where requests go: by the action's target group, by weights, or by both."""

    def facts(answer: Any) -> dict[str, Any]:
        ways = set()
        for one in answer[key]:
            for action in one.get(actions, []):
                groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
                ways.add(
                    f"{'TargetGroupArn and ' if 'TargetGroupArn' in action else ''}weights "
                    f"{' '.join(str(group.get('Weight')) for group in groups) or 'none'}"
                )
        return {"forwards by": ", ".join(sorted(ways))}

    return facts


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{'1' * 64}",
            "size": 2,
        },
        "layers": [],
    }
)


def _registry(session: Session) -> None:
    call = session.call
    call("a repository that is not there", "ecr", "describe_repositories", repositoryNames=[NONE])
    image = {"repositoryName": "judged"}
    call(
        "an image of a repository that is not there",
        "ecr",
        "describe_images",
        **image,
        imageIds=[{"imageTag": "1"}],
    )
    call("a new repository", "ecr", "create_repository", **image, imageTagMutability="IMMUTABLE")
    call("a repository of a name that is taken", "ecr", "create_repository", **image)
    call("a repository", "ecr", "describe_repositories", repositoryNames=["judged"])
    call(
        "an image of a tag that is not there", "ecr", "describe_images", **image, imageIds=[{"imageTag": "1"}]
    )
    # Under tags of their own: who takes one does not refuse the next for that.
    refused = {"repositoryName": "judged-refused"}
    session.prepare("ecr", "create_repository", **refused)
    call(
        "a manifest that names no type",
        "ecr",
        "put_image",
        **refused,
        imageManifest='{"schemaVersion": 2}',
        imageTag="0",
    )
    call("a manifest that is none", "ecr", "put_image", **refused, imageManifest="none", imageTag="1")
    call(
        "a manifest that is not what its digest says",
        "ecr",
        "put_image",
        **refused,
        imageManifest=MANIFEST,
        imageDigest=f"sha256:{'0' * 64}",
        imageTag="2",
    )
    call("a push", "ecr", "put_image", **image, imageManifest=MANIFEST, imageTag="1")
    call("the same push once more", "ecr", "put_image", **image, imageManifest=MANIFEST, imageTag="1")
    other = MANIFEST.replace("[]", "[ ]")
    call(
        "another image under an immutable tag", "ecr", "put_image", **image, imageManifest=other, imageTag="1"
    )
    call(
        "a second tag of an image", "ecr", "put_image", **image, imageManifest=MANIFEST, imageTag="release-1"
    )
    digest = f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"
    call(
        "an image by its digest",
        "ecr",
        "describe_images",
        **image,
        imageIds=[{"imageDigest": digest}],
        facts=lambda answer: {"tags": " ".join(sorted(answer["imageDetails"][0].get("imageTags", [])))},
    )
    call(
        "an image by its tag",
        "ecr",
        "describe_images",
        **image,
        imageIds=[{"imageTag": "1"}],
        facts=lambda answer: {"tags": " ".join(sorted(answer["imageDetails"][0].get("imageTags", [])))},
    )
    call(
        "images, one of which is not there",
        "ecr",
        "batch_get_image",
        **image,
        imageIds=[{"imageTag": "1"}, {"imageTag": "2"}],
        facts=lambda answer: {
            "fails": answer["failures"][0]["failureCode"] if answer.get("failures") else "nothing"
        },
    )
    call("a login", "ecr", "get_authorization_token")
    call("the deletion of a repository with images", "ecr", "delete_repository", **image)


def _parameter_store(session: Session) -> None:
    call = session.call
    place = "/judged/lock"
    record = {"Name": f"{place}/1", "Value": '{"who": "me"}', "Type": "String"}
    call("a record", "ssm", "put_parameter", **record, Overwrite=False)
    call("a record that exists, without overwriting", "ssm", "put_parameter", **record, Overwrite=False)
    call(
        "a record that exists, overwritten without a type",
        "ssm",
        "put_parameter",
        Name=f"{place}/1",
        Value="2",
        Overwrite=True,
        facts=lambda answer: {"version": answer["Version"]},
    )
    call(
        "a new record without a type",
        "ssm",
        "put_parameter",
        Name="/judged/typeless",
        Value="2",
        Overwrite=True,
    )
    session.prepare("ssm", "put_parameter", Name=f"{place}/2", Value="2", Type="String")
    session.prepare("ssm", "put_parameter", Name=f"{place}/deeper/3", Value="3", Type="String")
    call(
        "records below a path",
        "ssm",
        "get_parameters_by_path",
        Path=place,
        facts=lambda answer: {
            "names": " ".join(sorted(one["Name"].removeprefix(place) for one in answer["Parameters"]))
        },
    )
    call("records below a path that is not there", "ssm", "get_parameters_by_path", Path="/none")
    call(
        "records by name, one of which is not there",
        "ssm",
        "get_parameters",
        Names=[f"{place}/1", f"{place}/9"],
        facts=lambda answer: {"invalid": len(answer.get("InvalidParameters", []))},
    )
    call(
        "eleven records by name", "ssm", "get_parameters", Names=[f"{place}/{number}" for number in range(11)]
    )
    call(
        "a stored parameter by either spelling",
        "ssm",
        "describe_parameters",
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": ["judged/lock/1", "/judged/lock/1"]}],
        facts=lambda answer: {"how many": len(answer.get("Parameters", []))},
    )
    call(
        "the removal of records, one of which is not there",
        "ssm",
        "delete_parameters",
        Names=[f"{place}/2", f"{place}/9"],
        facts=lambda answer: {"invalid": len(answer.get("InvalidParameters", []))},
    )


def _roles(session: Session) -> None:
    call = session.call
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["ecs-tasks.amazonaws.com", "cloudformation.amazonaws.com"]},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
    call("who calls", "sts", "get_caller_identity")
    call(
        "what an account has",
        "iam",
        "get_account_summary",
        facts=lambda answer: {name: name in answer["SummaryMap"] for name in ("Roles", "RolesQuota")},
    )
    call("a policy that is not there", "iam", "get_policy", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{NONE}")
    call("a role that is not there", "iam", "get_role", RoleName=NONE)
    call("a new role", "iam", "create_role", RoleName="judged", AssumeRolePolicyDocument=trust)
    call(
        "a role of a name that is taken",
        "iam",
        "create_role",
        RoleName="judged",
        AssumeRolePolicyDocument=trust,
    )
    call("a role", "iam", "get_role", RoleName="judged")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
        }
    )
    made = call("a new policy", "iam", "create_policy", PolicyName="judged", PolicyDocument=document)
    call("a policy", "iam", "get_policy", PolicyArn=at(made, "Policy", "Arn"))
    session.prepare("iam", "put_role_policy", RoleName="judged", PolicyName="own", PolicyDocument=document)
    call("the deletion of a role that has a policy", "iam", "delete_role", RoleName="judged")
    call("an own policy that is not there", "iam", "get_role_policy", RoleName="judged", PolicyName=NONE)


def _first(key: str) -> Any:
    """How many there are, in which state the first is, and why one is not told."""
    return lambda answer: {
        "found": len(answer.get(key, [])),
        "status": at(answer, key, 0, "status"),
        "reason": at(answer, "failures", 0, "reason"),
    }


def _services(session: Session, network: dict[str, Any]) -> None:
    call = session.call
    call("a cluster that is not there", "ecs", "describe_clusters", clusters=[NONE], facts=_first("clusters"))
    call(
        "a service in a cluster that is not there", "ecs", "describe_services", cluster=NONE, services=["api"]
    )
    session.prepare(
        "ecs", "create_cluster", clusterName="judged", capacityProviders=["FARGATE", "FARGATE_SPOT"]
    )
    call("a cluster", "ecs", "describe_clusters", clusters=["judged"], facts=_first("clusters"))
    call(
        "a service that is not there",
        "ecs",
        "describe_services",
        cluster="judged",
        services=["api"],
        facts=_first("services"),
    )
    container = {
        "name": "app",
        "image": "public.ecr.aws/docker/library/caddy:2",
        "essential": True,
        "portMappings": [{"containerPort": 8080}],
    }
    definition = {
        "family": "judged",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }
    call(
        "a size that Fargate does not offer",
        "ecs",
        "register_task_definition",
        **{**definition, "family": "refused", "memory": "768"},
    )
    call(
        "a revision for Fargate without awsvpc",
        "ecs",
        "register_task_definition",
        **{**definition, "family": "refused", "networkMode": "bridge"},
    )
    call(
        "a new revision",
        "ecs",
        "register_task_definition",
        **definition,
        tags=[{"key": "Project", "value": "judged"}],
    )
    for family in ("judged-longer", "judged"):
        session.prepare("ecs", "register_task_definition", **{**definition, "family": family})
    call(
        "the revisions of a family",
        "ecs",
        "list_task_definitions",
        familyPrefix="judged",
        status="ACTIVE",
        facts=lambda answer: {
            "in turn": " ".join(one.rpartition("/")[2] for one in answer.get("taskDefinitionArns", []))
        },
    )
    call(
        "a revision with its tags",
        "ecs",
        "describe_task_definition",
        taskDefinition="judged:1",
        include=["TAGS"],
        facts=lambda answer: {"status": answer["taskDefinition"]["status"]},
    )
    call("a revision that is not there", "ecs", "describe_task_definition", taskDefinition="judged:99")
    call(
        "the deregistration of a revision",
        "ecs",
        "deregister_task_definition",
        taskDefinition="judged:1",
        facts=lambda answer: {"status": answer["taskDefinition"]["status"]},
    )
    call(
        "the deregistration of a revision that is not there",
        "ecs",
        "deregister_task_definition",
        taskDefinition="judged:99",
    )
    call(
        "a revision that was deregistered",
        "ecs",
        "describe_task_definition",
        taskDefinition="judged:1",
        facts=lambda answer: {"status": answer["taskDefinition"]["status"]},
    )
    request: dict[str, Any] = {
        "cluster": "judged",
        "serviceName": "api",
        "taskDefinition": "judged",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "deploymentController": {"type": "CODE_DEPLOY"},
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": network["subnets"], "securityGroups": [network["group"]]}
        },
        "loadBalancers": [
            {"targetGroupArn": network["groups"][0], "containerName": "app", "containerPort": 8080}
        ],
    }
    refused: dict[str, dict[str, Any]] = {
        "a service in a cluster that is not there, created": {"cluster": NONE},
        "a service of a revision that is not there": {"taskDefinition": NONE},
        "a service of a revision that was deregistered": {"taskDefinition": "judged:1"},
        "a service whose container the revision lacks": {
            "loadBalancers": [{**request["loadBalancers"][0], "containerName": NONE}]
        },
        "a service whose port the revision lacks": {
            "loadBalancers": [{**request["loadBalancers"][0], "containerPort": 9}]
        },
        "a service in a subnet that is not there": {
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
        },
        "a service without a network": {"networkConfiguration": None},
        "a service with a launch type and a strategy": {
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]
        },
        "a service on a provider that its cluster lacks": {
            "launchType": None,
            "capacityProviderStrategy": [{"capacityProvider": NONE, "weight": 1}],
        },
        "a service of CODE_DEPLOY with a circuit breaker": {
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        },
    }
    for what, changed in refused.items():
        name = what.replace(" ", "-").replace(",", "")[:60]
        given = {**request, "serviceName": name, **changed}
        call(
            what, "ecs", "create_service", **{key: value for key, value in given.items() if value is not None}
        )
    call("a new service of CODE_DEPLOY", "ecs", "create_service", **request)
    call("a service of a name that is taken", "ecs", "create_service", **{**request, "desiredCount": 3})
    of = {"cluster": "judged", "service": "api"}
    call(
        "a service of CODE_DEPLOY",
        "ecs",
        "describe_services",
        cluster="judged",
        services=["api"],
        facts=lambda answer: {
            **_first("services")(answer),
            "task sets": " ".join(one["status"] for one in answer["services"][0].get("taskSets", []))
            or "none",
        },
    )
    call(
        "another revision for a service of CODE_DEPLOY",
        "ecs",
        "update_service",
        **of,
        taskDefinition="judged:2",
    )
    call(
        "another network for a service of CODE_DEPLOY",
        "ecs",
        "update_service",
        **of,
        networkConfiguration={"awsvpcConfiguration": {"subnets": network["subnets"][:1]}},
    )
    call("the deletion of a service that runs tasks, without force", "ecs", "delete_service", **of)
    call("the deletion of a cluster that has a service", "ecs", "delete_cluster", cluster="judged")
    call("a service that is scaled to 0", "ecs", "update_service", **of, desiredCount=0)
    call(
        "an update of a service that is not there",
        "ecs",
        "update_service",
        **{**of, "service": NONE},
        desiredCount=0,
    )
    call(
        "the deletion of a service",
        "ecs",
        "delete_service",
        **of,
        force=True,
        facts=lambda answer: {"status": answer["service"]["status"]},
    )
    call(
        "a service that was deleted",
        "ecs",
        "describe_services",
        cluster="judged",
        services=["api"],
        facts=_first("services"),
    )
    call(
        "the deletion of a service that is not there",
        "ecs",
        "delete_service",
        **{**of, "service": NONE},
        force=True,
    )
    session.prepare("ecs", "create_cluster", clusterName="judged-empty")
    session.prepare("ecs", "delete_cluster", cluster="judged-empty")
    call(
        "a cluster that was deleted",
        "ecs",
        "describe_clusters",
        clusters=["judged-empty"],
        facts=_first("clusters"),
    )


_change_set_names = itertools.count(1)


def _state(answer: Any) -> dict[str, Any]:
    changes = [one["ResourceChange"] for one in answer.get("Changes", [])]
    return {
        "status": answer.get("Status"),
        "can be executed": answer.get("ExecutionStatus"),
        "changes": " ".join(f"{one['Action']} {one['LogicalResourceId']}" for one in changes) or "none",
    }


def _stacks(session: Session) -> None:
    call = session.call
    stack = "judged"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "judged"}}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "judged-by-stack",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
        },
    }
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Export": {"Name": "judged-Name"}}}

    def proposed(template: Any, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "StackName": more.pop("StackName", stack),
            "ChangeSetName": f"change-{next(_change_set_names)}",
            "ChangeSetType": kind,
            "TemplateBody": json.dumps(template),
            **more,
        }

    def executed(change_set: str, name: str) -> Any:
        session.prepare("cloudformation", "execute_change_set", ChangeSetName=change_set)
        for _ in range(100):
            found = at(session.prepare("cloudformation", "describe_stacks", StackName=name), "Stacks", 0)
            if not str(at(found, "StackStatus")).endswith("_IN_PROGRESS"):
                return found
            time.sleep(0.05)
        return {}

    def ready(change_set: str) -> None:
        for _ in range(100):
            found = session.prepare("cloudformation", "describe_change_set", ChangeSetName=change_set)
            if at(found, "Status") not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return
            time.sleep(0.05)

    nowhere = f"{arn('cloudformation', 'changeSet/none')}/01234567-89ab-cdef-0123-456789abcdef"
    call(
        "a stack that is not there",
        "cloudformation",
        "describe_stacks",
        StackName=NONE,
        facts=saying("does not exist"),
    )
    call("a change set that is not there", "cloudformation", "describe_change_set", ChangeSetName=nowhere)
    call(
        "the removal of a change set that is not there",
        "cloudformation",
        "delete_change_set",
        ChangeSetName=nowhere,
    )
    call(
        "an update of a stack that is not there",
        "cloudformation",
        "create_change_set",
        **proposed({"Resources": {"Queue": queue}}, "UPDATE", StackName=NONE),
    )
    call(
        "an IAM role without its capability",
        "cloudformation",
        "create_change_set",
        **proposed({"Resources": {"Role": role}}, "CREATE", StackName="judged-capability"),
    )
    call(
        "a template that is none",
        "cloudformation",
        "create_change_set",
        **proposed({"Resources": {}}, "CREATE", StackName="judged-empty-template"),
    )
    call(
        "a template that refers to what it lacks",
        "cloudformation",
        "create_change_set",
        **proposed(
            {"Resources": {"Queue": {**queue, "Properties": {"QueueName": {"Ref": "Nothing"}}}}},
            "CREATE",
            StackName="judged-dangling",
        ),
    )
    call(
        "a parameter that the template lacks",
        "cloudformation",
        "create_change_set",
        **proposed(
            {"Resources": {"Queue": queue}},
            "CREATE",
            StackName="judged-parameter",
            Parameters=[{"ParameterKey": "Nothing", "ParameterValue": "x"}],
        ),
    )
    first = proposed({"Resources": {"Queue": queue}, "Outputs": outputs}, "CREATE")
    made = call("a change set for a new stack", "cloudformation", "create_change_set", **first)
    change_set = at(made, "Id")
    ready(change_set)
    call("a change set of a name that is taken", "cloudformation", "create_change_set", **first)
    call(
        "a change set",
        "cloudformation",
        "describe_change_set",
        ChangeSetName=change_set,
        IncludePropertyValues=True,
        facts=_state,
    )
    call(
        "the events of a change set",
        "cloudformation",
        "describe_events",
        ChangeSetName=change_set,
    )
    call(
        "a stack in review",
        "cloudformation",
        "describe_stacks",
        StackName=stack,
        facts=lambda answer: {"status": answer["Stacks"][0]["StackStatus"]},
    )
    call("the change sets of a stack", "cloudformation", "list_change_sets", StackName=stack)
    call("the execution of a change set", "cloudformation", "execute_change_set", ChangeSetName=change_set)
    found = executed(change_set, stack)
    stack_arn = at(found, "StackId")
    call(
        "a stack",
        "cloudformation",
        "describe_stacks",
        StackName=stack,
        facts=lambda answer: {"status": answer["Stacks"][0]["StackStatus"]},
    )
    call("a change set that was executed", "cloudformation", "execute_change_set", ChangeSetName=change_set)
    call(
        "the resources of a stack",
        "cloudformation",
        "list_stack_resources",
        StackName=stack,
        facts=lambda answer: {
            "status": " ".join(one["ResourceStatus"] for one in answer["StackResourceSummaries"])
        },
    )
    call(
        "the resources of a stack that is not there",
        "cloudformation",
        "list_stack_resources",
        StackName=NONE,
        facts=saying("does not exist"),
    )
    call(
        "the events of a stack",
        "cloudformation",
        "describe_stack_events",
        StackName=stack,
        facts=lambda answer: {
            "newest first": [one["Timestamp"] for one in answer["StackEvents"]]
            == sorted((one["Timestamp"] for one in answer["StackEvents"]), reverse=True),
        },
    )
    call("stacks under way", "cloudformation", "list_stacks", StackStatusFilter=["UPDATE_IN_PROGRESS"])
    call(
        "the template of a stack", "cloudformation", "get_template", StackName=stack, TemplateStage="Original"
    )
    call(
        "the importers of an export that nobody imports",
        "cloudformation",
        "list_imports",
        ExportName="judged-Name",
        facts=saying("is not imported by any stack"),
    )
    call("the policy of a stack that has none", "cloudformation", "get_stack_policy", StackName=stack)
    policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "LogicalResourceId/Queue"},
        ]
    }
    call(
        "a stack policy that is none",
        "cloudformation",
        "set_stack_policy",
        StackName=stack,
        StackPolicyBody="none",
    )
    call(
        "a new stack policy",
        "cloudformation",
        "set_stack_policy",
        StackName=stack,
        StackPolicyBody=json.dumps(policy),
    )
    call("the policy of a stack", "cloudformation", "get_stack_policy", StackName=stack)
    renamed = {**queue, "Properties": {"QueueName": "judged", "VisibilityTimeout": 60}}
    nothing = call(
        "a change set that changes nothing",
        "cloudformation",
        "create_change_set",
        **proposed({"Resources": {"Queue": queue}, "Outputs": outputs}, "UPDATE"),
    )
    ready(at(nothing, "Id"))
    call(
        "how a change set that changes nothing ends",
        "cloudformation",
        "describe_change_set",
        ChangeSetName=at(nothing, "Id"),
        facts=lambda answer: {
            **_state(answer),
            "says «didn't contain changes»": "didn't contain changes" in answer.get("StatusReason", ""),
        },
    )
    call(
        "the execution of a change set that failed",
        "cloudformation",
        "execute_change_set",
        ChangeSetName=at(nothing, "Id"),
    )
    call(
        "the removal of a change set", "cloudformation", "delete_change_set", ChangeSetName=at(nothing, "Id")
    )
    denied = session.prepare(
        "cloudformation",
        "create_change_set",
        **proposed({"Resources": {"Queue": renamed}, "Outputs": outputs}, "UPDATE"),
    )
    ready(at(denied, "Id"))
    call(
        "a change set that changes a property",
        "cloudformation",
        "describe_change_set",
        ChangeSetName=at(denied, "Id"),
        IncludePropertyValues=True,
        facts=_state,
    )
    executed(at(denied, "Id"), stack)
    call(
        "a stack whose policy denied an update",
        "cloudformation",
        "describe_stacks",
        StackName=stack,
        facts=lambda answer: {"status": answer["Stacks"][0]["StackStatus"]},
    )
    session.prepare(
        "cloudformation",
        "set_stack_policy",
        StackName=stack,
        StackPolicyBody=json.dumps({"Statement": policy["Statement"][:1]}),
    )
    importer = {
        "Resources": {
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "TopicName": {"Fn::Sub": ["${Name}-topic", {"Name": {"Fn::ImportValue": "judged-Name"}}]}
                },
            }
        }
    }
    second = session.prepare(
        "cloudformation", "create_change_set", **proposed(importer, "CREATE", StackName="judged-importer")
    )
    ready(at(second, "Id"))
    executed(at(second, "Id"), "judged-importer")
    call("the importers of an export", "cloudformation", "list_imports", ExportName="judged-Name")
    call("the importers of an export that is not there", "cloudformation", "list_imports", ExportName=NONE)
    session.prepare("cloudformation", "delete_stack", StackName=stack)
    call(
        "a stack whose export is in use, after its deletion",
        "cloudformation",
        "describe_stacks",
        StackName=stack,
        facts=lambda answer: {"status": answer["Stacks"][0]["StackStatus"]},
    )
    call(
        "termination protection",
        "cloudformation",
        "update_termination_protection",
        StackName=stack,
        EnableTerminationProtection=True,
    )
    call("the deletion of a protected stack", "cloudformation", "delete_stack", StackName=stack)
    call("the detection of drift", "cloudformation", "detect_stack_drift", StackName=stack)
    call("the drift of resources", "cloudformation", "describe_stack_resource_drifts", StackName=stack)
    call("the end of an update that nobody began", "cloudformation", "cancel_update_stack", StackName=stack)
    call(
        "the continuation of a rollback that did not fail",
        "cloudformation",
        "continue_update_rollback",
        StackName=stack,
    )
    call("the deletion of a stack that is not there", "cloudformation", "delete_stack", StackName=NONE)
    session.prepare("cloudformation", "delete_stack", StackName="judged-importer")
    session.prepare(
        "cloudformation", "update_termination_protection", StackName=stack, EnableTerminationProtection=False
    )
    for _ in range(100):
        gone = session.prepare("cloudformation", "describe_stacks", StackName="judged-importer")
        if not gone:
            break
        time.sleep(0.05)
    session.prepare("cloudformation", "delete_stack", StackName=stack)
    for _ in range(100):
        if at(
            session.prepare("cloudformation", "describe_stacks", StackName=stack_arn),
            "Stacks",
            0,
            "StackStatus",
        ) in ("none", "DELETE_COMPLETE"):
            break
        time.sleep(0.05)
    call(
        "a deleted stack by its name",
        "cloudformation",
        "describe_stacks",
        StackName=stack,
        facts=saying("does not exist"),
    )
    call(
        "a deleted stack by its ARN",
        "cloudformation",
        "describe_stacks",
        StackName=stack_arn,
        facts=lambda answer: {"status": answer["Stacks"][0]["StackStatus"]},
    )


def _deployments(session: Session) -> None:
    call = session.call
    call("an application that is not there", "codedeploy", "get_application", applicationName=NONE)
    of = {"applicationName": "judged", "deploymentGroupName": NONE}
    call("a group of an application that is not there", "codedeploy", "get_deployment_group", **of)
    call("deployments of an application that is not there", "codedeploy", "list_deployments", **of)
    session.prepare("codedeploy", "create_application", applicationName="judged", computePlatform="ECS")
    call("an application", "codedeploy", "get_application", applicationName="judged")
    call(
        "an application of a name that is taken",
        "codedeploy",
        "create_application",
        applicationName="judged",
        computePlatform="ECS",
    )
    call("a group that is not there", "codedeploy", "get_deployment_group", **of)
    call(
        "deployments of a group that is not there",
        "codedeploy",
        "list_deployments",
        **of,
        includeOnlyStatuses=["InProgress"],
    )
    call("a deployment that is not there", "codedeploy", "get_deployment", deploymentId="d-ABCDEFGHI")
    call(
        "deployments, one of which is not there",
        "codedeploy",
        "batch_get_deployments",
        deploymentIds=["d-ABCDEFGHI"],
    )
    call(
        "the end of a deployment that is not there",
        "codedeploy",
        "stop_deployment",
        deploymentId="d-ABCDEFGHI",
    )
    call(
        "a deployment that is not there, continued",
        "codedeploy",
        "continue_deployment",
        deploymentId="d-ABCDEFGHI",
        deploymentWaitType="TERMINATION_WAIT",
    )
    call(
        "a deployment of a group that is not there",
        "codedeploy",
        "create_deployment",
        **of,
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": "version: 0.0"}},
    )
    call(
        "alarms that are not there",
        "cloudwatch",
        "describe_alarms",
        AlarmNames=[NONE],
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        StateValue="ALARM",
    )
    session.prepare(
        "cloudwatch",
        "put_metric_alarm",
        AlarmName="judged",
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    call(
        "alarms by name",
        "cloudwatch",
        "describe_alarms",
        AlarmNames=["judged"],
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        facts=lambda answer: {"state": at(answer, "MetricAlarms", 0, "StateValue")},
    )


def _pipelines(session: Session) -> None:
    call = session.call
    call("a pipeline that is not there", "codepipeline", "get_pipeline", name=NONE)
    call("the state of a pipeline that is not there", "codepipeline", "get_pipeline_state", name=NONE)
    call(
        "executions of a pipeline that is not there",
        "codepipeline",
        "list_pipeline_executions",
        pipelineName=NONE,
    )
    call(
        "a build project that is not there",
        "codebuild",
        "batch_get_projects",
        names=[NONE],
        facts=lambda answer: {"not found": " ".join(answer.get("projectsNotFound", [])) or "nothing"},
    )
    nowhere = arn("codeconnections", "connection/01234567-89ab-cdef-0123-456789abcdef")
    call("a connection that is not there", "codeconnections", "get_connection", ConnectionArn=nowhere)
    call("connections, where there is none", "codeconnections", "list_connections")


def _references(session: Session) -> None:
    call = session.call
    call("a log group that is not there", "logs", "describe_log_groups", logGroupNamePrefix=NONE)
    session.prepare("logs", "create_log_group", logGroupName="/ecs/judged", tags={"Project": "judged"})
    found = call(
        "a log group",
        "logs",
        "describe_log_groups",
        logGroupNamePrefix="/ecs/judged",
        facts=lambda answer: {
            "ARN": "ends with :*" if answer["logGroups"][0]["arn"].endswith(":*") else "does not end with :*"
        },
    )
    group = str(at(found, "logGroups", 0, "arn")).removesuffix(":*")
    call("the tags of a log group", "logs", "list_tags_for_resource", resourceArn=group)
    call("the deletion of a log group that is not there", "logs", "delete_log_group", logGroupName=NONE)
    call("a function that is not there", "lambda", "get_function_configuration", FunctionName=NONE)
    call("a topic that is not there", "sns", "get_topic_attributes", TopicArn=arn("sns", NONE))
    certificate = arn("acm", "certificate/01234567-89ab-cdef-0123-456789abcdef")
    call("a certificate that is not there", "acm", "describe_certificate", CertificateArn=certificate)
    key = arn("kms", "key/01234567-89ab-cdef-0123-456789abcdef")
    call("a key that is not there", "kms", "describe_key", KeyId=key)
    made = at(session.prepare("kms", "create_key"), "KeyMetadata", "KeyId")
    call(
        "a key",
        "kms",
        "describe_key",
        KeyId=made,
        facts=lambda answer: {"state": answer["KeyMetadata"]["KeyState"]},
    )
    call("the policy of a key", "kms", "get_key_policy", KeyId=made)
    call(
        "a secret that is not there",
        "secretsmanager",
        "describe_secret",
        SecretId=arn("secretsmanager", "secret:none-AbCdEf"),
    )
    session.prepare("secretsmanager", "create_secret", Name="judged", SecretString="x")
    session.prepare("secretsmanager", "delete_secret", SecretId="judged")
    call("a secret that is scheduled for deletion", "secretsmanager", "describe_secret", SecretId="judged")
    acl = arn("wafv2", "regional/webacl/none/01234567-89ab-cdef-0123-456789abcdef")
    call("a web ACL that is not there", "wafv2", "get_web_acl", ARN=acl)
    call(
        "the quota of Fargate",
        "service-quotas",
        "get_service_quota",
        ServiceCode="fargate",
        QuotaCode="L-3032A538",
    )
    call("a hosted zone that is not there", "route53", "get_hosted_zone", Id="Z0123456789ABCDEFGHIJ")
    zone = at(
        session.prepare("route53", "create_hosted_zone", Name="example.com", CallerReference="judged"),
        "HostedZone",
        "Id",
    ).rpartition("/")[2]
    call(
        "a hosted zone",
        "route53",
        "get_hosted_zone",
        Id=zone,
        facts=lambda answer: {"name": answer["HostedZone"]["Name"]},
    )
    for name, kind, value in (
        ("api.example.com", "TXT", '"x"'),
        ("api.example.com", "CNAME", "b.example.com"),
        ("a.example.com", "A", "192.0.2.1"),
    ):
        session.prepare(
            "route53",
            "change_resource_record_sets",
            HostedZoneId=zone,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": "CREATE",
                        "ResourceRecordSet": {
                            "Name": f"{kind.lower()}.{name}" if kind == "CNAME" else name,
                            "Type": kind,
                            "TTL": 60,
                            "ResourceRecords": [{"Value": value}],
                        },
                    }
                ]
            },
        )
    call(
        "records from a name on",
        "route53",
        "list_resource_record_sets",
        HostedZoneId=zone,
        StartRecordName="api.example.com",
        StartRecordType="A",
        MaxItems="5",
        facts=lambda answer: {
            "in turn": " ".join(f"{one['Name']}:{one['Type']}" for one in answer["ResourceRecordSets"])
        },
    )
    call("a bucket that is not there", "s3", "head_bucket", Bucket="none-of-this-name")
    where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    session.prepare("s3", "create_bucket", Bucket="judged", **where)
    call(
        "a bucket",
        "s3",
        "head_bucket",
        Bucket="judged",
        facts=lambda answer: {"region": answer.get("BucketRegion", "none")},
    )
    call("the policy of a bucket that has none", "s3", "get_bucket_policy", Bucket="judged")
    call(
        "versions in a bucket that is not there",
        "s3",
        "list_object_versions",
        Bucket="none-of-this-name",
        MaxKeys=1,
    )
    call("versions in an empty bucket", "s3", "list_object_versions", Bucket="judged", MaxKeys=1)
    call(
        "a template that is uploaded",
        "s3",
        "put_object",
        Bucket="judged",
        Key="template.yaml",
        Body=b"x",
        ServerSideEncryption="AES256",
    )
    call(
        "versions in a bucket without versioning",
        "s3",
        "list_object_versions",
        Bucket="judged",
        MaxKeys=1,
        facts=lambda answer: {
            "version": answer["Versions"][0]["VersionId"] if answer.get("Versions") else "none"
        },
    )
    call(
        "the removal of versions, quietly",
        "s3",
        "delete_objects",
        Bucket="judged",
        Delete={"Objects": [{"Key": "template.yaml", "VersionId": "null"}], "Quiet": True},
    )

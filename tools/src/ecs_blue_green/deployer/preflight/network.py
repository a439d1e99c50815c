"""The network of the stacks: subnets, Availability Zones, and routes out.

Tasks without a way to the registry, to the logs and to the image's layers never start, and the creation of
the service waits for them for hours.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.deployer import interrupts
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.runtime import Endpoints, Runtime
from ecs_blue_green.runtime import Network as Named

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"

# What a load balancer must find free in each of its subnets to be created and to grow.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
LOAD_BALANCER_ADDRESSES = 8

# What pulls an image and writes logs without a way to the internet, as the ends of endpoints' service names.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
TASK_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "s3")


@dataclass(frozen=True)
class Network:
    """What EC2 says about the VPC; `groups` are the security groups of its endpoints by id."""

    vpc: bool
    subnets: Mapping[str, Any]
    tables: list[Any]
    gateways: Mapping[str, Any]
    endpoints: list[Any]
    groups: Mapping[str, Any]

    def table(self, subnet: str) -> Any:
        """The route table of a subnet: its own, or the VPC's main one."""
        main = None
        for table in self.tables:
            for association in table.get("Associations", []):
                if association.get("SubnetId") == subnet:
                    return table
                main = table if association.get("Main") else main
        return main

    def default_route(self, subnet: str) -> Any:
        """The route to everywhere else, or None."""
        table = self.table(subnet)
        routes = table["Routes"] if table else []
        return next((route for route in routes if route.get("DestinationCidrBlock") == "0.0.0.0/0"), None)


def relevant(survey: Survey, named: Named) -> bool:
    """Whether the network is new to one of the stacks. `named` are the parameters that name it."""
    return survey.concerns(named.vpc, *named.of_load_balancer, named.private_subnets)


def findings(aws: Aws, survey: Survey, runtime: Runtime) -> Iterator[PreflightFinding]:
    """The findings about the network."""
    named = runtime.network
    vpc = survey.value(named.vpc)
    are_new = survey.concerns(named.vpc, *named.of_load_balancer)
    balancer = [subnet for title in named.of_load_balancer for subnet in survey.values(title) if are_new]
    private = survey.values(named.private_subnets) if survey.concerns(named.private_subnets) else []
    network = read_network(aws, vpc, list(dict.fromkeys([*balancer, *private])))
    yield from judge(survey, runtime, balancer, private, network)


def read_network(aws: Aws, vpc: str, subnets: list[str]) -> Network:
    """Ask EC2; the questions at the same time."""
    client = aws.client("ec2")
    in_vpc = [{"Name": "vpc-id", "Values": [vpc]}]

    # Filters, because a list of ids with one that is unknown gives an error and nothing else.
    def every(operation: str, key: str, **request: Any) -> list[Any]:
        pages = client.get_paginator(operation).paginate(**request)
        return [item for page in pages for item in page[key]]

    def endpoints() -> tuple[list[Any], Mapping[str, Any]]:
        endpoints = every("describe_vpc_endpoints", "VpcEndpoints", Filters=in_vpc)
        ids = sorted({group["GroupId"] for endpoint in endpoints for group in endpoint.get("Groups", [])})
        filters = [{"Name": "group-id", "Values": ids}]
        groups = every("describe_security_groups", "SecurityGroups", Filters=filters) if ids else []
        return endpoints, {group["GroupId"]: group for group in groups}

    with interrupts.threads(5) as pool:
        vpcs = pool.submit(every, "describe_vpcs", "Vpcs", Filters=in_vpc)
        named = [{"Name": "subnet-id", "Values": subnets}]
        details = pool.submit(every, "describe_subnets", "Subnets", Filters=named)
        tables = pool.submit(every, "describe_route_tables", "RouteTables", Filters=in_vpc)
        gateways = pool.submit(every, "describe_nat_gateways", "NatGateways", Filter=in_vpc)
        ends = pool.submit(endpoints)
        return Network(
            vpc=bool(vpcs.result()),
            subnets={subnet["SubnetId"]: subnet for subnet in details.result()},
            tables=tables.result(),
            gateways={gateway["NatGatewayId"]: gateway for gateway in gateways.result()},
            endpoints=ends.result()[0],
            groups=ends.result()[1],
        )


def judge(
    survey: Survey, runtime: Runtime, balancer: list[str], private: list[str], network: Network
) -> Iterator[PreflightFinding]:
    """What is wrong, from what EC2 has said of the load balancer's subnets and of the tasks' private ones."""
    named = runtime.network
    vpc, region = survey.value(named.vpc), survey.environment.region
    if not network.vpc:
        yield PreflightFinding(parameter(named.vpc), vpc, f"does not exist in {region}")
        return
    own = {subnet: title for title in named.of_load_balancer for subnet in survey.values(title)}
    for subnets, titles in ((balancer, own), (private, dict.fromkeys(private, named.private_subnets))):
        for subnet in subnets:
            title = titles[subnet]
            details = network.subnets.get(subnet)
            if details is None:
                yield PreflightFinding(parameter(title), subnet, f"does not exist in {region}")
            elif details["VpcId"] != vpc:
                yield PreflightFinding(
                    parameter(title), subnet, f"is in {details['VpcId']}, and {named.vpc} is {vpc}"
                )
    vpc_subnets = {name for name, subnet in network.subnets.items() if subnet["VpcId"] == vpc}
    yield from _of_load_balancer(
        survey, network, own, [subnet for subnet in balancer if subnet in vpc_subnets]
    )
    yield from _private(survey, runtime, network, [subnet for subnet in private if subnet in vpc_subnets])


def _of_load_balancer(
    survey: Survey, network: Network, titles: Mapping[str, str], subnets: list[str]
) -> Iterator[PreflightFinding]:
    public = _with_public_addresses(survey)
    zones: dict[str, str] = {}
    for subnet in subnets:
        key = parameter(titles[subnet])
        zone = network.subnets[subnet]["AvailabilityZone"]
        if zone in zones:
            reason = f"is in {zone} like {zones[zone]}; a load balancer takes one subnet of a zone"
            yield PreflightFinding(key, subnet, reason)
        zones.setdefault(zone, subnet)
        free = network.subnets[subnet]["AvailableIpAddressCount"]
        if free < LOAD_BALANCER_ADDRESSES:
            reason = f"has {free} free addresses; a load balancer needs {LOAD_BALANCER_ADDRESSES}"
            yield PreflightFinding(key, subnet, reason)
        if subnet not in public:
            continue
        route = network.default_route(subnet)
        if not route or not str(route.get("GatewayId", "")).startswith("igw-") or _is_dead(route):
            yield PreflightFinding(
                key,
                subnet,
                f"must have a route to an internet gateway; {_said(network, subnet, route)}",
            )


def _with_public_addresses(survey: Survey) -> set[str]:
    """The subnets in which the templates put a load balancer that the internet reaches."""
    subnets: set[str] = set()
    for layer in survey.world.stacks:
        for resource in survey.world.resources(layer).values():
            # Without a scheme it is internet-facing:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html
            if resource.type == LOAD_BALANCER and resource.properties.get("Scheme") != "internal":
                subnets |= {str(subnet) for subnet in resource.properties.get("Subnets", [])}
    return subnets


def _private(
    survey: Survey, runtime: Runtime, network: Network, subnets: list[str]
) -> Iterator[PreflightFinding]:
    key, most = parameter(runtime.network.private_subnets), runtime.capacity.maximum
    zones = {network.subnets[subnet]["AvailabilityZone"] for subnet in subnets}
    if len(subnets) > 1 and len(zones) == 1:
        yield PreflightFinding(key, "", f"must be in two zones or more; all are in {zones.pop()}")
    # During a release old and new tasks run side by side.
    needed = 2 * int(survey.value(most) or 1)
    free = sum(network.subnets[subnet]["AvailableIpAddressCount"] for subnet in subnets)
    if subnets and free < needed:
        reason = f"have {free} free addresses; a release at {most} needs {needed}"
        yield PreflightFinding(key, "", reason)
    for subnet in subnets:
        route = network.default_route(subnet)
        endpoints = runtime.network.endpoints
        lacking = "" if _leads_out(network, route) else _lacking(survey, endpoints, network, subnet)
        if lacking:
            yield PreflightFinding(
                key,
                subnet,
                f"has no way out: {_said(network, subnet, route)}, and {lacking}",
            )


def _leads_out(network: Network, route: Any) -> bool:
    """Whether a task without a public address gets out by this route.

    Where it leads to a transit gateway, an appliance or the like, the way behind it cannot be seen from here.
    """
    if not route or _is_dead(route) or str(route.get("GatewayId", "")).startswith("igw-"):
        return False
    gateway = network.gateways.get(route.get("NatGatewayId", ""))
    return gateway is None or gateway["State"] == "available"


def _is_dead(route: Any) -> bool:
    return bool(route.get("State") == "blackhole")


def _said(network: Network, subnet: str, route: Any) -> str:
    """Where the route of a subnet leads instead."""
    table = network.table(subnet)
    name = table["RouteTableId"] if table else "its route table"
    if not route:
        return f"{name} has no route to 0.0.0.0/0"
    targets = (
        "GatewayId",
        "NatGatewayId",
        "TransitGatewayId",
        "NetworkInterfaceId",
        "VpcPeeringConnectionId",
    )
    target = next((route[key] for key in targets if route.get(key)), "somewhere else")
    if _is_dead(route):
        return f"the route of {name} to {target} is a black hole"
    if str(target).startswith("igw-"):
        return f"{name} leads to {target}, which takes only what has a public address"
    gateway = network.gateways.get(target)
    if gateway and gateway["State"] != "available":
        return f"{name} leads to {target}, which is {gateway['State']}"
    return f"{name} leads to {target}"


def _lacking(survey: Survey, endpoints: Iterable[Endpoints], network: Network, subnet: str) -> str:
    """The VPC endpoints that are missing without a route out; empty when none is."""
    missing = []
    for service in _needed(survey, endpoints):
        problem = _endpoint_problem(network, service, subnet, survey.environment.region)
        if problem:
            missing.append(problem)
    return f"without it these endpoints are needed: {', '.join(missing)}" if missing else ""


def _needed(survey: Survey, endpoints: Iterable[Endpoints]) -> list[str]:
    services = list(TASK_ENDPOINTS)
    for secret in {value.split(":")[2] for value in _arns(survey)} & {"secretsmanager", "ssm"}:
        services.append(secret)
    for asked in endpoints:
        if survey.value(asked.parameter) == asked.value:
            services += asked.services
    return services


def _arns(survey: Survey) -> Iterable[str]:
    return (value for value in survey.environment.parameters.values() if value.startswith("arn:"))


def _endpoint_problem(network: Network, service: str, subnet: str, region: str) -> str | None:
    """Why a subnet cannot reach a service through an endpoint, or None."""
    table = network.table(subnet)
    reasons = []
    for endpoint in network.endpoints:
        # China's names have a part more in front.
        if not endpoint["ServiceName"].endswith(f".{region}.{service}"):
            continue
        if endpoint["State"].lower() != "available":
            reasons.append(f"{endpoint['VpcEndpointId']} is {endpoint['State']}")
        elif endpoint["VpcEndpointType"] == "Gateway":
            if table and table["RouteTableId"] in endpoint.get("RouteTableIds", []):
                return None
            reasons.append(f"{endpoint['VpcEndpointId']} is not in the subnet's route table")
        elif not endpoint.get("PrivateDnsEnabled"):
            reasons.append(f"{endpoint['VpcEndpointId']} has no private DNS name")
        elif not _lets_in(network, endpoint, network.subnets[subnet]["CidrBlock"]):
            reasons.append(f"{endpoint['VpcEndpointId']} does not let port 443 in from the subnet")
        else:
            return None
    return f"{service} ({'; '.join(reasons)})" if reasons else service


def _lets_in(network: Network, endpoint: Any, cidr: str) -> bool:
    """Whether the endpoint's security groups take HTTPS from a whole subnet.

    A rule for single security groups cannot be meant for those that are yet to be made.
    """
    source = ipaddress.ip_network(cidr)
    for group in endpoint.get("Groups", []):
        for rule in network.groups.get(group["GroupId"], {}).get("IpPermissions", []):
            everything = rule["IpProtocol"] == "-1"
            https = rule["IpProtocol"] == "tcp" and rule["FromPort"] <= 443 <= rule["ToPort"]
            ranges = [ipaddress.ip_network(item["CidrIp"]) for item in rule.get("IpRanges", [])]
            if (everything or https) and any(_holds(outer, source) for outer in ranges):
                return True
            if (everything or https) and rule.get("PrefixListIds"):
                return True
    return False


def _holds(
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network, inner: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return (
        isinstance(outer, ipaddress.IPv4Network)
        and isinstance(inner, ipaddress.IPv4Network)
        and inner.subnet_of(outer)
    )

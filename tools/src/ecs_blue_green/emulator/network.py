"""The network that a real account has before anything is deployed, under the ids of the parameter file.

The subnets lie in two zones: public ones with a route to an internet gateway, private ones with one to a NAT
gateway. The NAT gateway is in a public subnet, which exists even where the file names none.
"""

from collections.abc import Iterable
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.account import Account

VPC_CIDR = "10.0.0.0/16"


def seed(account: Account) -> None:
    """Create the account's VPC, its subnets and their routes where they are absent."""
    with engine.scope(account.id, account.region):
        if account.vpc not in stores.vpcs:
            # Those of an internal load balancer may be the tasks' own.
            private = tuple(dict.fromkeys([*account.private_subnets, *account.internal_subnets]))
            _create(account.vpc, account.public_subnets or (_like("subnet", account.vpc),), private)


def _create(vpc: str, public: tuple[str, ...], private: tuple[str, ...]) -> None:
    group = _like("sg", vpc)
    stores.vpcs[vpc] = {
        "VpcId": vpc,
        "CidrBlock": VPC_CIDR,
        "State": "available",
        "IsDefault": False,
        "DhcpOptionsId": "dopt-00000001",
        "InstanceTenancy": "default",
        "OwnerId": engine.account(),
        "DefaultNetworkAclId": _like("acl", vpc),
        "DefaultSecurityGroupId": group,
        "MainRouteTableId": _like("rtb", vpc),
    }
    stores.security_groups[group] = {
        "GroupId": group,
        "GroupName": "default",
        "Description": "default VPC security group",
        "VpcId": vpc,
        "OwnerId": engine.account(),
        "IpPermissions": [],
        "IpPermissionsEgress": [
            {
                "IpProtocol": "-1",
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [],
            }
        ],
    }
    gateway = _like("igw", vpc)
    stores.internet_gateways[gateway] = {
        "InternetGatewayId": gateway,
        "OwnerId": engine.account(),
        "Attachments": [{"VpcId": vpc, "State": "available"}],
    }
    nat = _like("nat", vpc)
    stores.nat_gateways[nat] = {
        "NatGatewayId": nat,
        "SubnetId": public[0],
        "VpcId": vpc,
        "AllocationId": _like("eipalloc", vpc),
        "ConnectivityType": "public",
        "State": "available",
        "CreateTime": engine.ec2._now_ts(),
        "Tags": [],
    }
    _route_table(_like("rtb", vpc), vpc, (), main=True)
    _route_table(_like("rtb", public[0]), vpc, public, {"GatewayId": gateway})
    _route_table(_like("rtb", private[0]), vpc, private, {"NatGatewayId": nat})
    for third_octet, (subnet, zone) in enumerate([*_zoned(public), *_zoned(private)]):
        stores.subnets[subnet] = {
            "SubnetId": subnet,
            "VpcId": vpc,
            "CidrBlock": f"10.0.{third_octet}.0/24",
            "AvailabilityZone": zone,
            "AvailabilityZoneId": engine.ec2._az_id_for_zone_name(zone),
            "AvailableIpAddressCount": 251,
            "State": "available",
            "DefaultForAz": False,
            "MapPublicIpOnLaunch": subnet in public,
            "OwnerId": engine.account(),
        }


def _zoned(subnets: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """Subnets in turn in zones a and c: zone b of ap-northeast-1 is closed to newer accounts."""
    return [(subnet, f"{engine.region()}{'ac'[index % 2]}") for index, subnet in enumerate(subnets)]


def _route_table(
    table: str,
    vpc: str,
    subnets: tuple[str, ...],
    way_out: dict[str, str] | None = None,
    *,
    main: bool = False,
) -> None:
    routes = [
        {
            "DestinationCidrBlock": VPC_CIDR,
            "GatewayId": "local",
            "State": "active",
            "Origin": "CreateRouteTable",
        }
    ]
    if way_out:
        routes.append(
            {"DestinationCidrBlock": "0.0.0.0/0", **way_out, "State": "active", "Origin": "CreateRoute"}
        )
    associations: list[dict[str, Any]] = [{"Main": True, "id": table}] if main else []
    associations += [{"Main": False, "SubnetId": subnet, "id": subnet} for subnet in subnets]
    stores.route_tables[table] = {
        "RouteTableId": table,
        "VpcId": vpc,
        "OwnerId": engine.account(),
        "Routes": routes,
        "Associations": [
            {
                "RouteTableAssociationId": _like("rtbassoc", association.pop("id")),
                "RouteTableId": table,
                "AssociationState": {"State": "associated"},
                **association,
            }
            for association in associations
        ],
    }


def _like(kind: str, identifier: str) -> str:
    """An id of another kind with the digits of a known one: the same file gives the same network."""
    return f"{kind}-{identifier.partition('-')[2]}"

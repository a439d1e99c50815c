"""A name of the team's own: its record, and what is said where the hosted zone or the name does not fit."""

from typing import Any

import pytest

from tests.deployer.releases import client
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import set_parameter

NAME = "shop.example.com"


@pytest.fixture
def zone(dev: Shop) -> str:
    """The id of a hosted zone for example.com."""
    made = client("route53").create_hosted_zone(Name="example.com", CallerReference="one")
    identifier: str = made["HostedZone"]["Id"].rpartition("/")[2]
    return identifier


def use(shop: Shop, zone: str, name: str = NAME) -> None:
    set_parameter(shop, f"DomainName: {name}")
    set_parameter(shop, f"HostedZoneId: {zone}")


def records(zone: str) -> dict[str, Any]:
    found = client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {one["Name"]: one for one in found if one["Type"] not in ("NS", "SOA")}


def outputs() -> dict[str, str]:
    stack = client("cloudformation").describe_stacks(StackName="sample-dev-infrastructure")["Stacks"][0]
    return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}


def test_name_leads_to_the_load_balancer_until_the_stack_goes(dev: Shop, zone: str) -> None:
    use(dev, zone)
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    alias = records(zone)[f"{NAME}."]["AliasTarget"]
    assert alias["DNSName"] == f"{outputs()['LoadBalancerDnsName']}."
    assert alias["HostedZoneId"] == outputs()["LoadBalancerHostedZoneId"]
    assert outputs()["ServiceUrl"] == f"http://{NAME}"
    function = client("lambda").get_function_configuration(FunctionName="sample-dev-smoke-test")
    assert function["Environment"]["Variables"]["SMOKE_HOST"] == NAME
    assert dev.run("plan", "--exit-code")["exit_code"] == 0
    assert dev.run("drift")["summary"]["real"] == 0
    assert dev.run("destroy", "--yes")["exit_code"] == 0
    assert records(zone) == {}


def test_name_can_come_later(deployed: Shop) -> None:
    made = client("route53").create_hosted_zone(Name="example.com", CallerReference="two")
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    use(deployed, zone)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert list(records(zone)) == [f"{NAME}."]
    set_parameter(deployed, "SmokeHost: other.example.com")
    deployed.run("deploy", "--yes")
    function = client("lambda").get_function_configuration(FunctionName="sample-dev-smoke-test")
    assert function["Environment"]["Variables"]["SMOKE_HOST"] == "other.example.com"


def test_zone_that_is_not_there_is_refused(dev: Shop) -> None:
    use(dev, "Z0123456789ABC")
    refused = dev.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    assert 'parameters.HostedZoneId: "Z0123456789ABC" does not exist in account' in refused["error"]["why"]


def test_name_of_another_zone_is_refused(dev: Shop, zone: str) -> None:
    use(dev, zone, "shop.example.org")
    refused = dev.run("deploy", "--yes")
    said = f'"shop.example.org" is not in the hosted zone {zone}, which is example.com'
    assert (refused["exit_code"], said in refused["error"]["why"]) == (2, True)


@pytest.mark.parametrize("kind", ["A", "CNAME"])
def test_name_that_is_taken_is_told_with_the_way_out(dev: Shop, zone: str, kind: str) -> None:
    value = "192.0.2.1" if kind == "A" else "old.example.com"
    record = {"Name": NAME, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}

    def change(action: str) -> None:
        changes = [{"Action": action, "ResourceRecordSet": record}]
        client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    change("CREATE")
    use(dev, zone)
    blocked = dev.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    why = blocked["error"]["why"]
    assert f"has a record {kind} in the hosted zone {zone} that these stacks did not make" in why
    assert "leave HostedZoneId empty until it may be replaced" in why
    assert client("cloudformation").describe_stacks()["Stacks"] == []
    # What it says to do.
    change("DELETE")
    assert dev.run("deploy", "--yes", "--only", "infrastructure")["exit_code"] == 0

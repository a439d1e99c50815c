"""Network, platform version and capacity providers: a release moves them, and no stack does."""

from typing import Any

import pytest
import yaml

from ecs_blue_green.deployer.release import restore
from tests.deployer.releases import AT_ONCE, Releases, client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_drift import verdicts
from tests.deployer.test_guarded_deploy import set_parameter
from tests.deployer.test_restore import delete


def subnets(shop: Shop) -> list[str]:
    """Two more of the tasks' subnets: with the routes of those that are there."""
    ec2 = client("ec2")
    document = yaml.safe_load((shop.root / "params" / "dev.yaml").read_text())
    found = []
    for number, there in enumerate(document["parameters"]["PrivateSubnetIds"]):
        (like,) = ec2.describe_subnets(SubnetIds=[there])["Subnets"]
        made = ec2.create_subnet(
            VpcId=like["VpcId"],
            AvailabilityZone=like["AvailabilityZone"],
            CidrBlock=f"10.0.{200 + number}.0/24",
        )["Subnet"]["SubnetId"]
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [there]}])[
            "RouteTables"
        ]
        ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=made)
        found.append(made)
    return found


def variables() -> dict[str, str]:
    """What the pipeline's stack gives to the step that writes the AppSpec."""
    (project,) = client("codebuild").batch_get_projects(names=["sample-dev-render"])["projects"]
    return {item["name"]: item["value"] for item in project["environment"]["environmentVariables"]}


def moved() -> dict[str, Any]:
    """What Render writes into an AppSpec from that."""
    given = variables()
    found: dict[str, Any] = {
        "PlatformVersion": given["PLATFORM_VERSION"],
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": given["SUBNET_IDS"].split(","),
                "SecurityGroups": [given["SECURITY_GROUP_ID"]],
                "AssignPublicIp": given["ASSIGN_PUBLIC_IP"],
            }
        },
    }
    if given["CAPACITY_PROVIDERS"] != "launch-type":
        name, weight = given["CAPACITY_PROVIDERS"].split(":")
        found["CapacityProviderStrategy"] = [{"CapacityProvider": name, "Weight": int(weight), "Base": 0}]
    return found


def service() -> dict[str, Any]:
    found: dict[str, Any] = client("ecs").describe_services(
        cluster="sample-local", services=["sample-dev-api"]
    )["services"][0]
    return found


def network(of: dict[str, Any]) -> list[str]:
    found: list[str] = of["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    return found


def release() -> None:
    releases = Releases()
    releases.finish(releases.start(releases.register(), AT_ONCE, moved()))


def test_network_platform_and_providers_move_with_the_next_release(deployed: Shop) -> None:
    before, new = network(service()), subnets(deployed)
    set_parameter(deployed, f"PrivateSubnetIds: [{', '.join(new)}]")
    set_parameter(deployed, "PlatformVersion: 1.4.0")
    set_parameter(deployed, "CapacityProviderStrategy: FARGATE_SPOT:1")
    planned = deployed.run("plan")
    assert (planned["exit_code"], planned["findings"]) == (0, [])
    # The smoke test is in these subnets too.
    changed = [step["layer"] for step in planned["plan"] if step["action"] != "nothing"]
    assert changed == ["service-preference", "pipeline"]
    assert planned["moves_with_next_release"] == [
        {"parameter": "PrivateSubnetIds", "before": ",".join(before), "after": ",".join(new)},
        {"parameter": "PlatformVersion", "before": "LATEST", "after": "1.4.0"},
        {"parameter": "CapacityProviderStrategy", "before": "", "after": "FARGATE_SPOT:1"},
    ]
    _, text, _ = deployed.talk("plan")
    assert (
        "PlatformVersion moves with the next release, the stack of the service stays: LATEST -> 1.4.0" in text
    )
    assert "ALLOW" not in text

    assert deployed.results("deploy", "--yes")["service"] == "nothing"
    assert network(service()) == before
    # A newer value of the pipeline is no drift, and nothing more to deploy.
    assert (deployed.run("drift")["exit_code"], verdicts(deployed.run("drift"), "real")) == (0, {})
    assert {step["action"] for step in deployed.run("plan")["plan"]} == {"nothing"}

    release()
    now = service()
    assert network(now) == new
    assert (now["platformVersion"], now.get("launchType")) == ("1.4.0", None)
    assert now["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    drift = deployed.run("drift")
    assert (drift["exit_code"], verdicts(drift, "real")) == (0, {})
    assert verdicts(drift, "delegated")["Service"] == {"CodeDeploy"}
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0


def test_restored_service_is_where_the_last_release_brought_it(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where its stack, or the newest value of the pipeline, says."""
    monkeypatch.setattr(restore, "POLL_SECONDS", 0.05)
    new = subnets(deployed)
    set_parameter(deployed, f"PrivateSubnetIds: [{', '.join(new)}]")
    set_parameter(deployed, "PlatformVersion: 1.4.0")
    set_parameter(deployed, "CapacityProviderStrategy: FARGATE_SPOT:1")
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    release()
    released = service()
    set_parameter(deployed, "PlatformVersion: 1.3.0")
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    delete()
    assert deployed.run("restore", "--yes")["exit_code"] == 0
    now = service()
    assert network(now) == new
    for key in ("platformVersion", "capacityProviderStrategy"):
        assert now[key] == released[key], key
    assert now.get("launchType") is None
    assert (deployed.run("drift")["exit_code"], deployed.run("plan", "--exit-code")["exit_code"]) == (0, 0)


def test_service_is_made_on_the_providers_that_releases_name(dev: Shop) -> None:
    set_parameter(dev, "CapacityProviderStrategy: FARGATE:2:1,FARGATE_SPOT:3")
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    made = [
        {"capacityProvider": "FARGATE", "weight": 2, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0},
    ]
    (task_set,) = service()["taskSets"]
    for one in (service(), task_set):
        assert (one.get("launchType"), one["capacityProviderStrategy"]) == (None, made)
    assert deployed_without_a_trace(dev)

    set_parameter(dev, "CapacityProviderStrategy: FARGATE:1:1,FARGATE_SPOT:9")
    assert dev.results("deploy", "--yes")["service"] == "nothing"
    assert service()["capacityProviderStrategy"] == made
    assert deployed_without_a_trace(dev)


def deployed_without_a_trace(shop: Shop) -> bool:
    """Whether there is neither drift nor anything left to deploy."""
    return (shop.run("drift")["exit_code"], shop.run("plan", "--exit-code")["exit_code"]) == (0, 0)


def test_release_that_names_none_keeps_what_runs(deployed: Shop) -> None:
    before = network(service())
    Releases().release()
    assert (network(service()), service()["launchType"]) == (before, "FARGATE")
    assert deployed.run("drift")["exit_code"] == 0


@pytest.mark.parametrize("only", [LAYERS, ["pipeline"]])
def test_provider_that_the_cluster_lacks_is_refused_by_the_plan(deployed: Shop, only: list[str]) -> None:
    set_parameter(deployed, "CapacityProviderStrategy: FARGATE:1:1,OTHER:2")
    refused = deployed.run("plan", *(part for layer in only for part in ("--only", layer)))
    assert refused["exit_code"] == 2
    assert (
        "names OTHER, and the cluster's capacity providers are: FARGATE, FARGATE_SPOT"
        in (refused["error"]["why"])
    )


def test_provider_that_the_cluster_gets_with_the_same_deploy_passes(dev: Shop) -> None:
    set_parameter(dev, "CapacityProviderStrategy: FARGATE_SPOT:1")
    assert dev.run("plan")["exit_code"] == 0


def test_what_the_template_says_of_them_is_refused_as_before(deployed: Shop) -> None:
    deployed.replace("service", "PlatformVersion: !Ref PlatformVersion", "PlatformVersion: 1.4.0")
    blocked = deployed.run("plan", "--exit-code")
    assert blocked["exit_code"] == 3
    assert {finding["rule"] for finding in blocked["findings"]} == {"service-frozen", "stack-policy"}


def test_parameters_of_several_layers_are_told_where_only_one_is_deployed(deployed: Shop) -> None:
    """As the template has them, whatever the order of the sets in between."""
    for line in ("SmokeTest: disabled", "LogRetentionDays: 30"):
        set_parameter(deployed, line)
    planned = deployed.run("plan", "--only", "pipeline")
    told = [
        (change["layer"], change["parameter"], sorted(change["left_out"]))
        for change in planned["changes_in_part"]
    ]
    assert told == [
        ("pipeline", "LogRetentionDays", ["service-preference", "task-definition"]),
        ("pipeline", "SmokeTest", ["service-preference"]),
    ]
    _, text, _ = deployed.talk("plan", "--only", "pipeline")
    assert "LogRetentionDays changes in pipeline" in text
    assert deployed.run("plan")["changes_in_part"] == []


def test_parameter_that_a_release_brings_is_not_left_out(deployed: Shop) -> None:
    set_parameter(deployed, f"PrivateSubnetIds: [{', '.join(subnets(deployed))}]")
    planned = deployed.run("plan", "--only", "service-preference")
    assert [change["left_out"] for change in planned["changes_in_part"]] == [["pipeline"]]

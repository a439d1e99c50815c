"""A cluster that exists before the stacks: used as it is, and left alone."""

from typing import Any

import pytest

from tests.deployer.releases import Releases, client
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import set_parameter

PROVIDERS = ["FARGATE", "FARGATE_SPOT"]


def shared() -> dict[str, Any]:
    (found,) = client("ecs").describe_clusters(clusters=["shared"])["clusters"]
    return dict(found)


@pytest.fixture
def existing(dev: Shop) -> Shop:
    """An environment in somebody's cluster, which has its capacity providers."""
    client("ecs").create_cluster(clusterName="shared", capacityProviders=PROVIDERS)
    set_parameter(dev, "ClusterName: shared")
    set_parameter(dev, 'ExistingCluster: "true"')
    return dev


def test_cluster_of_others_is_used_and_left_alone(existing: Shop) -> None:
    set_parameter(existing, "CapacityProviderStrategy: FARGATE:1:1,FARGATE_SPOT:3")
    before = shared()
    assert existing.run("deploy", "--yes")["exit_code"] == 0
    resources = client("cloudformation").describe_stack_resources(StackName="sample-dev-infrastructure")
    assert "AWS::ECS::Cluster" not in {one["ResourceType"] for one in resources["StackResources"]}
    (service,) = client("ecs").describe_services(cluster="shared", services=["sample-dev-api"])["services"]
    assert service["status"] == "ACTIVE"
    Releases(cluster="shared").release()
    assert existing.run("status")["live"]["colour"] == "green"
    assert existing.run("drift")["summary"]["real"] == 0
    assert existing.run("plan", "--exit-code")["exit_code"] == 0

    assert existing.run("destroy", "--yes")["exit_code"] == 0
    after = shared()
    assert after["status"] == "ACTIVE"
    assert after["capacityProviders"] == before["capacityProviders"] == PROVIDERS


def test_provider_that_it_lacks_is_refused(existing: Shop) -> None:
    client("ecs").put_cluster_capacity_providers(
        cluster="shared", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    set_parameter(existing, "CapacityProviderStrategy: FARGATE:1:1,FARGATE_SPOT:2")
    refused = existing.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    said = "names FARGATE, and the cluster's capacity providers are: FARGATE_SPOT"
    assert said in refused["error"]["why"]
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_cluster_that_is_not_there_is_refused(existing: Shop) -> None:
    client("ecs").delete_cluster(cluster="shared")
    refused = existing.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    said = 'parameters.ClusterName: "shared" does not exist in ap-northeast-1, and ExistingCluster is true'
    assert said in refused["error"]["why"]
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_cluster_of_the_stack_is_not_given_away(deployed: Shop) -> None:
    """Later the parameter would delete the cluster under the service."""
    set_parameter(deployed, 'ExistingCluster: "true"')
    blocked = deployed.run("deploy", "--yes")
    assert blocked["exit_code"] == 3
    assert ("replacement", "Cluster") in {(one["rule"], one["resource"]) for one in blocked["findings"]}

"""Releases through the pipeline's own stages, on the emulator."""

import secrets
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from ecs_blue_green import emulator
from ecs_blue_green.codebuild import artifacts
from ecs_blue_green.deployer import command_line
from ecs_blue_green.testing import site as sites
from tests.paths import PROJECT
from tests.pipeline.site import PUSHED, Site, read_artifact

# What a description of a task definition holds beside what can be registered (aws-sdk's service model).
NOT_REGISTRABLE = {
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
}


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The environment of the whole module: one release after another, each of a commit of its own."""
    return shared_site


@pytest.fixture
def commit() -> str:
    return secrets.token_hex(20)


def test_commit_is_released_from_source_to_tag(site: Site, commit: str) -> None:
    """All stages as they are in the template, Verify on a clean checkout among them."""
    execution = site.push(commit)
    for stage in site.definition.stages:
        result = site.stage(execution, stage.name)
        assert not result.failure, result.failure
    assert [stage.name for stage in site.definition.stages] == ["Source", "Build", "Deploy"]
    image = read_artifact(execution, "Release", "imageDetail.json")["ImageURI"]
    live = site.revision(site.live_revision())["taskDefinition"]
    assert [container["image"] for container in live["containerDefinitions"]] == [image]
    assert {commit, f"release-{commit}"} <= site.image_tags()


def test_every_container_of_the_applications_image_is_released(site: Site, commit: str) -> None:
    """One for migrations stayed on the first image in every release, and nobody was told."""
    tree = site.tree(commit)
    template = tree / "build" / "task-definition.yaml"
    text = template.read_text()
    start, end = text.index("      - Name: !Sub ${Project}-api\n"), text.index("        Essential: true\n")
    migrate = text[start:end].replace("-api\n", "-migrate\n", 1) + "        Essential: false\n"
    template.write_text(text[:start] + migrate + text[start:])
    execution = site.execution(commit, artifacts.pack(tree, site.folder / f"{commit}.zip"))
    site.run(execution, "Source", "ImageBuild", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    declared = site.revision(site.stack_revision())["taskDefinition"]["containerDefinitions"]
    assert [container["image"].rpartition(":")[2] for container in declared] == ["initial", "initial"]
    site.run(execution, "Render", "Deploy")
    image = read_artifact(execution, "Release", "imageDetail.json")["ImageURI"]
    live = site.revision(site.live_revision())["taskDefinition"]["containerDefinitions"]
    assert {container["name"]: container["image"] for container in live} == {
        "sample-migrate": image,
        "sample-api": image,
    }


def test_release_that_changes_the_task_definition_deploys_the_new_one(site: Site, commit: str) -> None:
    before = site.stack_revision()
    execution = site.push(commit, HealthRate="0.5")
    prepared, executed = site.run(execution, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")[1:]
    assert prepared.summary == "modify TaskDefinition"
    assert executed.summary == "UPDATE_COMPLETE"
    assert site.stack_revision() != before
    site.run(execution, "ImageBuild", "Render")
    (container,) = read_artifact(execution, "Release", "taskdef.json")["containerDefinitions"]
    assert {"name": "HEALTH_RATE", "value": "0.5"} in container["environment"]


def test_release_of_the_application_alone_makes_no_revision_of_the_stack(site: Site, commit: str) -> None:
    deployed = site.push(secrets.token_hex(20))
    site.run(deployed, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    before = site.stack_revision()
    execution = site.push(commit)
    results = site.run(execution, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    assert [result.summary for result in results[1:]] == ["no changes", "no changes"]
    assert site.stack_revision() == before
    site.run(execution, "ImageBuild", "Render", "Deploy")
    assert site.live_revision() != before


def test_approval_is_a_stage_of_its_own_where_it_is_required(site: Site) -> None:
    cloudformation = site.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName="sample-local-pipeline")["Stacks"][0]
    others = [
        {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
        for item in stack["Parameters"]
        if item["ParameterKey"] != "RequireApproval"
    ]
    cloudformation.update_stack(
        StackName="sample-local-pipeline",
        UsePreviousTemplate=True,
        Parameters=[*others, {"ParameterKey": "RequireApproval", "ParameterValue": "true"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName="sample-local-pipeline", WaiterConfig={"Delay": 0.1}
    )
    definition = site.reread()
    assert [stage.name for stage in definition.stages] == ["Source", "Build", "Approve", "Deploy"]


def test_push_brings_the_network_that_the_pipeline_was_given(tmp_path: Path, commit: str) -> None:
    """The service's stack keeps its own; the pushed source says nothing of it."""
    project = tmp_path / "project"
    state = sites.deployed(PROJECT, project)
    parameters = project / "params" / "local.yaml"
    settings = yaml.load(parameters.read_text(), Loader=yaml.BaseLoader)  # noqa: S506  # text, lists, maps
    before = settings["parameters"]["PrivateSubnetIds"]
    with emulator.running(state, parameters) as endpoint:
        ec2 = boto3.client(
            "ec2",
            endpoint_url=endpoint,
            region_name=settings["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        new = [subnet_like(ec2, there, number) for number, there in enumerate(before)]
    settings["parameters"] |= {"PrivateSubnetIds": new, "PlatformVersion": "1.4.0"}
    parameters.write_text(yaml.safe_dump(settings))
    assert command_line.main(["deploy", "--env", "local", "--yes"], project) == 0

    with sites.running(PROJECT, state, tmp_path / "run", PUSHED) as site:
        cluster, name = (site.physical_id(f"AWS::ECS::{kind}") for kind in ("Cluster", "Service"))

        def where() -> tuple[list[str], str]:
            found = site.client("ecs").describe_services(cluster=cluster, services=[name])["services"][0]
            network = found["networkConfiguration"]["awsvpcConfiguration"]
            return network["subnets"], found["platformVersion"]

        assert where() == (before, "LATEST")
        execution = site.push(commit)
        for stage in site.definition.stages:
            assert not site.stage(execution, stage.name, without=("Verify",)).failure
        assert where() == (new, "1.4.0")


def subnet_like(client: Any, there: str, number: int) -> str:
    """Another subnet with the zone and the routes of one that is there."""
    (like,) = client.describe_subnets(SubnetIds=[there])["Subnets"]
    made = client.create_subnet(
        VpcId=like["VpcId"], AvailabilityZone=like["AvailabilityZone"], CidrBlock=f"10.0.{200 + number}.0/24"
    )["Subnet"]["SubnetId"]
    filters = [{"Name": "association.subnet-id", "Values": [there]}]
    (table,) = client.describe_route_tables(Filters=filters)["RouteTables"]
    client.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=made)
    return str(made)

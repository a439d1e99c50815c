"""Two pushes close together: in every order that the locks allow, each is released with its own parts."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ecs_blue_green.deployer import layers
from ecs_blue_green.pipeline import Execution
from tests.paths import PROJECT
from tests.pipeline.interleavings import Step, classes, orders
from tests.pipeline.site import NAME, Site, read_artifact

RATES = ("0.9", "0.8")

TEMPLATES = {
    slug: layers.parse((PROJECT / "build" / f"{slug}.yaml").read_text())
    for slug in ("pipeline", "infrastructure")
}
# Rights that share nothing between executions: each build has its log stream, each execution its artifacts.
APART = {"logs", "s3", "iam", "sts", "codebuild", "codeconnections", "codestar-connections"}


def services(template: Mapping[str, Any], title: str) -> set[str]:
    """The services in which a role has rights."""
    policies = template["Resources"][title]["Properties"]["Policies"]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    return {action.partition(":")[0] for statement in statements for action in statement["Action"]}


def footprint(declared: Mapping[str, Any]) -> set[str]:
    """In which services an action can touch what another execution touches too, by its roles."""
    pipeline = TEMPLATES["pipeline"]
    found = services(pipeline, declared["RoleArn"]["Fn::GetAtt"][0])
    if "ProjectName" in declared["Configuration"]:
        project = pipeline["Resources"][declared["Configuration"]["ProjectName"]["Ref"]]
        found |= services(pipeline, project["Properties"]["ServiceRole"]["Fn::GetAtt"][0])
    if declared["ActionTypeId"]["Provider"] == "CloudFormation":
        found |= services(TEMPLATES["infrastructure"], "TaskDefinitionStackRole")
    return found - APART


FOOTPRINTS = {
    action["Name"]: footprint(action)
    for stage in TEMPLATES["pipeline"]["Resources"]["Pipeline"]["Properties"]["Stages"]
    if "Actions" in stage
    for action in stage["Actions"]
}


def conflict(one: Step, other: Step) -> bool:
    """Whether two steps may touch something in common."""
    return bool(FOOTPRINTS[one.action] & FOOTPRINTS[other.action])


def image_and_rate(site: Site, revision: str) -> tuple[str, str]:
    (container,) = site.revision(revision)["taskDefinition"]["containerDefinitions"]
    return container["image"], container["environment"][0]["value"]


def run(site: Site, executions: list[Execution], order: Iterable[Step]) -> list[tuple[str, str]]:
    """Run the steps in this order; the image and the rate that each execution put live."""
    live: dict[int, tuple[str, str]] = {}
    for step in order:
        # Verify touches nothing, and takes its time.
        if step.action != "Verify":
            site.run(executions[step.execution], step.action)
        if step.action == "Deploy":
            live[step.execution] = image_and_rate(site, site.live_revision())
    return [live[number] for number in range(len(executions))]


def pushes(site: Site, number: int) -> list[Execution]:
    """Two commits, each with an image and a task definition of its own."""
    return [
        site.push(f"{number:038d}{index:02d}", HealthRate=str(float(rate) - number / 100))
        for index, rate in enumerate(RATES)
    ]


def own_parts(site: Site, execution: Execution) -> tuple[str, str]:
    """The image that an execution built, and the rate that its commit sets."""
    image = read_artifact(execution, "Image", "imageDetail.json")["ImageURI"]
    for tag in (execution.commit_id, f"release-{execution.commit_id}"):
        identifier = [{"imageTag": tag}]
        found = site.client("ecr").describe_images(repositoryName=NAME, imageIds=identifier)["imageDetails"]
        assert image.endswith(found[0]["imageDigest"]), tag
    configuration = read_artifact(execution, "Source", "build/config/local/task-definition.json")
    return image, configuration["Parameters"]["HealthRate"]


def test_each_execution_ends_with_its_own_task_definition_and_image(shared_site: Site) -> None:
    found = classes(shared_site.definition, conflict)
    count = sum(1 for _ in orders(shared_site.definition))
    assert count > 1000 > len(found) > 1
    for number, order in enumerate(found.values()):
        executions = pushes(shared_site, number)
        live = run(shared_site, executions, order)
        assert live == [own_parts(shared_site, execution) for execution in executions], order


def test_without_the_lock_of_the_stage_the_parts_would_mix(shared_site: Site) -> None:
    """What the locks prevent is noticed by the comparison above."""
    one, other = pushes(shared_site, 20)
    shared_site.run(one, "Source", "ImageBuild", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    shared_site.run(other, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    shared_site.run(one, "Render", "Deploy", "TagRelease")
    live = image_and_rate(shared_site, shared_site.live_revision())
    own = own_parts(shared_site, one)
    assert live[0] == own[0]
    assert live[1] != own[1]


def test_locks_hold_in_every_order(shared_site: Site) -> None:
    for order in orders(shared_site.definition):
        for stage in range(len(shared_site.definition.stages)):
            holders = [step.execution for step in order if step.stage == stage]
            assert holders == sorted(holders), order


@pytest.mark.parametrize("action", ["Source", "Verify"])
def test_actions_that_touch_nothing_shared(action: str) -> None:
    assert FOOTPRINTS[action] == set()

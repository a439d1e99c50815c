"""Tasks, build projects with their image, and `make image` are of one architecture.

An image of another one is built and pushed all the same, and no task starts with it: on AWS only.
"""

from collections.abc import Mapping

import pytest
from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.preflight import image
from ecs_blue_green.runtime import read_runtime
from ecs_blue_green.testing.resolved import Project

from tests import ROOT

PARAMETER = "Architecture"
PROJECT = Project(ROOT)
RUNTIME = read_runtime(ROOT / "build")
PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
# CodeBuild's environment types, and what the names of its images have in them.
BUILDS = {"X86_64": ("LINUX_CONTAINER", ""), "ARM64": ("ARM_CONTAINER", "-aarch64-")}


@pytest.mark.parametrize("name", environment.names(ROOT / "params"))
def test_each_environment_builds_what_its_tasks_run(name: str) -> None:
    settings = environment.load(ROOT / "params", name, PROJECT.declared, RUNTIME)
    of_the_tasks = _agreed(settings.parameters)
    assert RUNTIME.image
    wanted = image.required_image(settings, PROJECT.layers, RUNTIME.image, ROOT)
    assert wanted.platform == PLATFORMS[of_the_tasks]


@pytest.mark.parametrize("architecture", PLATFORMS)
def test_one_parameter_moves_them_all(architecture: str) -> None:
    assert _agreed({PARAMETER: architecture}) == architecture
    given = PROJECT.environment
    settings = given._replace(parameters={**given.parameters, PARAMETER: architecture})
    assert RUNTIME.image
    wanted = image.required_image(settings, PROJECT.layers, RUNTIME.image, ROOT)
    assert wanted.platform == PLATFORMS[architecture]


def _agreed(parameters: Mapping[str, str]) -> str:
    """The architecture of the tasks, which is that of every build project too."""
    resources = [
        resource
        for template in PROJECT.templates(parameters).values()
        for resource in template["Resources"].values()
    ]
    (platform,) = (
        resource["Properties"].get("RuntimePlatform", {})
        for resource in resources
        if resource["Type"] == "AWS::ECS::TaskDefinition"
    )
    architecture: str = platform.get("CpuArchitecture", "X86_64")
    kind, part = BUILDS[architecture]
    for resource in resources:
        if resource["Type"] == "AWS::CodeBuild::Project":
            built = resource["Properties"]["Environment"]
            assert built["Type"] == kind, resource["Properties"]["Name"]
            assert part in built["Image"], resource["Properties"]["Name"]
            assert (architecture == "ARM64") is ("aarch64" in built["Image"])
    return architecture

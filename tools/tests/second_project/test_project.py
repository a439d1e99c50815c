"""The second project itself: valid, complete, and nowhere named like the one that the package is used by."""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.preflight import image
from ecs_blue_green.deployer.preflight.image import Image
from ecs_blue_green.runtime import Image as NamedImage
from ecs_blue_green.runtime import Parameter
from tests.paths import PROJECT as SAMPLE
from tests.second_project.place import LAYERS, PROJECT, STAGING

# What the deployer fills in is called the same in every project.
FILLED_IN = {"Project", "Environment", "Protected"}


def read(root: Path) -> Mapping[str, Layer]:
    return layers.read(root / "build")


def names(root: Path) -> set[str]:
    """Everything that a project gives a name to: its layers, and what is in their templates."""
    found = set[str]()
    for slug, layer in read(root).items():
        found |= {slug, *layer.parameters, *layer.resources, *layer.outputs}
        found |= layer.template.get("Conditions", {}).keys()
    return found - FILLED_IN


def test_no_name_is_shared_with_the_other_project() -> None:
    assert names(PROJECT) & names(SAMPLE) == set()
    assert set(read(PROJECT)) == set(LAYERS)


def test_templates_are_valid() -> None:
    files = sorted((PROJECT / "build").glob("*.yaml"))
    regions = [settings["region"] for settings in parameter_files().values()]
    command = [Path(sys.executable).parent / "cfn-lint", "--regions", *regions, "--", *files]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_layers_say_names_what_is_there() -> None:
    templates = {slug: layer.template for slug, layer in read(PROJECT).items()}
    assert list(runtime.problems(runtime.read_runtime(PROJECT / "build"), templates)) == []


def test_pipeline_is_given_what_the_deployer_would_give() -> None:
    found = read(PROJECT)
    declared = {slug: layer.parameters for slug, layer in found.items()}
    for name in parameter_files():
        settings = environment.load(PROJECT / "params", name, declared)
        file = PROJECT / "build" / "config" / name / "blueprint.json"
        defaults = {
            title: str(block["Default"])
            for title, block in declared["blueprint"].items()
            if "Default" in block
        }
        assert json.loads(file.read_text()) == {
            "Parameters": defaults | settings.parameters_for(declared["blueprint"]),
            "Tags": settings.stack_tags("blueprint"),
        }


def test_first_image_is_built_of_the_application_of_this_project() -> None:
    project = Invocation(Namespace(env=STAGING), PROJECT).load()
    assert image.required_image(project.environment, project.layers, project.runtime.image, PROJECT) == Image(
        repository="harbour-staging-beacon",
        tag="first",
        parameter="FirstBuild",
        platform="linux/arm64",
        root=PROJECT,
        named=NamedImage(Parameter("FirstBuild"), "beacon"),
        layer="edge",
        service_layer="delivery",
    )


def parameter_files() -> dict[str, Any]:
    """The parameter files by their environment's name."""
    return {
        path.stem: yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        for path in sorted((PROJECT / "params").glob("*.yaml"))
    }

"""`build/` is what the modules give, and what a reader expects there."""

import difflib
import json
import re
from typing import Any

import cfn_flip
import pytest
import yaml
from ecs_blue_green import generate, template_yaml
from ecs_blue_green.deployer import environment

from templates import LAYERS
from tests import ROOT
from tests.templates.conftest import Document

BUILD, PARAMS = ROOT / "build", ROOT / "params"
WANTED = generate.files(ROOT)


@pytest.mark.parametrize("name", WANTED)
def test_file_is_what_the_module_gives(name: str) -> None:
    path = BUILD / name
    on_disk = path.read_text(encoding="utf-8") if path.exists() else ""
    difference = difflib.unified_diff(
        on_disk.splitlines(), WANTED[name].splitlines(), "on disk", "generated", lineterm=""
    )
    assert on_disk == WANTED[name], "run `make generate` and review:\n" + "\n".join(difference)


def test_build_has_no_other_file() -> None:
    assert {str(path.relative_to(BUILD)) for path in generate.on_disk(BUILD)} == set(WANTED)


def test_one_layer_is_one_module_is_one_template() -> None:
    """A module is a file, or a folder where a layer has more than one."""
    inside = (ROOT / "templates").glob("[a-z]*")
    modules = {path.stem for path in inside if path.is_dir() or path.suffix == ".py"}
    slugs = {slug.replace("-", "_") for slug in LAYERS}
    assert modules == slugs == {path.stem.replace("-", "_") for path in BUILD.glob("*.yaml")}


@pytest.mark.parametrize("slug", LAYERS)
def test_template_begins_with_where_it_comes_from_and_has_the_order_of_the_documentation(slug: str) -> None:
    lines = WANTED[f"{slug}.yaml"].splitlines()
    assert generate.module(slug, ROOT) in lines[0]
    assert [line.startswith("#") for line in lines[:3]] == [True, True, False]
    sections = [line.partition(":")[0] for line in lines[2:] if line[:1].isalpha()]
    assert sections == [section for section in template_yaml.SECTIONS if section in sections]
    text = WANTED[f"{slug}.yaml"].partition("\nResources:\n")[2].partition("\nOutputs:\n")[0]
    titles = re.findall(r"^  (\w+):$", text, re.MULTILINE)
    assert titles
    assert re.findall(r"^  (\w+):\n    Type: AWS::", text, re.MULTILINE) == titles


@pytest.mark.parametrize("slug", LAYERS)
def test_template_means_what_the_module_says(slug: str, documents: dict[str, Document]) -> None:
    """Read back, short forms and blocks of text included; the file of the stack policy is told beside it."""
    read = cfn_flip.load_yaml(WANTED[f"{slug}.yaml"])
    policy = f"{slug}.stack-policy.json"
    assert read.pop("Metadata", None) == ({"StackPolicy": policy} if policy in WANTED else None)
    assert read == documents[slug]


@pytest.mark.parametrize("name", environment.names(PARAMS))
def test_no_template_knows_an_environment(name: str) -> None:
    project = settings(name)["project"]
    for slug in LAYERS:
        assert not re.search(rf"(\$\{{Project\}}|\b{project})-{name}\b", WANTED[f"{slug}.yaml"])


@pytest.mark.parametrize("name", environment.names(PARAMS))
def test_pipeline_configuration_sets_every_parameter(name: str, documents: dict[str, Document]) -> None:
    configuration = json.loads(WANTED[f"config/{name}/task-definition.json"])
    assert configuration["Parameters"].keys() == documents["task-definition"]["Parameters"].keys()
    assert all(isinstance(value, str) for value in configuration["Parameters"].values())
    file = settings(name)
    stack = f"{file['project']}-{name}-infrastructure"
    assert configuration["Parameters"]["InfrastructureStackName"] == stack
    assert configuration["Tags"] == {
        **file.get("tags", {}),
        "Project": file["project"],
        "Environment": name,
        "Layer": "task-definition",
    }


def settings(name: str) -> dict[str, Any]:
    """A parameter file."""
    text = (PARAMS / f"{name}.yaml").read_text()
    found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps only
    return found

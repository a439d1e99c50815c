"""Which part of this project may import which: the arrows of the design, read from the code.

What the application imports is its own business; of the sample's, tests/app knows.
"""

from pathlib import Path

import ecs_blue_green
import pytest
from ecs_blue_green.testing import imports

from tests import ROOT

# Where a package is that is not at the top.
FOLDERS = {"ecs_blue_green": Path(ecs_blue_green.__file__).parents[1]}
PARTS = ("deploy", "ecs_blue_green", "generate", "templates", "tests")

# A layer is a module or a folder; what has an underscore in front is what layers share.
LAYERS = [path.stem for path in sorted((ROOT / "templates").glob("[a-z]*"))]
# From a module (the longest prefix counts) to the only other modules of ours that it may import.
ALLOWED: dict[str, tuple[str, ...]] = {
    "deploy": ("ecs_blue_green.deployer",),
    "generate": ("ecs_blue_green.generate",),
    "templates": ("templates._",),
    # A layer never imports a layer.
    **{f"templates.{layer}": (f"templates.{layer}", "templates._") for layer in LAYERS},
    # What runs as a Lambda function has nothing of ours around it.
    "templates.service_preference.hooks": (),
    "tests": ("app", "ecs_blue_green", "templates", "tests"),
}
# The reviewed YAML is deployed, not a fresh rendering; and what generates it talks to nobody.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "deploy": ("app", "troposphere", "awacs", "ministack"),
    "generate": ("app", "boto3", "botocore", "ministack"),
    "templates.service_preference.hooks": ("troposphere", "awacs"),
    "templates": ("app", "boto3", "botocore", "ministack", "yaml", "os", "time", "datetime", "random"),
}


MODULES = imports.modules(ROOT, PARTS)


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_the_design_allows(name: str) -> None:
    allowed, forbidden = imports.rule(name, ALLOWED), imports.rule(name, FORBIDDEN) or ()
    if name == "templates":
        allowed = ("templates",)  # the list of the layers
    for wanted in imports.imported(MODULES[name], ROOT, FOLDERS):
        if allowed is not None and wanted.split(".")[0] in PARTS:
            assert imports.is_in(wanted, allowed), f"{name} must not import {wanted}"
        assert not imports.is_in(wanted, forbidden), f"{name} must not import {wanted}"


def test_rules_name_modules_that_exist() -> None:
    packages = {name.rpartition(".")[0] for name in MODULES}
    assert set(ALLOWED) | set(FORBIDDEN) <= packages | MODULES.keys()

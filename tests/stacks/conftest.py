"""What the deployer's tests share: the project's own templates and a place for parameter files."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks import layers
from stacks.layers import Layer

REPOSITORY = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def built() -> Mapping[str, Layer]:
    """The committed layers."""
    return layers.read(REPOSITORY / "build")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what is deployed: `build/` and `params/`."""
    for folder in ("build", "params"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def write_params(project: Path) -> Write:
    """Write `params/local.yaml` with changes: `write(parameters={"MinCapacity": 9}, account=None)`."""

    def write(parameters: Mapping[str, Any] | None = None, /, **keys: Any) -> Path:
        path = project / "params" / "local.yaml"
        document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        for target, changes in ((document, keys), (document["parameters"], parameters or {})):
            for key, value in changes.items():
                target.pop(key, None)
                if value is not None:
                    target[key] = value
        path.write_text(yaml.safe_dump(document))
        return path

    return write

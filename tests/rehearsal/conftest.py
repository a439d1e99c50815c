"""The emulator with everything deployed, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest

import deploy

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `build/`, `params/` and, in `.local`, what the emulator keeps after a deploy."""
    root = tmp_path_factory.mktemp("deployed")
    for name in ("build", "params"):
        shutil.copytree(REPOSITORY / name, root / name)
    assert deploy.main(["deploy", "--env", "local", "--yes"], root) == 0
    return root

"""A clone as whoever starts has it. In a team's copy, which is initialized, nothing here is collected."""

import subprocess
from pathlib import Path

import pytest
import yaml

from ecs_blue_green import runtime
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.testing import copies
from tests.paths import TOOLS

ROOT = TOOLS.parent


def _is_a_copy() -> bool:
    repository = runtime.read_runtime(ROOT / "build").repository
    text = (ROOT / "params" / f"{LOCAL}.yaml").read_text(encoding="utf-8")
    return repository is None or yaml.safe_load(text)["project"] != repository.shipped_project


collect_ignore_glob = ["test_*.py"] if _is_a_copy() else []


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository, as of the files on disk."""
    return copies.copied(ROOT, tmp_path_factory.mktemp("upstream") / "product")


@pytest.fixture
def clone(upstream: Path, tmp_path: Path) -> Path:
    """A clone of it, in which everything is installed."""
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", upstream, root], check=True)  # noqa: S607 (the person's git)
    copies.link_environments(ROOT, root)
    copies.git(root, "config", "user.name", "Team")
    copies.git(root, "config", "user.email", "team@example.com")
    return root

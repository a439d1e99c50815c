"""In a team's copy nothing here is collected: its project has another name, and its tables are its own."""

import yaml
from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment

from tests import ROOT


def _is_a_copy() -> bool:
    repository = runtime.read_runtime(ROOT / "build").repository
    path = ROOT / "params" / f"{environment.LOCAL}.yaml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))["project"]
    return repository is None or project != repository.shipped_project


collect_ignore_glob = ["test_*.py"] if _is_a_copy() else []

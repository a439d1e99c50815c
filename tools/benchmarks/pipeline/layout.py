"""The two orders of the same actions, and the longest way through each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.paths import PROJECT
from ecs_blue_green.deployer import layers

# The article's stages: source, synthesis of the templates, update of the task definition (change set
# prepared, executed), image build with what is rendered for CodeDeploy, deployment. Its counterpart of Verify
# is the synthesis. It has no TagRelease; the same one is put at the end of both.
ARTICLE = (
    "Source",
    "Verify",
    "PrepareTaskDefinition",
    "ExecuteTaskDefinition",
    "ImageBuild",
    "Render",
    "Deploy",
    "TagRelease",
)


class CriticalPath(NamedTuple):
    """The actions that a release waits for, and how long it takes."""

    actions: tuple[str, ...]
    seconds: float


def article(times: Mapping[str, float]) -> CriticalPath:
    """Every action waits for the one before it."""
    return CriticalPath(ARTICLE, sum(times[action] for action in ARTICLE))


def generated(times: Mapping[str, float]) -> CriticalPath:
    """Stages one after the other, in each the run orders, of each the slowest action."""
    actions = tuple(max(together, key=lambda action: times[action]) for together in run_orders())
    return CriticalPath(actions, sum(times[action] for action in actions))


def run_orders() -> list[list[str]]:
    """The names of the actions that run side by side, in order, from `build/`. Nobody has to approve."""
    resources = layers.read(PROJECT / "build")["pipeline"].resources
    stages: list[Mapping[str, Any]] = resources["Pipeline"]["Properties"]["Stages"]
    found: list[list[str]] = []
    for stage in stages:
        actions = stage.get("Actions", [])
        for order in sorted({action["RunOrder"] for action in actions}):
            found.append([action["Name"] for action in actions if action["RunOrder"] == order])
    return found

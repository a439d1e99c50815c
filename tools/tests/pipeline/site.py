"""Names of what the tests' project deploys, and what a push of it carries."""

from ecs_blue_green.testing.site import Site, read_artifact

__all__ = ["CLUSTER", "NAME", "PUSHED", "TASK_DEFINITION_STACK", "Site", "read_artifact"]

CLUSTER, NAME = "sample-local", "sample-local-api"
TASK_DEFINITION_STACK = "sample-local-task-definition"
PUSHED = ("app", "build", "params", "generate.py", ".cfnlintrc")

"""Where things are, and what the project's layers say of themselves."""

from pathlib import Path

from ecs_blue_green import runtime

TOOLS = Path(__file__).resolve().parents[1]
# What the tests deploy, release and review: a project of their own, which no team changes.
PROJECT = TOOLS / "tests" / "project"
PARAMETER_FILE = PROJECT / "params" / "local.yaml"
# What the commands write for scripts: the tool's contract, kept where people read it.
SCHEMAS = TOOLS.parent / "docs" / "schemas"
REHEARSAL_SCHEMA = TOOLS.parent / "docs" / "rehearsal.schema.json"
RUNTIME = runtime.read_runtime(PROJECT / "build")

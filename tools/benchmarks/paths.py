"""Where things are."""

from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
REPOSITORY = TOOLS.parent
# What is deployed and reviewed: frozen, so that later results can be compared.
PROJECT = TOOLS / "tests" / "project"

"""Where things are."""

from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
REPOSITORY = TOOLS.parent
PARAMETER_FILE = REPOSITORY / "params" / "local.yaml"

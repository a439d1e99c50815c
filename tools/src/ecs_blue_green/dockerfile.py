"""What a Dockerfile says to those who cannot build its image."""

import re
from pathlib import Path


def exposed_port(file: Path) -> str | None:
    """The port of the first EXPOSE, None where there is none. Raises OSError."""
    exposed = re.search(r"^EXPOSE\s+(\d+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return exposed[1] if exposed else None

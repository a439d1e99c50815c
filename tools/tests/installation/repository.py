"""This repository, copied, and the variables by which pip and uv find packages here."""

import os
import shutil
from pathlib import Path

from tests.paths import TOOLS

REPOSITORY = TOOLS.parent
REQUIREMENTS = REPOSITORY / "requirements"
# What only a working copy has.
HIDDEN = (".git", ".venv*", ".local", ".*_cache", "__pycache__", "node_modules", ".hypothesis", "dist")
# Where packages come from is this machine's own matter.
OF_THE_INDEX = ("PIP_", "UV_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def copy(folder: Path) -> Path:
    """Copy the repository to `folder`, which is made, and give the folder back."""
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*HIDDEN))
    return folder


def of_the_index() -> dict[str, str]:
    """The variables that pip and uv need where nothing else of this machine's gets in."""
    found = {name: value for name, value in os.environ.items() if name.upper().startswith(OF_THE_INDEX)}
    return {"PIP_CONFIG_FILE": str(Path.home() / ".config" / "pip" / "pip.conf"), **found}

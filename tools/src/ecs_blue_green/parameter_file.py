"""Parameter files for those that only look something up in them; the deployer checks every line."""

from pathlib import Path
from typing import Any

import yaml


def parse(text: str) -> dict[str, Any]:
    """The content of a parameter file. Raises ValueError for what is not a mapping in YAML.

    Scalars stay text, as for the deployer: 000000000000 is no number.
    """
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds only text, lists and mappings
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(document, dict):
        raise ValueError("it is not a mapping")
    return document


def read(path: Path) -> dict[str, Any]:
    """The content of the parameter file at `path`. Raises OSError and ValueError."""
    return parse(path.read_text(encoding="utf-8"))

"""How parameter files are read, by all who read them. What may be in them, the deployer checks."""

from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer


# Scalars stay text, so that 012345678901, 1.0 and true are what the file says.
class _Loader(Composer, yaml.CBaseLoader):
    """YAML without types, and without keys that silently win over an earlier one of the same name.

    libyaml reads it, in a tenth of the time. What it reads is put together in Python, which survives however
    deep it is.
    """

    def __init__(self, text: str) -> None:
        yaml.CBaseLoader.__init__(self, text)
        Composer.__init__(self)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.value in seen if isinstance(key_node.value, str) else True:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key_node.value!r} is there twice"
                    if isinstance(key_node.value, str)
                    else "a key must be text",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def load(text: str) -> Any:
    """What a parameter file holds, with every scalar as text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - builds only text, lists and mappings


def parse(text: str) -> dict[str, Any]:
    """The content of a parameter file. Raises ValueError for what is not a mapping in YAML."""
    try:
        document = load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(document, dict):
        raise ValueError("it is not a mapping")
    return document


def read(path: Path) -> dict[str, Any]:
    """The content of the parameter file at `path`. Raises OSError and ValueError."""
    return parse(path.read_text(encoding="utf-8"))

"""The templates as dictionaries, functions in their long form."""

from collections.abc import Iterator
from typing import Any

import pytest

from templates import LAYERS

Document = dict[str, Any]


@pytest.fixture(scope="session")
def documents() -> dict[str, Document]:
    """Every layer's template, by slug."""
    return {slug: layer.build().to_dict() for slug, layer in LAYERS.items()}


def walk(node: Any) -> Iterator[Any]:
    """The node and everything below it."""
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)

"""What an environment holds while nobody releases and nobody asks it anything: quantities, not prices.

What AWS charges for by its mere existence, or by what flows into it, is counted for each layer in `build/`.
"""

from collections import Counter
from collections.abc import Iterator

from ecs_blue_green.documents.generated import LAYERS, ORDER, _table, texts


def idle_table() -> str:
    """Each layer with what it holds."""
    return _table(("Layer", "Number", "Permanent resources"), _rows())


def _rows() -> Iterator[tuple[str, str, str]]:
    for slug in ORDER:
        counted = Counter(resource["Type"] for resource in LAYERS[slug].resources.values())
        for kind, quantity in texts("idle").items():
            if counted[kind]:
                yield slug, f"{counted[kind]} `{kind.removeprefix('AWS::')}`", quantity

"""A plugin of pytest for either commit: of what is collected, the tests that the file SELECTION names.

A name without a case stands for all cases of its function.
"""

import os
from pathlib import Path
from typing import Any


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out what is not named."""
    wanted = set(Path(os.environ["SELECTION"]).read_text(encoding="utf-8").splitlines())
    kept: list[Any] = []
    left_out: list[Any] = []
    for item in items:
        named = wanted & {item.nodeid, item.nodeid.partition("[")[0]}
        (kept if named else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept

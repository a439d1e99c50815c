"""botocore's models of services without their documentation: less to keep, and read in less time."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

DOCUMENTATION = "documentation"


class _Undocumented(JSONFileLoader):
    def _load_file(self, full_path: str, open_method: Callable[..., Any]) -> Any:
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            document = json.loads(file.read())
        # What a model has besides, such as a service's endpoints, has no documentation.
        for kind in ("operations", "shapes"):
            for described in document.get(kind, {}).values():
                described.pop(DOCUMENTATION, None)
                for member in described.get("members", {}).values():
                    member.pop(DOCUMENTATION, None)
        return document


@cache
def loader() -> Loader:
    """What reads the models of this process, each one once."""
    return Loader(file_loader=_Undocumented())

"""A plugin of pytest that writes every test's id and outcome into the file of NETS_OUTCOMES."""

import json
import os
from pathlib import Path
from typing import Any

_found: dict[str, str] = {}


def pytest_collection_finish(session: Any) -> None:
    """Every test, without an outcome so far; of a run on several processes each tells its reports only."""
    _found.update((item.nodeid, "") for item in session.items)


def pytest_runtest_logreport(report: Any) -> None:
    """The worst of setup, call and teardown."""
    if report.when == "call" or report.outcome != "passed":
        _found[report.nodeid] = "failed" if _found.get(report.nodeid) == "failed" else report.outcome


def pytest_sessionfinish(session: Any) -> None:
    """Write them, once: not in the processes that xdist has started."""
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["NETS_OUTCOMES"]).write_text(json.dumps(_found))

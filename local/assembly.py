"""Puts the emulator together: ministack's application with our services, resource types and refusals in it."""

from pathlib import Path
from typing import Any

from local import engine, network, state
from local.account import Account

UnreadableState = state.UnreadableState
busy = engine.stacks_in_progress


def application(folder: Path, account: Account) -> Any:
    """The ASGI application that plays `account` and keeps its state in `folder`.

    Raises UnreadableState when there is a state that cannot be read.
    """
    state.attach(folder)
    network.seed(account)
    return engine.app.app


def warm_up() -> None:
    """Load what the first stack needs, while the client is still starting."""

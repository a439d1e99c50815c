"""Which remedy a test follows."""

from collections.abc import Callable
from typing import TypeVar

from ecs_blue_green.deployer.remedies import Remedy

Test = TypeVar("Test", bound=Callable[..., None])


def follows(*remedies: Remedy) -> Callable[[Test], Test]:
    """Mark a test that follows these remedies; `test_remedies.py` looks that each has one."""
    assert all(remedy.kind == "command" for remedy in remedies)
    return lambda test: test

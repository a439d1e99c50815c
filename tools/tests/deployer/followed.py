"""Which remedy a test follows, and how."""

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

from ecs_blue_green.deployer.remedies import Remedy
from tests.deployer.shop import Shop

# Those that ask; a person answers yes.
ASKING = ("deploy", "destroy", "rollback", "restore", "finish", "continue-rollback")

Test = TypeVar("Test", bound=Callable[..., None])


def follows(*remedies: Remedy) -> Callable[[Test], Test]:
    """Mark a test that follows these remedies; `test_remedies.py` looks that each has one."""
    assert all(remedy.kind != "only on AWS" for remedy in remedies)
    return lambda test: test


def made(shop: Shop, command: str) -> dict[str, Any]:
    """Run `make deploy ENV=dev ONLY=pipeline`, as a message prints it; a person answers yes."""
    program, verb, *variables = shlex.split(command)
    given = dict(variable.split("=", 1) for variable in variables)
    assert (program, given.pop("ENV")) == ("make", shop.env)
    arguments = ["--yes"] if verb in ASKING else []
    for option, name in (("--only", "ONLY"), ("--allow", "ALLOW")):
        for value in given.pop(name, "").split():
            arguments += [option, value]
    arguments += shlex.split(given.pop("ARGS", ""))
    assert given == {}
    return shop.run(verb, *arguments)

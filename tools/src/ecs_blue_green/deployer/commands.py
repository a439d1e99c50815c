"""The commands that a message tells a person to type: as make takes them, so that they work as printed."""

import shlex


def make(verb: str, environment: str, **variables: str) -> str:
    """Such as `make deploy ENV=prod ONLY=pipeline`; a value that the shell would split is quoted."""
    given = {"ENV": environment} | variables
    return " ".join([f"make {verb}", *(f"{name}={shlex.quote(value)}" for name, value in given.items())])

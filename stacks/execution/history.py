"""Which commit was deployed last: an older checkout would take back, silently, what came after it.

The record is kept beside the lock, in the Parameter Store, and never as a stack tag: a changed stack tag
modifies every resource.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from stacks.environment import Environment
from stacks.errors import Blocked


def refuse_older(client: Any, environment: Environment, root: Path) -> None:
    """Raise Blocked when the commit that was deployed last is not in this checkout's history."""
    before = last(client, environment)
    if before is None or _git(root, "merge-base", "--is-ancestor", before, "HEAD") == "":
        return
    raise Blocked(
        "this checkout is older than what is deployed, or beside it",
        f"{environment.name} was last deployed from commit {before[:12]}, which HEAD does not contain",
        "update the checkout (git pull); to go back on purpose: ARGS=--yes-older",
    )


def record(client: Any, environment: Environment, root: Path) -> None:
    """Remember this checkout's commit; outside a git repository there is nothing to remember."""
    head = _git(root, "rev-parse", "HEAD")
    if head and head != last(client, environment):
        client.put_parameter(
            Name=_name(environment), Value=json.dumps({"commit": head}), Type="String", Overwrite=True
        )


def remove(client: Any, environment: Environment) -> None:
    """Forget, with the environment."""
    client.delete_parameters(Names=[_name(environment)])


def last(client: Any, environment: Environment) -> str | None:
    """The commit that was deployed last, None where none is known."""
    # GetParameters names what is missing instead of failing.
    found = client.get_parameters(Names=[_name(environment)])["Parameters"]
    return str(json.loads(found[0]["Value"])["commit"]) if found else None


def _name(environment: Environment) -> str:
    return f"/{environment.project}/{environment.name}/deploy/last"


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when it says no, knows no such commit, or is not there."""
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)  # noqa: S607 (the person's git)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()

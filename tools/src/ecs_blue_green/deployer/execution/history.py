"""Which commit was deployed last: an older checkout would take back, silently, what came after it.

The record is kept beside the lock, in the Parameter Store, and never as a stack tag: a changed stack tag
modifies every resource.
"""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked

# A shell's exit code for a command that is not there.
NOT_RUN = 127
# SHA-1, or SHA-256.
_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")


def refuse_older(client: Any, environment: Environment, root: Path) -> None:
    """Raise Blocked when the commit deployed last is not in this checkout's history, or git cannot tell."""
    before = last(client, environment)
    if before is None:
        return
    compared = _run(root, "merge-base", "--is-ancestor", before, "HEAD")
    if compared.returncode == 0:
        return
    deployed = f"{environment.name} was last deployed from commit {before[:12]}"
    # A shallow clone lacks commits that HEAD contains. A whole one lacks what was not pulled.
    shallow = _run(root, "rev-parse", "--is-shallow-repository")
    is_whole = shallow.returncode == 0 and shallow.stdout.strip() == "false"
    if is_whole or not _is_repository(root):
        raise Blocked(
            "this checkout is older than what is deployed, or beside it",
            f"{deployed}, which HEAD does not contain",
            remedies.UPDATE_CHECKOUT(),
        )
    said = (compared.stderr.strip() or "this clone is shallow").splitlines()[0]
    raise Blocked(
        "git cannot tell whether this checkout is older than what is deployed",
        f"{deployed}; git: {said}",
        f"{_way_out(root, shallow)}; to deploy without knowing: ARGS=--yes-older",
    )


def _way_out(root: Path, shallow: "subprocess.CompletedProcess[str]") -> str:
    if shallow.returncode == 0:
        return "get the whole history (git fetch --unshallow; in a job: fetch-depth: 0) and run again"
    if "dubious ownership" in shallow.stderr:
        directory = shlex.quote(str(root.resolve()))
        return f"if you trust its owner: git config --global --add safe.directory {directory}"
    return "make git work here"


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
    """The commit that was deployed last, None where none is known: no record, or none that can be read."""
    # GetParameters names what is missing instead of failing.
    found = client.get_parameters(Names=[_name(environment)])["Parameters"]
    try:
        commit = json.loads(found[0]["Value"])["commit"] if found else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None


def _name(environment: Environment) -> str:
    return f"/{environment.project}/{environment.name}/deploy/last"


def _is_repository(root: Path) -> bool:
    return any((place / ".git").exists() for place in (root.resolve(), *root.resolve().parents))


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when it says no or is not there."""
    done = _run(root, *arguments)
    return done.stdout.strip() if done.returncode == 0 else None


def _run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """How git ended and what it said, in English; as a shell tells it where it cannot be run."""
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", env={**os.environ, "LC_ALL": "C"}
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, NOT_RUN, "", f"cannot be run ({error.strerror})")

"""Which commit was deployed last: an older checkout would take back, silently, what came after it.

And whether what is deployed is in a commit at all, since that is what was reviewed. The record is made after
success, with the layers that it is about, and is kept beside the lock, in the Parameter Store: never as a
stack tag, since a changed stack tag modifies every resource.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import commands, remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked

# A shell's exit code for a command that is not there.
NOT_RUN = 127
# SHA-1, or SHA-256.
_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")


# What is deployed, as far as it is in files.
_SHIPPED = ("build", "params")
_MOST_NAMES = 5


@dataclass(frozen=True)
class Record:
    """What was deployed last.

    `commit` is that of the last deploy that succeeded, `layers` has by layer the one from which it was
    deployed last, also by a deploy in which another layer failed. `uncommitted` says that the last one
    deployed files that were in no commit.
    """

    commit: str | None = None
    layers: Mapping[str, str] = field(default_factory=dict)
    uncommitted: bool = False

    @property
    def commits(self) -> list[str]:
        """All commits of which something is deployed."""
        return sorted({*([self.commit] if self.commit else []), *self.layers.values()})


def refuse_older(last: Record, environment: Environment, root: Path) -> None:
    """Raise Blocked when a commit of `last` is not in this checkout's history, or git cannot tell."""
    for before in last.commits:
        _refuse_older(before, environment, root)


def _refuse_older(before: str, environment: Environment, root: Path) -> None:
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
        remedies.GIT_CANNOT_TELL(way_out=_way_out(root, shallow)),
    )


def _way_out(root: Path, shallow: "subprocess.CompletedProcess[str]") -> str:
    if shallow.returncode == 0:
        return "get the whole history (git fetch --unshallow; in a job: fetch-depth: 0) and run again"
    if "dubious ownership" in shallow.stderr:
        directory = shlex.quote(str(root.resolve()))
        return f"if you trust its owner: git config --global --add safe.directory {directory}"
    return "make git work here"


def refuse_uncommitted(
    environment: Environment, root: Path, say: Callable[[str], None], *, tolerant: bool
) -> None:
    """Raise Blocked where files that are deployed are in no commit and the environment is protected.

    Elsewhere, and where `tolerant`, it is said; and so it is where git cannot tell.
    """
    found = uncommitted(root)
    if found is None:
        say("git does not tell whether build/ and params/ are committed: no repository, or no git")
    if not found:
        return
    named = ", ".join(found[:_MOST_NAMES])
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    what = f"what is deployed is not committed: {named}{more}"
    if tolerant or not environment.protected:
        say(what)
        return
    raise Blocked(
        what,
        f"{environment.name} is protected, and nobody has reviewed what is in no commit",
        remedies.COMMIT(plan=commands.make("plan", environment.name, ARGS="--out FILE")),
    )


def uncommitted(root: Path) -> list[str] | None:
    """The files below `build/` and `params/` that are not as in HEAD; None where git cannot tell."""
    listed = _run(
        root,
        "--no-optional-locks",
        *("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--"),
        *_SHIPPED,
    )
    if listed.returncode != 0:
        return None
    # Two letters and a blank stand before each name.
    return [line[3:] for line in listed.stdout.split("\0") if line]


def record(
    client: Any,
    environment: Environment,
    root: Path,
    layers: Iterable[str],
    *,
    whole: bool = True,
    last: Record | None = None,
) -> None:
    """Remember this checkout's commit for these layers, `whole` where nothing of the deploy failed.

    `last` is the record before, where it is known as it is now. Outside a git repository there is nothing to
    remember.
    """
    head = _git(root, "rev-parse", "HEAD")
    if not head:
        return
    before = last or read(client, environment)
    after = Record(
        head if whole else before.commit,
        {**before.layers, **dict.fromkeys(layers, head)},
        bool(uncommitted(root)),
    )
    if after == before:
        return
    value = {"commit": after.commit, "layers": dict(after.layers), "uncommitted": after.uncommitted}
    client.put_parameter(Name=name(environment), Value=json.dumps(value), Type="String", Overwrite=True)


def remove(client: Any, environment: Environment) -> None:
    """Forget, with the environment."""
    client.delete_parameters(Names=[name(environment)])


def read(client: Any, environment: Environment) -> Record:
    """What was deployed last: empty where there is no record, or none that can be read."""
    # GetParameters names what is missing instead of failing.
    found = client.get_parameters(Names=[name(environment)])["Parameters"]
    return parsed(found[0]["Value"] if found else None)


def parsed(text: str | None) -> Record:
    """What the text of the record says: nothing where there is none, or none that can be read."""
    try:
        value = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError):
        return Record()
    if not isinstance(value, dict):
        return Record()
    layers = value.get("layers")
    return Record(
        value["commit"] if _is_commit(value.get("commit")) else None,
        {slug: commit for slug, commit in layers.items() if _is_commit(commit)}
        if isinstance(layers, dict)
        else {},
        value.get("uncommitted") is True,
    )


def _is_commit(value: Any) -> bool:
    return isinstance(value, str) and bool(_COMMIT.fullmatch(value))


def name(environment: Environment) -> str:
    """The record's name in the Parameter Store."""
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

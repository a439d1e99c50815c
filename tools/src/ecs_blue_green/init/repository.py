"""The repository that is initialized: what it must be, and one commit that is made beside it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ecs_blue_green.deployer.errors import BadInput, Failed

# Of a make above: what is on its command line is none of the business of one below.
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
ORIGIN, UPSTREAM = "origin", "upstream"


def refuse_unusable(root: Path) -> None:
    """Raise BadInput unless there is a clean clone with a branch, and somebody who commits."""
    if shutil.which("git") is None:
        raise BadInput("there is no git", "the copy keeps the history, for updates", "install git")
    top = _asked(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        raise BadInput(
            f"{root} is no clone",
            "the copy keeps the history, for updates" if top is None else f"it is a folder of {top}",
            "git clone this repository, and run make init there",
        )
    if _asked(root, "rev-parse", "--verify", "HEAD") is None:
        raise BadInput("there is no commit", "", "git clone this repository, and run make init there")
    if _asked(root, "symbolic-ref", "--quiet", "HEAD") is None:
        has_main = _asked(root, "rev-parse", "--verify", "refs/heads/main") is not None
        way_out = "git switch main" if has_main else "git switch --create main"
        raise BadInput("no branch is checked out", "the commit would be on none", way_out)
    changed = (_asked(root, "status", "--porcelain") or "").splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:3]) + (", ..." if len(changed) > 3 else "")
        way_out = "commit them, or git stash --include-untracked"
        raise BadInput(f"the work tree has changes: {names}", "", way_out)
    if _asked(root, "var", "GIT_COMMITTER_IDENT") is None or _asked(root, "var", "GIT_AUTHOR_IDENT") is None:
        raise BadInput(
            "git does not know who commits",
            "",
            'git config user.name "..."; git config user.email "..."',
        )


@contextmanager
def beside(root: Path) -> Iterator[Path]:
    """The last commit's files in a folder that goes when the block ends, with the programs of this clone."""
    with TemporaryDirectory(prefix="init-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve() / "copy"
        folder.mkdir()
        _git(root, folder, "read-tree", "HEAD")
        _git(root, folder, "checkout-index", "--all")
        (folder / ".venv").symlink_to(root / ".venv")
        yield folder


def run(folder: Path, *command: str) -> None:
    """Run a command on the files in that folder. Raises Failed with what it says."""
    environ = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed", "\n" + done.stdout.rstrip())


def commit(root: Path, folder: Path, message: str) -> str:
    """Make a commit of the files in that folder, on top of the last one. On no branch yet: its id."""
    (folder / ".venv").unlink()
    _git(root, folder, "add", "--all")
    tree = _git(root, folder, "write-tree")
    return _git(root, folder, "commit-tree", "-p", "HEAD", "-m", message, tree)


def move_to(root: Path, commit: str) -> None:
    """Bring branch and files to that commit. Raises Failed where git refuses: then they are as they were."""
    done = _run(root, "merge", "--ff-only", "--quiet", commit)
    if done.returncode:
        raise Failed("git does not bring the branch to the commit", done.stderr.strip())


def prepare_updates(root: Path, owner_and_name: tuple[str, str]) -> str | None:
    """Call where this was cloned from `upstream`, unless it is the team's own: its address, None without one.

    The branch follows nothing then: a push must not go there. And git is told what .gitattributes means.
    """
    _run(root, "config", "merge.yours.name", "what is the team's stays")
    _run(root, "config", "merge.yours.driver", "true")
    remotes = (_asked(root, "remote") or "").split()
    if UPSTREAM not in remotes and ORIGIN in remotes and not _is(address(root, ORIGIN), owner_and_name):
        followed = _asked(root, "rev-parse", "--abbrev-ref", "HEAD@{upstream}")
        _run(root, "remote", "rename", ORIGIN, UPSTREAM)
        if followed:
            _run(root, "branch", "--unset-upstream")
    return address(root, UPSTREAM)


def address(root: Path, remote: str) -> str | None:
    """Where a remote is; None where there is none of that name."""
    return _asked(root, "remote", "get-url", remote)


def team_address(upstream: str | None, owner_and_name: tuple[str, str]) -> str:
    """Where the team's repository is, said as that of the other one: by SSH or HTTPS."""
    path = "/".join(owner_and_name)
    is_ssh = re.match(r"[\w.-]+@[\w.-]+:|ssh:", upstream or "")
    return f"git@github.com:{path}.git" if is_ssh else f"https://github.com/{path}.git"


def _is(address: str | None, owner_and_name: tuple[str, str]) -> bool:
    path = re.escape("/".join(owner_and_name))
    return bool(re.search(rf"[/:]{path}(?:\.git)?/?$", address or "", re.IGNORECASE))


def _git(root: Path, folder: Path, *arguments: str) -> str:
    """Git with an index and files of its own, of which the repository knows nothing. Raises Failed."""
    index = {"GIT_INDEX_FILE": str(folder.parent / "index"), "GIT_WORK_TREE": str(folder)}
    directory = _asked(root, "rev-parse", "--absolute-git-dir") or ""
    done = _run(folder, *arguments, variables={**index, "GIT_DIR": directory})
    if done.returncode:
        raise Failed(f"git {arguments[0]} failed", done.stderr.strip())
    return done.stdout.strip()


def _asked(root: Path, *arguments: str) -> str | None:
    """What git answers; None where it refuses."""
    done = _run(root, *arguments)
    return None if done.returncode else done.stdout.rstrip("\n")


def _run(
    folder: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - the person's git
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

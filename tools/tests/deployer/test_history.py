"""Whether a checkout is older than what is deployed: what git knows, and what is said where it does not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.execution import history

SHOP = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, {}, ("service",))
OLDER = "this checkout is older"
CANNOT_TELL = "git cannot tell"


class Store:
    """The Parameter Store with the one record."""

    def __init__(self, value: str) -> None:
        self.value = value

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:  # noqa: N803
        return {"Parameters": [{"Name": Names[0], "Value": self.value}]}


def last(commit: str) -> history.Record:
    return history.read(Store(json.dumps({"commit": commit})), SHOP)


def git(place: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(place), *settings, *arguments],  # noqa: S607 (the person's git)
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits, the last of which is HEAD."""
    place = tmp_path / "whole"
    place.mkdir()
    git(place, "init", "--quiet")
    for number in range(3):
        git(place, "commit", "--quiet", "--allow-empty", "--message", str(number))
    return place


def refusal(commit: str, place: Path) -> Blocked:
    with pytest.raises(Blocked) as caught:
        history.refuse_older(last(commit), SHOP, place)
    return caught.value


def test_what_was_deployed_is_in_the_history(repository: Path) -> None:
    for revision in ("HEAD", "HEAD~2"):
        history.refuse_older(last(git(repository, "rev-parse", revision)), SHOP, repository)


def test_older_checkout_and_one_that_was_not_pulled_are_refused(repository: Path) -> None:
    newest = git(repository, "rev-parse", "HEAD")
    git(repository, "reset", "--quiet", "--hard", "HEAD~1")
    for commit in (newest, "a" * 40):
        refused = refusal(commit, repository)
        assert refused.what.startswith(OLDER)
        assert "git pull" in refused.remedy


def test_shallow_clone_cannot_tell(repository: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", str(shallow))
    before = git(repository, "rev-parse", "HEAD~1")
    refused = refusal(before, shallow)
    assert refused.what.startswith(CANNOT_TELL)
    assert "git fetch --unshallow" in refused.remedy
    assert "--yes-older" in refused.remedy
    git(shallow, "fetch", "--quiet", "--unshallow")
    history.refuse_older(last(before), SHOP, shallow)


@pytest.mark.parametrize(
    ("script", "said", "remedy"),
    [
        (
            "echo \"fatal: detected dubious ownership in repository at '/a'\" >&2; exit 128",
            "dubious",
            "safe.directory",
        ),
        ("echo 'fatal: bad config line 1' >&2; exit 128", "bad config", "make git work here"),
        (None, "cannot be run", "make git work here"),
    ],
)
def test_git_that_does_not_work_cannot_tell(
    script: str | None,
    said: str,
    remedy: str,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    programs = tmp_path / "bin"
    programs.mkdir()
    if script:
        (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    refused = refusal(commit, repository)
    assert refused.what.startswith(CANNOT_TELL)
    assert said in refused.why
    assert remedy in refused.remedy
    assert "--yes-older" in refused.remedy


def test_outside_a_repository_nothing_contains_what_was_deployed(tmp_path: Path) -> None:
    assert refusal("a" * 40, tmp_path).what.startswith(OLDER)


@pytest.mark.parametrize(
    "value", ["x", "{}", "[]", "1", '{"commit": 1}', '{"commit": "--all"}', '{"commit": ""}', "[" * 100_000]
)
def test_record_that_cannot_be_read_is_not_known(value: str, tmp_path: Path) -> None:
    assert history.read(Store(value), SHOP) == history.Record()
    history.refuse_older(history.read(Store(value), SHOP), SHOP, tmp_path)

"""A clone becomes a team's copy in one commit, or stays as it is."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.testing import copies

INIT = (sys.executable, "-m", "ecs_blue_green", "init")
ANSWERS = {
    "project": "orchard",
    "environments": "dev=345678901234 staging=345678901234 prod=456789012345",
    "region": "eu-central-1",
    "repository": "octo-org/web-orchard",
    "port": "8088",
}


def options(answers: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in answers.items()]


def init(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What init says and answers where nobody can be asked."""
    return subprocess.run(
        [*INIT, *words],
        cwd=root,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def state(root: Path) -> Sequence[str]:
    """All that init may change, and all that it must not."""
    commands = ("rev-parse HEAD", "status --porcelain", "config --local --list", "for-each-ref", "stash list")
    return [copies.git(root, *command.split()) for command in commands]


def loaded(root: Path) -> dict[str, environment.Environment]:
    """Its environments, as the deployer reads them."""
    known = runtime.read_runtime(root / "build")
    declared = {slug: layer.parameters for slug, layer in layers.read(root / "build", known).items()}
    folder = root / "params"
    return {name: environment.load(folder, name, declared, known) for name in environment.names(folder)}


def test_one_commit_makes_the_clone_the_teams(clone: Path, upstream: Path) -> None:
    comments = {
        line
        for path in (clone / "params").glob("*")
        for line in path.read_text().splitlines()
        if "  #" in line
    }
    done = init(clone, *options(ANSWERS))
    assert (done.returncode, done.stderr) == (0, "")

    # One commit on top of the history, and nothing beside it.
    assert copies.git(clone, "rev-parse", "HEAD~") == copies.git(upstream, "rev-parse", "HEAD")
    assert copies.git(clone, "status", "--porcelain") == ""

    found = loaded(clone)
    assert set(found) == {"dev", "staging", "prod", "local"}
    assert {one.project for one in found.values()} == {"orchard"}
    assert {one.region for one in found.values()} == {"eu-central-1"}
    assert {name: one.account for name, one in found.items() if name != "local"} == {
        "dev": "345678901234",
        "staging": "345678901234",
        "prod": "456789012345",
    }
    assert found["local"].account == "000000000000"
    assert found["prod"].protected and not found["staging"].protected
    for name, one in found.items():
        values = one.parameters
        assert (values["GitHubOwner"], values["GitHubRepository"]) == ("octo-org", "web-orchard")
        assert values["ContainerPort"] == "8088"
        assert values["ClusterName"] == ("orchard" if name == "prod" else f"orchard-{name}")
    certificate = found["prod"].parameters["CertificateArn"]
    assert certificate.startswith("arn:aws:acm:eu-central-1:456789012345:")
    text = "".join(path.read_text() for path in (clone / "params").glob("*"))
    assert "sample" not in text
    assert all(line in text for line in comments) and comments
    assert "\n# Replace network by yours.\n" in text

    # The sample listens where the parameters say, and its tests are gone.
    assert "EXPOSE 8088" in (clone / "app" / "Dockerfile").read_text()
    assert '"PORT", "8088"' in (clone / "app" / "main.py").read_text()
    assert not (clone / "tests" / "shapes").exists() and not (clone / "tests" / "app").exists()

    readme = (clone / "README.md").read_text()
    assert readme.startswith("# orchard\n")
    targets = re.findall(r"\]\(([^)#]+)", readme)
    assert targets and all((clone / target).exists() for target in targets)

    # What is generated is fresh.
    assert copies.run(clone, ".venv/bin/python", "generate.py", "--check")[0] == 0
    assert (clone / "build" / "config" / "staging").is_dir()

    # Updates come from where it was cloned from, and no push goes there.
    assert copies.git(clone, "remote").split() == ["upstream"]
    assert copies.git(clone, "remote", "get-url", "upstream").strip() == str(upstream)
    assert "branch.main" not in copies.git(clone, "config", "--local", "--list")
    assert copies.git(clone, "config", "merge.yours.driver").strip() == "true"
    assert "git remote add origin https://github.com/octo-org/web-orchard.git" in done.stdout
    assert "VpcId, PublicSubnetIds, PrivateSubnetIds, CertificateArn (prod)" in done.stdout

    before = state(clone)
    for again in (init(clone), init(clone, *options({**ANSWERS, "project": "other"}))):
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout == "nothing to do: this is the copy of orchard already\n"
    assert state(clone) == before


def test_without_a_terminal_the_command_is_told_and_can_be_typed(clone: Path) -> None:
    before = state(clone)
    done = init(clone)
    assert done.returncode == 2
    error, following, last = done.stderr.splitlines()
    assert error == "error: there is no terminal to ask for project, environments, region, repository"
    assert last == "nothing was changed"
    assert state(clone) == before

    # Through make, as it is told.
    copies.git(clone, "remote", "set-url", "origin", "git@github.com:acme/shop.git")
    told = following.removeprefix("next:  ")
    assert told.startswith("make init PROJECT=")
    assert copies.run(clone, *shlex.split(told.replace("make", f"make {NOTHING_OLD}", 1)))[0] == 0
    # The example's repository is where the clone came from: it is the team's own.
    assert copies.git(clone, "remote").split() == ["origin"]
    assert "nothing to do" in copies.run(clone, *shlex.split(f"make {NOTHING_OLD} init"))[1]


# The files of a clone are newer than what is installed.
NOTHING_OLD = "--old-file=.venv/ready --old-file=.venv/develop"


def test_somebody_is_asked_until_the_deployer_takes_it(clone: Path) -> None:
    lines = [
        "sample",
        "orchard",
        "dev",
        "dev=12",
        "dev=345678901234",
        "",
        "octo-org",
        "octo-org/web",
        "70000",
        "",
    ]
    out, said = asked(clone, "\n".join(lines) + "\n")
    assert out == 0, said
    assert said.count("not this: ") == 5
    assert "that is the name of the repository that is copied" in said
    assert "NAME=ACCOUNT" in said and "12 digits" in said and "OWNER/NAME" in said and "65535" in said
    found = loaded(clone)
    assert set(found) == {"dev", "local"}
    assert (found["dev"].project, found["dev"].account) == ("orchard", "345678901234")
    # For an empty line.
    assert "ContainerPort" not in found["dev"].parameters
    assert found["dev"].region == "ap-northeast-1"


def asked(root: Path, lines: str, *words: str) -> tuple[int, str]:
    """What init answers and says to somebody at a terminal."""
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [*INIT, *words], cwd=root, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        os.close(terminal)
        os.write(master, lines.encode())
        said, _ = process.communicate()
    os.close(master)
    return process.returncode, said


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"project": "sample"}, "that is the name of the repository that is copied"),
        ({"project": "Shop"}, "project: "),
        ({"project": "aws-shop"}, "must not begin with aws or ssm"),
        ({"project": "a-project-of-20-chars", "environments": "dev=345678901234"}, "project: "),
        ({"project": "orchard", "environments": "production-of-a-kind=345678901234"}, "environment's name"),
        ({"environments": "dev=3456"}, "must be an account id: 12 digits"),
        ({"environments": "dev"}, "NAME=ACCOUNT"),
        ({"environments": ""}, "dev=111111111111 prod=222222222222"),
        ({"environments": "dev=345678901234 dev=345678901234"}, "dev twice"),
        ({"environments": "local=345678901234"}, "the emulator"),
        ({"environments": "../dev=345678901234"}, "environment's name"),
        ({"environments": "prod=345678901234 prod-eu=345678901234"}, "begins the names of both"),
        ({"region": "europe"}, "must be a region"),
        ({"region": "eu-west-1 # where"}, "must be a region"),
        ({"repository": "orchard"}, "OWNER/NAME"),
        ({"repository": "octo-org/web orchard"}, "GitHubRepository"),
        ({"port": "http"}, "ContainerPort"),
    ],
    ids=str,
)
def test_what_the_deployer_would_refuse_is_refused(changed: dict[str, str], why: str, upstream: Path) -> None:
    before = state(upstream)
    done = init(upstream, *options({**ANSWERS, **changed}), **COMMITTER)
    assert done.returncode == 2
    assert why in done.stderr and done.stderr.startswith("error: ")
    # What was typed is there to be corrected.
    assert "next:  correct it: make init PROJECT=" in done.stderr
    assert done.stderr.endswith("\nnothing was changed\n")
    assert state(upstream) == before


COMMITTER = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def test_clone_that_cannot_be_initialized_is_refused_and_the_way_out_leads_on(clone: Path) -> None:
    """One by one, each as it is told: a work tree with changes, no branch, nobody who commits."""
    (clone / "notes").write_text("")
    refused(clone, "the work tree has changes: notes", "git stash --include-untracked")
    copies.git(clone, "stash", "--include-untracked", "--quiet")

    copies.git(clone, "checkout", "--quiet", "--detach")
    refused(clone, "no branch is checked out", "git switch main")
    copies.git(clone, "branch", "--delete", "--force", "main")
    refused(clone, "no branch is checked out", "git switch --create main")
    copies.git(clone, "switch", "--quiet", "--create", "main")

    for name in ("user.name", "user.email"):
        copies.git(clone, "config", "--unset", name)
    nobody = {"HOME": str(clone.parent), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1"}
    nobody |= {"GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
    refused(clone, "git does not know who commits", "git config user.name", **nobody)
    copies.git(clone, "config", "user.name", "Team")
    copies.git(clone, "config", "user.email", "team@example.com")
    assert init(clone, *options(ANSWERS), **nobody).returncode == 0


def refused(root: Path, what: str, remedy: str, **variables: str) -> None:
    before = state(root)
    done = init(root, *options(ANSWERS), **variables)
    assert done.returncode == 2
    error, following, last = done.stderr.splitlines()
    assert what in error and remedy in following and last == "nothing was changed"
    assert state(root) == before


def test_files_without_a_history_are_refused(clone: Path, tmp_path: Path) -> None:
    (clone / ".git").rename(tmp_path / "history")
    ceiling = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    for variables, what in (({}, "is no clone"), ({"PATH": str(tmp_path)}, "there is no git")):
        done = init(clone, *options(ANSWERS), **ceiling, **variables)
        assert done.returncode == 2 and what in done.stderr
    # A folder of somebody's repository.
    copies.git(tmp_path, "init", "--quiet")
    done = init(clone, *options(ANSWERS))
    assert done.returncode == 2 and "is a folder of" in done.stderr


def test_interrupted_leaves_the_clone_as_it_was(clone: Path, tmp_path: Path) -> None:
    before = state(clone)
    for number in (signal.SIGINT, signal.SIGTERM):
        (tmp_path / "t").mkdir(exist_ok=True)
        with subprocess.Popen(
            [*INIT, *options(ANSWERS)],
            cwd=clone,
            env={**os.environ, "TMPDIR": str(tmp_path / "t")},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            # The files are made beside it by now.
            while not list((tmp_path / "t").glob("init-*/copy/README.md")):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            assert process.stderr
            assert "interrupted: nothing was changed" in process.stderr.read()
        assert process.returncode == 130
        assert state(clone) == before


def test_interrupted_at_a_question(clone: Path) -> None:
    before = state(clone)
    code, said = asked(clone, "orchard\n\x04")
    assert code == 130 and "interrupted: nothing was changed" in said
    assert state(clone) == before

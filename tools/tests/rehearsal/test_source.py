"""The source of a release: the committed state, with the health rate that somebody pushes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ecs_blue_green.rehearsal import source
from ecs_blue_green.rehearsal.source import SourceError
from ecs_blue_green.runtime import Image, Parameter
from tests.paths import PROJECT

IMAGE = Image(Parameter("Tag"), "app")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits of an application and a file that is not committed."""
    folder = tmp_path / "repository"
    (folder / "app").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for number in (1, 2):
        (folder / "app" / "main.py").write_text(f"VERSION = {number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"Version {number}")
    (folder / "notes").write_text("not yet")
    return folder


def test_snapshot_is_the_last_commit(repository: Path, tmp_path: Path) -> None:
    found = source.snapshot(repository, tmp_path / "snapshot", IMAGE)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.uncommitted == 1
    assert found.code.folder == found.folder / "app"
    assert (found.folder / "app" / "main.py").read_text() == "VERSION = 2\n"
    assert not (found.folder / "notes").exists()


def test_application_of_an_earlier_commit(repository: Path, tmp_path: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD^")
    code = source.earlier_code(repository, earlier, tmp_path, IMAGE)
    assert code is not None
    assert (code.folder / "main.py").read_text() == "VERSION = 1\n"
    assert source.earlier_code(repository, "0" * 40, tmp_path, IMAGE) is None


def test_folder_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SourceError, match="the source of a release is a commit"):
        source.snapshot(tmp_path, tmp_path / "snapshot", IMAGE)


def test_health_rate_is_pushed_as_a_parameter_and_in_what_is_made_from_it(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    for name in ("params", "build"):
        shutil.copytree(PROJECT / name, folder / name)
    before = files(folder / "build")
    configuration = Path("config", "local", "task-definition.json")
    pushed = source.Source("0" * 40, folder, 0, IMAGE)
    for rate in ("0.5", "0.25"):
        source.set_parameter(pushed, "local", "HealthRate", rate)
        after = files(folder / "build")
        assert json.loads(after[configuration])["Parameters"]["HealthRate"] == rate
        assert f"HealthRate: '{rate}'" in (folder / "params" / "local.yaml").read_text()
        # Nothing else is made anew, and this as it was.
        default = after[configuration].replace(f'"HealthRate": "{rate}"', '"HealthRate": "1.0"')
        assert after | {configuration: default} == before
    with pytest.raises(SourceError, match="HealthRate"):
        source.set_parameter(pushed, "local", "HealthRate", "7")


def files(folder: Path) -> dict[Path, str]:
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}

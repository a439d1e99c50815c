"""What a release is given beside its template is what the parameter file says, or nothing is deployed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecs_blue_green.deployer import command_line, remedies
from tests.deployer.followed import follows
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import set_parameter
from tests.paths import PROJECT

FILE = Path("build", "config", "dev", "task-definition.json")


def refused(shop: Shop, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """The error of a verb that must end with 2, run on the files as they are."""
    assert command_line.main([*arguments, "--env", "dev", "--json"], shop.root) == 2
    document = json.loads(capsys.readouterr().out)
    assert not {"plan", "preflight", "outcomes"} & document.keys()
    error: dict[str, str] = document["error"]
    return error


@follows(remedies.GENERATE)
def test_older_configuration_is_refused_until_it_is_generated(
    deployed: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A deploy would use the new value, and the next release take it back."""
    set_parameter(deployed, "LogRetentionDays: 60")
    before = (deployed.root / FILE).read_text()
    for arguments in (["plan"], ["deploy", "--yes"], ["deploy", "--yes", "--only", "pipeline"]):
        error = refused(deployed, capsys, *arguments)
        assert error["what"] == f"{FILE} is not what params/dev.yaml gives"
        assert error["remedy"] == "run: make generate"
    shutil.copy(PROJECT / "generate.py", deployed.root)
    subprocess.run([sys.executable, "generate.py"], cwd=deployed.root, check=True)
    assert (deployed.root / FILE).read_text() != before
    assert command_line.main(["deploy", "--env", "dev", "--yes"], deployed.root) == 0


def test_configuration_that_is_not_there_is_refused(dev: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (dev.root / FILE).unlink()
    assert refused(dev, capsys, "deploy", "--yes")["what"] == f"{FILE} is not there"


def test_what_does_not_ship_it_does_not_ask(deployed: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """An emergency is no time to generate, and a plan that is kept must go away in every state."""
    kept = str(deployed.root / "plan.json")
    assert deployed.run("plan", "--out", kept)["exit_code"] == 0
    (deployed.root / FILE).write_text("{}")
    for arguments in (["status"], ["plan", "--discard", kept]):
        assert command_line.main([*arguments, "--env", "dev"], deployed.root) == 0
    assert FILE.name not in capsys.readouterr().err

"""Emulators that are forked: each a process of its own, as one that was started by a person."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.emulator import EmulatorError, account, lock
from ecs_blue_green.testing import warm
from tests.paths import PARAMETER_FILE, TOOLS

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="emulators are forked on Linux alone")
REGION = account.read_account(PARAMETER_FILE).region
# The settings of every process that reads its environment when it is imported.
CONSTANTS = """
import sys
from pathlib import Path
from ecs_blue_green.emulator import serve
from ecs_blue_green.emulator.account import Account
serve._isolate(Path(sys.argv[1]), int(sys.argv[2]), Account("123456789012", "eu-west-1"))
from ecs_blue_green.emulator import assembly, engine
from ecs_blue_green.testing import warm
for module in engine.app._state_map.values():
    engine.app._get_module(module)
for module, name, value in warm._constants(sys.argv[1]):
    print(module.__name__, name, value)
"""


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_two_know_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with emulator.running(first, PARAMETER_FILE) as here, emulator.running(second, PARAMETER_FILE) as there:
        holders = [lock.holder(folder) for folder in (first, second)]
        pids = {holder.pid for holder in holders if holder}
        assert len(pids) == 2 and {os.getsid(pid) for pid in pids} == pids
        client("ssm", here).put_parameter(Name="word", Value="one", Type="String")
        assert client("ssm", there).describe_parameters()["Parameters"] == []
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert (first / "state.json").exists() and (second / "state.json").exists()


def test_one_after_the_other_give_no_id_twice(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
            ids.append(client("ec2", endpoint).create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])
            assert client("sns", endpoint).create_topic(Name=name)["TopicArn"].split(":")[3] == REGION
    assert len(set(ids)) == 2


def test_killed_one_is_gone(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE):
        holder = lock.holder(tmp_path)
        assert holder
        os.kill(holder.pid, 9)
    assert not (tmp_path / "state.json").exists()


def test_one_that_was_started_ahead_for_nothing_is_gone(tmp_path: Path) -> None:
    with emulator.started_ahead(tmp_path, PARAMETER_FILE):
        ((_, child),) = emulator._ahead.values()
        assert isinstance(child, warm.Process)
    assert not Path(f"/proc/{child.pid}").exists()


def test_why_one_cannot_start_is_said(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("[]")
    with (
        pytest.raises(EmulatorError, match="cannot use the saved state"),
        emulator.running(tmp_path, PARAMETER_FILE),
    ):
        pass


def test_process_that_forks_none_says_why(tmp_path: Path) -> None:
    with warm.starts() as popen, (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-P", "-m", "ecs_blue_green", "serve", "--params", str(PARAMETER_FILE)]
        if interpreters.emulator() == sys.executable:
            pytest.skip("this Python has the emulator")
        with pytest.raises(RuntimeError, match=r"(?s)emulators cannot be forked: .*hypercorn"):
            popen(command, cwd=tmp_path, stderr=log)


def test_what_was_read_before_the_fork_is_the_emulators_own(tmp_path: Path) -> None:
    """Everything of the folder and port that ministack keeps is a text of a module, which is replaced."""
    command = [interpreters.emulator(), "-P", "-c", CONSTANTS, str(tmp_path), str(warm.PORT)]
    said = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=True).stdout
    assert f"ministack.core.persistence STATE_DIR {tmp_path / 'tmp'}" in said.splitlines()
    assert f"ministack.services.sns _PORT {warm.PORT}" in said.splitlines()

"""The command: what it refuses, and that nothing is left of it however it ends."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.deployer import configurations
from ecs_blue_green.rehearsal import command, options
from tests.checkout import committed
from tests.paths import PROJECT
from tests.rehearsal.place import EVERYTHING

RUN = """
import argparse, sys
from pathlib import Path
from ecs_blue_green.rehearsal import command, options
parser = argparse.ArgumentParser()
options.add_arguments(parser)
sys.exit(command.run(parser.parse_args(sys.argv[2:]), Path(sys.argv[1])))
"""
PATIENCE = 90


def rehearse(root: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    return command.run(parser.parse_args(arguments), root)


@pytest.mark.parametrize(
    ("given", "starts"),
    [
        ([], [(".local", "params/local.yaml", 1.0)]),
        (["--minute", "0.5"], [(".local", "params/local.yaml", 0.5)]),
        (["--minute", "soon"], []),
        (["--minute", "-1"], []),
        (["--env", "porduction"], []),
        (["--env", "../params/local"], []),
    ],
)
def test_emulator_starts_ahead_where_the_command_will_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], starts: list[tuple[str, str, float]]
) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "local.yaml").touch()
    started: list[tuple[str, str, float]] = []

    def start(state: Path, parameter_file: Path, *, minute: float, attended: bool) -> nullcontext[None]:
        assert attended
        started.append((str(state.relative_to(tmp_path)), str(parameter_file.relative_to(tmp_path)), minute))
        return nullcontext()

    monkeypatch.setattr(emulator, "started_ahead", start)
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    with options.emulator_ahead(parser.parse_args(given), tmp_path):
        assert started == starts


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--health-rate", "2"], "--health-rate (HEALTH_RATE) is 2: it is the share"),
        (["--health-rate", "most"], "--health-rate (HEALTH_RATE) is most: it is the share"),
        (["--health-rate", "nan"], "--health-rate (HEALTH_RATE) is nan: it is the share"),
        (["--minute", "0"], "--minute (MINUTE) is 0: it is how many real seconds"),
        (["--minute", "soon"], "--minute (MINUTE) is soon: it is how many real seconds"),
        (["--minute", "0.01"], "180 requests in 0.01 s are too many"),
        (["--requests", "0"], "--requests (REQUESTS) is 0: it is the number"),
        (["--requests", "inf"], "inf requests in 1 s are too many"),
        (["--env", "porduction"], "there is no environment porduction: params/ has "),
        (["--env", "../params/local"], "there is no environment ../params/local"),
        (["--report", "/dev/null/reports"], "the reports cannot be written to /dev/null/reports"),
        # This folder is no git checkout.
        ([], "there is no release to rehearse: the source of a release is a commit"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """One message: what, why, and what to type next."""
    shutil.copytree(PROJECT / "params", tmp_path / "params")
    assert rehearse(tmp_path, *arguments) == 2
    error, advice = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {words}")
    assert len(advice.removeprefix("next:  ")) > 5
    assert not (tmp_path / ".local" / "lock").exists()


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("params/local.yaml", "project: [", "params/local.yaml cannot be read"),
        ("params/local.yaml", "project: sample", "params/local.yaml is not complete: it has no 'region'"),
        (".local/state.json", "{", "the emulator cannot be used"),
        ("build/runtime.json", None, "build/runtime.json is missing"),
        ("build/runtime.json", '{"schema": "runtime/2"}', "build/runtime.json cannot be used"),
        ("build/service.yaml", None, "the stacks cannot be deployed in the emulator"),
    ],
)
def test_damaged_file_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], file: str, text: str | None, words: str
) -> None:
    if text is None:
        (root / file).unlink()
    else:
        (root / file).write_text(text)
    assert rehearse(root) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {words}")
    assert "\nnext:  " in said
    assert Path(file).name.partition(".")[0] in said


def test_health_rate_of_an_application_that_has_none_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "build" / "runtime.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rehearsal": {}}))
    assert rehearse(root, "--health-rate", "0.5") == 2
    assert capsys.readouterr().err.startswith("error: --health-rate (HEALTH_RATE) cannot be set")


def test_command_that_is_not_here_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "build" / "runtime.json"
    document = json.loads(path.read_text())
    document["image"]["command"] = ["no-such-program", "serve"]
    path.write_text(json.dumps(document))
    assert rehearse(root) == 2
    error, advice = capsys.readouterr().err.splitlines()
    assert error == "error: the application cannot be started here: there is no no-such-program on PATH"
    assert advice == "next:  install it, or name another command (docs/bring-your-own-application.md)"


def test_what_blocks_the_deploy_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (root / "params" / "local.yaml").open("a") as file:
        file.write("  ContainerPort: 8081\n")
    configurations.write(root, "local")
    assert rehearse(root) == 3
    error, *found, advice = capsys.readouterr().err.splitlines()
    assert error == "error: the stacks cannot be deployed in the emulator:"
    assert any(
        "infrastructure BlueTargetGroup: AWS::ElasticLoadBalancingV2::TargetGroup would be replaced" in line
        and "; in two steps: first deploy the importing stack without the import" in line
        for line in found
    )
    assert advice.startswith(
        "next:  begin with an empty account: rm -r .local; or, where it is meant, first:"
    )


@pytest.mark.parametrize(
    ("part", "code"), [(".local", 2), (".local/lock", 2), (".local/tmp", 2), (".local/rehearsal", 1)]
)
def test_what_is_in_the_way_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], part: str, code: int
) -> None:
    shutil.rmtree(root / ".local")
    (root / part).parent.mkdir(exist_ok=True)
    if part == ".local/lock":
        (root / part).mkdir()
    else:
        (root / part).touch()
    assert rehearse(root) == code
    error, advice = capsys.readouterr().err.splitlines()
    assert f"{root}/{part}: " in error
    assert advice == f"next:  move away what is there: mv {root}/{part} {root}/{part}.old"


def test_rate_for_parameters_that_are_not_committed_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(root / "params" / "local.yaml", root / "params" / "mine.yaml")
    configurations.write(root, "mine")
    assert rehearse(root, "--env", "mine", "--health-rate", "0.5") == 2
    assert "params/mine.yaml is not committed" in capsys.readouterr().err


@pytest.fixture
def root(deployed: Path, tmp_path: Path) -> Path:
    """The project as a repository of its own, deployed."""
    clone = committed(tmp_path / "clone")
    shutil.copytree(deployed / ".local", clone / ".local")
    return clone


@contextmanager
def running(root: Path, errors: Path) -> Iterator[subprocess.Popen[bytes]]:
    with errors.open("wb") as log:
        process = subprocess.Popen(
            # Where `make rehearse` runs it.
            [interpreters.emulator(), "-c", RUN, str(root)],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def started(root: Path, after: tuple[int, ...] = ()) -> list[psutil.Process]:
    """The processes that are written down, once a load balancer and a task are among them.

    `after`: the numbers of those that an earlier rehearsal wrote down.
    """
    ledger = root / ".local" / "rehearsal" / "processes.jsonl"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        numbers = [json.loads(line)["pid"] for line in lines]
        if len(numbers) >= 2 and not set(numbers) & set(after):
            return [psutil.Process(number) for number in numbers]
        time.sleep(0.05)
    raise AssertionError("the rehearsal does not start its processes")


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [
        process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def test_nothing_is_left_after_kill_and_after_ctrl_c(root: Path, tmp_path: Path) -> None:
    """A rehearsal is killed; the next one ends what it left, and is interrupted itself."""
    with running(root, tmp_path / "first") as first:
        killed = started(root)
        first.kill()
        first.wait()
    assert alive(killed), "kill -9 gives no process the time to end its own"
    assert all(
        connection.laddr.ip == "127.0.0.1"
        for process in alive(killed)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    )

    with running(root, tmp_path / "second") as second:
        deadline = time.monotonic() + PATIENCE
        while alive(killed) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(killed)
        interrupted = started(root, tuple(process.pid for process in killed))
        below = [
            process for child in [psutil.Process(second.pid)] for process in child.children(recursive=True)
        ]
        second.send_signal(signal.SIGINT)
        assert second.wait(PATIENCE) == 130
    assert not alive(interrupted)
    assert not alive(below), "the emulator ends with its command"
    said = (tmp_path / "second").read_text()
    assert "ended what an earlier rehearsal left running: load balancer" in said
    assert "interrupted" in said
    assert "Traceback" not in said


@pytest.mark.skipif(not EVERYTHING, reason="make test-rehearsal")
def test_default_run_loses_nothing_and_takes_less_than_a_gibibyte(root: Path, tmp_path: Path) -> None:
    """Everything as `make rehearse` does it, the pipeline's own build steps among it."""
    with running(root, tmp_path / "errors") as process:
        assert process.wait(PATIENCE) == 0, (tmp_path / "errors").read_text()
    made = json.loads((root / ".local" / "rehearsal" / "report.json").read_text())
    assert (made["result"], made["findings"]) == ("released", [])
    assert made["requests"]["lost"] == made["requests"]["by_stopped"] == 0
    assert made["memory_megabytes"] < 1024


def test_emulator_in_use_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "ecs_blue_green", "serve", "--state", str(root / ".local")],
        cwd=root,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"AWS_ENDPOINT_URL=")
        assert rehearse(root) == 2
    finally:
        server.terminate()
        server.communicate()
    assert "end it first" in capsys.readouterr().err

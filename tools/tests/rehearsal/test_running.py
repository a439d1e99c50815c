"""The application behind the load balancer until Ctrl-C, and what is said where it does not start."""

import json
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from ecs_blue_green import interpreters
from ecs_blue_green.deployer import configurations, remedies, terminal
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.rehearsal import console
from tests.checkout import committed
from tests.deployer.followed import follows

RUN = """
import argparse, sys
from pathlib import Path
from ecs_blue_green.rehearsal import running, tasks
parser = argparse.ArgumentParser()
running.add_arguments(parser)
tasks.START_SECONDS = float(sys.argv[2])
sys.exit(running.run(parser.parse_args(sys.argv[3:]), Path(sys.argv[1])))
"""
PATIENCE = 90
SERVER = "with Server("


@pytest.fixture
def root(deployed: Path, tmp_path: Path) -> Path:
    """The project as a repository of its own, deployed."""
    clone = committed(tmp_path / "clone")
    shutil.copytree(deployed / ".local", clone / ".local")
    return clone


@contextmanager
def running(root: Path, start_seconds: float = 15) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [interpreters.emulator(), "-c", RUN, str(root), str(start_seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            # A test has failed: the command ends what it started.
            process.send_signal(signal.SIGINT)
        process.communicate()


def within(seconds: float, output: IO[str] | None) -> str:
    """The next line of a process that must not hang."""
    assert output
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(output.readline()), daemon=True)
    reader.start()
    reader.join(seconds)
    return found[0] if found else ""


def edit(root: Path, old: str, new: str) -> None:
    path = root / "app" / "__main__.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@follows(remedies.RUN_OR_REHEARSE)
def test_files_as_they_are_are_served_until_ctrl_c(root: Path) -> None:
    edit(
        root,
        "        self.end_headers()\n",
        '        self.send_header("X-Edited", "yes")\n        self.end_headers()\n',
    )
    with running(root) as process:
        address = within(PATIENCE, process.stdout).strip()
        assert address.startswith("http://127.0.0.1:"), process.communicate(timeout=5)
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - this machine's
            assert (answer.status, answer.headers["X-Edited"]) == (200, "yes")
        ledger = (root / ".local" / "rehearsal" / "processes.jsonl").read_text().splitlines()
        started = [psutil.Process(json.loads(line)["pid"]) for line in ledger]
        assert len(started) >= 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")
    assert not any(one.is_running() for one in started)
    first, second = errors.splitlines()
    assert first == (
        f"1 x app as it is, with the variables of sample-local-api:1; log: {root}/.local/run/logs"
    )
    assert second == "Ctrl-C ends it"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('raise SystemExit("no table")\n', "it ended with 1 before it listened on its PORT (no table); see "),
        ("threading.Event().wait()\n", "it does not listen on port "),
    ],
)
def test_application_that_does_not_start_is_told(root: Path, line: str, words: str) -> None:
    edit(root, SERVER, line + SERVER)
    with running(root, start_seconds=3) as process:
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (1, "")
    error, advice = errors.splitlines()
    assert error.startswith(f"error: the application does not start: task blue-1: {words}"), error
    assert error.endswith(f"{root}/.local/run/logs/blue-1.log")
    assert advice == "next:  correct it, then: make run"


KEY = "arn:aws:kms:ap-northeast-1:000000000000:key/1b2c3d4e-0000-4000-8000-000000000000"


def test_health_check_that_fails_is_told_and_the_rest_goes_on(root: Path) -> None:
    """What the parameter file names and nobody makes has a placeholder, also here."""
    with (root / "params" / "local.yaml").open("a") as file:
        file.write(f"  LogKmsKeyArn: {KEY}\n")
    configurations.write(root, "local")
    edit(root, "self.send_response(200 if is_good else 503)", "self.send_response(500)")
    with running(root) as process:
        assert within(PATIENCE, process.stdout).startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert f"a placeholder in the emulator: {KEY}\n" in errors
    assert "it fails its health check: /health answered 500, the matcher takes 200" in errors


def test_what_is_not_there_is_refused(root: Path) -> None:
    path = root / "build" / "runtime.json"
    document = json.loads(path.read_text())
    document["image"]["command"] = ["no-such-program"]
    path.write_text(json.dumps(document))
    with running(root) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert errors.splitlines() == [
        "error: the application cannot be started here: there is no no-such-program on PATH",
        "next:  install it, or name another command (docs/bring-your-own-application.md)",
    ]


def test_arn_of_a_secret_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds!db-1a2b3c4d-AbCdEf"
    failure = BadInput("a name", f"{arn} does not exist", "correct it")
    console.show(failure, console.console(stderr=True))
    terminal.console().print(arn)
    said = capsys.readouterr()
    assert said.err.startswith(f"error: a name: {arn} does not exist\n")
    assert said.out == f"{arn}\n"

"""The application as a process of its own: how it starts, keeps connections and stops."""

import contextlib
import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ecs_blue_green.testing import processes
from ecs_blue_green.testing.processes import WATCHDOG_SECONDS, get, wait_for_output, wait_until_closed

ROOT = Path(__file__).parents[2]
SLOW_SERVER = Path(__file__).with_name("slow_server.py")
running = functools.partial(processes.running, cwd=ROOT, said="running on http://127.0.0.1:")


def test_serves_keeps_the_connection_and_logs_one_line_of_json_for_a_request() -> None:
    with running("-m", "app", VERSION="v7") as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WATCHDOG_SECONDS)
        with contextlib.closing(connection):
            connection.connect()
            first_socket = connection.sock
            for path in ("/health", "/", "/"):
                connection.request("GET", path)
                response = connection.getresponse()
                body = json.loads(response.read())
                assert response.status == 200
                # http.client drops its socket when the server does not keep the connection.
                assert connection.sock is first_socket
            assert body == {"message": "Hello", "version": "v7"}

            # An idle connection, as the load balancer holds, must not hold up the end.
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate()
    assert process.returncode == 0
    assert errors == ""
    records = [json.loads(line) for line in output.splitlines()]
    requests = [record for record in records if record["message"] == "request"]
    assert [(record["path"], record["status"], record["version"]) for record in requests] == [
        ("/", 200, "v7"),
        ("/", 200, "v7"),
    ]


def test_sigterm_lets_the_request_in_flight_finish_and_exits_0() -> None:
    with running(str(SLOW_SERVER), "25") as (process, port), ThreadPoolExecutor() as pool:
        answer = pool.submit(get, port, "/slow")
        wait_for_output(process, "waiting")

        process.send_signal(signal.SIGTERM)
        wait_until_closed(port)
        # uvicorn's shutdown takes 0.1 s for itself; the request outlasts that.
        time.sleep(0.3)
        assert process.poll() is None
        assert not answer.done()

        process.send_signal(signal.SIGUSR1)
        assert answer.result() == (200, "finished /slow")
        assert process.wait() == 0


def test_sigterm_ends_a_request_that_does_not_finish_and_exits_0() -> None:
    with running(str(SLOW_SERVER), "1") as (process, port), ThreadPoolExecutor() as pool:
        answer = pool.submit(get, port)
        wait_for_output(process, "waiting")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
        # Answered 500 or cut off, depending on how far it was; not left hanging.
        assert answer.exception() is not None or answer.result()[0] == 500


def test_a_bad_health_rate_ends_the_process_with_one_message() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "0", "HEALTH_RATE": "nan"},
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "error: HEALTH_RATE: must be a number from 0.0 to 1.0, is 'nan'\n"


def test_a_port_that_is_taken_ends_the_process_with_a_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = subprocess.run(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PORT": str(taken.getsockname()[1])},
            capture_output=True,
            text=True,
            timeout=WATCHDOG_SECONDS,
            check=False,
        )
    assert result.returncode != 0
    assert "address already in use" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_the_image_layout_starts_and_writes_nothing(tmp_path: Path) -> None:
    """There is no container engine in the tests: this follows the Dockerfile's COPY and CMD by hand."""
    dockerfile = (ROOT / "app" / "Dockerfile").read_text()
    assert "\nCOPY *.py app/\n" in dockerfile
    command = json.loads(re.findall(r"^CMD (.+)$", dockerfile, re.MULTILINE)[-1])
    assert command[0] == "python"
    (tmp_path / "app").mkdir()
    for module in (ROOT / "app").glob("*.py"):
        shutil.copy(module, tmp_path / "app")
    before = sorted(tmp_path.rglob("*"))

    with running(*command[1:], cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1") as (process, port):
        assert get(port)[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert sorted(tmp_path.rglob("*")) == before

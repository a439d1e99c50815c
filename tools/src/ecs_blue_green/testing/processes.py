"""An application as a process of its own: started on a free port, watched, and gone at the end."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Ends what would otherwise wait for ever. Far above what anything here needs.
WATCHDOG_SECONDS = 30


@contextmanager
def running(
    *arguments: str, cwd: Path, said: str, **environ: str
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start Python with these arguments on a free port of 127.0.0.1; give the process and its port.

    `said` is what comes before the port in the line with which it says that it runs.
    Raises AssertionError when it ends without having said so.
    """
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(cwd), "PORT": "0", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(WATCHDOG_SECONDS, process.kill)
        watchdog.start()
        try:
            line = wait_for_output(process, said)
            yield process, int(re.split(r"\D", line.partition(said)[2])[0])
        finally:
            watchdog.cancel()
            process.kill()


def wait_for_output(process: "subprocess.Popen[str]", text: str) -> str:
    """The first line on standard output that has `text` in it. Raises AssertionError when it ends without."""
    if process.stdout is None or process.stderr is None:
        raise ValueError("the process writes to no pipe")
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}: {process.stderr.read()}")


def get(port: int, path: str = "/") -> tuple[int, str]:
    """Status and body of what answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WATCHDOG_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def wait_until_closed(port: int) -> None:
    """Return when nothing listens there any more. Raises AssertionError when something does for too long."""
    deadline = time.monotonic() + WATCHDOG_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=WATCHDOG_SECONDS).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError(f"port {port} still accepts connections")

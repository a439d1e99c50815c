"""An application that runs as a process of its own, while a test asks it."""

from pathlib import Path

import pytest

from ecs_blue_green.testing import processes

SERVER = """
import http.server, os
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler)
print(f"{os.environ['GREETING']} on port {server.server_port}, ready", flush=True)
server.serve_forever()
"""


def test_process_is_given_a_port_and_is_gone_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("a page")
    with processes.running("-c", SERVER, cwd=tmp_path, said="up on port ", GREETING="up") as (process, port):
        assert processes.get(port, "/page") == (200, "a page")
        assert process.poll() is None
    processes.wait_until_closed(port)
    assert process.wait(processes.WATCHDOG_SECONDS) != 0


def test_process_that_ends_before_it_runs_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"ended without 'up': (?s:.*)ZeroDivisionError"),
        processes.running("-c", "1 / 0", cwd=tmp_path, said="up"),
    ):
        pass

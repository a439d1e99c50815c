"""A load balancer's listener for tests of what asks one: it answers as told, and keeps what it was asked."""

import http.server
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Listener(http.server.ThreadingHTTPServer):
    """Answers each path with a status (200), after a while.

    `slow` has paths that take longer than `seconds`, `ill` those that answer 503 so many times before they
    are well. `asked` are paths with their `Host`, `names` the server names that clients of TLS asked for.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: dict[str, int] = {}
        self.seconds = 0.0
        self.slow: dict[str, float] = {}
        self.ill: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.names: list[str | None] = []
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self.socket = context.wrap_socket(self.socket, server_side=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        time.sleep(self.server.slow.get(self.path, self.server.seconds))
        failures = self.server.ill.get(self.path, 0)
        self.server.ill[self.path] = max(failures - 1, 0)
        self.send_response(503 if failures else self.server.statuses.get(self.path, 200))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output is not for this."""


@contextmanager
def listening(certificate: Path | None = None) -> Iterator[Listener]:
    """A listener on a free port of 127.0.0.1; with a certificate it speaks TLS."""
    with Listener(certificate) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a name, signed by its own key, which is behind it in the file.

    Raises FileNotFoundError where openssl is not installed.
    """
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key -out file -subj /CN={name}"
    subprocess.run(
        [*command.split(), "-addext", f"subjectAltName=DNS:{name}"],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    file = folder / "file"
    file.write_text(file.read_text() + (folder / "key").read_text())
    return file

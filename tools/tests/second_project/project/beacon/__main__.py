"""Answers `/alive` with 200, and everything else with 200 in the share of requests that BRIGHTNESS says."""

import os
import random
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Lamp(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the version."""
        shines = self.path == "/alive" or random.random() < float(os.environ.get("BRIGHTNESS", "1.0"))
        body = os.environ.get("VERSION", "unknown").encode()
        self.send_response(200 if shines else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Without what a burst of requests at the start would have to wait for."""

    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "7070"))  # noqa: S104 (a container)
    Server(address, Lamp).serve_forever()

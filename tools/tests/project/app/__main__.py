"""Answers everything with 200, but / with 503 in the share of requests that HEALTH_RATE leaves over.

`python -m app`, with HOST and PORT; SIGTERM lets the requests in flight finish.
"""

import http.server
import os
import random
import signal
import threading
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """Waits for what is being answered when it is closed."""

    daemon_threads = False
    request_queue_size = 128


class Handler(http.server.BaseHTTPRequestHandler):
    """One request a connection: no idle one holds up the end."""

    def do_GET(self) -> None:
        """Answer."""
        is_good = self.path != "/" or random.random() < float(os.environ.get("HEALTH_RATE", "1.0"))
        self.send_response(200 if is_good else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: nobody reads it."""


with Server((os.environ["HOST"], int(os.environ["PORT"])), Handler) as server:
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)

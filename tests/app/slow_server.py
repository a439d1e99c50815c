"""An application behind the real server whose one request ends when the process gets SIGUSR1.

Usage: slow_server.py SHUTDOWN_SECONDS
"""

import asyncio
import os
import signal
import sys

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import app.main


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    released = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, released.set)
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    await released.wait()
    await PlainTextResponse(f"finished {Request(scope).url.path}")(scope, receive, send)


app.main.SHUTDOWN_SECONDS = int(sys.argv[1])
sys.exit(app.main.serve(app.main.read_settings(os.environ), slow))

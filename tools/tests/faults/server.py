"""The emulator as a server whose resources take time: `python -m tests.faults.server STATE PARAMS SECONDS`.

It prints where it answers, and ends when its standard input closes.
"""

import socket
import sys
from pathlib import Path

from ecs_blue_green.emulator import account, serve
from tests.faults.world import take_time


def main(arguments: list[str]) -> int:
    """Serve, and return the exit code."""
    folder, parameter_file, seconds = arguments
    state, port = Path(folder).resolve(), _free_port()
    serve._isolate(state, port, account.read_account(Path(parameter_file)))
    # Imported late: ministack reads the environment that was set just now.
    from ecs_blue_green.emulator import engine

    take_time(engine, lambda: float(seconds), lambda function, arguments: None)
    serve.serve(
        serve.Settings(
            port=port,
            state=state,
            parameter_file=Path(parameter_file),
            minute=60.0,
            until_stdin_closes=True,
        )
    )
    return 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((serve.HOST, 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The emulator as a server whose resources take time: `python -m tests.faults.server STATE PARAMS SECONDS`.

It prints where it answers, and ends when its standard input closes.
"""

import sys
from pathlib import Path

from ecs_blue_green.emulator import account, serve
from tests.faults.world import take_time


def main(arguments: list[str]) -> int:
    """Serve, and return the exit code."""
    folder, parameter_file, seconds = arguments
    isolate = serve._isolate

    def isolate_and_slow_down(state: Path, port: int, description: account.Account) -> None:
        isolate(state, port, description)
        # Imported late: ministack reads the environment that was set just now.
        from ecs_blue_green.emulator import engine

        take_time(engine, lambda: float(seconds), lambda function, arguments: None)

    serve._isolate = isolate_and_slow_down
    serve.serve(
        serve.Settings(
            port=0,
            state=Path(folder),
            parameter_file=Path(parameter_file),
            minute=60.0,
            until_stdin_closes=True,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

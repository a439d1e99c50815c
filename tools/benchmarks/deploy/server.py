"""The emulator for one deployer: as slow as it is told to be, and it counts the calls.

`python -m benchmarks.deploy.server FOLDER PARAMETERS SCALE` prints where it answers and ends when its
standard input closes. The calls are in `FOLDER/calls`. `SCALE` 1 is as slow as `times.py` says, 0 not at all.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.deploy import counting
from benchmarks.deploy.times import USUAL
from ecs_blue_green.emulator import account, serve

CALLS = "calls"


def main(arguments: list[str]) -> int:
    """Serve, and return the exit code."""
    folder, parameter_file, scale = Path(arguments[0]), Path(arguments[1]), float(arguments[2])
    _extend_emulator(folder / CALLS, scale)
    serve.serve(
        serve.Settings(
            port=0,
            state=folder / "state",
            parameter_file=parameter_file,
            minute=60.0,
            until_stdin_closes=True,
        )
    )
    return 0


def _extend_emulator(calls: Path, scale: float) -> None:
    times = USUAL.scaled(scale)
    isolate = serve._isolate

    def isolate_and_extend(state: Path, port: int, description: account.Account) -> None:
        isolate(state, port, description)
        # Imported late: ministack reads the environment that was set just now.
        from benchmarks.deploy import slow
        from ecs_blue_green.emulator import assembly

        assemble = assembly.application

        def application(*given: Any, **more: Any) -> Any:
            made = assemble(*given, **more)
            if scale:
                slow.install(times)
            return counting.counted(made, calls, times.call)

        assembly.application = application

    serve._isolate = isolate_and_extend


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

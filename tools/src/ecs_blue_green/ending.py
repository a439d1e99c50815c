"""How a process ends that has nothing to tidy up."""

import contextlib
import os
import sys
from typing import NoReturn


def end(status: int, *ignored: type[OSError]) -> NoReturn:
    """End the process with this exit code, and leave its memory to the system: tidying it up takes long.

    What was printed is written out before. Raises what goes wrong with that and is not `ignored`.
    """
    # A stream that was closed before the start is None.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(*ignored):
            stream.flush()
    os._exit(status)

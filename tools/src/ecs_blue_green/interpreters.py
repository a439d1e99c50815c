"""Which Python runs what: the emulator pins libraries, so production is deployed from another environment.

`make` puts both side by side: `.venv` has the libraries of deploy.py and generate.py, `.venv-emulator` those
of the emulator, the rehearsal and the application. Where somebody has all of them in one, it is both.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from ecs_blue_green.failure import Failure

DEPLOYER, EMULATOR = ".venv", ".venv-emulator"


class NotInstalled(Failure):
    """An environment is missing."""


def emulator() -> str:
    """The Python that has the emulator. Raises NotInstalled."""
    return _python(EMULATOR, "ministack", "the emulator")


def deployer() -> str:
    """The Python that runs deploy.py, generate.py and cfn-lint. Raises NotInstalled."""
    return _python(DEPLOYER, "cfnlint", "the deployer")


def _python(name: str, library: str, what: str) -> str:
    """The Python of the environment `name` beside the one that runs, else this one where it has `library`."""
    beside = Path(sys.prefix).parent / name / "bin" / "python"
    if beside.is_file():
        return str(beside)
    if find_spec(library):
        return sys.executable
    raise NotInstalled(
        f"{what} is not installed",
        f"{beside} is not there, and {sys.executable} has no {library}",
        f"make {name}/ready",
    )

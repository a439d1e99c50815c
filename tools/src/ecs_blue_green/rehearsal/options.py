"""The options of `make rehearse`, and the emulator that starts while the rest is imported: a light module."""

import argparse
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ecs_blue_green import emulator

LOCAL = "local"
# A tenth of these is what a canary of 10 % gets: well above the floor under which alarms do not judge.
REQUESTS_A_MINUTE = 180.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--env", default=LOCAL, metavar="ENV", help="parameters of params/ENV.yaml (local)")
    parser.add_argument(
        "--health-rate", metavar="RATE", help="release a version that answers this share of requests, 0 to 1"
    )
    parser.add_argument(
        "--minute",
        default="1",
        metavar="SECONDS",
        help="real seconds that stand for a minute (1)",
    )
    parser.add_argument(
        "--no-hook", action="store_true", help="leave out the hooks: nothing tries the release"
    )
    parser.add_argument(
        "--requests",
        default=f"{REQUESTS_A_MINUTE:g}",
        metavar="N",
        help=f"the users' requests in a minute ({REQUESTS_A_MINUTE:g})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="where report.json and report.html go (.local/rehearsal)"
    )


def state_folder(root: Path, environment: str) -> Path:
    """The emulator's folder: that of `make deploy` for local; every other environment has its own."""
    local = root / ".local"
    return local if environment == LOCAL else local / environment


def emulator_ahead(arguments: argparse.Namespace, root: Path) -> AbstractContextManager[None]:
    """Start the emulator for these options; not where the command will refuse them."""
    minute = number(arguments.minute)
    parameter_file = root / "params" / f"{arguments.env}.yaml"
    if os.sep in arguments.env or not parameter_file.is_file() or minute is None or not minute > 0:
        return nullcontext()
    state = state_folder(root, arguments.env)
    return emulator.started_ahead(state, parameter_file, minute=minute, attended=True)


def number(text: str) -> float | None:
    """The number that a text is, None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None

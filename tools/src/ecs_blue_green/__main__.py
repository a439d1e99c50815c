"""The command line of what runs on this machine: `python -m ecs_blue_green serve`, `rehearse`, `run` ..."""

import argparse
import gc
import math
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ecs_blue_green import ending, interpreters, project
from ecs_blue_green.emulator import SECONDS_A_MINUTE, early
from ecs_blue_green.failure import Failure

EXIT_INTERRUPTED = 130
# Of the emulator; init runs where generate.py does.
COMMANDS = ("serve", "rehearse", "run")
# So many more objects before Python looks for garbage: what is made is mostly needed to the end.
SELDOM = 50_000


def main(argv: list[str]) -> int:
    """Run one command and return its exit code (serve: 0 stopped cleanly, 1 could not start)."""
    root = project.root()
    parser = argparse.ArgumentParser(prog="python -m ecs_blue_green", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve AWS on a port of 127.0.0.1 until interrupted",
        description="Prints AWS_ENDPOINT_URL=... once it answers. State is kept when it stops.",
    )
    _add_serve_arguments(serve, root)
    rehearse = commands.add_parser(
        "rehearse",
        help="rehearse a release: the pipeline and a blue/green deployment with real processes",
        description="Exit code 0: released; 5: rolled back; see docs/rehearsal.md.",
    )
    run_application = commands.add_parser(
        "run",
        help="keep the application behind the local load balancer until interrupted",
        description="Prints the address. Exit code 0: ended by Ctrl-C; see docs/rehearsal.md.",
    )
    init = commands.add_parser(
        "init",
        help="make a clone the copy of a team, in one commit",
        description="Asks for what is not given. Exit code 0: done, now or before; else nothing was changed.",
    )
    if argv[:1] == ["init"]:
        # Imported late: it reads templates, for which the server has no time.
        from ecs_blue_green.init import command as initialize

        initialize.add_arguments(init)
        return initialize.run(parser.parse_args(argv), root)
    # Imported late: both bring libraries along that the server does not need.
    if argv[:1] == ["rehearse"]:
        from ecs_blue_green.rehearsal import options

        gc.set_threshold(SELDOM)
        options.add_arguments(rehearse)
        arguments = parser.parse_args(argv)
        with options.emulator_ahead(arguments, root):
            from ecs_blue_green.rehearsal import command

            return command.run(arguments, root)
    if argv[:1] == ["run"]:
        from ecs_blue_green.rehearsal import running

        running.add_arguments(run_application)
        return running.run(parser.parse_args(argv), root)
    return _serve(parser.parse_args(argv))


def _add_serve_arguments(parser: argparse.ArgumentParser, root: Path) -> None:
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--state", type=Path, default=root / ".local", help="folder for the state (default: %(default)s)"
    )
    parser.add_argument(
        "--params",
        type=Path,
        default=root / "params" / "local.yaml",
        help="names the network that exists (default: %(default)s)",
    )
    parser.add_argument(
        "--minute",
        type=_seconds,
        default=SECONDS_A_MINUTE,
        metavar="SECONDS",
        help="seconds that stand for a minute of a deployment's waits (default: %(default)s)",
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input closes")
    parser.add_argument(
        "--attended",
        action="store_true",
        help="a rehearsal runs the tasks: a deployment waits until it reports them healthy",
    )
    parser.add_argument(
        "--hooks-are-called",
        action="store_true",
        help="deployments wait for the answers of their hooks; otherwise a placeholder answers Succeeded",
    )
    parser.add_argument(
        "--early-validation",
        choices=("documented", "every"),
        default="documented",
        help="which types a new change set is validated for: without those that AWS's page lists as left out,"
        " or every one (default: %(default)s)",
    )
    parser.add_argument(
        "--finding",
        action="append",
        type=early.finding,
        default=[],
        metavar="TYPE={FAIL,WARN,SKIPPED}",
        help="what validation finds in each resource of a type, such as AWS::ECS::Cluster=WARN; repeatable",
    )


def _serve(arguments: argparse.Namespace) -> int:
    # Imported late: only the server needs the emulator itself.
    from ecs_blue_green.emulator import serve

    gc.set_threshold(SELDOM)
    serve.serve(
        serve.Settings(
            port=arguments.port,
            state=arguments.state,
            parameter_file=arguments.params,
            minute=arguments.minute,
            until_stdin_closes=arguments.until_stdin_closes,
            attended=arguments.attended,
            hooks_are_called=arguments.hooks_are_called,
            validation=early.Early(arguments.early_validation == "every", dict(arguments.finding)),
        )
    )
    return 0


def _run_where_the_emulator_is(argv: list[str]) -> None:
    """Go on in the Python that has the emulator, as the same process. Raises interpreters.NotInstalled."""
    if argv[:1] and argv[0] in COMMANDS and not find_spec("ministack"):
        python = interpreters.emulator()
        if Path(python).parent == Path(sys.executable).parent:
            raise interpreters.NotInstalled(
                "the emulator is not installed",
                f"{python} has no ministack",
                f"rm -r {interpreters.EMULATOR}; make {interpreters.EMULATOR}/ready",
            )
        os.execv(python, [python, "-P", "-m", "ecs_blue_green", *argv])  # noqa: S606 - no shell is wanted


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, is {text}")
    return seconds


if __name__ == "__main__":
    try:
        _run_where_the_emulator_is(sys.argv[1:])
        status = main(sys.argv[1:])
        if sys.argv[1] in ("serve", "rehearse"):
            # All is saved, and nothing that was started is left.
            ending.end(status)
        sys.exit(status)
    except Failure as failure:
        sys.stderr.writelines(f"{line}\n" for line in failure.lines)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        # While libraries are imported: a command that has begun says more.
        sys.stderr.write("interrupted\n")
        sys.exit(EXIT_INTERRUPTED)

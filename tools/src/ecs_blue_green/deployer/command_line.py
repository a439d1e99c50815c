"""The command line of `deploy.py`: its verbs, their arguments, and the exit code.

Exit codes: 0 done or nothing to do, 1 a stack failed or AWS refused, 2 bad input, 3 blocked, 4 there are
changes (where asked for) or real drift, 130 interrupted or answered no.
"""

import argparse
import contextlib
import gc
import importlib
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from ecs_blue_green import emulator, ending
from ecs_blue_green.deployer import commands, interrupts, remedies, terminal
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.deployer.errors import Failed, Failure, Interrupted
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.rules import Guarded

# A year: a time before the first of them is no time.
LONGEST_MINUTES = 525_600

# New objects after which garbage is collected: Python does so after 700.
GARBAGE = 50_000

VERBS = {
    "plan": "show what would change in every stack, and what blocks it; changes nothing",
    "deploy": "plan, ask, then create or update the stacks in dependency order",
    "status": "show every stack with its status and outputs, and what is live",
    "logs": "follow the logs of the tasks, with the version of each, until Ctrl-C",
    "image": "build and push the image with which the service is created, unless it exists",
    "drift": "show where reality differs from the templates, and who changed it; changes nothing",
    "continue-rollback": "continue a failed update rollback (UPDATE_ROLLBACK_FAILED)",
    "rollback": "stop the running release, or go back to the previous one",
    "restore": "create the service again after somebody has deleted it, with the last release",
    "approve": "approve the release that waits for manual approval",
    "finish": "end the wait of a release before its old tasks are terminated",
    "destroy": "delete the stacks of an unprotected environment, importers first",
    "review": "compare two revisions: what changes in every environment; offline",
}


def main(arguments: list[str] | None, root: Path) -> int:
    """Run one verb on the `build/` and `params/` below `root` and return its exit code."""
    options = _parser().parse_args(arguments)
    invocation = Invocation(options, root)
    return interrupts.run(lambda: _work(invocation))


def _work(invocation: Invocation) -> int:
    options = invocation.options
    with terminal.restored(), terminal.enduring() as output:
        code = _run(invocation)
        if options.json:
            head = {"schema": f"{options.verb}/1", "environment": options.env, "exit_code": code}
            print(json.dumps(head | invocation.document, indent=2))
        output.flush()
        if output.lost:
            lost = Failed("the output is not complete", output.lost, _look(invocation))
            code = code or _failed(lost, invocation)
    return code


def _run(invocation: Invocation) -> int:
    try:
        with _emulator_ahead(invocation):
            # Imported when it is needed: some verbs want AWS's library, which takes half a second.
            name = invocation.options.verb.replace("-", "_")
            verb = importlib.import_module(f"ecs_blue_green.deployer.verbs.{name}")
            code: int = verb.run(invocation)
        return code
    except Failure as failure:
        return _failed(failure, invocation)
    except KeyboardInterrupt:
        if not invocation.begun:
            return _failed(Interrupted("interrupted", "nothing was changed"), invocation)
        goes_on = Interrupted("interrupted", "what CloudFormation has begun goes on", _look(invocation))
        return _failed(goes_on, invocation)


def _emulator_ahead(invocation: Invocation) -> contextlib.AbstractContextManager[None]:
    """Where the verb will want the emulator, have it start beside the imports: both take half a second."""
    if invocation.options.env != LOCAL:
        return contextlib.nullcontext()
    root = invocation.root
    return emulator.started_ahead(root / ".local", root / "params" / f"{LOCAL}.yaml")


def _look(invocation: Invocation) -> str:
    if not invocation.begun:
        return "run it again"
    return remedies.SEE_STATUS(status=commands.make("status", invocation.options.env))


def _failed(failure: Failure, invocation: Invocation) -> int:
    print(*failure.lines, sep="\n", file=sys.stderr)
    if isinstance(failure, Guarded):
        invocation.document["findings"] = [asdict(finding) for finding in failure.findings]
    invocation.document["error"] = {"what": failure.what, "why": failure.why, "remedy": failure.remedy}
    return failure.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy.py", description="Deploy the stacks of an environment in the order of their imports."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="which version of ecs-blue-green this is")
    file: Any = {"metavar": "FILE", "type": _file_name}
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if name == "review":
            _add_review_arguments(verb)
            continue
        verb.add_argument("--env", required=True, help="name of params/<ENV>.yaml; local is the emulator")
        form = verb.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        if name == "plan":
            form.add_argument("--markdown", action="store_true", help="print a comment for a pull request")
        if name in ("plan", "deploy"):
            _add_plan_arguments(verb)
        if name not in ("status", "drift", "logs"):
            verb.add_argument(
                "--moved-from",
                type=_repository,
                metavar="OWNER/REPOSITORY",
                help="previous name of this repository, which owns the environment",
            )
        if name == "logs":
            verb.add_argument(
                "--minutes",
                type=_minutes,
                default=10,
                metavar="NUMBER",
                help="start this many minutes ago (default: 10)",
            )
        if name == "approve":
            verb.add_argument("--yes", action="store_true", help="do not ask")
        if name in ("deploy", "rollback", "restore", "finish", "destroy", "continue-rollback"):
            verb.add_argument("--yes", action="store_true", help="do not ask")
            verb.add_argument(
                "--wait", action="store_true", help="wait for another deployer or a release to end"
            )
            verb.add_argument("--break-lock", action="store_true", help="take the lock from its holder")
        if name == "continue-rollback":
            _add_only(verb)
            verb.add_argument(
                "--skip",
                action="append",
                default=[],
                metavar="LAYER:LOGICALID",
                help="skip this resource (repeatable)",
            )
        if name == "rollback":
            verb.add_argument("--at-once", action="store_true", help="shift all traffic at once")
            verb.add_argument(
                "--stop", action="store_true", help="stop the running deployment, even if it is a rollback"
            )
        if name == "plan":
            kept = verb.add_mutually_exclusive_group()
            kept.add_argument("--out", **file, help="save the plan and keep its change sets")
            kept.add_argument("--discard", **file, help="delete the change sets of a saved plan")
            verb.add_argument("--summary", **file, help="append the plan to this file, as Markdown")
            verb.add_argument("--exit-code", action="store_true", help="0 no change, 4 changes, 3 blocked")
        if name == "deploy":
            verb.add_argument("--plan", **file, help="execute this saved plan, and nothing else")
            verb.add_argument(
                "--yes-older", action="store_true", help="deploy a commit older than the deployed one"
            )
            verb.add_argument(
                "--yes-uncommitted", action="store_true", help="deploy files that are not committed"
            )
    return parser


class _Version(argparse.Action):
    """Print the version of the installed package."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        print(f"ecs-blue-green {metadata.version('ecs-blue-green')}")
        parser.exit()


def _file_name(text: str) -> str:
    # A variable that is not set, in a job that is to execute an approved plan, must not mean another one.
    if not text:
        raise argparse.ArgumentTypeError("names no file")
    return text


def _minutes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LONGEST_MINUTES:
        raise argparse.ArgumentTypeError(f"is not a number of minutes from 0 to {LONGEST_MINUTES}")
    return int(text)


def _repository(text: str) -> str:
    if not re.fullmatch("[^/\\s]+/[^/\\s]+", text):
        raise argparse.ArgumentTypeError("is not OWNER/REPOSITORY, as in acme/shop")
    return text


def _add_review_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--base", required=True, metavar="REVISION", help="what is deployed, such as origin/main"
    )
    verb.add_argument("--head", metavar="REVISION", help="what would be deployed; default: the files on disk")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    form.add_argument("--markdown", action="store_true", help="print a comment for a pull request")
    verb.set_defaults(env=None)


def _add_plan_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--no-preflight", action="store_true", help="ignore what the account lacks")
    _add_only(verb)
    verb.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="LAYER:LOGICALID",
        help="permit a blocked change of this resource (repeatable)",
    )


def _add_only(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--only", action="append", default=[], metavar="LAYER", help="only this layer (repeatable)"
    )


def run(root: Path) -> NoReturn:
    """Run what the command line asks for on the project in `root`, and end the process with its exit code."""
    # What is made is mostly needed to the end: it is seldom looked for what is not.
    gc.set_threshold(GARBAGE)
    code = main(None, root)
    interrupts.ignore()
    # What was left to itself after an interrupt is not waited for.
    ending.end(code, OSError)

"""Plan, deploy, look at and destroy the stacks of an environment.

Usage: deploy.py VERB --env ENV [--json] [...]      deploy.py VERB --help

Exit codes: 0 done or nothing to do, 1 a stack failed or AWS refused, 2 bad input, 3 blocked, 130 interrupted
or answered no.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stacks import aws, cloudformation, destroy, environment, execution, layers, plan, report
from stacks.errors import EXIT_DONE, EXIT_FAILED, BadInput, Failure, Interrupted
from stacks.schedule import GOOD, Outcome

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run one verb on the `build/` and `params/` below `root` and return its exit code."""
    options = _parser().parse_args(arguments)
    document: dict[str, Any] = {}
    try:
        code = _run(options, root, document)
    except (ClientError, BotoCoreError) as error:
        code = _failed(aws.failure(error), document)
    except Failure as failure:
        code = _failed(failure, document)
    except KeyboardInterrupt:
        what = "interrupted", "what CloudFormation has begun goes on", "look at it with: deploy.py status"
        code = _failed(Interrupted(*what), document)
    if options.json:
        head = {"schema": f"{options.verb}/1", "environment": options.env, "exit_code": code}
        print(json.dumps(head | document, indent=2))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy.py", description="Deploy the stacks of an environment in the order of their imports."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (_, text) in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--env", required=True, help="name of params/<ENV>.yaml; `local` is the emulator")
        verb.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        if name in ("deploy", "destroy"):
            verb.add_argument("--yes", action="store_true", help="do not ask")
        if name in ("plan", "deploy"):
            verb.add_argument(
                "--only", action="append", default=[], metavar="LAYER", help="exactly this layer (repeatable)"
            )
    return parser


def _run(options: argparse.Namespace, root: Path, document: dict[str, Any]) -> int:
    found = layers.read(root / "build")
    declared = {slug: layer.parameters for slug, layer in found.items()}
    settings = environment.load(root / "params", options.env, declared)
    # Proves that every import has an export and that there is an order, before anything is asked of AWS.
    waits_for = layers.dependencies(found, settings)
    ordered = {slug: found[slug] for slug in layers.in_order(waits_for)}
    if options.verb == "destroy":
        destroy.refuse_protected(settings)
    if not options.json:
        where = "the emulator on this machine" if settings.is_local else f"account {settings.account}"
        report.say(f"{settings.project}-{settings.name}, {settings.region}, {where}")
    with aws.connect(settings, root) as door:
        verb, _ = VERBS[options.verb]
        return verb(options, settings, ordered, door, document)


def _plan(
    options: argparse.Namespace,
    settings: environment.Environment,
    found: Mapping[str, layers.Layer],
    door: aws.Aws,
    document: dict[str, Any],
) -> int:
    planned = plan.make(door, settings, found, options.only, report.say)
    try:
        document["plan"] = report.plan_document(planned)
        if not options.json:
            report.show_plan(planned, whole=True)
    finally:
        plan.discard(door, planned)
    return EXIT_DONE


def _deploy(
    options: argparse.Namespace,
    settings: environment.Environment,
    found: Mapping[str, layers.Layer],
    door: aws.Aws,
    document: dict[str, Any],
) -> int:
    planned = plan.make(door, settings, found, options.only, report.say)
    document["plan"] = report.plan_document(planned)
    try:
        if not options.json:
            report.show_plan(planned, whole=False)
        if not planned.changes_something:
            return EXIT_DONE
        _ask(options, settings, f"Deploy this to {settings.name}?", "y")
    except BaseException:
        plan.discard(door, planned)
        raise
    with report.progress(planned.steps) as on_event:
        outcomes = execution.execute(door, planned, on_event)
    return _finished(options, outcomes, document)


def _status(
    options: argparse.Namespace,
    settings: environment.Environment,
    found: Mapping[str, layers.Layer],
    door: aws.Aws,
    document: dict[str, Any],
) -> int:
    client = door.client("cloudformation")
    stacks = {slug: cloudformation.describe(client, settings.stack_name(slug)) for slug in found}
    document["stacks"] = [
        {
            "layer": slug,
            "stack": settings.stack_name(slug),
            "status": stack.status if stack else None,
            "reason": stack.reason or None if stack else None,
            "outputs": dict(stack.outputs) if stack else {},
        }
        for slug, stack in stacks.items()
    ]
    if not options.json:
        report.show_status(settings, stacks)
    return EXIT_DONE


def _destroy(
    options: argparse.Namespace,
    settings: environment.Environment,
    found: Mapping[str, layers.Layer],
    door: aws.Aws,
    document: dict[str, Any],
) -> int:
    existing = destroy.existing(door, settings, found)
    if existing and not options.json:
        report.say("To be deleted, with everything in it: " + ", ".join(s.name for s in existing.values()))
    if existing:
        _ask(options, settings, f"Type {settings.name} to delete it:", settings.name)
    with report.progress(found) as on_event:
        outcomes = destroy.destroy(door, settings, found, on_event)
    return _finished(options, outcomes, document)


def _ask(options: argparse.Namespace, settings: environment.Environment, question: str, wanted: str) -> None:
    """Go on only when the answer is `wanted`. Nobody is asked with --yes, nor about the emulator."""
    if options.yes or settings.is_local:
        return
    if not sys.stdin.isatty():
        raise BadInput("nobody is here to be asked", "standard input is no terminal", "add --yes (YES=1)")
    hint = " [y/N]" if wanted == "y" else ""
    print(f"{question}{hint} ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    if answer not in (wanted, "yes" if wanted == "y" else wanted):
        raise Interrupted("nothing was changed", "the answer was no")


def _finished(options: argparse.Namespace, outcomes: list[Outcome], document: dict[str, Any]) -> int:
    document["outcomes"] = report.outcome_documents(outcomes)
    if not options.json:
        report.show_outcomes(outcomes, outputs=options.verb == "deploy")
    return EXIT_DONE if all(outcome.result in GOOD for outcome in outcomes) else EXIT_FAILED


def _failed(failure: Failure, document: dict[str, Any]) -> int:
    report.show_failure(failure)
    document["error"] = {"what": failure.what, "why": failure.why, "remedy": failure.remedy}
    return failure.exit_code


VERBS = {
    "plan": (_plan, "what would change in every stack; changes nothing"),
    "deploy": (_deploy, "plan, ask, then create or update the stacks in dependency order"),
    "status": (_status, "every stack with its status and outputs"),
    "destroy": (_destroy, "delete the stacks of an unprotected environment, importers first"),
}

if __name__ == "__main__":
    sys.exit(main())

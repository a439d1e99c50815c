"""`plan`: what would change in every stack, and what blocks it. Changes nothing."""

import contextlib
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from stacks import aws, interrupts, preflight
from stacks.errors import EXIT_BLOCKED, EXIT_CHANGES, EXIT_DONE
from stacks.invocation import Invocation, allowed, chosen
from stacks.planning import checks, making, report, saved
from stacks.planning.survey import Survey
from stacks.preflight import image


def run(invocation: Invocation) -> int:
    """Print the plan; with --out keep it, with --discard remove a kept one."""
    options = invocation.options
    settings, layers = invocation.load()
    only = chosen(options.only, layers)
    named = allowed(options.allow, layers, settings.name)
    kept_before = saved.read(Path(options.discard), settings) if options.discard else None
    if options.out:
        saved.require_writable(Path(options.out))
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        if kept_before:
            invocation.begun = True
            saved.discard(door, settings, kept_before)
            return EXIT_DONE
        wanted = image.wanted(settings, layers, invocation.root)
        answers = preflight.Answers()

        def inspect(survey: Survey) -> None:
            nonlocal answers
            answers = preflight.examine(door, survey, wanted)
            invocation.document["preflight"] = preflight.document(answers)
            preflight.refuse(settings, answers, wanted, plan_only=True, tolerant=options.no_preflight)

        name = saved.begin(Path(options.out), door, settings) if options.out else None
        try:
            planned = making.make(door, settings, layers, only, report.say, keeps_as=name, inspect=inspect)
            try:
                findings = interrupts.attend(lambda: checks.findings(door, planned, named))
                invocation.document |= report.plan_document(planned, findings)
                if invocation.talks:
                    report.show_plan(planned, whole=True)
                    report.show_findings(findings)
                for note in [
                    *checks.unmatched(planned, options.allow, layers),
                    *preflight.notes(settings, answers, wanted),
                ]:
                    report.say(note)
                if name and not findings:
                    saved.write(Path(options.out), planned, name, named)
            except BaseException:
                # Why there is no plan is told, not what more goes wrong; the next run finds what is left.
                with contextlib.suppress(ClientError, BotoCoreError):
                    making.discard(door, planned)
                raise
            if not name or findings:
                making.discard(door, planned)
        except BaseException:
            if name:
                with contextlib.suppress(ClientError, BotoCoreError):
                    saved.abandon(Path(options.out), door, settings)
            raise
        if name and findings:
            Path(options.out).unlink()
    if findings and (options.exit_code or options.out):
        return EXIT_BLOCKED
    return EXIT_CHANGES if options.exit_code and planned.changes_something else EXIT_DONE

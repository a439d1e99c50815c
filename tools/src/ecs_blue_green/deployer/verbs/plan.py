"""`plan`: what would change in every stack, and what blocks it. Changes nothing."""

import contextlib
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import aws, configurations, rules
from ecs_blue_green.deployer.errors import EXIT_BLOCKED, EXIT_CHANGES, EXIT_DONE, BadInput
from ecs_blue_green.deployer.execution import history, session
from ecs_blue_green.deployer.invocation import Invocation, allowed, chosen
from ecs_blue_green.deployer.planning import making, markdown, report, saved
from ecs_blue_green.deployer.verbs import _proposal


def run(invocation: Invocation) -> int:
    """Print the plan; with --out keep it, with --discard remove a kept one, with --summary also write it."""
    options = invocation.options
    project = invocation.load()
    settings, layers, runtime = project.environment, project.layers, project.runtime
    only = chosen(options.only, layers)
    named = allowed(options.allow, layers, settings.name)
    if not options.discard:
        configurations.refuse_stale(invocation.root, settings, layers, runtime)
    kept_before = saved.read(Path(options.discard), settings) if options.discard else None
    if options.out:
        saved.require_writable(Path(options.out))
    if options.summary:
        saved.require_writable(Path(options.summary), "name another --summary")
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        if kept_before:
            invocation.begun = True
            saved.discard(door, settings, kept_before)
            return EXIT_DONE
        if not settings.is_local:
            history.refuse_uncommitted(settings, invocation.root, report.say, tolerant=True)
        owners = session.refuse_other(invocation, door, settings, layers, runtime)
        name = saved.begin(Path(options.out), door, settings) if options.out else None
        try:
            proposal = _proposal.make(
                invocation, door, settings, layers, runtime, only, owners, verb="plan", keeps_as=name
            )
            planned = proposal.plan
            try:
                findings = _proposal.judge(invocation, door, proposal, named, whole=True)
                allowing_all = rules.allowing_all(findings, invocation.allowing)
                if options.markdown:
                    sys.stdout.write(markdown.for_comment(planned, findings, allowing_all))
                if options.summary:
                    _summarize(Path(options.summary), markdown.markdown(planned, findings, allowing_all))
                if name and not findings:
                    saved.write(Path(options.out), planned, name, named, options.moved_from)
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


def _summarize(path: Path, text: str) -> None:
    try:
        # A job's summary has what the steps before have written.
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written", error.strerror or str(error), "name another --summary"
        ) from error

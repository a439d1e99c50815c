"""`plan`: what would change in every stack, and what blocks it. Changes nothing."""

import contextlib
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import configurations, rules
from ecs_blue_green.deployer.errors import EXIT_BLOCKED, EXIT_CHANGES, EXIT_DONE, BadInput
from ecs_blue_green.deployer.execution import history, sessions
from ecs_blue_green.deployer.invocation import Invocation, allowed, chosen
from ecs_blue_green.deployer.planning import making, markdown, report, saved
from ecs_blue_green.deployer.verbs import _proposal


def run(invocation: Invocation) -> int:
    """Print the plan; with --out keep it, with --discard remove a kept one, with --summary also write it."""
    options = invocation.options
    project = invocation.load()
    environment, layers = project.environment, project.layers
    only = chosen(options.only, layers)
    named = allowed(options.allow, layers, environment.name)
    if not options.discard:
        configurations.refuse_stale(invocation.root, environment, layers, project.runtime)
    kept_before = saved.read(Path(options.discard), environment) if options.discard else None
    if options.out:
        saved.require_writable(Path(options.out))
    if options.summary:
        saved.require_writable(Path(options.summary), "name another --summary")
    with sessions.connected(invocation, project) as session:
        if kept_before:
            invocation.begun = True
            saved.discard(session.aws, environment, kept_before)
            return EXIT_DONE
        if not environment.is_local:
            history.refuse_uncommitted(environment, invocation.root, report.say, tolerant=True)
        found = sessions.look(invocation, session)
        name = saved.begin(Path(options.out), session.aws, environment) if options.out else None
        try:
            proposal = _proposal.propose(invocation, session, only, found, name=name)
            planned = proposal.plan
            try:
                planned, findings = _proposal.judge(invocation, session, proposal, named, whole=True)
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
                    making.discard(session.aws, planned)
                raise
            if not name or findings:
                making.discard(session.aws, planned)
        except BaseException:
            if name:
                with contextlib.suppress(ClientError, BotoCoreError):
                    saved.abandon(Path(options.out), session.aws, environment)
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

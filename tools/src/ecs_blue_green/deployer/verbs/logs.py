"""`logs`: what the tasks of the service write, with the version that wrote it, until Ctrl-C."""

import sys
from datetime import datetime, timedelta

from rich.text import Text

from ecs_blue_green.deployer import clock, commands, remedies
from ecs_blue_green.deployer.errors import EXIT_DONE, Blocked
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.release import live
from ecs_blue_green.deployer.release.logs import Event, Reader
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.text import visible
from ecs_blue_green.deployer.verbs import _service

# Each look is a call of FilterLogEvents, of which an account has some a second in each region.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
POLL_SECONDS = 2


def run(invocation: Invocation) -> int:
    """Print the last minutes of the log, then follow it; with --json, and on this machine, do not follow."""
    project = invocation.look()
    with sessions.connected(invocation, project) as session:
        _, service = _service.read(session)
        since = clock.now() - timedelta(minutes=invocation.options.minutes)
        reader = _reader(session, service, since)
        invocation.document |= {"log_groups": reader.groups, "since": since.isoformat(), "events": []}
        events = reader.read()
        if not invocation.talks:
            invocation.document["events"] = [_document(reader, event) for event in events]
            return EXIT_DONE
        follows = not project.environment.is_local
        end = "; Ctrl-C ends" if follows else ""
        report.say(f"{', '.join(reader.groups)} since {since:%H:%M} UTC{end}")
        shown = _Shown(reader)
        shown.show(events)
        if not follows:
            if not events:
                report.say("the emulator runs no tasks; what your application writes, make rehearse shows")
            return EXIT_DONE
        try:
            while not shown.is_unread:
                clock.sleep(POLL_SECONDS)
                shown.show(reader.read())
        except KeyboardInterrupt:
            # That is how following ends.
            sys.stderr.write("\n")
    return EXIT_DONE


def _reader(session: Session, service: Service, since: datetime) -> Reader:
    environment = session.environment
    now = live.service_state(session.aws, service)
    if not now.state:
        raise Blocked(
            f"no service is deployed in {environment.name}",
            "none of its stacks has one",
            remedies.DEPLOY(deploy=commands.make("deploy", environment.name)),
        )
    live.refuse_gone(environment, now)
    reader = Reader(session.aws, environment, service.cluster, now, since)
    if not reader.groups:
        raise Blocked(
            f"{now.service} writes to no log group",
            "no task set has a container with the log driver awslogs",
            remedies.SEE_STATUS(status=commands.make("status", environment.name)),
        )
    return reader


class _Shown:
    """The events on standard output, and what was said of who wrote them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._told: set[str] = set()

    @property
    def is_unread(self) -> bool:
        """Whether whoever read standard output went away, as head does."""
        return bool(getattr(sys.stdout, "failure", None))

    def show(self, events: list[Event]) -> None:
        """Print events, each behind its time and version; containers beside the application's are named."""
        out = console()
        for event in events:
            writer = self._reader.writer(event)
            if writer.revision and writer.revision not in self._told:
                self._told.add(writer.revision)
                report.say(f"{writer.version} is {writer.revision}")
            line = Text(f"{event.time:%H:%M:%S} ", style="dim")
            line.append(f"{writer.version or '?'} ", style="not dim cyan")
            if writer.container not in self._reader.serving:
                line.append(f"[{writer.container or event.stream}] ", style="dim")
            line.append(_readable(event.message), style="not dim")
            out.print(line)
        sys.stdout.flush()


def _readable(message: str) -> str:
    """What was written, line by line, with nothing in it that a terminal would take for a command."""
    return "\n".join(visible(line.expandtabs().rstrip()) for line in message.splitlines())


def _document(reader: Reader, event: Event) -> dict[str, str | None]:
    writer = reader.writer(event)
    return {
        "time": event.time.isoformat(timespec="milliseconds"),
        "log_group": event.group,
        "stream": event.stream,
        "container": writer.container or None,
        "task": writer.task or None,
        "revision": writer.revision or None,
        "version": writer.version or None,
        "message": event.message,
    }

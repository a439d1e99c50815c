"""What the service's tasks write: where their containers log to, the events there, and who wrote them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.release import images, live
from ecs_blue_green.deployer.release.live import Live, short

# CloudWatch Logs can show an event a while after one that was written later.
LATE_MILLISECONDS = 30_000
# What DescribeTasks takes at once (botocore, ecs; November 2026).
TASKS_AT_ONCE = 100
SHORT_COMMIT = 7


@dataclass(frozen=True)
class Event:
    """What was written, when, and to which stream of which log group."""

    time: datetime
    group: str
    stream: str
    message: str
    id: str


@dataclass(frozen=True)
class Writer:
    """Who wrote an event; empty is what is not known any more, such as the revision of a task long gone.

    `version` is the commit of the image that gets the traffic, else its tag, else the revision.
    """

    container: str = ""
    task: str = ""
    revision: str = ""
    version: str = ""


def groups(aws: Aws, current: Live) -> list[str]:
    """The log groups to which the containers of the task sets write."""
    names: dict[str, None] = {}
    for revision in live.revisions(current):
        for container in live.containers(aws, revision):
            logging = container.get("logConfiguration", {})
            if logging.get("logDriver") == "awslogs":
                names[logging["options"]["awslogs-group"]] = None
    return list(names)


class Reader:
    """The events of log groups since a time, each given once, and who wrote them."""

    def __init__(
        self, aws: Aws, environment: Environment, cluster: str, current: Live, since: datetime
    ) -> None:
        self._aws = aws
        self._environment = environment
        self._cluster = cluster
        self._now = current
        self.groups = groups(aws, current)
        self.serving = current.containers
        self._since = dict.fromkeys(self.groups, _milliseconds(since))
        self._given: dict[str, int] = {}
        self._tasks: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    def read(self) -> list[Event]:
        """The events that were not returned before, the oldest first."""
        events = [event for group in self.groups for event in self._of(group)]
        self._look_up({_parts(event.stream)[1] for event in events})
        return sorted(events, key=lambda event: (event.time, event.id))

    def writer(self, event: Event) -> Writer:
        """The source of an event that was returned."""
        container, task = _parts(event.stream)
        revision = self._tasks.get(task, "")
        return Writer(container, task, short(revision), self._version(revision) if revision else "")

    def _of(self, group: str) -> Iterator[Event]:
        since = self._since[group]
        pages = self._aws.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                if event["eventId"] not in self._given:
                    self._given[event["eventId"]] = event["timestamp"]
                    yield Event(
                        datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
                        group,
                        event["logStreamName"],
                        event["message"],
                        event["eventId"],
                    )
                self._since[group] = max(self._since[group], event["timestamp"] - LATE_MILLISECONDS)
        # Events that cannot come again are forgotten.
        oldest = min(self._since.values())
        self._given = {name: time for name, time in self._given.items() if time >= oldest}

    def _look_up(self, tasks: Iterable[str]) -> None:
        new = sorted(set(tasks) - self._tasks.keys() - {""})
        for begin in range(0, len(new), TASKS_AT_ONCE):
            some = new[begin : begin + TASKS_AT_ONCE]
            self._tasks |= dict.fromkeys(some, "")
            # A task that ended an hour ago is not known any more: what it wrote is told without a version.
            with suppress(ClientError):
                answer = self._aws.client("ecs").describe_tasks(cluster=self._cluster, tasks=some)
                for task in answer["tasks"]:
                    self._tasks[task["taskArn"].rpartition("/")[2]] = task["taskDefinitionArn"]

    def _version(self, revision: str) -> str:
        if revision not in self._versions:
            self._versions[revision] = _version(self._aws, self._environment, revision, self._now.containers)
        return self._versions[revision]


def _version(aws: Aws, environment: Environment, revision: str, serving: Iterable[str]) -> str:
    """What runs in a revision, as short as people write it."""
    containers = live.containers(aws, revision)
    first = next((container for container in containers if container["name"] in serving), containers[0])
    image = images.own(environment, first["image"])
    try:
        commits = images.commits(images.tags(aws, image) or []) if image else ()
    except ClientError:
        # Permission to read logs does not include images.
        commits = ()
    tag = image.identifier.get("imageTag", "") if image else ""
    return " or ".join(commit[:SHORT_COMMIT] for commit in commits) or tag or short(revision)


def _parts(stream: str) -> tuple[str, str]:
    """The container and the task of a stream, which is called prefix/container/task."""
    parts = stream.split("/")
    return (parts[-2], parts[-1]) if len(parts) > 2 else ("", "")


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)

"""The stage of a rehearsal: what is deployed in the emulated account, and what of it runs on this machine."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.journal import Journal
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.source import Source
from ecs_blue_green.rehearsal.system import System
from ecs_blue_green.rehearsal.target_groups import TargetGroups
from ecs_blue_green.rehearsal.task_sets import TaskSets


@dataclass
class Stage:
    """What every part of a rehearsal works with.

    `root` is the repository, `source` the release that is made of it, and `folder` is for everything that is
    written. `changed` is set whenever the health of a target has changed.
    """

    cloud: Cloud
    system: System
    source: Source
    root: Path
    folder: Path
    ledger: Ledger
    clock: Clock
    journal: Journal = field(init=False)
    changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    groups: TargetGroups = field(init=False)
    task_sets: TaskSets = field(init=False)

    def __post_init__(self) -> None:
        """Make what the parts share."""
        self.journal = Journal(self.clock.now)
        self.groups = TargetGroups(self.system.groups, self.clock, self.changed.set)
        self.task_sets = TaskSets(
            self.ledger, self.clock, self.groups, self.journal, self.logs, self.system.grace_seconds
        )

    @property
    def logs(self) -> Path:
        """Where the logs of the tasks are."""
        return self.folder / "logs"

"""What the process imports that deployers are forked from, so that they need not."""

import importlib

from ecs_blue_green.deployer import command_line
from tests.faults import child, kills, presses

__all__ = ["child", "kills", "presses"]

for verb in command_line.VERBS:
    importlib.import_module(f"ecs_blue_green.deployer.verbs.{verb.replace('-', '_')}")

"""Runs one function as Lambda would: its code, its handler, an event and a context.

`python -m ecs_blue_green.rehearsal.hook_runner FOLDER HANDLER TIMEOUT SECONDS_A_MINUTE BALANCER GROUPS`, with
the event on standard input. Waits are shortened by the rehearsal's pace. What the function asks AWS goes to
the emulator, except where the load balancer is: that is this machine.
"""

import importlib
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session

from ecs_blue_green import models

ADDRESS = "127.0.0.1"


def main(arguments: list[str]) -> None:
    """Call the handler once."""
    folder, handler, timeout, minute, balancer, groups = arguments
    _shorten_waits(float(minute))
    _find_load_balancer(balancer, groups.split(","))
    sys.path.insert(0, folder)
    module, _, function = handler.rpartition(".")
    deadline = time.monotonic() + float(timeout)
    context = SimpleNamespace(
        get_remaining_time_in_millis=lambda: max(0, round(1000 * (deadline - time.monotonic())))
    )
    getattr(importlib.import_module(module), function)(json.load(sys.stdin), context)


def _shorten_waits(minute: float) -> None:
    sleep = time.sleep

    def sleep_less(seconds: Any) -> None:
        sleep(seconds * minute / 60)

    time.sleep = sleep_less


def _find_load_balancer(name: str, groups: list[str]) -> None:
    """Answer DescribeNetworkInterfaces: one interface, for those who ask for this load balancer."""
    asked: dict[str, list[str]] = {}
    mine = {"description": [f"ELB {name}"], "group-id": groups}

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.clear()
        asked.update({item["Name"]: item["Values"] for item in params.get("Filters", [])})

    def answer(**_: Any) -> Any:
        known = all(set(values) & set(mine.get(key, [])) for key, values in asked.items())
        interfaces = [{"PrivateIpAddress": ADDRESS}] if known else []
        return SimpleNamespace(status_code=200), {"NetworkInterfaces": interfaces, "ResponseMetadata": {}}

    session = botocore.session.get_session()
    session.register_component("data_loader", models.loader())
    boto3.setup_default_session(botocore_session=session)
    events = boto3.DEFAULT_SESSION.events  # type: ignore[union-attr]  # set by the line above
    events.register("before-parameter-build.ec2.DescribeNetworkInterfaces", note)
    events.register("before-call.ec2.DescribeNetworkInterfaces", answer)


if __name__ == "__main__":
    main(sys.argv[1:])

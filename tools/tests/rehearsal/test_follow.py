"""In which order things are written down that one look at the account finds: a cause before its effect."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ecs_blue_green.rehearsal.follow import Follower
from ecs_blue_green.rehearsal.journal import Journal

EVENTS = ("Install", "AllowTestTraffic", "AfterAllowTestTraffic", "AllowTraffic", "AfterAllowTraffic")
HOOK, WAIT = "smoke-test", "wait-1"


def look(green: int, *succeeded: str, wait: bool = False, **deployment: Any) -> Mapping[str, Any]:
    """What the emulator shows: the share of green, the events that have succeeded, and the deployment."""
    return {
        "taskSets": [],
        "listeners": {"listener": {"blue-arn": 100 - green, "green-arn": green}},
        "rules": {},
        "deployment": {
            "status": "InProgress",
            "stage": "Traffic",
            "waitId": WAIT if wait else None,
            "waitsFor": HOOK if wait else None,
            "lifecycleEvents": [
                {"lifecycleEventName": name, "status": "Succeeded" if name in succeeded else "Pending"}
                for name in EVENTS
            ],
            "errorInformation": None,
            "rollbackInfo": None,
            **deployment,
        },
    }


def failing(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with an event that has failed."""
    for event in found["deployment"]["lifecycleEvents"]:
        if event["lifecycleEventName"] == name:
            event["status"] = "Failed"
    return found


def entries(*looks: Mapping[str, Any]) -> list[str]:
    """What is written down while the account looks like this, one after the other."""
    seen: Iterator[Mapping[str, Any]] = iter(looks)
    numbers = itertools.count()
    journal = Journal(now=lambda: float(next(numbers)), is_open=True)
    journal.set_weights({"blue": 100, "green": 0})

    async def apply(*_: Any) -> None:
        pass

    async def call(*_: Any) -> str:
        return ""

    stage = SimpleNamespace(
        cloud=SimpleNamespace(control=lambda *_, **__: next(seen)),
        system=SimpleNamespace(
            application="a",
            deployment_group="b",
            production="listener",
            colours={"blue-arn": "blue", "green-arn": "green"},
        ),
        journal=journal,
        groups=SimpleNamespace(routable=dict),
        task_sets=SimpleNamespace(running={}),
    )
    hooks = SimpleNamespace(
        call=call, note_answer=lambda function, wait: journal.note("hook", f"{function} answered {wait}")
    )
    follower = cast(Any, Follower)(stage, SimpleNamespace(apply=apply), None, hooks)

    async def follow() -> None:
        for _ in looks:
            await follower.step()

    asyncio.run(follow())
    return [entry.text for entry in journal.entries]


def test_a_hook_answers_before_its_event_ends_and_the_event_before_the_traffic_moves() -> None:
    assert entries(
        look(0, *EVENTS[:2], wait=True),
        look(10, *EVENTS[:3]),
        look(100, *EVENTS[:4]),
        look(100, *EVENTS),
    ) == [
        "Install succeeded",
        "AllowTestTraffic succeeded",
        f"{HOOK} answered {WAIT}",
        "AfterAllowTestTraffic succeeded",
        "90 % blue, 10 % green",
        "0 % blue, 100 % green",
        "AllowTraffic succeeded",
        "AfterAllowTraffic succeeded",
    ]


def test_what_one_look_finds_has_the_same_order() -> None:
    assert entries(look(0, wait=True), look(100, *EVENTS)) == [
        f"{HOOK} answered {WAIT}",
        *(f"{name} succeeded" for name in EVENTS[:3]),
        "0 % blue, 100 % green",
        *(f"{name} succeeded" for name in EVENTS[3:]),
    ]


@pytest.mark.parametrize("failed", ["", "AllowTraffic"])
def test_why_it_is_rolled_back_comes_before_the_traffic_goes_back(failed: str) -> None:
    """Where an event has failed, that is the reason, and is not said twice."""
    back = look(
        0,
        *EVENTS[:3],
        status="Stopped",
        errorInformation={"message": "the alarm went off"},
        rollbackInfo={"rollbackDeploymentId": "d-2"},
    )
    found = entries(look(10, *EVENTS[:3]), failing(failed, back), back)
    assert found[3:] == [
        "90 % blue, 10 % green",
        *(
            ["AllowTraffic failed", "CodeDeploy rolls back"]
            if failed
            else ["CodeDeploy rolls back: the alarm went off"]
        ),
        "100 % blue, 0 % green",
    ]

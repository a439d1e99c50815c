"""The critical path: what CloudFormation itself takes for the stacks that wait for one another longest."""

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

from benchmarks.deploy.times import Times
from ecs_blue_green.deployer.project import Project

BEGUN = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
CREATED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def longest(waits_for: Mapping[str, set[str]], seconds: Mapping[str, float]) -> float:
    """The longest sum of seconds along what waits for one another."""
    ends: dict[str, float] = {}
    for slug in TopologicalSorter(waits_for).static_order():
        ends[slug] = max((ends[one] for one in waits_for[slug]), default=0.0) + seconds[slug]
    return max(ends.values())


def of(client: Any, project: Project, times: Times, *, with_change_sets: bool) -> float:
    """The critical path of a creation that is over, in seconds, from the events of its stacks.

    The way of the calls is not in it; making the change sets is, for a deployer that makes them: those of a
    stack can be made only when what it imports is there. Raises RuntimeError when a stack was not created.
    """
    before = times.change_set if with_change_sets else 0.0
    taken = {slug: before + _taken(client, project.environment.stack_name(slug)) for slug in project.layers}
    return longest(project.waits_for, taken)


def operations(client: Any, project: Project) -> dict[str, str]:
    """The last event of each layer's stack."""
    return {slug: _own(client, project.environment.stack_name(slug))[0]["EventId"] for slug in project.layers}


def of_change(
    client: Any, project: Project, before: Mapping[str, str], times: Times, *, with_change_sets: bool
) -> float:
    """The same of a change that is over: of the stacks whose last event is another one than `before`."""
    made = times.change_set if with_change_sets else 0.0
    changed = {slug for slug, event in operations(client, project).items() if event != before[slug]}
    if not changed:
        raise RuntimeError("nothing was changed")
    taken = {
        slug: made + _taken(client, project.environment.stack_name(slug)) if slug in changed else 0.0
        for slug in project.layers
    }
    return longest(project.waits_for, taken)


def _own(client: Any, name: str) -> list[Any]:
    """The events about a stack as a whole, newest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    return [event for event in events if event["PhysicalResourceId"] == event["StackId"]]


def _taken(client: Any, name: str) -> float:
    own = _own(client, name)
    if own[0]["ResourceStatus"] not in CREATED:
        raise RuntimeError(f"{name} is {own[0]['ResourceStatus']}")
    began = next(event for event in own if event["ResourceStatus"] in BEGUN)
    seconds: float = (own[0]["Timestamp"] - began["Timestamp"]).total_seconds()
    return seconds

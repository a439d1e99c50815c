"""A rehearsal as one plain document: what `report.json` holds, and what the other reports are made from."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ecs_blue_green.rehearsal.alarms import Alarm
from ecs_blue_green.rehearsal.session import Rehearsal
from ecs_blue_green.rehearsal.system import System
from ecs_blue_green.rehearsal.verdict import Verdict, new_colour

SCHEMA = "rehearsal/1"
MEGABYTE = 1024 * 1024


def rehearsal_document(rehearsal: Rehearsal, verdict: Verdict, seconds: float) -> dict[str, Any]:
    """The document; `seconds` is how long the whole command took."""
    options, stage = rehearsal.options, rehearsal.stage
    system, journal = stage.system, stage.journal
    deployment = rehearsal.deployment or {}
    tally = asdict(rehearsal.load.tally) if rehearsal.load else {}
    return {
        "schema": SCHEMA,
        "environment": options.environment,
        "exit_code": verdict.exit_code,
        "result": verdict.result,
        "reason": verdict.reason,
        "findings": list(verdict.findings),
        "commit": stage.source.commit,
        "uncommitted_files": stage.source.uncommitted,
        "settings": {
            "seconds_a_minute": options.minute,
            "requests_a_minute": options.requests_a_minute,
            "health_rate": options.health_rate,
            "hooks": options.hooks,
            "deployment_config": system.deployment_config,
            "routing": routing_text(system.routing),
            "termination_wait_minutes": system.termination_wait,
            "tasks": max((task_set.count for task_set in stage.task_sets.running.values()), default=0),
            "watches_alarms": system.watches_alarms,
        },
        "deployment": {
            "status": deployment.get("status"),
            "error": deployment.get("errorInformation"),
            "rollback": deployment.get("rollbackInfo"),
        },
        # None: nothing was deployed.
        "new_colour": new_colour(journal) if deployment else None,
        "minutes": rehearsal.minutes,
        "requests": tally,
        "alarms": [_alarm(alarm, system, journal.readings.get(alarm.name, [])) for alarm in system.alarms],
        **journal.document(),
        "seconds": round(seconds, 1),
        "memory_megabytes": round(rehearsal.memory / MEGABYTE),
    }


def routing_text(routing: Mapping[str, Any]) -> str:
    """A traffic routing in words: "10 %, the rest after 5 minutes"."""
    if canary := routing.get("timeBasedCanary"):
        return f"{canary['canaryPercentage']} %, the rest after {canary['canaryInterval']} minutes"
    if linear := routing.get("timeBasedLinear"):
        return f"{linear['linearPercentage']} % more every {linear['linearInterval']} minutes"
    return "all at once"


def _alarm(alarm: Alarm, system: System, readings: Any) -> dict[str, Any]:
    names = {settings.full_name: system.colour(arn) for arn, settings in system.groups.items()}
    groups = {
        names[value]
        for metric in alarm.metrics.values()
        for key, value in metric.dimensions
        if key == "TargetGroup" and value in names
    }
    return {
        "name": alarm.name,
        "label": alarm.label,
        "colours": sorted(groups),
        "condition": alarm.condition,
        "threshold": alarm.threshold,
        "readings": [asdict(reading) for reading in readings],
    }

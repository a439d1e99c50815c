"""How a rehearsal ended, and what a team should know about its settings from it.

Pure functions over what was recorded. A finding is one sentence about something that would go unnoticed
until production: a release that was not stopped, an alarm that could not see it, a rollback too late.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecs_blue_green.rehearsal.alarms import Alarm
from ecs_blue_green.rehearsal.journal import Journal, Reading
from ecs_blue_green.rehearsal.load import Tally
from ecs_blue_green.rehearsal.system import System

Result = Literal["released", "rolled back", "failed"]
EXIT_CODES: Mapping[Result, int] = {"released": 0, "rolled back": 5, "failed": 1}

HOOK_FAILED = "HOOK_EXECUTION_FAILURE"
# Fewer failed answers than this are not what a release is judged by.
BAD_PERCENT = 1.0
BAD_ANSWERS = 5
ENOUGH_SENT = 0.8


@dataclass(frozen=True)
class Verdict:
    """The result, the reason for it in one sentence, and the findings."""

    result: Result
    reason: str
    findings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 released, 5 rolled back, 1 the pipeline failed before or beside a deployment."""
        return EXIT_CODES[self.result]


@dataclass(frozen=True)
class Outcome:
    """How a release ended: `deployment` as `control` shows it at its end, `failure` is the pipeline's.

    `hooks`: whether those of the release were called. `not_started` are the tasks that did not begin to
    listen, in words for people.
    """

    deployment: Mapping[str, Any] | None
    failure: str | None
    hooks: bool
    not_started: Sequence[str] = ()


def judge(system: System, journal: Journal, tally: Tally, outcome: Outcome) -> Verdict:
    """The verdict on a release."""
    deployment = outcome.deployment
    result, reason = _result(deployment, outcome.failure)
    answers = [entry.text for entry in journal.entries if entry.kind == "hook"]
    if answers and deployment and (deployment["errorInformation"] or {}).get("code") == HOOK_FAILED:
        reason = f"{reason} ({answers[-1]})"
    for alarm in system.alarms:
        reason = reason.replace(alarm.name, alarm.label)
    new = new_colour(journal)
    findings = [
        *outcome.not_started,
        *_about_requests(tally),
        *(_about_release(system, journal, tally, new) if result == "released" else ()),
        *_about_checks(system, deployment, new, hooks=outcome.hooks),
        *_about_rollback(system, journal, new),
    ]
    return Verdict(result, reason, tuple(findings))


def _result(deployment: Mapping[str, Any] | None, failure: str | None) -> tuple[Result, str]:
    if deployment is None or deployment["status"] == "Succeeded":
        return ("failed", failure) if failure else ("released", "all lifecycle events succeeded")
    reason = deployment["errorInformation"]["message"]
    if not deployment["rollbackInfo"]:
        return "failed", f"{reason} It was not rolled back"
    return "rolled back", reason


def new_colour(journal: Journal) -> str:
    """The colour that the release goes to: the one without traffic at the beginning."""
    first = journal.weights[0][1] if journal.weights else {}
    return "green" if first.get("blue", 0) > first.get("green", 0) else "blue"


def _about_requests(tally: Tally) -> Iterator[str]:
    if tally.sent < ENOUGH_SENT * tally.planned:
        share = 100 * tally.sent / tally.planned
        yield (
            f"this machine was too busy: only {share:.0f} % of the requests could be sent, and alarms may not"
            " have judged so few; rehearse again with a longer --minute"
        )
    if tally.lost:
        yield f"{tally.lost} of {tally.sent} requests had no answer"
    if tally.by_stopped:
        requests = "request was" if tally.by_stopped == 1 else "requests were"
        yield f"{tally.by_stopped} {requests} answered by a task that was stopping"


def _about_release(system: System, journal: Journal, tally: Tally, new: str) -> Iterator[str]:
    """A bad release that was not stopped, and why each alarm let it pass."""
    answers, five_xx = tally.by.get(new, [0, 0])
    if five_xx < BAD_ANSWERS or 100 * five_xx / answers < BAD_PERCENT:
        return
    yield f"released although the 5xx rate was {100 * five_xx / answers:.0f} %"
    if not system.watches_alarms:
        yield (
            "the deployment group watches no alarm"
            f" ({system.controller.alarms or 'its alarm configuration'} is disabled, or the list is empty)"
        )
        return
    seeing = [alarm for alarm in system.alarms if _watches(alarm, system.groups[system.group(new)].full_name)]
    errors = [alarm for alarm in seeing if any("5XX" in metric.name for metric in alarm.metrics.values())]
    if not errors:
        yield f"no alarm watches the 5xx answers of the {new} target group, which the release went to"
    for alarm in errors:
        highest = _highest(journal.readings.get(alarm.name, []))
        yield (
            f"{alarm.label} never went off: its highest value was {highest}, the condition is"
            f" {alarm.condition}"
        )


def _watches(alarm: Alarm, target_group: str) -> bool:
    return any(("TargetGroup", target_group) in metric.dimensions for metric in alarm.metrics.values())


def _highest(readings: Sequence[Reading]) -> str:
    values = [reading.value for reading in readings if reading.value is not None]
    return f"{max(values):.3g}" if values else "missing"


def _about_checks(
    system: System, deployment: Mapping[str, Any] | None, new: str, *, hooks: bool
) -> Iterator[str]:
    if deployment is None:
        return
    events = [event["lifecycleEventName"] for event in deployment["lifecycleEvents"]]
    if hooks and not any(name.startswith(("After", "Before")) for name in events):
        yield f"no hook tested the {new} tasks: users were the first to use the new version"
    for problem in system.not_modelled:
        yield f"not evaluated in a rehearsal: {problem}"


def _about_rollback(system: System, journal: Journal, new: str) -> Iterator[str]:
    if system.termination_wait == 0 and any(shares.get(new) == 100 for _, shares in journal.weights):
        yield (
            "the original tasks were terminated as soon as all traffic had moved"
            f" ({system.controller.termination_wait or 'the wait before their termination'} is 0):"
            " from then on an instant rollback was not possible"
        )

"""Seeded variations of the parameters, each with the end that its values must lead to: `make test-rehearsal`.

The end is worked out from the parameters
alone, and only values are drawn for which it is certain: nothing at the edge of a threshold or of a period.
"""

import random
from dataclasses import dataclass

import pytest

from tests.rehearsal.place import EVERYTHING, Place

SEEDS = range(24)
REQUESTS = 40
CONFIGS = {
    "CodeDeployDefault.ECSAllAtOnce": [(0, 100)],
    "CodeDeployDefault.ECSCanary10Percent5Minutes": [(0, 10), (5, 100)],
    "CodeDeployDefault.ECSCanary10Percent15Minutes": [(0, 10), (15, 100)],
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes": [
        (number, 10 * (number + 1)) for number in range(10)
    ],
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes": [
        (3 * number, 10 * (number + 1)) for number in range(10)
    ],
}
# 2 of 3 minutes: enough with certainty from here on, never enough up to there.
ENOUGH_MINUTES, TOO_FEW_MINUTES = 4, 1


@dataclass(frozen=True)
class Variation:
    """One choice of parameters."""

    config: str
    wait: int
    health_rate: float
    smoke_test: bool
    alarms: bool
    threshold: int
    floor: int
    tasks: int

    @property
    def minutes(self) -> int:
        """From the first shift of traffic until the old tasks go."""
        return CONFIGS[self.config][-1][0] + self.wait

    @property
    def judged_minutes(self) -> int:
        """The minutes in which the new version has requests enough for the alarm to judge."""
        share = dict(CONFIGS[self.config])
        current, minutes = 0, 0
        for minute in range(self.minutes):
            current = share.get(minute, current)
            minutes += REQUESTS * current / 100 >= self.floor
        return minutes

    @property
    def is_certain(self) -> bool:
        """Whether the end can be told: not by chance, and not by how minutes happen to fall."""
        by_chance = self.health_rate == 0.5 and self.threshold == 90 and self.floor < 20
        return not by_chance and not TOO_FEW_MINUTES < self.judged_minutes < ENOUGH_MINUTES

    @property
    def end(self) -> str:
        """`released`, or what rolls it back: `hook` or `alarm`."""
        bad = 100 * (1 - self.health_rate)
        # Of the answers to /; 5 % are allowed.
        if self.smoke_test and bad > 10:
            return "hook"
        if self.alarms and bad >= self.threshold and self.judged_minutes > TOO_FEW_MINUTES:
            return "alarm"
        return "released"


def variation(seed: int) -> Variation:
    """The variation of a seed: the first that is certain."""
    draw = random.Random(seed)
    while True:
        health_rate = draw.choice([1.0, 0.5, 0.0])
        drawn = Variation(
            config=draw.choice(list(CONFIGS)),
            wait=draw.choice([0, 1, 6]),
            health_rate=health_rate,
            smoke_test=draw.random() < 0.3,
            alarms=draw.random() < 0.75,
            # Half of the requests fail on average: far from both, where there are enough of them.
            threshold=draw.choice([15, 90]),
            floor=draw.choice([2, 25]),
            tasks=draw.choice([1, 2, 3]),
        )
        if drawn.is_certain:
            return drawn


def test_seeds_cover_every_configuration_and_every_end() -> None:
    drawn = [variation(seed) for seed in SEEDS]
    assert {item.config for item in drawn} == set(CONFIGS)
    assert {item.end for item in drawn} == {"released", "hook", "alarm"}
    # A bad release that nothing stops is among them, too.
    assert any(item.end == "released" and item.health_rate < 1 for item in drawn)


@pytest.mark.skipif(not EVERYTHING, reason="make test-rehearsal")
@pytest.mark.parametrize("seed", SEEDS)
def test_variation_ends_as_its_parameters_say(place: Place, seed: int) -> None:
    drawn = variation(seed)
    place.set(
        DeploymentConfigName=drawn.config,
        TerminationWaitMinutes=drawn.wait,
        DeploymentAlarms="enabled" if drawn.alarms else "disabled",
        AlarmFiveXxRatePercent=drawn.threshold,
        AlarmMinRequests=drawn.floor,
        MinCapacity=drawn.tasks,
        MaxCapacity=drawn.tasks + 1,
    )
    place.deploy()
    ended = place.rehearse(str(drawn.health_rate), minute=0.3, requests=REQUESTS, hooks=drawn.smoke_test)
    verdict = ended.verdict
    assert verdict.result == ("released" if drawn.end == "released" else "rolled back"), (drawn, verdict)
    words = {"hook": "AfterAllowTestTraffic", "alarm": "FiveXxRateAlarm", "released": "succeeded"}
    assert words[drawn.end] in verdict.reason, drawn
    assert ended.tally.lost == ended.tally.by_stopped == 0
    assert ended.document["settings"]["tasks"] == drawn.tasks
    weights = ended.rehearsal.stage.journal.weights[-1][1]
    assert weights == ({"blue": 0, "green": 100} if drawn.end == "released" else {"blue": 100, "green": 0})
    bad = drawn.end == "released" and drawn.health_rate < 1
    assert bad == any(finding.startswith("released although") for finding in verdict.findings)

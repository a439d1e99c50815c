"""When AWS is asked again: not before something can be over, and soon where it may be."""

import itertools

import pytest

from ecs_blue_green.deployer import pace
from ecs_blue_green.deployer.pace import Pace

FAR = 0.15


def far() -> Pace:
    """The pace of a run that AWS answers after some time."""
    found = Pace()
    found.answered(FAR)
    return found


def looks(found: Pace, kind: str, until: float) -> list[float]:
    """The ages at which something is looked at that takes `until`, the last of which sees its end."""
    ages = [found.delay(0.0, kind)]
    while ages[-1] < until:
        ages.append(ages[-1] + found.delay(ages[-1], kind))
    return ages


def test_what_was_done_before_is_seen_sooner_and_with_fewer_looks() -> None:
    found = far()
    before = looks(found, "CREATE", 4.0)
    found.took("CREATE", before[-1])
    after = looks(found, "CREATE", 4.0)
    assert len(after) < len(before)
    assert after[-1] < before[-1]
    # Of another kind nothing is known.
    assert looks(found, "UPDATE", 4.0) == before


def test_what_takes_longer_than_before_is_asked_about_more_and_more_seldom() -> None:
    found = far()
    found.took("CREATE", 4.0)
    ages = looks(found, "CREATE", 200.0)
    pauses = [later - age for age, later in itertools.pairwise(ages)]
    assert pauses[0] < 1
    assert pauses[-1] == pace.SLOWEST_SECONDS


def test_where_the_end_may_be_near_it_is_asked_more_often_but_not_all_the_time() -> None:
    found = far()
    assert FAR < found.delay(1.0, is_near=True) < found.delay(1.0)


def test_what_is_due_by_the_last_time_is_asked_about_often_for_a_while() -> None:
    found = far()

    def pause(age: float) -> float:
        return found.delay(age, is_near=True, expected=6.0)

    # It may be over sooner, and is looked at all the time, but not beyond the moment when it is due.
    assert pause(1.0) == found.delay(1.0)
    assert 4.5 + pause(4.5) == pytest.approx(pace.FIRST_LOOK * 6.0)
    assert FAR <= pause(5.5) < found.delay(5.5, is_near=True)
    # It may take longer: then as often as where nothing is known.
    assert pause(9.0) == found.delay(9.0, is_near=True)
    # What took an hour is due for minutes.
    assert found.delay(3600.0, expected=3600.0) == pace.SLOWEST_SECONDS


def test_throttling_slows_all_pauses_down() -> None:
    found = far()
    found.took("CREATE", 4.0)

    def pauses() -> list[float]:
        return [
            found.delay(0.0, "CREATE"),
            found.delay(1.0, is_near=True),
            found.delay(6.0, expected=6.0),
        ]

    before = pauses()
    found.slow_down()
    assert all(now > then for now, then in zip(pauses(), before, strict=True))

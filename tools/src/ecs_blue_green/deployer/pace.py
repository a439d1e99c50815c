"""How long to wait before AWS is asked again.

An answer that takes long says that AWS is far or busy, and an operation that has taken long is not over in a
moment. So the pause grows with both, and a run that is told to slow down does. Of what a run does several
times, such as making a change set, it knows how long it took: it does not look before that, and then soon
again. What a stack's last update took is a hint for the next one: that may be over sooner, so it is looked at
all the time, but often only when it has taken about as long.
"""

import threading

# Asking takes at most a tenth of the time; between two looks an operation gets at most a tenth older. What
# waits for it does not begin before its end is seen, so the pause has an end, too: stacks that wait for one
# another would lose minutes to it.
ANSWERS_A_LOOK = 10
SHARE_OF_AGE = 0.1
# Where the end is near, asking may take a third of the time.
ANSWERS_A_LOOK_AT_THE_END = 2
# When to look first, and until when the end is near, in shares of what it took before.
FIRST_LOOK, LAST_NEAR = 0.85, 1.5
# Where the last update says about when the end is due, asking may take half of the time meanwhile: from
# FIRST_LOOK to LAST_DUE that is a dozen looks at most.
ANSWERS_A_LOOK_WHEN_DUE = 1
SHARE_OF_AGE_WHEN_DUE = 0.025
LAST_DUE = 1.2
FASTEST_SECONDS = 0.1
SLOWEST_SECONDS = 6.0
# Told to slow down, the pauses double up to this factor, and come back step by step.
SLOWEST_FACTOR = 8.0


class Pace:
    """The pace of one run, shared by all that ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: float | None = None
        self._factor = 1.0
        self._usual: dict[str, float] = {}

    def delay(
        self, age: float, kind: str = "", *, is_near: bool = False, expected: float | None = None
    ) -> float:
        """The pause, in seconds, before the next look at something that began `age` seconds ago.

        `kind` is what `took` calls it. `is_near` where its end may be, although nothing was seen of its kind.
        `expected` is how long it may take, as one before did.
        """
        usual = self._usual.get(kind)
        if usual is not None:
            is_near = FIRST_LOOK * usual - FASTEST_SECONDS < age < LAST_NEAR * usual
            if age < FIRST_LOOK * usual - FASTEST_SECONDS:
                return (FIRST_LOOK * usual - age) * self._factor
        until_due = FIRST_LOOK * (expected or 0.0) - age
        if until_due > FASTEST_SECONDS:
            pause = min(self._pause(ANSWERS_A_LOOK, SHARE_OF_AGE * age), until_due)
        elif expected is not None and age < LAST_DUE * expected:
            pause = self._pause(ANSWERS_A_LOOK_WHEN_DUE, SHARE_OF_AGE_WHEN_DUE * age)
        else:
            pause = self._pause(ANSWERS_A_LOOK_AT_THE_END if is_near else ANSWERS_A_LOOK, SHARE_OF_AGE * age)
        return min(pause * self._factor, SLOWEST_SECONDS * max(self._factor / 2, 1.0))

    def _pause(self, answers: int, least: float) -> float:
        """So many times as long as an answer takes, but not shorter than this."""
        return max(FASTEST_SECONDS, answers * (self._answer or 0.0), least)

    def took(self, kind: str, seconds: float) -> None:
        """Take note of how long something of a kind took, as far as was seen: it may have been less."""
        with self._lock:
            self._usual[kind] = min(seconds, self._usual.get(kind, seconds))

    def answered(self, seconds: float) -> None:
        """Take note of an answer that took this long."""
        with self._lock:
            # Quick answers tell the distance; a slow one was held up by something else.
            before = seconds if self._answer is None else self._answer
            self._answer = min(seconds, before * 0.8 + seconds * 0.2)
            self._factor = max(self._factor / 1.5, 1.0)

    def slow_down(self) -> None:
        """AWS throttles, or does not answer."""
        with self._lock:
            self._factor = min(self._factor * 2, SLOWEST_FACTOR)

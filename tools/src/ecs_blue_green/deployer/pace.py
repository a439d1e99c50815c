"""How long to wait before AWS is asked again.

An answer that takes long says that AWS is far or busy, and an operation that has taken long is not over in a
moment. So the pause grows with both, and a run that is told to slow down does.
"""

import threading

# Asking takes at most a tenth of the time; between two looks an operation gets at most a tenth older. What
# waits for it does not begin before its end is seen, so the pause has an end, too: stacks that wait for one
# another would lose minutes to it.
ANSWERS_A_LOOK = 10
SHARE_OF_AGE = 0.1
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

    def delay(self, age: float) -> float:
        """The pause, in seconds, before the next look at something that began `age` seconds ago."""
        pause = max(FASTEST_SECONDS, ANSWERS_A_LOOK * (self._answer or 0.0), SHARE_OF_AGE * age)
        return min(pause * self._factor, SLOWEST_SECONDS * max(self._factor / 2, 1.0))

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

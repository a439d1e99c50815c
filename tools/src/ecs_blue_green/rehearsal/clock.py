"""The time of a rehearsal: minutes of AWS, each of which takes a few real seconds or less."""

import asyncio
import time


class Clock:
    """Minutes since the rehearsal began; `minute` real seconds stand for one."""

    def __init__(self, minute: float) -> None:
        self.minute = minute
        self._start = time.monotonic()

    def restart(self) -> None:
        """Have the rehearsal begin now."""
        self._start = time.monotonic()

    def now(self) -> float:
        """The minutes that have passed."""
        return (time.monotonic() - self._start) / self.minute

    def real_seconds(self, seconds: float) -> float:
        """The real seconds that stand for `seconds` of AWS."""
        return seconds * self.minute / 60

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of AWS."""
        await asyncio.sleep(self.real_seconds(seconds))

    async def until(self, moment: float) -> None:
        """Wait until `moment`, in minutes since the beginning."""
        await asyncio.sleep(max(0.0, (moment - self.now()) * self.minute))

"""The users: requests at a set rate on the production listener, through the whole rehearsal."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

from ecs_blue_green.rehearsal import ending
from ecs_blue_green.rehearsal.caddy_config import TARGET_HEADER
from ecs_blue_green.rehearsal.listener_rules import Ask
from ecs_blue_green.rehearsal.plain import NO_AUTHORITIES
from ecs_blue_green.rehearsal.tasks import Task

REQUEST_SECONDS = 10.0
# Caddy closes a connection that it has accepted but not yet read when it takes a new configuration, which
# Elastic Load Balancing does not do. A client that received no byte of an answer retries on a new connection.
ATTEMPTS = 3
# More than this many a second would measure the client.
MOST_A_SECOND = 400.0


@dataclass
class Tally:
    """The results of the users' requests; fewer than planned are sent when the machine is too busy.

    `lost` had no answer at all; `by_stopped` were sent after their task had been told to stop. `by` has the
    answers, and how many of them were 5xx, by "blue", "green" or "load balancer"; `by_path` has the same for
    each path, where users ask for more than one.
    """

    planned: int = 0
    sent: int = 0
    answered: int = 0
    five_xx: int = 0
    lost: int = 0
    by_stopped: int = 0
    reconnected: int = 0
    slowest: float = 0.0
    by: dict[str, list[int]] = field(default_factory=dict)
    by_path: dict[str, dict[str, list[int]]] = field(default_factory=dict)


class Load:
    """Sends requests from `start` until `stop`."""

    def __init__(
        self,
        url: str,
        host: str,
        a_second: float,
        find: Callable[[str], tuple[str, Task] | None],
        also: Sequence[Ask] = (),
    ) -> None:
        """`host` is the name that users request; `find` gives the colour and task of an address.

        Users request "/" and, in turn, what is in `also`.
        """
        self.tally = Tally()
        self._url = url.rstrip("/")
        self._asks = (Ask(), *also)
        self._a_second = a_second
        self._find = find
        self._under_way: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        # Every request has its own connection.
        limits = httpx2.Limits(max_keepalive_connections=0, max_connections=None)
        self._client = httpx2.AsyncClient(
            verify=NO_AUTHORITIES,
            trust_env=False,
            limits=limits,
            timeout=REQUEST_SECONDS,
            headers={"Host": host},
        )

    def start(self) -> None:
        """Begin to send."""
        self._sender = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Send no more and wait for the answers that are still due."""
        if self._sender:
            await ending.end([self._sender])
            await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._client.aclose()

    async def _send(self) -> None:
        began = time.monotonic()
        number = 0
        while True:
            self.tally.planned = round((time.monotonic() - began) * self._a_second)
            due = began + number / self._a_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            request = asyncio.create_task(self._ask(self._asks[number % len(self._asks)]))
            self._under_way.add(request)
            request.add_done_callback(self._under_way.discard)
            number += 1

    async def _ask(self, ask: Ask) -> None:
        self.tally.sent += 1
        sent = time.monotonic()
        answer = await self._answer(ask)
        if answer is None:
            self.tally.lost += 1
            return
        failed = answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR
        self.tally.answered += 1
        self.tally.five_xx += failed
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - sent)
        colour, task = self._find(answer.headers.get(TARGET_HEADER, "")) or ("load balancer", None)
        counted = [self.tally.by]
        if len(self._asks) > 1:
            counted.append(self.tally.by_path.setdefault(str(ask), {}))
        for by in counted:
            counts = by.setdefault(colour, [0, 0])
            counts[0] += 1
            counts[1] += failed
        if task and task.stopped_at is not None and task.stopped_at < sent:
            self.tally.by_stopped += 1

    async def _answer(self, ask: Ask) -> httpx2.Response | None:
        for attempt in range(ATTEMPTS):
            self.tally.reconnected += attempt > 0
            try:
                return await self._client.get(f"{self._url}{ask.path}", headers=dict(ask.headers))
            except httpx2.TimeoutException:
                return None
            except httpx2.TransportError:
                continue
        return None

"""Deployers as processes of their own, that are forked in no time, on the world of this one."""

import json
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from random import Random
from typing import Any

from ecs_blue_green.deployer import clock
from tests.faults import child
from tests.faults.child import Order
from tests.faults.messages import Request
from tests.faults.network import Deployer, Died, Fault, Network
from tests.faults.world import World

ELSEWHERE = "b" * 12
# Of real time. What takes longer hangs.
RUN_SECONDS = 240


@dataclass
class Ending:
    """How a deployer ended: its exit code, None where it died, and what it printed."""

    code: int | None
    document: dict[str, Any] = field(default_factory=dict)
    talk: str = ""
    deployer: Deployer = field(default_factory=lambda: Deployer(0))


class Processes:
    """All deployers of a worker, on one world."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.root = root
        self._numbers = count(1)
        self._deployers: dict[int, Deployer] = {}
        self._network = Network(world)
        self._listener = Listener(family="AF_UNIX", backlog=64)
        # From a process that has imported everything, and has no thread that a fork would leave behind.
        self._forking = multiprocessing.get_context("forkserver")
        self._forking.set_forkserver_preload(["tests.faults.warm"])
        # What is slow on the way to AWS is so on the deployers' clock.
        clock.speed = child.SPEED
        threading.Thread(target=self._listen, daemon=True).start()

    def run(
        self, *arguments: str, faults: list[Fault] | None = None, seed: int = 0, elsewhere: bool = False
    ) -> Ending:
        """Run `deploy.py`, and say how it ended."""
        number = next(self._numbers)
        deployer = Deployer(number, faults or [], Random(seed))
        self._deployers[number] = deployer
        with self._files(number) as (out, err):
            machine = ELSEWHERE if elsewhere else None
            address = str(self._listener.address)
            order = Order(number, address, arguments, self.root, out, err, machine)
            process = self._forking.Process(target=child.work, args=(order,))
            process.start()
            process.join(RUN_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
            # What is still on its way from it must not touch the world of the next scenario.
            deployer.dead = True
            del self._deployers[number]
            text, talk = out.read_text(), err.read_text()
        if process.exitcode is None or process.exitcode < 0:
            return Ending(None, {}, talk, deployer)
        return Ending(process.exitcode, json.loads(text), talk, deployer)

    @contextmanager
    def _files(self, number: int) -> Iterator[tuple[Path, Path]]:
        files = self.root / f".{number}.out", self.root / f".{number}.err"
        try:
            yield files
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def _listen(self) -> None:
        while True:
            # One that was killed a moment ago is refused by that.
            with suppress(OSError, EOFError):
                connection = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection, suppress(OSError, EOFError, Died):
            request: Request = connection.recv()
            deployer = self._deployers.get(request.deployer)
            if deployer is None:
                return
            try:
                answer = self._network.send(deployer, request)
            except Exception as error:
                connection.send(error)
            else:
                connection.send((answer.status_code, dict(answer.headers), answer.content))

"""Deployers as processes: every thread belongs to one; what it prints and what it is called is its own."""

import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import botocore.httpsession
import botocore.loaders

from ecs_blue_green.deployer import clock, command_line, identity, layers
from ecs_blue_green.deployer.identity import Identity
from tests.faults.network import Deployer, Died, Fault, Network
from tests.faults.world import World

# A virtual minute is a real second.
SPEED = 60.0
HERE = "a" * 12
ELSEWHERE = "b" * 12


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
        self._count = 1000
        self._nobody = Deployer(0)
        self._local = threading.local()
        self._living: dict[int, Deployer] = {}
        self._out: dict[int, io.StringIO] = {}
        self._err: dict[int, io.StringIO] = {}
        self._patch()

    def run(
        self, *arguments: str, faults: list[Fault] | None = None, seed: int = 0, elsewhere: bool = False
    ) -> Ending:
        """Run `deploy.py` as a process of its own, in this thread, and say how it ended."""
        self._count += 1
        deployer = Deployer(self._count, faults or [], Random(seed), machine=ELSEWHERE if elsewhere else HERE)
        self._living[deployer.number] = deployer
        self._out[deployer.number], self._err[deployer.number] = io.StringIO(), io.StringIO()
        before = getattr(threading.current_thread(), "deployer", self._nobody)
        _put(threading.current_thread(), "deployer", deployer)
        code: int | None = None
        try:
            code = command_line.main([arguments[0], "--env", "dev", "--json", *arguments[1:]], self.root)
        except Died:
            deployer.dead = True
        finally:
            _put(threading.current_thread(), "deployer", before)
            # What still runs of it must not touch the world of the next scenario.
            deployer.dead = True
            del self._living[deployer.number]
        text = self._out.pop(deployer.number).getvalue()
        talk = self._err.pop(deployer.number).getvalue()
        if code is None:
            return Ending(None, {}, talk, deployer)
        return Ending(code, json.loads(text), talk, deployer)

    def current(self) -> Deployer:
        """Whose thread this is."""
        found: Deployer = getattr(threading.current_thread(), "deployer", self._nobody)
        return found

    def _patch(self) -> None:
        os.environ.update(
            {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            }
        )
        network = Network(self.world, self.current, _press)
        _put(botocore.httpsession.URLLib3Session, "send", lambda session, request: network.send(request))
        # Models are read from disk once, and a template that was parsed is not parsed again.
        loader = botocore.loaders.Loader()
        _put(botocore.loaders, "create_loader", lambda search_path_string=None: loader)
        _put(layers, "parse", _remembering(layers.parse))
        self._speed_up()
        self._give_threads_a_process()
        sys.stdout, sys.stderr = (
            _Mine(self.current, self._out, sys.stdout),
            _Mine(self.current, self._err, sys.stderr),
        )
        sys.stdin = io.StringIO()

    def _speed_up(self) -> None:
        clock.speed = SPEED
        sleep, wait = clock.sleep, clock.wait

        def living_sleep(seconds: float) -> None:
            sleep(seconds)
            self._require_life()

        def living_wait(event: threading.Event, seconds: float) -> bool:
            done = wait(event, seconds)
            self._require_life()
            return done

        _put(clock, "sleep", living_sleep)
        _put(clock, "wait", living_wait)
        _put(botocore.endpoint, "time", SimpleNamespace(sleep=living_sleep, time=clock.time))

    def _require_life(self) -> None:
        if self.current().dead:
            raise Died

    def _give_threads_a_process(self) -> None:
        begin = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            _put(thread, "deployer", self.current())
            begin(thread)

        _put(threading.Thread, "start", start)
        threading.excepthook = lambda found: (
            None if found.exc_type is Died else threading.__excepthook__(found)
        )
        _put(
            identity,
            "me",
            lambda: Identity("somebody", "host", self.current().number, self.current().machine),
        )
        _put(identity, "machine", lambda: self.current().machine)
        living = self._living

        def is_gone(one: Identity) -> bool:
            return one.machine == identity.machine() and one.process not in living

        _put(Identity, "is_gone", is_gone)


def _put(owner: Any, name: str, value: Any) -> None:
    """Replace something for the life of this worker process."""
    setattr(owner, name, value)


def _press() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _remembering(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    known: dict[str, Any] = {}

    def remembered(text: str) -> Any:
        if text not in known:
            known[text] = parse(text)
        return known[text]

    return remembered


class _Mine(io.TextIOBase):
    """A stream that each process has for itself."""

    def __init__(self, current: Callable[[], Deployer], streams: dict[int, io.StringIO], rest: Any) -> None:
        self._current = current
        self._streams = streams
        self._rest = rest

    def write(self, text: str) -> int:
        written: int = self._streams.get(self._current().number, self._rest).write(text)
        return written

    def flush(self) -> None:
        self._rest.flush()

    def fileno(self) -> int:
        number: int = self._rest.fileno()
        return number

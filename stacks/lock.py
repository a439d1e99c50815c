"""One deployer at a time per environment: a lock that a person can see, in SSM parameters.

SSM has no conditional update, only "must not exist". So the lock is a row of generations: who wants it writes
generation n+1 where n is the highest that is there, and the highest generation holds. A holder that was
believed dead finds out by reading again, which it does before each execution. The newest record stays when
the lock is released, marked so, because a number must never come back; the older ones are removed.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from getpass import getuser
from secrets import token_hex
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stacks.environment import Environment
from stacks.errors import Blocked

# A holder renews its record; one that has not been renewed for LIFETIME_SECONDS is nobody's.
LIFETIME_SECONDS = 90
RENEWAL_SECONDS = 20
WAIT_SECONDS = 5


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: written by the holder, read by everyone."""

    who: str
    host: str
    process: int
    verb: str
    since: float
    until: float
    nonce: str
    released: bool = False

    def free(self, now: float) -> bool:
        """Whether the lock can be taken: released, expired, or held by a process that is provably gone."""
        return self.released or now > self.until or self._gone()

    def _gone(self) -> bool:
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def __str__(self) -> str:
        """For a person: who, since when, from where."""
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self.since))
        return f"{self.who} on {self.host} (process {self.process}) since {since}, for {self.verb}"


class Lock:
    """A lock that this process holds."""

    def __init__(self, client: Any, prefix: str, generation: int, holder: Holder, clock: Callable[[], float]):
        self._client = client
        self._prefix = prefix
        self._generation = generation
        self._holder = holder
        self._clock = clock

    def check(self) -> None:
        """Raise Blocked when another deployer has taken the lock over in the meantime."""
        generation, holder = _highest(self._client, self._prefix)
        if holder is None or generation == self._generation:
            return
        raise Blocked(
            "the lock of this environment was taken over",
            f"{holder} holds it",
            "nothing more was started; run again when that has ended",
        )

    def renew(self) -> None:
        """Put the end of the holding off."""
        self._holder = replace(self._holder, until=self._clock() + LIFETIME_SECONDS)
        self._write()

    def release(self) -> None:
        """Let the next one in, and remove the records of earlier generations."""
        self._holder = replace(self._holder, released=True)
        self._write()
        old = [
            f"{self._prefix}/{generation}"
            for generation, _ in _all(self._client, self._prefix)
            if generation < self._generation
        ]
        for start in range(0, len(old), 10):  # what one DeleteParameters call takes
            self._client.delete_parameters(Names=old[start : start + 10])

    def _write(self) -> None:
        self._client.put_parameter(
            Name=f"{self._prefix}/{self._generation}", Value=_text(self._holder), Overwrite=True
        )


@contextmanager
def held(
    client: Any,
    environment: Environment,
    verb: str,
    *,
    wait: bool = False,
    break_lock: bool = False,
    say: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lock]:
    """Hold the environment's lock for the time of the block, and renew it from a thread.

    `wait` waits for another holder, `break_lock` takes the lock from it. Raises Blocked otherwise, with who
    holds it.
    """
    lock = _take(client, prefix(environment), verb, wait, break_lock, say, clock, sleep)
    over = threading.Event()
    renewal = threading.Thread(target=_renewals, args=(lock, over), daemon=True)
    renewal.start()
    try:
        yield lock
    finally:
        over.set()
        renewal.join()
        lock.release()


def prefix(environment: Environment) -> str:
    """Below what the lock's records are in the Parameter Store."""
    return f"/{environment.project}/{environment.name}/deploy/lock"


def look(client: Any, environment: Environment, clock: Callable[[], float] = time.time) -> Holder | None:
    """Who holds the environment's lock now, or None."""
    _, holder = _highest(client, prefix(environment))
    return None if holder is None or holder.free(clock()) else holder


def remove(client: Any, environment: Environment) -> None:
    """Remove the lock's records with the environment."""
    names = [f"{prefix(environment)}/{generation}" for generation, _ in _all(client, prefix(environment))]
    for start in range(0, len(names), 10):
        client.delete_parameters(Names=names[start : start + 10])


def _take(
    client: Any,
    place: str,
    verb: str,
    wait: bool,
    break_lock: bool,
    say: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Lock:
    told = ""
    while True:
        generation, holder = _highest(client, place)
        if holder is None or break_lock or holder.free(clock()):
            mine = _me(verb, clock())
            if _create(client, f"{place}/{generation + 1}", mine):
                return Lock(client, place, generation + 1, mine, clock)
            continue  # Somebody was faster: look again.
        if not wait:
            raise Blocked(
                "another deployer is at work in this environment",
                f"{holder} holds the lock",
                "wait for it (--wait), or take the lock from it if it is dead (--break-lock)",
            )
        if told != holder.nonce:
            say(f"waiting for {holder}")
            told = holder.nonce
        sleep(WAIT_SECONDS)


def _create(client: Any, name: str, holder: Holder) -> bool:
    """Write a record that must not exist yet. Whether it is ours now."""
    try:
        client.put_parameter(Name=name, Value=_text(holder), Type="String", Overwrite=False)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterAlreadyExists":
            raise
        # A call whose answer was lost is sent again: then the record that is there is our own.
        there = client.get_parameter(Name=name)["Parameter"]["Value"]
        return _holder(there).nonce == holder.nonce
    return True


def _renewals(lock: Lock, over: threading.Event) -> None:
    while not over.wait(RENEWAL_SECONDS):
        try:
            lock.renew()
        except (ClientError, BotoCoreError):
            # The next renewal is in time as long as two in a row succeed; the check before each execution
            # finds out if somebody else has come in between.
            continue


def _me(verb: str, now: float) -> Holder:
    return Holder(
        who=_user(),
        host=socket.gethostname(),
        process=os.getpid(),
        verb=verb,
        since=now,
        until=now + LIFETIME_SECONDS,
        nonce=token_hex(8),
    )


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"user {os.getuid()}"


def _highest(client: Any, place: str) -> tuple[int, Holder | None]:
    records = _all(client, place)
    return max(records, key=lambda record: record[0]) if records else (0, None)


def _all(client: Any, place: str) -> list[tuple[int, Holder]]:
    records = []
    for page in client.get_paginator("get_parameters_by_path").paginate(Path=place):
        for parameter in page["Parameters"]:
            records.append((int(parameter["Name"].rpartition("/")[2]), _holder(parameter["Value"])))
    return records


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))


def _holder(text: str) -> Holder:
    return Holder(**json.loads(text))

"""One deployer at a time per environment: a lock that a person can see, in SSM parameters.

SSM has no conditional update, only "must not exist". So the lock is a row of generations: who wants it writes
generation n+1 where n is the highest that is there, and the highest generation holds. A holder that was
believed dead finds out by reading again, which it does before each execution. The newest record stays when
the lock is released, marked so, because a number must never come back; the older ones are removed.
What was read can be older than what is there. Only "must not exist" is certain, so everything rests on that.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from secrets import token_hex
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green import shapes
from ecs_blue_green.deployer import clock as real
from ecs_blue_green.deployer import commands, identity, interrupts, remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.identity import Identity

# What one DeleteParameters call takes (botocore, ssm; November 2026).
NAMES_AT_ONCE = 10
# A holder renews its record; one that has not been renewed for LIFETIME_SECONDS is nobody's.
LIFETIME_SECONDS = 120
RENEWAL_SECONDS = 40
WAIT_SECONDS = 5
# After somebody was faster, an old answer can go on showing the record before.
AGAIN_SECONDS = 0.2
# Executions that begin together read the lock once, and it may be read beside the guards' last questions.
CHECKED_SECONDS = 1.0
# As a deployer writes them: no leading zeros.
_GENERATION = re.compile("[1-9][0-9]*", re.ASCII)
# So often, each time after a longer pause, the lock is looked for where an old answer lacks it.
CHECKS = 12


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: written by the holder, read by everyone.

    Without a nonce it is nobody that is known: the record was edited, or is none of a deployer's.
    """

    who: str
    host: str
    process: int
    verb: str
    since: float
    until: float
    nonce: str
    released: bool = False
    machine: str = ""

    def free(self, now: float) -> bool:
        """Whether the lock can be taken: released, expired, or held by a process that is provably gone."""
        holder = Identity(self.who, self.host, self.process, self.machine)
        return self.released or now > self.until or holder.is_gone()

    def __str__(self) -> str:
        """For a person: who, since when, from where."""
        if not self.nonce:
            return f"an unknown holder, whose record cannot be read ({self.host})"
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(self.since))
        return f"{self.who} on {self.host} (process {self.process}) since {since}, for {self.verb}"


class Lock:
    """A lock that this process holds.

    `abandoned` is the record of a holder before who did not release it, `older` are the generations that were
    there before. `forgotten` is set when the lock's records are to go with its environment.
    """

    def __init__(
        self,
        client: Any,
        environment: Environment,
        generation: int,
        holder: Holder,
        clock: Callable[[], float],
        sleep: Callable[[float], None] = real.sleep,
    ):
        self.abandoned: Holder | None = None
        self.older: list[int] = []
        self.forgotten = False
        self._sleep = sleep
        self._client = client
        self._environment = environment.name
        self._prefix = prefix(environment)
        self._generation = generation
        self._holder = holder
        self._clock = clock
        self._checking = threading.Lock()
        self._checked = float("-inf")

    def check(self) -> None:
        """Raise Blocked when another deployer has taken the lock over in the meantime."""
        with self._checking:
            if self._clock() - self._checked < CHECKED_SECONDS:
                return
            for attempt in range(CHECKS):
                generation, holder = _highest(_all(self._client, self._prefix))
                if holder and holder.nonce == self._holder.nonce:
                    self._checked = self._clock()
                    return
                if generation >= self._generation:
                    break
                self._sleep(attempt * AGAIN_SECONDS)  # An old answer, or somebody removed the record.
        raise Blocked(
            "the lock of this environment was taken over",
            (f"{holder} {'had' if holder.released else 'holds'} it" if holder else "its record was removed")
            + "; nothing more was started",
            remedies.LOCK_TAKEN_OVER(
                again=commands.make(self._holder.verb, self._environment, ARGS="--wait")
            ),
        )

    def renew(self) -> None:
        """Put the end of the holding off."""
        self._holder = replace(self._holder, until=self._clock() + LIFETIME_SECONDS)
        self._write()

    def release(self) -> None:
        """Let the next one in, and remove the records of earlier generations; this one too if `forgotten`.

        Nobody asks first whether it was taken over: that could happen after the answer, so nothing here may
        touch a later generation anyway. Where one is, it holds, whatever this record says by then.
        """
        if self.forgotten:
            _delete(self._client, self._prefix, [*self.older, self._generation])
            return
        self._holder = replace(self._holder, released=True)
        with ThreadPoolExecutor(1) as pool:
            removal = pool.submit(_delete, self._client, self._prefix, self.older)
            try:
                self._write()
            except ClientError:
                # Who takes it over removes this record, and one that is not there cannot be written again.
                if self._generation in _all(self._client, self._prefix):
                    raise
                return
            removal.result()

    def _write(self) -> None:
        self._client.put_parameter(
            Name=f"{self._prefix}/{self._generation}", Value=_text(self._holder), Overwrite=True
        )


@dataclass(frozen=True)
class Claim:
    """For which verb the lock is wanted, and what about another holder: `wait`, or take it (`break_lock`)."""

    verb: str
    wait: bool = False
    break_lock: bool = False
    say: Callable[[str], None] = lambda text: None


@contextmanager
def held(
    client: Any,
    environment: Environment,
    claim: Claim,
    *,
    clock: Callable[[], float] = real.time,
    sleep: Callable[[float], None] = real.sleep,
) -> Iterator[Lock]:
    """Hold the environment's lock for the time of the block, and renew it from a thread.

    Raises Blocked, with who holds it, unless the claim says what about another holder.
    """
    lock = _take(client, environment, claim, clock, sleep)
    over = threading.Event()
    renewal = threading.Thread(target=_renewals, args=(lock, over), daemon=True)
    renewal.start()
    try:
        yield lock
    finally:
        over.set()
        # A renewal that is under way must not come after the release.
        renewal.join()
        _let_go(lock, claim.say)


@interrupts.uninterrupted()
def _let_go(lock: Lock, say: Callable[[str], None]) -> None:
    try:
        lock.release()
    except (ClientError, BotoCoreError) as error:
        # What the command has done, or why it failed, is what its end is about.
        say(f"the lock could not be released ({error}); it ends by itself in {LIFETIME_SECONDS} seconds")


def prefix(environment: Environment) -> str:
    """Below what the lock's records are in the Parameter Store."""
    return f"/{environment.project}/{environment.name}/deploy/lock"


def look(client: Any, environment: Environment, clock: Callable[[], float] = real.time) -> Holder | None:
    """Who holds the environment's lock now, or None."""
    _, holder = _highest(_all(client, prefix(environment)))
    return None if holder is None or holder.free(clock()) else holder


def _take(
    client: Any,
    environment: Environment,
    claim: Claim,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Lock:
    place = prefix(environment)
    waited_for = ""
    nonce = token_hex(8)
    abandoned: Holder | None = None

    def taken(generation: int, holder: Holder) -> Lock:
        lock = Lock(client, environment, generation, holder, clock, sleep)
        lock.abandoned = abandoned
        lock.older = [one for one in records if one < generation]
        return lock

    records = _all(client, place)
    while True:
        generation, holder = _highest(records)
        if holder and holder.nonce == nonce:
            # Ours already: the answer that said so was lost.
            return taken(generation, holder)
        if holder is None or claim.break_lock or holder.free(clock()):
            mine = _mine(claim.verb, clock(), nonce)
            abandoned = holder if holder and not holder.released else None
            with interrupts.uninterrupted():
                if _create(client, f"{place}/{generation + 1}", mine):
                    return taken(generation + 1, mine)
                sleep(AGAIN_SECONDS)  # Somebody was faster, or we were: look again.
                records = _all(client, place)
            continue
        if not claim.wait:
            if not holder.nonce:
                raise Blocked(
                    "the lock of this environment cannot be read",
                    f"{place}/{generation} was edited, or is no record of a deployer",
                    remedies.TAKE_LOCK(),
                )
            raise Blocked(
                "another deployer is at work in this environment",
                f"{holder} holds the lock",
                remedies.WAIT_FOR_LOCK(),
            )
        if waited_for != str(holder):
            waited_for = str(holder)
            way_out = "" if holder.nonce else "; ARGS=--break-lock takes the lock"
            claim.say(f"waiting for {waited_for}{way_out}")
        sleep(WAIT_SECONDS)
        records = _all(client, place)


def _create(client: Any, name: str, holder: Holder) -> bool:
    """Write a record that must not exist yet. False where it does, be it our own by a call sent twice."""
    try:
        client.put_parameter(Name=name, Value=_text(holder), Type="String", Overwrite=False)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterAlreadyExists":
            raise
        return False
    return True


def _renewals(lock: Lock, over: threading.Event) -> None:
    while not real.wait(over, RENEWAL_SECONDS):
        try:
            lock.renew()
        except (ClientError, BotoCoreError):
            # The next renewal is in time as long as two in a row succeed; the check before each execution
            # finds out if somebody else has come in between.
            continue


def _mine(verb: str, now: float, nonce: str) -> Holder:
    me = identity.me()
    return Holder(me.who, me.host, me.process, verb, now, now + LIFETIME_SECONDS, nonce, machine=me.machine)


def _delete(client: Any, place: str, generations: list[int]) -> None:
    for start in range(0, len(generations), NAMES_AT_ONCE):
        names = [f"{place}/{generation}" for generation in generations[start : start + NAMES_AT_ONCE]]
        client.delete_parameters(Names=names)


def _highest(records: Mapping[int, Holder]) -> tuple[int, Holder | None]:
    generation = max(records, default=0)
    return generation, records.get(generation)


def _all(client: Any, place: str) -> dict[int, Holder]:
    """The records, by their generation."""
    records = {}
    for page in client.get_paginator("get_parameters_by_path").paginate(Path=place):
        for parameter in page["Parameters"]:
            number = parameter["Name"].rpartition("/")[2]
            if _GENERATION.fullmatch(number):  # Anything else is not ours.
                records[int(number)] = _holder(parameter["Name"], parameter["Value"])
    return records


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))


def _holder(name: str, text: str) -> Holder:
    """Who holds the lock by a record; somebody unknown where it is not as a deployer writes it."""
    try:
        record = json.loads(text)
        # What a later version writes besides is not looked at.
        known = {field.name: record[field.name] for field in fields(Holder) if field.name in record}
        holder = shapes.made(Holder, known)
        time.gmtime(holder.since)
        if holder.nonce and 0 < holder.process < 2**31:
            return holder
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        pass
    return Holder("unknown", name, 0, "unknown", 0.0, float("inf"), nonce="")

"""What happened in a rehearsal and when: the one record that the live view and the reports are made from."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["stage", "action", "event", "traffic", "task", "alarm", "hook", "note", "end"]

# Requests are counted in quarters of a minute: fine enough for a picture, coarse enough to be steady.
BINS_A_MINUTE = 4


@dataclass(frozen=True)
class Entry:
    """One thing that happened, `minute` minutes after the beginning."""

    minute: float
    kind: Kind
    text: str
    # Whether it is bad news: a failure, an alarm, a rollback.
    bad: bool = False


@dataclass
class Span:
    """Something with a beginning and, once it is over, an end: an action, a lifecycle event, an alarm."""

    name: str
    kind: Literal["action", "event", "alarm"]
    start: float
    end: float | None = None
    # "" while it runs, then for example Succeeded, Failed or Skipped.
    result: str = ""


@dataclass
class Count:
    """The users' requests of one bin that a target group, or the load balancer itself, answered."""

    requests: int = 0
    five_xx: int = 0


@dataclass(frozen=True)
class Reading:
    """An alarm's value in one minute, as the evaluation saw it."""

    minute: int
    value: float | None
    state: str


@dataclass
class Journal:
    """The record of one rehearsal."""

    now: Callable[[], float] = field(repr=False)
    # What happens while the service is started is not part of the rehearsal.
    is_open: bool = False
    entries: list[Entry] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    # The production listener's weights in percent by colour, from a minute on.
    weights: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    # By "blue", "green" or "load balancer", then by bin.
    counts: dict[str, dict[int, Count]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Count))
    )
    readings: dict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))

    def note(self, kind: Kind, text: str, *, bad: bool = False) -> None:
        """Note that something happens now."""
        if self.is_open:
            self.entries.append(Entry(self.now(), kind, text, bad))

    def begin(self, kind: Literal["action", "event", "alarm"], name: str) -> Span:
        """Note that something begins now."""
        span = Span(name, kind, self.now())
        self.spans.append(span)
        return span

    def finish(self, span: Span, result: str) -> None:
        """Note that a span ends now."""
        span.end, span.result = self.now(), result

    def set_weights(self, weights: Mapping[str, int]) -> None:
        """Note the shares of the traffic by colour, where they have changed."""
        if self.is_open and (not self.weights or self.weights[-1][1] != weights):
            self.weights.append((self.now(), dict(weights)))

    def count(self, minute: float, who: str, *, five_xx: bool) -> None:
        """Count a request that `who` answered."""
        counted = self.counts[who][int(minute * BINS_A_MINUTE)]
        counted.requests += 1
        counted.five_xx += five_xx

    def recent(self, who: str) -> Count:
        """The requests of the last whole minute."""
        end = int(self.now() * BINS_A_MINUTE)
        bins = [self.counts[who].get(end - back, Count()) for back in range(1, BINS_A_MINUTE + 1)]
        return Count(sum(item.requests for item in bins), sum(item.five_xx for item in bins))

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "entries": [asdict(entry) for entry in self.entries],
            "spans": [asdict(span) for span in self.spans],
            "weights": [{"minute": minute, **weights} for minute, weights in self.weights],
            "bins_a_minute": BINS_A_MINUTE,
            "counts": {
                who: [
                    {"bin": number, "requests": count.requests, "five_xx": count.five_xx}
                    for number, count in sorted(bins.items())
                ]
                for who, bins in self.counts.items()
            },
        }

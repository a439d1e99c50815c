"""What the load balancer writes about each request, read from Caddy's access log."""

import json
from dataclasses import dataclass

from ecs_blue_green.rehearsal.caddy_config import FAILED_HEADER, LOGGER, TARGET_HEADER


@dataclass(frozen=True)
class Request:
    """One answered request, on the listener with this number.

    `time` is in seconds since the epoch, `seconds` how long it took; `target` is the address of the target
    that answered or could not be reached, None where none was chosen; `by_target`: the target answered.
    """

    listener: int
    time: float
    status: int
    seconds: float
    target: str | None
    by_target: bool


def parse(line: str | bytes) -> Request | None:
    """The request that a line of the log is about; None for any other line."""
    try:
        entry = json.loads(line)
        headers = entry["resp_headers"]
        answered, failed = headers.get(TARGET_HEADER), headers.get(FAILED_HEADER)
        return Request(
            listener=int(entry["logger"].removeprefix(LOGGER)),
            time=entry["ts"],
            status=entry["status"],
            seconds=entry["duration"],
            target=(answered or failed or [""])[0] or None,
            by_target=bool(answered),
        )
    except (ValueError, TypeError, LookupError):
        return None

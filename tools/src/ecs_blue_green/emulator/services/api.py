"""What a service of our own is made of: operations on stores, behind AWS's JSON protocol."""

import copy
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record, Store
from ecs_blue_green.emulator.refusal import Refused

Operation = Callable[[Record], Record]


@dataclass(frozen=True)
class Service:
    """A service in the shape that the emulator calls its modules by."""

    operations: Mapping[str, Operation]
    stores: Mapping[str, Store]
    # Dataclasses, by the stores whose entries they are; those of other stores are plain data.
    entries: Mapping[str, type] = field(default_factory=dict)

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one request of the JSON protocol, whose operation X-Amz-Target names."""
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            if name not in self.operations:
                raise Refused("UnknownOperationException", f"the local emulator does not offer {name}")
            answer = self.operations[name](json.loads(body or b"{}"))
        except Refused as refused:
            return _answer(400, {"__type": refused.code, "message": refused.message})
        return _answer(200, answer)

    def get_state(self) -> Record:
        """Everything in the stores, to be saved."""
        saved = {name: copy.deepcopy(store) for name, store in self.stores.items()}
        for name in self.entries:
            entries = engine.all_entries(saved[name])
            entries.update({key: asdict(entry) for key, entry in entries.items()})
        return saved

    def load_persisted_state(self, saved: Record) -> None:
        """Put what `get_state` returned back into the stores."""
        for name, kind in self.entries.items():
            entries = engine.all_entries(saved[name]) if name in saved else {}
            # What an older version saved has other fields, and is forgotten.
            fields = {key: entry for key, entry in entries.items() if set(kind.__annotations__) == set(entry)}
            entries.clear()
            entries.update({key: kind(**entry) for key, entry in fields.items()})
        for name, store in self.stores.items():
            store.update(saved.get(name, {}))

    def reset(self) -> None:
        """Forget everything."""
        for store in self.stores.values():
            store.clear()


def new_id() -> str:
    """A random identifier."""
    return str(uuid.uuid4())


def page(
    items: list[Any],
    request: Record,
    *,
    limit: str = "maxResults",
    token: str = "nextToken",  # noqa: S107
) -> tuple[list[Any], Record]:
    """One page of `items`, and the member of the answer that names the next one (none on the last page)."""
    start = int(request.get(token) or 0)
    size = int(request.get(limit) or 100)
    following = {token: str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], following


def tagged(tags: list[Record]) -> list[Record]:
    """Tags of a template in the casing of the JSON services that spell them in lower case."""
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]


def _answer(status: int, content: Record) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


def now() -> float:
    """The time in the seconds since the epoch that the JSON protocol carries."""
    return time.time()

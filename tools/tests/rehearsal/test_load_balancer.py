"""The load balancer: shares of the targets, and Caddy itself while its configuration changes."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from ecs_blue_green.rehearsal import access_log, load_balancer
from ecs_blue_green.rehearsal.caddy_config import NOWHERE, shares_of_targets
from ecs_blue_green.rehearsal.load import Load
from ecs_blue_green.rehearsal.processes import Ledger


@given(
    st.dictionaries(st.sampled_from(["blue", "green"]), st.integers(0, 100), min_size=1),
    st.dictionaries(st.sampled_from(["blue", "green"]), st.integers(0, 4), min_size=1),
)
def test_targets_share_the_weight_of_their_group(weights: dict[str, int], counts: dict[str, int]) -> None:
    targets = {group: [f"{group}:{number}" for number in range(count)] for group, count in counts.items()}
    shares = dict(shares_of_targets(weights, targets))
    if not any(weights[group] and targets.get(group) for group in weights):
        assert shares == {}
        return
    total = sum(shares_of for shares_of in shares.values())
    for group, weight in weights.items():
        found = [share for address, share in shares.items() if address.startswith(group)]
        if weight and targets.get(group):
            assert sum(found) * sum(weights.values()) == weight * total
            assert len(set(found)) == 1
        elif weight:
            assert shares[NOWHERE] * sum(weights.values()) == weight * total
        else:
            assert not found


def test_access_log_line_tells_who_answered() -> None:
    entry = {
        "logger": "http.log.access.1",
        "ts": 12.5,
        "status": 503,
        "duration": 0.25,
        "resp_headers": {"X-Rehearsal-Target": ["127.0.0.1:99"]},
    }
    request = access_log.parse(json.dumps(entry))
    assert request == access_log.Request(1, 12.5, 503, 0.25, "127.0.0.1:99", by_target=True)
    assert access_log.parse("not a line of the log") is None


def test_caddy_forwards_by_weight_and_loses_nothing_while_it_changes(tmp_path: Path) -> None:
    """Real requests at a rate, a change every tenth of a second; the two targets answer with their names."""
    asyncio.run(change_under_load(tmp_path))


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def change_under_load(folder: Path) -> None:
    targets = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(2)]
    blue, green = ("{}:{}".format(*target.sockets[0].getsockname()) for target in targets)
    balancer = await load_balancer.start(
        Ledger(folder / "processes"), folder, {"production": None, "old": "https://shop.example"}, {}
    )
    seen: Counter[str | None] = Counter()

    async def count() -> None:
        async for request in balancer.requests():
            seen[request.target] += 1

    counting = asyncio.create_task(count())
    url = f"http://127.0.0.1:{balancer.port('production')}/"
    try:
        assert await balancer.apply({"production": {"b": 90, "g": 10}}, {"b": [blue], "g": [green]})
        load = Load(url, 100, lambda _: None)
        load.start()
        await asyncio.sleep(1)
        for green_share in range(20, 100, 10):
            weights = {"production": {"b": 100 - green_share, "g": green_share}}
            assert await balancer.apply(weights, {"b": [blue], "g": [green]})
            await asyncio.sleep(0.1)
        await load.stop()
        assert load.tally.sent > 100
        assert load.tally.lost == load.tally.five_xx == 0
        async with httpx2.AsyncClient(trust_env=False) as client:
            moved = await client.get(f"http://127.0.0.1:{balancer.port('old')}/cart?id=1")
            assert (moved.status_code, moved.headers["location"]) == (301, "https://shop.example/cart?id=1")
            assert await balancer.apply({"production": {"g": 1}}, {"b": [blue], "g": []})
            assert (await client.get(url)).status_code == 503
    finally:
        await balancer.stop()
        await counting
        for target in targets:
            target.close()
    assert seen[blue] + seen[green] == load.tally.answered
    assert seen[blue] > seen[green] > 20

"""The load balancer: shares of the targets, and Caddy itself while its configuration changes."""

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_blue_green.rehearsal import access_log, listener_rules, load_balancer
from ecs_blue_green.rehearsal.caddy_config import NOWHERE, TARGET_HEADER, shares_of_targets
from ecs_blue_green.rehearsal.load import Load
from ecs_blue_green.rehearsal.processes import Ledger
from ecs_blue_green.rehearsal.system import Listener


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
    listeners = [
        Listener("production", "HTTP", 80, None),
        Listener("old", "HTTP", 8080, "https://shop.example"),
    ]
    balancer = await load_balancer.start(Ledger(folder / "processes"), folder, listeners, {})
    seen: Counter[str | None] = Counter()

    async def count() -> None:
        async for request in balancer.requests():
            seen[request.target] += 1

    counting = asyncio.create_task(count())
    url = f"http://127.0.0.1:{balancer.port('production')}/"
    try:
        assert await balancer.apply({"production": {"b": 90, "g": 10}}, {"b": [blue], "g": [green]})
        load = Load(url, "shop.example", 100, lambda _: None)
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


def rule(actions: dict[str, Any], *conditions: dict[str, Any]) -> dict[str, Any]:
    """A listener rule as Elastic Load Balancing describes it."""
    return {"Conditions": list(conditions), "Actions": [{"Type": "authenticate-oidc"}, actions]}


def to(*groups: str) -> dict[str, Any]:
    targets = [{"TargetGroupArn": group, "Weight": number} for number, group in enumerate(reversed(groups))]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": targets or []}}


GONE = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "410"}}
MOVED = {"StatusCode": "HTTP_302", "Protocol": "HTTPS", "Port": "8443"}
# As Elastic Load Balancing describes one that names only another host and path.
AWAY = {"Protocol": "#{protocol}", "Host": "new.example", "Port": "#{port}", "Path": "/v2/#{path}"}
AWAY |= {"Query": "#{query}", "StatusCode": "HTTP_301"}
PATHS = {"Field": "path-pattern", "Values": ["/api/*", "/v?/x.y"]}
RULES = [
    rule(to("green", "blue"), PATHS, {"Field": "http-request-method", "Values": ["GET"]}),
    rule(
        to("green", "blue"),
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.api.example"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["mobile*"]}},
    ),
    rule(GONE, {"Field": "path-pattern", "Values": ["/gone"]}),
    rule({"Type": "redirect", "RedirectConfig": MOVED}, {"Field": "path-pattern", "Values": ["/moved"]}),
    rule({"Type": "redirect", "RedirectConfig": AWAY}, {"Field": "path-pattern", "Values": ["/old/*"]}),
    rule(to("green", "blue"), {"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "x"}]}}),
    rule(to("blue", "green")),
]


def test_first_rule_that_a_request_is_for_has_it(tmp_path: Path) -> None:
    asyncio.run(ask_by_rules(tmp_path))


async def ask_by_rules(folder: Path) -> None:
    targets = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(2)]
    blue, green = ("{}:{}".format(*target.sockets[0].getsockname()) for target in targets)
    # Their one share of a weight of 1 is all: the other group has 0.
    balancer = await load_balancer.start(
        Ledger(folder / "processes"), folder, [Listener("production", "HTTP", 80, None)], {}
    )
    url = f"http://127.0.0.1:{balancer.port('production')}"
    try:
        await balancer.apply({}, {"blue": [blue], "green": [green]}, {"production": RULES})
        async with httpx2.AsyncClient(trust_env=False) as client:

            async def asked(path: str, method: str = "GET", **headers: str) -> str:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                found = await client.request(method, f"{url}{path}", headers=named)
                return {blue: "blue", green: "green"}.get(
                    found.headers.get(TARGET_HEADER, ""),
                    f"{found.status_code} {found.headers.get('location', '')}".strip(),
                )

            assert await asked("/") == "blue"
            assert await asked("/api/carts/1?x=1") == "green"
            assert await asked("/v2/x.y") == "green"
            assert await asked("/v2/xzy") == await asked("/v22/x.y") == await asked("/API/") == "blue"
            assert await asked("/api/", "POST") == "blue", "all conditions must hold"
            assert await asked("/", Host="a.API.example:80", X_Kind="Mobile 7") == "green"
            assert await asked("/", Host="a.api.example") == "blue"
            assert await asked("/gone") == "410"
            assert await asked("/old/a?id=1") == "301 http://new.example:80/v2/old/a?id=1"
            assert (
                await asked("/moved?id=1", Host="shop.example") == "302 https://shop.example:8443/moved?id=1"
            )
    finally:
        await balancer.stop()
        for target in targets:
            target.close()


@pytest.mark.parametrize(
    ("conditions", "ask"),
    [
        ([PATHS], "/api/x"),
        ([PATHS, {"Field": "http-request-method", "Values": ["POST"]}], None),
        ([{"Field": "host-header", "Values": ["*.shop.example"]}], "/ (Host: x.shop.example)"),
        ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}}], None),
    ],
)
def test_users_ask_for_what_a_rule_is_for(conditions: list[Any], ask: str | None) -> None:
    found = listener_rules.example(rule(to("blue"), *conditions))
    assert (str(found) if found else None) == ask


HTTP, HTTPS, OTHER = (
    Listener("http", "HTTP", 80, None),
    Listener("https", "HTTPS", 443, None),
    Listener("other", "HTTPS", 9002, None),
)


@pytest.mark.parametrize(
    ("listener", "asked", "keeps_host", "told"),
    [
        (HTTP, "shop.example", False, ("shop.example", "http", "80")),
        (HTTPS, "shop.example", False, ("shop.example", "https", "443")),
        (HTTPS, "shop.example:8443", False, ("shop.example", "https", "443")),
        (OTHER, "shop.example", False, ("shop.example:9002", "https", "9002")),
        (OTHER, "shop.example:8443", False, ("shop.example:9002", "https", "9002")),
        (OTHER, "shop.example", True, ("shop.example", "https", "9002")),
    ],
)
def test_target_is_told_of_the_client_as_elastic_load_balancing_does(
    listener: Listener, asked: str, keeps_host: bool, told: tuple[str, str, str], tmp_path: Path
) -> None:
    """Whatever the client says of protocol and port; what it says of addresses before it is kept."""
    sent = {
        "Host": asked,
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Port": "70",
    }
    headers = asyncio.run(told_of(tmp_path, listener, sent, keeps_host))
    assert (headers["host"], headers["x-forwarded-proto"], headers["x-forwarded-port"]) == told
    assert headers["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert not {"x-forwarded-host", "via"} & headers.keys()


async def told_of(folder: Path, listener: Listener, sent: dict[str, str], keeps_host: bool) -> dict[str, str]:
    """The header fields that a target gets."""
    async with echo() as target:
        balancer = await load_balancer.start(
            Ledger(folder / "processes"), folder, [listener], {}, keeps_host=keeps_host
        )
        try:
            await balancer.apply({listener.arn: {"b": 1}}, {"b": [target]})
            async with httpx2.AsyncClient(trust_env=False) as client:
                url = f"http://127.0.0.1:{balancer.port(listener.arn)}/"
                return (await client.get(url, headers=sent)).json()  # type: ignore[no-any-return]
        finally:
            await balancer.stop()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """A target that answers with the header fields that it was sent; gives its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        fields = dict(line.split(": ", 1) for line in lines if line)
        body = json.dumps({name.lower(): value for name, value in fields.items()}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


def test_secure_listener_has_a_certificate_of_its_name_also_while_it_changes(tmp_path: Path) -> None:
    asyncio.run(ask_securely(tmp_path))


async def ask_securely(folder: Path) -> None:
    async with echo() as target:
        balancer = await load_balancer.start(
            Ledger(folder / "processes"), folder, [HTTP, OTHER], {}, secure={"other": "shop.example"}
        )
        try:
            port = balancer.port("other")
            for weight in (1, 2):
                await balancer.apply({"other": {"b": weight, "g": 1}}, {"b": [target], "g": [target]})
                context = ssl.create_default_context(cafile=balancer.authority)
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname="shop.example"
                )
                writer.write(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
                assert b'"host": "shop.example:9002"' in await reader.read()
                writer.close()
            # A client that asks for another name gets the listener's certificate, and decides for itself.
            with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
                await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="other.example")
        finally:
            await balancer.stop()

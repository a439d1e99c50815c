"""The load balancer: a Caddy process on sockets of our own, changed through its admin interface."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import httpx2

from ecs_blue_green import interpreters
from ecs_blue_green.rehearsal import access_log, caddy_config, processes
from ecs_blue_green.rehearsal import system as systems
from ecs_blue_green.rehearsal.access_log import Request
from ecs_blue_green.rehearsal.caddy_config import Listener, Rules, Targets, Weights
from ecs_blue_green.rehearsal.plain import NO_AUTHORITIES
from ecs_blue_green.rehearsal.processes import Ledger, Program

HOST = "127.0.0.1"
BACKLOG = 1024
START_SECONDS = 10.0
ADMIN_RETRIES = 3


class LoadBalancerError(Exception):
    """The load balancer does not run or refuses its configuration; the message says why."""


class LoadBalancer:
    """A running load balancer; made by `start`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        admin: str,
        listeners: Sequence[Listener],
        ports: Mapping[str, int],
        authority: Path,
    ) -> None:
        # The certificate of the authority that signs those of listeners with TLS.
        self.authority = authority
        self._process = process
        self._admin = admin
        self._listeners = listeners
        self._ports = ports
        self._config: caddy_config.Config = {}
        self._one_at_a_time = asyncio.Lock()

    def number(self, listener_arn: str) -> int:
        """The number by which requests name a listener."""
        return [listener.arn for listener in self._listeners].index(listener_arn)

    def port(self, listener_arn: str) -> int:
        """The port of this machine on which a listener listens."""
        return self._ports[listener_arn]

    async def apply(self, weights: Weights, targets: Targets, rules: Rules = MappingProxyType({})) -> bool:
        """Have the listeners forward like this; whether that was a change. Raises LoadBalancerError."""
        async with self._one_at_a_time:
            config = caddy_config.config(self._admin, self._listeners, weights, targets, rules)
            if config == self._config:
                return False
            await self._load(config)
            self._config = config
            return True

    async def _load(self, config: caddy_config.Config) -> None:
        # The admin interface is opened anew with each configuration: a connection can meet the old one's end.
        transport = httpx2.AsyncHTTPTransport(verify=NO_AUTHORITIES, retries=ADMIN_RETRIES)
        async with httpx2.AsyncClient(transport=transport, timeout=START_SECONDS) as client:
            try:
                answer = await client.post(f"http://{self._admin}/load", json=config)
            except httpx2.HTTPError as error:
                raise LoadBalancerError(f"the load balancer does not answer: {error!r}") from error
        if not answer.is_success:
            raise LoadBalancerError(f"the load balancer refuses its configuration: {answer.text}")

    async def requests(self) -> AsyncIterator[Request]:
        """Every request, as it is answered, until the load balancer ends."""
        assert self._process.stdout is not None  # noqa: S101 - asked for in start
        async for line in self._process.stdout:
            request = access_log.parse(line)
            if request:
                yield request

    async def stop(self) -> None:
        """End the process."""
        await processes.stop(self._process)


async def start(
    ledger: Ledger,
    folder: Path,
    listeners: Sequence[systems.Listener],
    weights: Weights,
    *,
    secure: Mapping[str, str] | None = None,
    keeps_host: bool = False,
) -> LoadBalancer:
    """Start the load balancer with `listeners`.

    Those of `secure` (ARN to the name in the certificate) speak TLS, the others HTTP: all tell the targets
    of their own protocol and port. `keeps_host`: targets get the client's Host as it is. There are no targets
    yet. `folder` is for its log and data. Raises LoadBalancerError when it does not start.
    """
    sockets = {listener.arn: _listen() for listener in listeners}
    admin = f"{HOST}:{processes.free_port()}"
    described = [
        Listener(
            arn=listener.arn,
            descriptor=sockets[listener.arn].fileno(),
            redirect_to=listener.redirect,
            protocol=listener.protocol,
            port=listener.port,
            keeps_host=keeps_host,
            certificate=(secure or {}).get(listener.arn),
        )
        for listener in listeners
    ]
    config = caddy_config.config(admin, described, weights, {})
    process = await processes.start(
        ledger,
        "load balancer",
        Program(
            [_caddy(), "run", "--config", "-"],
            folder=folder,
            # Caddy keeps certificates and its last configuration below these.
            environment={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(folder),
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
            },
            log=folder / "load-balancer.log",
            read_output=True,
            send_input=True,
            inherit=[opened.fileno() for opened in sockets.values()],
        ),
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    process.stdin.write(json.dumps(config).encode())
    process.stdin.close()
    ports = {arn: opened.getsockname()[1] for arn, opened in sockets.items()}
    # Caddy has its own copies.
    for opened in sockets.values():
        opened.close()
    balancer = LoadBalancer(process, admin, described, ports, folder / caddy_config.AUTHORITY)
    try:
        async with asyncio.timeout(START_SECONDS):
            await _answers(process, admin)
            await _have_certificates(folder, (secure or {}).values())
    except (TimeoutError, LoadBalancerError) as error:
        await balancer.stop()
        raise LoadBalancerError(f"Caddy did not start, see {folder / 'load-balancer.log'}") from error
    return balancer


async def _have_certificates(folder: Path, names: Iterable[str]) -> None:
    while not all((folder / caddy_config.certificate_file(name)).exists() for name in names):
        await asyncio.sleep(0.02)


def _listen() -> socket.socket:
    """A listening socket on a free port.

    Caddy takes it over: an address that it opens itself is opened anew with each configuration, and
    connections that wait in the old one's queue are lost.
    """
    listener = socket.socket()
    # Caddy closes connections on which nothing has come yet when its configuration changes. With this,
    # where the system has it, a connection reaches Caddy together with its first bytes.
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    listener.bind((HOST, 0))
    listener.listen(BACKLOG)
    return listener


def _caddy() -> str:
    """Caddy's program, which its package put beside the Python of the emulator's environment."""
    folder = str(Path(interpreters.emulator()).parent)
    program = shutil.which("caddy", path=folder) or shutil.which("caddy")
    if not program:
        raise LoadBalancerError(f"caddy is not installed; run: make {interpreters.EMULATOR}/ready")
    return program


async def _answers(process: asyncio.subprocess.Process, admin: str) -> None:
    async with httpx2.AsyncClient(verify=NO_AUTHORITIES, trust_env=False) as client:
        while True:
            if process.returncode is not None:
                raise LoadBalancerError("it ended at once")
            try:
                await client.get(f"http://{admin}/config/", timeout=1)
            except httpx2.HTTPError:
                await asyncio.sleep(0.02)
            else:
                return

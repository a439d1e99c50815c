"""The three servers: the repository's emulator, ministack as it comes, and moto's server."""

import contextlib
import importlib.metadata
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ecs_blue_green import emulator
from ecs_blue_green.testing.clients import REGION
from judges.answers import ACCOUNT

TOOLS = Path(__file__).resolve().parents[1]
REPOSITORY = TOOLS.parent
PARAMETER_FILE = TOOLS / "tests" / "project" / "params" / "local.yaml"
EMULATOR = REPOSITORY / ".venv-emulator" / "bin"
JUDGES = REPOSITORY / ".venv-judges" / "bin"
START_SECONDS = 60.0
STOP_SECONDS = 15.0


@contextlib.contextmanager
def ours() -> Iterator[str]:
    """The repository's emulator."""
    with (
        tempfile.TemporaryDirectory() as folder,
        emulator.running(Path(folder), PARAMETER_FILE, minute=0.05, hooks_are_called=True) as endpoint,
    ):
        yield endpoint


@contextlib.contextmanager
def ministack() -> Iterator[str]:
    """ministack alone, from the environment that the emulator is installed in."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        variables = {
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            "STATE_DIR": folder,
            "S3_DATA_DIR": folder,
            "TMPDIR": folder,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "false",
            "LOG_LEVEL": "ERROR",
            "DOCKER_HOST": f"unix://{folder}/no-container-engine",
        }
        with _running([str(EMULATOR / "python"), "-P", "-m", "ministack"], variables, port) as endpoint:
            yield endpoint


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """moto's server, from an environment of its own."""
    port = _free_port()
    command = [str(JUDGES / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, {"MOTO_ACCOUNT_ID": ACCOUNT}, port) as endpoint:
        yield endpoint


def versions() -> dict[str, str]:
    """The version of each server that others wrote, as it is installed, and of what asks them."""
    asked_with = {"botocore": importlib.metadata.version("botocore")}
    return asked_with | {
        name: next(_installed(folder.parent, name))
        for name, folder in (("ministack", EMULATOR), ("moto", JUDGES))
    }


def _installed(environment: Path, name: str) -> Iterator[str]:
    for site in environment.glob("lib/python3*/site-packages"):
        for found in importlib.metadata.distributions(name=name, path=[str(site)]):
            yield found.version


@contextlib.contextmanager
def _running(command: Sequence[str], variables: Mapping[str, str], port: int) -> Iterator[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MOTO_", "MINISTACK_"))
    }
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command, env={**kept, **variables}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            if not _answers(child, endpoint):
                log.seek(0)
                said = log.read().decode(errors="replace")[-2000:]
                sys.exit(f"{Path(command[0]).name} did not start:\n{said}")
            yield endpoint
        finally:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _answers(child: "subprocess.Popen[bytes]", endpoint: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            direct.open(endpoint, timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


ALL = {"ours": ours, "ministack": ministack, "moto": moto}

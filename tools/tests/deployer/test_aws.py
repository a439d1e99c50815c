"""The door to AWS: what a person is told while it does not open."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from botocore.hooks import HierarchicalEmitter

from ecs_blue_green.deployer import aws, command_line, environment, patience
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.layers import Layer
from tests.deployer.conftest import CREDENTIALS
from tests.paths import PROJECT


@pytest.mark.parametrize(("answers_after", "said"), [(0.2, True), (0.0, False)])
def test_who_waits_for_the_first_answer_is_told(
    answers_after: float,
    said: bool,
    built: Mapping[str, Layer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dev = environment.load(
        PROJECT / "params", "dev", {slug: layer.parameters for slug, layer in built.items()}
    )
    monkeypatch.setattr(aws, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(aws, "check_account", lambda *_: time.sleep(answers_after))
    with aws.connect(dev, PROJECT):
        time.sleep(0.15)
    assert ("AWS does not answer in ap-northeast-1" in capsys.readouterr().err) == said


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:4566x", "http://[::1"])
def test_address_that_is_none_is_bad_input(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    assert command_line.main(["plan", "--env", "prod"], PROJECT) == 2
    assert "correct AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_silence_in_the_middle_is_told_once(
    built: Mapping[str, Layer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = environment.load(
        PROJECT / "params", "dev", {slug: layer.parameters for slug, layer in built.items()}
    )
    # Nothing listens there.
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(patience, "SECONDS", 0.5)
    monkeypatch.setattr(aws, "check_account", lambda *_: None)
    monkeypatch.setattr(aws, "_said_when_slow", contextlib.nullcontext)
    with pytest.raises(Failed, match="cannot be reached"), aws.connect(dev, PROJECT) as door:
        door.client("cloudformation").describe_stacks()
    assert capsys.readouterr().err.count("AWS does not answer in ap-northeast-1") == 1


@pytest.fixture
def answer_of_another() -> Iterator[Callable[[int, str, bytes], str]]:
    """A server that is not AWS: give it its one answer (status, type, body) and get its address."""
    with contextlib.ExitStack() as stack:

        def start(status: int, kind: str, body: bytes) -> str:
            class Other(BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    self.send_response(status)
                    if kind:
                        self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_: Any) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Other))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield start


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html><body>Welcome to our network<br></body></html>"),
        (200, "text/html; charset=utf-8", b"<html/>"),
        (200, "", b"<html/>"),
        (302, "text/html", b"<html>moved</html>"),
        (403, "text/plain", b"blocked by the proxy"),
        (200, "application/json", b"{}"),
        (200, "", b""),
    ],
)
def test_answer_that_is_not_aws_s_is_told_as_such(
    status: int,
    kind: str,
    body: bytes,
    answer_of_another: Callable[[int, str, bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = answer_of_another(status, kind, body)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    assert command_line.main(["plan", "--env", "dev"], PROJECT) == 1
    said = capsys.readouterr().err
    assert f"AWS cannot be reached: something else answered in the place of {url}" in said
    assert "AWS_ENDPOINT_URL" in said
    assert "Traceback" not in said


def test_web_page_in_the_place_of_an_answer_in_json_is_none_and_may_pass(
    answer_of_another: Callable[[int, str, bytes], str],
    built: Mapping[str, Layer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dev = environment.load(
        PROJECT / "params", "dev", {slug: layer.parameters for slug, layer in built.items()}
    )
    url = answer_of_another(200, "text/html", b"<html>Welcome</html>")
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "check_account", lambda *_: None)
    with aws.connect(dev, PROJECT) as door, pytest.raises(aws.NotAws) as caught:
        door.client("ssm").get_parameters(Names=["/a"])
    assert aws.is_passing(caught.value)


class _Unmade:
    """A session that makes no client, as where a variable is removed while it reads them."""

    events = HierarchicalEmitter()

    def client(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


def test_client_that_cannot_be_prepared_is_told_to_who_asks_for_it() -> None:
    """And not by the thread that prepares it: that would fail whichever test is running."""
    door = aws.Aws(_Unmade(), Config(), None)  # type: ignore[arg-type]
    before = set(threading.enumerate())
    door.prepare("ssm")
    for thread in set(threading.enumerate()) - before:
        thread.join()
    with pytest.raises(RuntimeError, match="changed size"):
        door.client("ssm")

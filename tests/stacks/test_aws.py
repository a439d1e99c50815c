"""The door to AWS: what a person is told while it does not open."""

import contextlib
import time
from collections.abc import Mapping

import pytest

import deploy
from stacks import aws, environment
from stacks.errors import Failed
from stacks.layers import Layer
from tests.stacks.conftest import CREDENTIALS, REPOSITORY


@pytest.mark.parametrize(("answers_after", "said"), [(0.2, True), (0.0, False)])
def test_who_waits_for_the_first_answer_is_told(
    answers_after: float,
    said: bool,
    built: Mapping[str, Layer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dev = environment.load(
        REPOSITORY / "params", "dev", {slug: layer.parameters for slug, layer in built.items()}
    )
    monkeypatch.setattr(aws, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(aws, "check_account", lambda *_: time.sleep(answers_after))
    with aws.connect(dev, REPOSITORY):
        time.sleep(0.15)
    assert ("AWS does not answer in ap-northeast-1" in capsys.readouterr().err) == said


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:4566x", "http://[::1"])
def test_address_that_is_none_is_bad_input(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    assert deploy.main(["plan", "--env", "prod"], REPOSITORY) == 2
    assert "correct AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_silence_in_the_middle_is_told_once(
    built: Mapping[str, Layer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = environment.load(
        REPOSITORY / "params", "dev", {slug: layer.parameters for slug, layer in built.items()}
    )
    # Nothing listens there.
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(aws, "ATTEMPTS", 3)
    monkeypatch.setattr(aws, "check_account", lambda *_: None)
    monkeypatch.setattr(aws, "_said_when_slow", contextlib.nullcontext)
    with pytest.raises(Failed, match="cannot be reached"), aws.connect(dev, REPOSITORY) as door:
        door.client("cloudformation").describe_stacks()
    assert capsys.readouterr().err.count("AWS does not answer in ap-northeast-1") == 1

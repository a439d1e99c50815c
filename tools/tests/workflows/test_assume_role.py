"""`workflows.assume_role`: a job gets to act as the role of its environment."""

import io
import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from ecs_blue_green.workflows import assume_role


def test_job_acts_as_the_role_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params").mkdir()
    settings = {"account": "012345678901", "region": "eu-west-1", "project": "shop"}
    (tmp_path / "params" / "prod.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://runner.example/token?x=1")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request")
    asked: list[Any] = []

    def urlopen(request: Any, timeout: int) -> io.BytesIO:
        asked.append((request.full_url, request.get_header("Authorization")))
        return io.BytesIO(json.dumps({"value": "identity"}).encode())

    credentials = {"AccessKeyId": "key", "SecretAccessKey": "secret", "SessionToken": "session"}
    sts = MagicMock()
    sts.assume_role_with_web_identity.return_value = {"Credentials": credentials}
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr("boto3.client", lambda *_, **__: sts)

    assume_role.main("prod", "deploy", tmp_path)

    assert asked == [("https://runner.example/token?x=1&audience=sts.amazonaws.com", "bearer request")]
    sts.assume_role_with_web_identity.assert_called_once_with(
        RoleArn="arn:aws:iam::012345678901:role/github-shop-prod-deploy",
        RoleSessionName="github-42",
        WebIdentityToken="identity",
        DurationSeconds=14400,
    )
    assert (tmp_path / "env").read_text() == (
        "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\nAWS_SESSION_TOKEN=session\n"
    )
    printed = capsys.readouterr().out
    assert printed == "::add-mask::key\n::add-mask::secret\n::add-mask::session\n"

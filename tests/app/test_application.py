"""The application in this process: what it answers, logs and refuses."""

import asyncio
import importlib.metadata
import logging
import random
import re
from pathlib import Path

import httpx2
import pytest
from ecs_blue_green.testing import imports
from starlette.testclient import TestClient

import app.main
from app.main import Settings, create_application, read_settings, server_config
from templates.infrastructure.load_balancing import IDLE_TIMEOUT_SECONDS
from templates.task_definition import STOP_TIMEOUT_SECONDS

FOLDER = Path(app.main.__file__).parent
REQUIREMENTS = FOLDER / "requirements.txt"
# Where the load balancer finds the application.
PORT = int(re.findall(r"^EXPOSE (\d+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)[0])
MODULES = imports.modules(FOLDER.parent, ["app"])


def client(health_rate: float = 1.0, seed: int = 1) -> TestClient:
    settings = Settings(health_rate=health_rate, version="1.2.3", host="127.0.0.1", port=0)
    return TestClient(create_application(settings, random.Random(seed).random))


def test_root_answers_message_and_version() -> None:
    response = client().get("/")
    assert response.status_code == 200
    assert response.json() == {"message": "Hello", "version": "1.2.3"}


def test_root_answers_503_with_the_version_at_health_rate_0() -> None:
    response = client(health_rate=0.0).get("/")
    assert response.status_code == 503
    assert response.json() == {"message": "Service Unavailable", "version": "1.2.3"}


@pytest.mark.parametrize("health_rate", [0.25, 0.7])
def test_root_answers_200_in_the_share_of_health_rate(health_rate: float) -> None:
    settings = Settings(health_rate=health_rate, version="1", host="127.0.0.1", port=0)
    transport = httpx2.ASGITransport(create_application(settings, random.Random(1).random))

    async def statuses(requests: int) -> list[int]:
        async with httpx2.AsyncClient(transport=transport, base_url="http://app") as web:
            return [(await web.get("/")).status_code for _ in range(requests)]

    answered = asyncio.run(statuses(1000))
    assert set(answered) == {200, 503}
    # Three standard deviations of 1000 draws are 0.047 at the most.
    assert answered.count(200) / 1000 == pytest.approx(health_rate, abs=0.05)


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0 - 2**-53], ids=["lowest", "middle", "highest"])
@pytest.mark.parametrize(("health_rate", "status"), [(0.0, 503), (1.0, 200)])
def test_health_rates_0_and_1_leave_nothing_to_chance(health_rate: float, status: int, draw: float) -> None:
    settings = Settings(health_rate=health_rate, version="1", host="127.0.0.1", port=0)
    web = TestClient(create_application(settings, lambda: draw))
    assert web.get("/").status_code == status


@pytest.mark.parametrize("health_rate", [0.0, 0.5, 1.0])
def test_health_is_always_200(health_rate: float) -> None:
    web = client(health_rate)
    assert {web.get("/health").status_code for _ in range(20)} == {200}


def test_other_paths_and_methods_are_refused() -> None:
    assert client().get("/other").status_code == 404
    assert client().post("/").status_code == 405


def of_the_application(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged, without what the client says of its request where an earlier test has let it."""
    return [record for record in caplog.records if not record.name.startswith("httpx")]


def test_a_request_is_one_log_record_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="app"):
        client(health_rate=0.0).get("/?token=secret", headers={"X-Amzn-Trace-Id": "Root=1-2-3"})
    [record] = of_the_application(caplog)
    fields = vars(record)
    assert fields["duration_ms"] >= 0
    assert {key: fields[key] for key in ("version", "method", "path", "status", "trace")} == {
        "version": "1.2.3",
        "method": "GET",
        "path": "/",
        "status": 503,
        "trace": "Root=1-2-3",
    }
    assert "secret" not in str(fields)


def test_health_checks_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="app"):
        client().get("/health")
    assert of_the_application(caplog) == []


def test_defaults_are_a_healthy_development_version_on_this_machine_only() -> None:
    assert read_settings({}) == Settings(health_rate=1.0, version="dev", host="127.0.0.1", port=PORT)
    assert read_settings({"VERSION": ""}).version == "dev"


def test_settings_come_from_the_environment() -> None:
    environ = {"HEALTH_RATE": "0.5", "VERSION": "a1b2c3", "HOST": "0.0.0.0", "PORT": "8080"}  # noqa: S104
    assert read_settings(environ) == Settings(health_rate=0.5, version="a1b2c3", host="0.0.0.0", port=8080)  # noqa: S104


@pytest.mark.parametrize("text", ["0", "1", "0.0", "1.0", ".5", "1e-1"])
def test_health_rate_is_any_number_from_0_to_1(text: str) -> None:
    assert read_settings({"HEALTH_RATE": text}).health_rate == float(text)


@pytest.mark.parametrize(
    "text", ["", " ", "half", "50%", "0,5", "nan", "inf", "-inf", "-0.1", "1.0001", "50"]
)
def test_other_health_rates_end_the_program_with_one_message(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEALTH_RATE", text)
    monkeypatch.setattr(app.main, "serve", lambda *_: pytest.fail("served with a bad HEALTH_RATE"))
    assert app.main.main() == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"error: HEALTH_RATE: must be a number from 0.0 to 1.0, is {text!r}\n"


@pytest.mark.parametrize("text", ["", "http", "-1", "65536", "1323.0"])
def test_port_is_a_port_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"^PORT: must be a whole number from 0 to 65535, is "):
        read_settings({"PORT": text})


def test_timeouts_fit_the_load_balancer_and_the_stop_timeout() -> None:
    settings = read_settings({})
    config = server_config(settings, create_application(settings))
    assert IDLE_TIMEOUT_SECONDS < config.timeout_keep_alive <= 120
    assert config.timeout_graceful_shutdown is not None
    assert config.timeout_graceful_shutdown <= STOP_TIMEOUT_SECONDS - 2


def test_these_tests_run_with_the_versions_that_the_image_gets() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", REQUIREMENTS.read_text(), re.MULTILINE))
    assert {"starlette", "uvicorn", "h11"} <= locked.keys()
    assert {name: importlib.metadata.version(name) for name in locked} == locked


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_what_the_design_allows(name: str) -> None:
    """Nothing of the system around it."""
    for wanted in imports.imported(MODULES[name], FOLDER.parent, {}):
        assert not imports.is_in(wanted, ("deploy", "ecs_blue_green", "generate", "templates", "tests"))
        assert not imports.is_in(wanted, ("boto3", "botocore", "troposphere", "awacs", "ministack"))

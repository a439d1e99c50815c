"""`logs` on the emulator: what tasks have written, with the version that wrote it, and what comes after."""

import io
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from ecs_blue_green.deployer import clock
from tests.deployer.releases import Releases, client
from tests.deployer.shop import Shop

GROUP = "/ecs/sample-dev-api"
COMMIT = "4f1d2c3b" * 5


def write(task: str, message: str, seconds_ago: float = 1, container: str = "sample-api") -> None:
    """Write as a task's container does, some time ago."""
    stream = {"logGroupName": GROUP, "logStreamName": f"api/{container}/{task}"}
    logs = client("logs")
    if not logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream["logStreamName"])[
        "logStreams"
    ]:
        logs.create_log_stream(**stream)
    event = {"timestamp": int((time.time() - seconds_ago) * 1000), "message": message}
    logs.put_log_events(**stream, logEvents=[event])


def start_task(revision: str = "sample-dev-api") -> str:
    """The id of a task of this revision, which ECS would have started."""
    made = client("ecs").run_task(cluster="sample-local", taskDefinition=revision)
    return str(made["tasks"][0]["taskArn"].rpartition("/")[2])


def on_each_pause(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], Any]) -> None:
    """Do something each time that following pauses, then press Ctrl-C."""
    left = list(acts)

    def pause(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(clock, "sleep", pause)


def test_log_is_followed_until_ctrl_c_which_is_no_error(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start_task()
    write(task, "long ago", seconds_ago=3600)
    write(task, "first", seconds_ago=60)
    on_each_pause(
        monkeypatch,
        lambda: write(task, "second"),
        lambda: None,
        # One that CloudWatch shows later than one that was written after it.
        lambda: write(task, "late", seconds_ago=5),
    )
    code, out, err = deployed.talk("logs")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[-1] for line in lines] == ["first", "second", "late"]
    assert all(line.split()[1] == "initial" and len(line.split()) == 3 for line in lines)
    assert f"{GROUP} since " in err and "; Ctrl-C ends" in err
    assert err.count("initial is sample-dev-api:1") == 1
    assert "error" not in err and "interrupted" not in err


def test_each_version_is_named(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/sample-dev-api"
    write(start_task(), "old", seconds_ago=20)
    releases = Releases()
    revision = releases.register(f"{repository}:{COMMIT}")
    write(start_task(revision), "new", seconds_ago=10)
    write("f" * 32, "of a task that is gone", seconds_ago=5)
    on_each_pause(monkeypatch)
    _, out, err = deployed.talk("logs")
    assert [line.split()[1] for line in out.splitlines()] == ["initial", COMMIT, "?"]
    assert f"{COMMIT} is sample-dev-api:2" in err


def test_container_beside_the_application_is_named(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    task = start_task()
    write(task, "hello", seconds_ago=2)
    write(task, "proxied", container="proxy")
    on_each_pause(monkeypatch)
    first, second = deployed.talk("logs")[1].splitlines()
    assert first.endswith(" initial hello")
    assert second.endswith(" initial [proxy] proxied")


def test_json_does_not_follow(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    task = start_task()
    write(task, "a\x1b[2Jb\n")
    monkeypatch.setattr(clock, "sleep", lambda seconds: pytest.fail("followed"))
    document = deployed.run("logs")
    assert document["exit_code"] == 0
    assert document["log_groups"] == [GROUP]
    (event,) = document["events"]
    assert (event["task"], event["container"], event["version"]) == (task, "sample-api", "initial")
    assert event["message"] == "a\x1b[2Jb\n"
    assert deployed.run("logs", "--minutes", "0")["events"] == []


def test_what_a_terminal_would_obey_is_shown(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    write(start_task(), "a\x1b[2Jb\n\tat line 2\n")
    on_each_pause(monkeypatch)
    _, out, _ = deployed.talk("logs")
    first, second = out.splitlines()
    assert first.endswith("a<U+001B>[2Jb")
    assert second == "        at line 2"


def test_following_ends_with_its_reader(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

        def fileno(self) -> int:
            return nothing.fileno()

    write(start_task(), "first")
    with open("/dev/null", "w") as nothing:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", Gone())
        monkeypatch.setattr(clock, "sleep", lambda seconds: pytest.fail("followed"))
        assert deployed.talk("logs")[0] == 0


def test_without_a_service_there_is_no_log(dev: Shop) -> None:
    document = dev.run("logs")
    assert document["exit_code"] == 3
    assert document["error"]["remedy"] == "make deploy ENV=dev"

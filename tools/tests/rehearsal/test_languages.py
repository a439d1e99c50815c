"""Applications of any language, started by the command that a team names; and commands that do not work."""

import re
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from ecs_blue_green.rehearsal import task_sets, tasks
from ecs_blue_green.rehearsal.source import Code
from tests.rehearsal.place import EVERYTHING, Ended, Place

FLOOR = 4
SERVER = """
const server = require("node:http").createServer((request, response) => {
  const good = request.url !== "/" || Math.random() < Number(process.env.HEALTH_RATE);
  response.writeHead(good ? 200 : 503, { Connection: "close" }).end(process.env.VERSION + "\\n");
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.on("SIGTERM", () => server.close());
"""
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="node is not on PATH")


def written(place: Place, *command: str, **files: str) -> Place:
    """The place with another application: its files, and what starts it."""
    place.application = place.root / "application"
    place.application.mkdir()
    for name, text in {"Dockerfile": "EXPOSE 1323\n", **files}.items():
        (place.application / name.replace("_js", ".js")).write_text(text)
    place.image = place.image._replace(command=command)
    place.set(
        DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
        TerminationWaitMinutes=2,
        AlarmMinRequests=FLOOR,
    )
    place.deploy()
    return place


def rehearsed(place: Place, health_rate: str = "1.0") -> Ended:
    return place.rehearse(health_rate, minute=0.3, requests=40)


@needs_node
@pytest.mark.parametrize(("rate", "result"), [("1.0", "released"), ("0.5", "rolled back")])
def test_release_of_another_language(place: Place, rate: str, result: str) -> None:
    """It has the port, the variables of its revision and its version, and is stopped as on AWS."""
    ended = rehearsed(written(place, "node", "server.js", server_js=SERVER), rate)
    assert ended.verdict.result == result, ended.verdict
    assert ended.tally.lost == ended.tally.five_xx == 0
    assert not any("task " in finding for finding in ended.verdict.findings)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("sh", "-c", "echo no such table >&2; exit 3"),
            "it ended with 3 before it listened on its PORT (no such table)",
        ),
        pytest.param(
            ("sleep", "600"),
            "it does not listen on port",
            marks=pytest.mark.skipif(not EVERYTHING, reason="make test-rehearsal"),
        ),
    ],
)
def test_command_that_does_not_serve_is_named_with_its_log(
    place: Place, command: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "START_SECONDS", 0.5)
    ended = rehearsed(written(place, *command))
    assert ended.verdict.result == "rolled back"
    finding = ended.verdict.findings[0]
    assert finding.startswith(f"task blue-1: {words}"), finding
    assert finding.endswith(f"see {place.root}/.local/rehearsal/logs/blue-1.log")
    # The service before the release was not started for as long as one that may still become healthy.
    names = [re.match(r"task blue-(\d+) ", entry["text"]) for entry in ended.document["entries"]]
    # One that is there but does not listen is not started again so soon.
    first = next((int(name[1]) for name in names if name), 1)
    assert first < 3 * task_sets.HOPELESS_STARTS


def test_what_a_command_has_started_ends_with_it(place: Place) -> None:
    """A shell passes no signal on."""
    program = f"{sys.executable} -m app"
    place.image = place.image._replace(command=("sh", "-c", f"cd .. && {program}; true"))
    place.set(DeploymentConfigName="CodeDeployDefault.ECSAllAtOnce", TerminationWaitMinutes=0)
    place.deploy()
    ended = rehearsed(place)
    assert ended.verdict.result == "released"
    left = [process for process in psutil.process_iter() if _folder(process).is_relative_to(place.root)]
    assert left == []


def _folder(process: psutil.Process) -> Path:
    try:
        return Path(process.cwd())
    except (psutil.Error, OSError):
        return Path("/")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("no-such-program", "serve"), "there is no no-such-program on PATH"),
        (("./bin/serve",), "./bin/serve is no program in its folder"),
        (("python", "-V"), ""),
        (("./here",), ""),
        ((), "there is no module {name}.__main__"),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(
    tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    (tmp_path / "here").write_text("#!/bin/sh\n")
    (tmp_path / "here").chmod(0o755)
    code = Code(tmp_path, tmp_path / "Dockerfile", command)
    assert tasks.missing(code) == words.format(name=tmp_path.name)

"""What a terminal gets that cannot draw, or whose owner wants no decoration."""

import io
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime

import pytest
from rich.console import Console
from rich.text import Text

from ecs_blue_green.deployer import clock, terminal
from ecs_blue_green.deployer.cloudformation.describe import Event
from ecs_blue_green.deployer.cloudformation.schedule import Outcome
from ecs_blue_green.deployer.planning import report

EVENT = Event(
    "1", "Cluster", "AWS::ECS::Cluster", "CREATE_COMPLETE", "", datetime(2026, 1, 1, tzinfo=UTC), "", False
)


class Screen(io.StringIO):
    """Standard error of a person."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variables", "decorated"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_leaves_out_every_escape(
    variables: dict[str, str], decorated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    terminal.console().print("[bold]word[/] [dim]word[/]")
    assert ("\x1b" in screen.getvalue()) == decorated


TYPES = "AWS::CodeDeploy::Application, AWS::CodePipeline::Pipeline, AWS::EC2::SecurityGroup (4)"
IMAGE = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop-prod-api:initial"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("few words", 80, ["image      few words"]),
        (
            TYPES,
            60,
            [
                "image      AWS::CodeDeploy::Application,",
                "           AWS::CodePipeline::Pipeline,",
                "           AWS::EC2::SecurityGroup (4)",
            ],
        ),
        (IMAGE, 80, ["image", f"      {IMAGE}"]),
        # The terminal itself wraps it, and gives it back whole to whoever copies it.
        (IMAGE, 60, ["image", IMAGE]),
        (f"of {IMAGE}", 80, ["image", f"      of {IMAGE}"]),
    ],
)
def test_lines_break_between_words_alone(text: str, width: int, lines: list[str]) -> None:
    out = Console(file=Screen(), width=width, force_terminal=True)
    found = terminal.hanging(out, Text(f"{'image':<11}"), Text(text))
    assert [line.plain.rstrip() for line in found] == lines
    pipe = Console(file=io.StringIO(), width=width)
    (line,) = terminal.hanging(pipe, Text(f"{'image':<11}"), Text(text))
    assert line.plain == f"image      {text}"


@pytest.mark.parametrize(("term", "drawn"), [("xterm", True), ("dumb", False)])
def test_terminal_that_cannot_draw_gets_lines(
    term: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", term)
    with report.progress(["infrastructure"]) as progress:
        progress.on_event("infrastructure", EVENT)
    assert progress.follows == drawn
    assert ("infrastructure        CREATE_COMPLETE" in screen.getvalue()) != drawn


def test_lines_say_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    with report.progress(["infrastructure"]) as progress:
        progress.on_event("infrastructure", EVENT)
        now += 65
        progress.tell("image", "built")
        now += 3600
        progress.remark("service", "ECS says [bold]no[/]")
    assert capsys.readouterr().err.splitlines() == [
        "   0:00  infrastructure        CREATE_COMPLETE             Cluster",
        "   1:05  image                 built",
        "  61:05  service               ECS says [bold]no[/]",
    ]


def test_remark_stays_above_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with report.progress(["service"]) as progress:
        progress.on_event("service", EVENT)
        progress.remark("service", "ECS says no")
        progress.on_event("service", EVENT)
    assert "   0:00  service               ECS says no" in screen.getvalue()


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("service", "left running", interrupted=True), "CloudFormation goes on"),
        (Outcome("service", "not started", "interrupted", interrupted=True), "nothing is left running"),
    ],
)
def test_interrupted_run_says_how_to_go_on(
    outcome: Outcome, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report.say_way_on([Outcome("infrastructure", "done"), outcome], "make deploy ENV=dev")
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("next:  ")
    assert told.endswith("make deploy ENV=dev\n")


def test_run_that_was_not_interrupted_has_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    report.say_way_on(
        [Outcome("infrastructure", "done"), Outcome("service", "failed")], "make deploy ENV=dev"
    )
    assert capsys.readouterr().err == ""


# What botocore does for a profile with a second factor.
ASKED_FOR_A_CODE = """
import getpass, os
from ecs_blue_green.deployer import interrupts, terminal
def ask():
    with terminal.restored():
        interrupts.wait_for(lambda: getpass.getpass("code: "))
try:
    interrupts.run(ask)
except KeyboardInterrupt:
    os._exit(130)
"""


def test_unanswered_question_for_a_code_leaves_the_terminal_as_it_was() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen(
        [sys.executable, "-c", ASKED_FOR_A_CODE],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 20
        while termios.tcgetattr(theirs) == before:
            assert time.monotonic() < deadline, "nobody asks"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)

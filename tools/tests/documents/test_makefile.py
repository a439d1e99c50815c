"""What make refuses before anything happens: what stands on its command line and nothing would read."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ecs_blue_green.deployer import errors
from ecs_blue_green.rehearsal import command

ROOT = Path(__file__).resolve().parents[3]


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """What make would run (-n), and what it says."""
    command = ["make", "-n", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        ("plan ONYL=service", "there is no variable ONYL", "did you mean ONLY=...?"),
        ("plan env=prod", "there is no variable env", "did you mean ENV=...?"),
        ("deploy ALOW=a:B", "there is no variable ALOW", "did you mean ALLOW=...?"),
        ("deploy ZZZZZZ=1", "there is no variable ZZZZZZ", "make help lists the targets"),
        ("deploy prod", "there is no target prod", "did you mean ENV=prod?"),
        ("deply", "there is no target deply", "did you mean make deploy?"),
        ("stauts", "there is no target stauts", "did you mean make status?"),
        ("xylophone", "there is no target xylophone", "make help lists the targets"),
        ("deploy app", "there is no target app", "make help lists the targets"),
        ("destroy ONLY=pipeline", "make destroy does not read ONLY", "ONLY is for plan deploy"),
        ("status YES=1", "make status does not read YES", "YES is for deploy"),
        ("deploy ONLY=", "ONLY is empty", "give it a value, or leave it out"),
        ("deploy ENV=", "ENV is empty", "give it a value, or leave it out"),
        ("destroy YES=no", "YES=no has no meaning", "YES=1 does not ask"),
    ],
)
def test_slip_is_refused_before_anything_happens(words: str, what: str, remedy: str) -> None:
    done = make(*words.split())
    first, second, third = done.stderr.splitlines()
    assert first == f"error: {what}: nothing was done"
    assert second.startswith("next:  ") and remedy in second
    assert third.endswith("*** refused.  Stop.")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("verb", ["logs", "run"])
def test_ctrl_c_ends_it_without_a_word_of_make(tmp_path: Path, verb: str) -> None:
    """Of everybody in the terminal's foreground only what goes on until then ends by it, and says nothing."""
    recipe = re.search(rf"^{verb}:.*\n\t@(.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    follows = (
        "import signal, time; signal.signal(signal.SIGINT, lambda *_: exit(0)); "
        "print(1, flush=True); time.sleep(60)"
    )
    program = f"{sys.executable} -c '{follows}' || echo failed"
    words = re.sub(r"\$\((EMULATOR_)?BIN\)/python .*", lambda _: program, recipe[1])
    (tmp_path / "Makefile").write_text(f"{verb}:\n\t@{words}\n")
    command = ["make", "--no-print-directory", "-C", str(tmp_path), verb]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as made:
        assert made.stdout
        assert made.stdout.readline() == "1\n"
        os.killpg(made.pid, signal.SIGINT)
        said = made.stdout.read().splitlines()
    # GNU make 4.3 waits for the recipe in two places at once when a signal comes, and one of them may find
    # it gone already: rare, and nothing that a recipe could prevent.
    race = ("wait: No child processes", "Waiting for unfinished jobs")
    assert [line for line in said if not any(words in line for words in race)] == []


@pytest.mark.parametrize(
    "words",
    [
        "help",
        "deploy ENV=prod YES=1",
        "plan ENV=dev ONLY=pipeline",
        "check test",
        "destroy YES=1",
        "review BASE=HEAD",
        "rehearse HEALTH_RATE=0.5 HOOK=off MINUTE=2 REQUESTS=600",
        "status ENV=prod ARGS=--json",
        ".venv/ready ENV=prod",
        "lock UV=uv",
    ],
)
def test_what_is_read_is_taken(words: str) -> None:
    done = make(*words.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_every_variable_that_a_target_reads_is_known() -> None:
    text = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^READ_([A-Z_]+) =", text, re.MULTILINE))
    assigned = set(re.findall(r"^([A-Z_]+) [:?]?=", text, re.MULTILINE))
    recipes = "\n".join(line for line in text.splitlines() if line.startswith("\t"))
    used = set(re.findall(r"\$\((?:if |or |filter \w+,\$\()?\$?\(?([A-Z_]+)[),]", recipes))
    assert used - assigned - {"MAKE", "MAKEFLAGS", "MAKECMDGOALS", "MAKEFILE_LIST"} <= known
    assert {"ENV", "ARGS", "BASE", "HOOK", "MINUTE"} <= known


def test_every_exit_code_has_its_meaning() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")} - {0}
    codes |= {int(number) for number in re.findall(r"(\d+) rolled back", str(command.__doc__))}
    for code in codes:
        done = subprocess.run(
            [ROOT / ".ci" / "meaning", str(code)], capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert done.stderr.startswith(f"exit code {code}: ") and "not one of" not in done.stderr
    recipes = [line for line in (ROOT / "Makefile").read_text().splitlines() if "python deploy.py" in line]
    assert recipes
    assert all("$(MEANING)" in line or ".ci/meaning" in line for line in recipes)

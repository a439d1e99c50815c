"""One build: the phases of a specification in order, and which of them run after a failure.

A failed install or pre_build ends the build; after a failed build, post_build still runs and the artifacts
are still uploaded. https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecs_blue_green.codebuild import artifacts
from ecs_blue_green.codebuild.project import Project
from ecs_blue_green.codebuild.specification import Artifacts, Phase

SUCCEEDED, FAILED, STOPPED = "SUCCEEDED", "FAILED", "TIMED_OUT"
UPLOAD_ARTIFACTS = "upload_artifacts"

# Runs one command in the place and with the variables that the command before left, and keeps its own.
# CodeBuild has one shell for all of them; here, only what is exported reaches the next one.
COMMAND = """\
keep() { local status=$?; pwd >"$1/folder"; env -0 >"$1/variables"; exit $status; }
trap "keep '$1'" EXIT
cd "$2"
source "$1/command"
"""
# What bash sets for itself.
OF_THE_SHELL = ("_", "SHLVL", "PWD", "OLDPWD")


@dataclass(frozen=True)
class PhaseResult:
    """A phase that ran, as CodeBuild tells of it: `context` says why it failed."""

    name: str
    status: str
    seconds: float
    context: str = ""


@dataclass
class Build:
    """A build that has ended: its phases in order, what it wrote, and what it exports."""

    project: str
    phases: list[PhaseResult] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    exported: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """SUCCEEDED, or what the first phase that did not succeed ended with."""
        return next((phase.status for phase in self.phases if phase.status != SUCCEEDED), SUCCEEDED)

    @property
    def why(self) -> str:
        """What the first phase that failed says, "" when none did."""
        return next((f"{p.name}: {p.context}" for p in self.phases if p.status != SUCCEEDED), "")

    @property
    def text(self) -> str:
        """Everything that the build printed."""
        return "\n".join(self.log)


@dataclass(frozen=True)
class Machine:
    """What a build finds where it runs.

    path: folders with programs that come first, before those of this machine.
    aws: the variables by which programs find AWS and its credentials (AWS_...).
    ready: a virtual environment that is there as `.venv` instead of what the install phase would make.
    """

    path: Sequence[Path] = ()
    aws: Mapping[str, str] = field(default_factory=dict)
    ready: Path | None = None


PLAIN = Machine()


def run(
    project: Project,
    source: Path,
    *,
    output: Path,
    variables: Mapping[str, str] | None = None,
    machine: Machine = PLAIN,
    log: Callable[[str], None] = lambda _line: None,
) -> Build:
    """Run a project on a copy of `source`, its input artifact as a folder or an archive.

    output: where the archive with its artifact goes; nothing is written where it has none.
    variables: those of the action that starts the build; they win over the project's.
    log: is given each line as it is written.
    """
    build = Build(project.name)
    with tempfile.TemporaryDirectory(prefix="codebuild-") as scratch:
        place = _Place(Path(scratch), project, build, log)
        place.take(source)
        place.environment = {
            **project.specification.variables,
            **project.variables,
            **(variables or {}),
            **_surroundings(project, place, machine.path),
            **machine.aws,
        }
        for name in project.stand_ins:
            place.say(f"{name} has a stand-in: no secret is read here")
        _run_phases(project, place, machine.ready)
        build.exported = {
            name: place.environment[name]
            for name in project.specification.exported
            if name in place.environment and not name.startswith("AWS_")
        }
        if _reached(build, "build") and project.specification.artifacts:
            place.upload(project.specification.artifacts, output)
    return build


def _run_phases(project: Project, place: "_Place", ready: Path | None) -> None:
    for phase in project.specification.phases:
        if ready and phase.name == "install":
            place.say(f"install: not run here; .venv is the ready virtual environment {ready}")
            (place.source / ".venv").symlink_to(ready.resolve())
            place.build.phases.append(PhaseResult("install", SUCCEEDED, 0))
            continue
        result = place.run(phase)
        place.environment["CODEBUILD_BUILD_SUCCEEDING"] = str(int(place.build.status == SUCCEEDED))
        if result.status == SUCCEEDED or phase.on_failure == "CONTINUE":
            continue
        if result.status == STOPPED or phase.on_failure == "ABORT" or phase.name != "build":
            return


def _reached(build: Build, name: str) -> bool:
    return any(phase.name == name and phase.status != STOPPED for phase in build.phases)


def _surroundings(project: Project, place: "_Place", path: Sequence[Path]) -> dict[str, str]:
    """The environment of a build: of this machine's own only PATH."""
    return {
        "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
        "HOME": str(place.home),
        "LANG": "C.UTF-8",
        "CODEBUILD_SRC_DIR": str(place.source),
        "CODEBUILD_BUILD_ID": f"{project.name}:local",
        "CODEBUILD_BUILD_SUCCEEDING": "1",
    }


def _stop_at(process: subprocess.Popen[str], deadline: float) -> threading.Timer:
    """Kill the process and everything that it started when its time is up."""

    def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), stop)
    timer.daemon = True
    timer.start()
    return timer


class _Place:
    """The folders of a build, its variables as they are now, and its log."""

    def __init__(self, scratch: Path, project: Project, build: Build, log: Callable[[str], None]) -> None:
        self.source, self.home, self.state = (scratch / name for name in ("src", "home", "state"))
        self.build = build
        self.environment: dict[str, str] = {}
        self.folder = self.source
        self._log = log
        self._deadline = time.monotonic() + project.timeout_seconds
        for folder in (self.home, self.state):
            folder.mkdir()

    def take(self, source: Path) -> None:
        """Copy the input, without what only a working tree has."""
        if source.is_dir():
            shutil.copytree(source, self.source, ignore=shutil.ignore_patterns(".venv*", ".git", ".local"))
        else:
            artifacts.unpack(source, self.source)

    def say(self, line: str) -> None:
        """One line of the log."""
        self.build.log.append(line)
        self._log(line)

    def run(self, phase: Phase) -> PhaseResult:
        """Run a phase: its commands up to the first that fails, then its `finally` commands."""
        started = time.monotonic()
        context, status = "", SUCCEEDED
        for commands in (phase.commands, phase.finally_commands):
            for command in commands:
                failed = self._failure_of(command)
                if failed:
                    context = context or failed
                    status = STOPPED if time.monotonic() >= self._deadline else FAILED
                    break
        result = PhaseResult(phase.name, status, time.monotonic() - started, context)
        self.build.phases.append(result)
        return result

    def upload(self, specification: Artifacts, output: Path) -> None:
        """Collect the artifact."""
        started = time.monotonic()
        status, context = SUCCEEDED, ""
        try:
            self.build.files = artifacts.collect(specification, self.source, output)
        except artifacts.MissingFile as error:
            status, context = FAILED, str(error)
            self.say(context)
        self.build.phases.append(PhaseResult(UPLOAD_ARTIFACTS, status, time.monotonic() - started, context))

    def _failure_of(self, command: str) -> str:
        """Run one command; "" or, as CodeBuild says it, what became of it."""
        (self.state / "command").write_text(command + "\n")
        with subprocess.Popen(
            ["bash", "-c", COMMAND, "bash", str(self.state), str(self.folder)],  # noqa: S607
            cwd=self.source,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            stop = _stop_at(process, self._deadline)
            assert process.stdout is not None  # noqa: S101 (a pipe, above)
            for line in process.stdout:
                self.say(line.rstrip("\n"))
            status = process.wait()
            stop.cancel()
        self._remember()
        if time.monotonic() >= self._deadline:
            return "the build has run for longer than TimeoutInMinutes"
        return f"error while executing command: {command}. Reason: exit status {status}" if status else ""

    def _remember(self) -> None:
        """Take over the working directory and the exported variables of the command."""
        variables = self.state / "variables"
        if not variables.exists():
            return
        environment = dict(entry.split("=", 1) for entry in variables.read_text().split("\0") if "=" in entry)
        self.environment = {key: value for key, value in environment.items() if key not in OF_THE_SHELL}
        self.folder = Path((self.state / "folder").read_text().rstrip("\n"))
        variables.unlink()

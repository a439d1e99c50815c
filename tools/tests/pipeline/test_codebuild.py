"""The runner does with a build specification what CodeBuild's documentation says."""

from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from ecs_blue_green.codebuild import BadSpecification, Build, Machine, read_project, run
from ecs_blue_green.codebuild.artifacts import unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with an input artifact, `source`, that has one file."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "given.txt").write_text("given\n")
    return tmp_path


def build(folder: Path, phases: dict[str, Any], minutes: float = 1, **more: Any) -> Build:
    """Run a project with these phases; `more` are other parts of the specification, and arguments."""
    arguments = {name: more.pop(name) for name in ("variables", "machine", "log") if name in more}
    environment = more.pop("environment", [])
    env = {"shell": "bash", **more.pop("env", {})}
    specification = {"version": 0.2, "env": env, "phases": phases, **more}
    properties = {
        "Name": "tried",
        "Source": {"BuildSpec": yaml.safe_dump(specification, sort_keys=False)},
        "Environment": {"EnvironmentVariables": environment},
        "TimeoutInMinutes": minutes,
    }
    project = read_project("TriedProject", properties)
    return run(project, folder / "source", output=folder / "artifact.zip", **arguments)


def commands(*texts: str, **more: Any) -> dict[str, Any]:
    return {"commands": list(texts), **more}


ALL = {name: commands(f"echo in {name}") for name in ("post_build", "build", "install", "pre_build")}


def test_phases_run_in_their_order_whatever_the_file_says(folder: Path) -> None:
    done = build(folder, ALL)
    assert done.log == ["in install", "in pre_build", "in build", "in post_build"]
    assert done.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("failing", "ran"),
    [
        ("install", ["install"]),
        ("pre_build", ["install", "pre_build"]),
        ("build", ["install", "pre_build", "build", "post_build", "upload_artifacts"]),
        ("post_build", ["install", "pre_build", "build", "post_build", "upload_artifacts"]),
    ],
)
def test_what_runs_after_a_failure(folder: Path, failing: str, ran: list[str]) -> None:
    done = build(
        folder, {**ALL, failing: commands("false", "echo never")}, artifacts={"files": ["given.txt"]}
    )
    assert [phase.name for phase in done.phases] == ran
    assert [phase.name for phase in done.phases if phase.status == "FAILED"] == [failing]
    assert done.status == "FAILED"
    assert "never" not in done.text


def test_post_build_knows_whether_the_build_succeeded(folder: Path) -> None:
    asks = commands("echo $CODEBUILD_BUILD_SUCCEEDING")
    assert build(folder, {"build": commands("true"), "post_build": asks}).log == ["1"]
    assert build(folder, {"build": commands("false"), "post_build": asks}).log == ["0"]


def test_finally_runs_after_a_failed_command_and_its_own_failure_counts(folder: Path) -> None:
    done = build(folder, {"build": commands("false", "echo never", **{"finally": ["echo cleaned"]})})
    assert done.log == ["cleaned"]
    assert done.status == "FAILED"
    assert build(folder, {"build": commands("true", **{"finally": ["false"]})}).status == "FAILED"


@pytest.mark.parametrize(("on_failure", "ran"), [("ABORT", ["build"]), ("CONTINUE", ["build", "post_build"])])
def test_on_failure_replaces_the_usual_course(folder: Path, on_failure: str, ran: list[str]) -> None:
    phases = {"build": commands("false", **{"on-failure": on_failure}), "post_build": commands("true")}
    assert [phase.name for phase in build(folder, phases).phases] == ran


def test_commands_share_their_place_and_exported_variables(folder: Path) -> None:
    done = build(
        folder,
        {
            "install": commands("mkdir below && cd below", "export GREETING='good  day'"),
            "build": commands("basename $PWD", 'echo "$GREETING"'),
        },
    )
    assert done.log == ["below", "good  day"]


def test_variables_of_the_action_win_over_the_projects_and_the_specifications(
    folder: Path,
) -> None:
    done = build(
        folder,
        {"build": commands("echo $A $B $C")},
        env={"variables": {"A": "specification", "B": "specification", "C": "specification"}},
        environment=[{"Name": "B", "Value": "project"}, {"Name": "C", "Value": "project"}],
        variables={"C": "action"},
    )
    assert done.log == ["specification project action"]


def test_nothing_of_this_machines_environment_gets_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("SECRET_OF_MINE", "x")
    done = build(folder, {"build": commands("env")})
    assert not [line for line in done.log if line.startswith(("AWS_", "SECRET_"))]
    assert f"HOME={Path.home()}" not in done.log


def test_exported_variables_are_what_the_build_left(folder: Path) -> None:
    done = build(
        folder,
        {"build": commands("export TAG=one AWS_REGION=x"), "post_build": commands("export TAG=two")},
        env={"exported-variables": ["TAG", "AWS_REGION", "NEVER_SET"]},
    )
    assert done.exported == {"TAG": "two"}


def test_artifact_has_the_listed_files(folder: Path) -> None:
    done = build(
        folder,
        {
            "build": commands(
                "mkdir -p out/deep && echo 1 >out/a.json && echo 2 >out/deep/b.json && echo 3 >out/c"
            )
        },
        artifacts={"files": ["a.json", "deep/**/*"], "base-directory": "out"},
    )
    assert done.files == ["a.json", "deep/b.json"]
    unpack(folder / "artifact.zip", folder / "unpacked")
    assert (folder / "unpacked/deep/b.json").read_text() == "2\n"


def test_missing_file_fails_the_build_and_leaves_no_artifact(folder: Path) -> None:
    done = build(folder, {"build": commands("true")}, artifacts={"files": ["given.txt", "missing.json"]})
    assert done.why == "upload_artifacts: no matching artifact paths found: missing.json"
    assert done.status == "FAILED"
    assert not (folder / "artifact.zip").exists()


def test_source_is_left_as_it_was(folder: Path) -> None:
    build(folder, {"build": commands("echo changed >given.txt")})
    assert (folder / "source" / "given.txt").read_text() == "given\n"


def test_install_takes_a_ready_environment_and_says_so(folder: Path) -> None:
    (folder / "ready" / "bin").mkdir(parents=True)
    (folder / "ready" / "bin" / "tool").write_text("#!/bin/sh\necho ready\n")
    (folder / "ready" / "bin" / "tool").chmod(0o755)
    heard: list[str] = []
    done = build(
        folder,
        {"install": commands("echo installing"), "build": commands(".venv/bin/tool")},
        machine=Machine(ready=folder / "ready"),
        log=heard.append,
    )
    assert done.log[0].startswith("install: not run here; .venv is the ready virtual environment")
    assert done.log[1:] == ["ready"]
    assert heard == done.log


def test_build_that_takes_too_long_is_stopped_with_what_it_started(folder: Path) -> None:
    done = build(
        folder,
        {
            "build": commands(f"sleep 600 & echo $! > {folder}/pid; sleep 600"),
            "post_build": ALL["post_build"],
        },
        minutes=0.02,
    )
    assert done.status == "TIMED_OUT"
    assert [phase.name for phase in done.phases] == ["build"]
    left = int((folder / "pid").read_text())
    # Gone, or what nobody has collected yet.
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


BASH = "version: 0.2\nenv: {shell: bash}\n"


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("version: 0.1\nphases: {}\n", "version must be 0.2"),
        ("version: 0.2\nphases: {build: {commands: [a]}}\n", "env/shell must be bash"),
        (BASH, "it has no phases"),
        (f"{BASH}phases: {{biuld: {{commands: [a]}}}}\n", "phases/biuld is not run here"),
        (f"{BASH}phases: {{build: {{comands: [a]}}}}\n", "phases/build/comands is not run here"),
        (f"{BASH}phases: {{build: {{commands: a}}}}\n", "must be a list"),
        (f"{BASH}phases: {{build: {{commands: [a], on-failure: RETRY}}}}\n", "RETRY is not run here"),
        (f"{BASH}phases: {{build: {{commands: [a]}}}}\ncache: {{}}\n", "cache is not run here"),
        ("a: [", "it is not YAML"),
    ],
)
def test_specification_that_would_not_run_as_written_is_refused(specification: str, message: str) -> None:
    properties = {"Name": "x", "Source": {"BuildSpec": specification}, "Environment": {}}
    with pytest.raises(BadSpecification, match=f"TriedProject: .*{message}"):
        read_project("TriedProject", properties)


def test_secrets_have_stand_ins_that_are_told(folder: Path) -> None:
    """Those of the specification and those of the project, of both stores."""
    done = build(
        folder,
        {"build": commands('echo "$A $B $C $D"')},
        env={"secrets-manager": {"A": "login:password"}, "parameter-store": {"B": "/shop/token"}},
        environment=[
            {"Name": "C", "Type": "SECRETS_MANAGER", "Value": "arn:aws:secretsmanager:x:key::"},
            {"Name": "D", "Type": "PARAMETER_STORE", "Value": "/shop/token"},
        ],
    )
    *told, printed = done.log
    assert told == [f"{name} has a stand-in: no secret is read here" for name in "ABCD"]
    assert printed == "stand-in-for-A stand-in-for-B stand-in-for-C stand-in-for-D"


def test_variable_that_nobody_can_give_a_value_is_refused() -> None:
    environment = {"EnvironmentVariables": [{"Name": "TOKEN", "Type": "VAULT", "Value": "x"}]}
    properties = {"Name": "x", "Source": {"BuildSpec": ""}, "Environment": environment}
    with pytest.raises(BadSpecification, match="VAULT"):
        read_project("TriedProject", properties)

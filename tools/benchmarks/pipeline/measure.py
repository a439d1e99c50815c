"""The times of the actions on this machine: one release on the emulator."""

import io
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3

from ecs_blue_green import emulator, interpreters
from ecs_blue_green.codebuild import stand_ins
from ecs_blue_green.deployer import command_line
from ecs_blue_green.pipeline import Execution, Workshop, read_definition, run_action

ROOT = Path(__file__).resolve().parents[3]
REGION = "ap-northeast-1"
COMMIT = "0" * 40
RELEASED = ("app", "build", "params", "requirements", "templates", "tools/src", "generate.py", ".cfnlintrc")
# CodeDeploy's minutes are its settings, not work: they are left out.
SECONDS_A_MINUTE = 0.001


def measured() -> dict[str, float]:
    """Seconds by action. The smoke test is switched off: nobody answers for it here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("build", "params"):
            shutil.copytree(ROOT / part, folder / part)
        local = folder / "params" / "local.yaml"
        local.write_text(local.read_text() + "  SmokeTest: disabled\n")
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            if command_line.main(["deploy", "--env", "local", "--yes"], folder):
                raise RuntimeError("the local environment could not be deployed")
        with emulator.running(folder / ".local", local, minute=SECONDS_A_MINUTE) as endpoint:
            return _release(folder, endpoint)


def _release(folder: Path, endpoint: str) -> dict[str, float]:
    aws = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
    }
    session = boto3.session.Session("local", "local", region_name=REGION)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]

    (pipeline,) = client("codepipeline").list_pipelines()["pipelines"]
    definition = read_definition(client, pipeline["name"])
    workshop = Workshop(
        client=client,
        definition=definition,
        aws=aws,
        path=[stand_ins.make_stand_ins(folder / "bin")],
        ready=Path(interpreters.deployer()).parents[1],
        variables={"DOCKER_STATE": str(folder / "docker")},
    )
    execution = Execution(folder / "artifacts", COMMIT, _archive(folder / "source.zip"))
    times = {}
    for stage in definition.stages:
        for actions in stage.run_orders:
            # One after the other, so that none is slower for what runs beside it.
            for action in actions:
                result = run_action(action, execution, workshop)
                if result.failure:
                    raise RuntimeError(f"{action.name}: {result.failure}")
                times[action.name] = result.seconds
    return times


def _archive(target: Path) -> Path:
    with ZipFile(target, "w") as archive:
        for part in RELEASED:
            path = ROOT / part
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(ROOT).as_posix())
    return target

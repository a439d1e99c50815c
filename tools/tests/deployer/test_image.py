"""The service's first image: built and pushed between its repository and the service, or asked for before."""

import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer import environment, layers, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.preflight import engine, image, quotas
from tests.deployer.followed import follows
from tests.deployer.pressing import press
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop
from tests.paths import PROJECT, RUNTIME

NAME = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/sample-dev-api:first"
PASSWORD = "ministack-auth-token"

# Stands in for docker: writes down what it is called with, and pushes by ECR's own API.
PROGRAM = f"""#!{sys.executable}
import json, os, sys
arguments = sys.argv[1:]
given = sys.stdin.read() if "--password-stdin" in arguments else None
with open(os.environ["FAKE_LOG"], "a") as log:
    call = {{"program": os.path.basename(sys.argv[0]), "arguments": arguments, "given": given,
             "folder": os.getcwd(), "attestations": os.environ.get("BUILDX_NO_DEFAULT_ATTESTATIONS")}}
    log.write(json.dumps(call) + "\\n")
failing = os.environ.get("FAKE_FAILING", "").split(",")
pushes = arguments[0] == "push" and "lost" not in failing
if pushes:
    import boto3
    repository, tag = arguments[1].partition("/")[2].split(":")
    boto3.client("ecr", region_name="ap-northeast-1").put_image(
        repositoryName=repository, imageTag=tag, imageManifest='{{"schemaVersion": 2}}',
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json")
if arguments[0] in failing:
    print("step 1 of 2")
    sys.exit(f"{{arguments[0]}}: out of luck")
"""


class Engine:
    """The programs on the path, and what they were called with."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._patch = patch
        patch.setenv("FAKE_LOG", str(self._log))
        patch.setenv("PATH", str(folder))

    def install(self, *programs: str) -> None:
        for program in programs:
            path = self._folder / program
            path.write_text(PROGRAM)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def fail(self, *words: str) -> None:
        self._patch.setenv("FAKE_FAILING", ",".join(words))

    @property
    def calls(self) -> list[dict[str, Any]]:
        text = self._log.read_text() if self._log.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def arguments(self, verb: str) -> list[str]:
        (found,) = [call["arguments"] for call in self.calls if call["arguments"][0] == verb]
        return list(found)


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A path with nothing on it."""
    return Engine(tmp_path_factory.mktemp("programs"), monkeypatch)


@pytest.fixture
def shop(dev: Shop, programs: Engine, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An environment that takes the emulator for AWS, with an image that is nobody's placeholder."""
    monkeypatch.setattr(Aws, "emulated", False)
    # The emulator has no quotas.
    monkeypatch.setattr(quotas, "questions", lambda survey, capacity: iter(()))
    (dev.root / "app").mkdir()
    (dev.root / "app" / "Dockerfile").write_text("FROM scratch\n")
    path = dev.root / "params" / "dev.yaml"
    path.write_text(path.read_text() + "  InitialImageTag: first\n")
    return dev


def stacks() -> list[str]:
    return [stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]]


def test_deploy_builds_and_pushes_what_is_missing(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    planned = shop.run("plan")
    assert planned["preflight"]["image"] == "to be built"
    done = shop.run("deploy", "--yes")
    assert done["exit_code"] == 0
    outcomes = {outcome["layer"]: outcome for outcome in done["outcomes"]}
    assert set(outcomes) == {*LAYERS, "image"}
    assert outcomes["image"]["result"] == "done"
    names = list(outcomes)
    assert names.index("container-repository") < names.index("image") < names.index("service")
    found = client("ecr").describe_images(repositoryName="sample-dev-api", imageIds=[{"imageTag": "first"}])
    assert outcomes["image"]["notes"] == [
        f"sample-dev-api:first is {found['imageDetails'][0]['imageDigest']}"
    ]

    assert programs.arguments("build") == [
        *("build", "--platform", "linux/amd64", "--provenance=false"),
        *("--build-arg", "VERSION=first", "--tag", NAME, "app"),
    ]
    assert programs.arguments("push") == ["push", NAME]
    (build,) = [call for call in programs.calls if call["arguments"][0] == "build"]
    assert (build["folder"], build["attestations"]) == (str(shop.root), "1")


def test_password_is_given_where_nobody_sees_it(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    _, out, err = shop.talk("deploy", "--yes")
    (login,) = [call for call in programs.calls if call["arguments"][0] == "login"]
    assert login["given"] == PASSWORD
    assert login["arguments"] == ["login", "--username", "AWS", "--password-stdin", NAME.partition("/")[0]]
    assert PASSWORD not in out + err
    assert PASSWORD not in json.dumps([call["arguments"] for call in programs.calls])


def test_image_that_is_there_is_not_built_again(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    early = shop.run("image")
    assert early["exit_code"] == 2
    assert early["error"]["remedy"] == "make deploy ENV=dev ONLY=container-repository"
    shop.run("deploy", "--yes", "--only", "container-repository")
    assert shop.run("image")["pushed"] is True
    before = len(programs.calls)
    again = shop.run("image")
    assert (again["image"], again["pushed"]) == ("sample-dev-api:first", False)
    assert len(programs.calls) == before
    done = shop.run("deploy", "--yes")
    assert done["preflight"]["image"] == "there"
    assert "image" not in {outcome["layer"] for outcome in done["outcomes"]}


@follows(remedies.BUILD_IMAGE)
def test_without_an_engine_nothing_is_made(shop: Shop, programs: Engine) -> None:
    refused = shop.run("deploy", "--yes")
    assert refused["exit_code"] == 2
    assert 'parameters.InitialImageTag: "first" is not in the repository' in refused["error"]["why"]
    assert refused["error"]["remedy"].splitlines()[1:] == [
        "  make deploy ENV=dev ONLY=container-repository",
        "  make image ENV=dev",
        "  make deploy ENV=dev",
    ]
    assert stacks() == []
    # The first of the commands needs no image, and a plan no engine.
    assert shop.results("deploy", "--yes", "--only", "container-repository") == {
        "container-repository": "done"
    }
    assert shop.run("plan")["preflight"]["image"] == "missing"
    assert shop.run("image")["error"]["what"] == "no container engine runs here"
    # The others are for a machine that has one.
    programs.install("docker")
    assert shop.run("image")["pushed"] is True
    assert shop.run("deploy", "--yes")["exit_code"] == 0


def test_engine_that_does_not_answer_is_none(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    programs.fail("version")
    assert shop.run("deploy", "--yes")["exit_code"] == 2
    assert stacks() == []


def test_podman_will_do_and_knows_no_provenance(shop: Shop, programs: Engine) -> None:
    programs.install("podman")
    assert shop.run("deploy", "--yes")["exit_code"] == 0
    assert {call["program"] for call in programs.calls} == {"podman"}
    assert "--provenance=false" not in programs.arguments("build")


def test_docker_without_buildx_knows_no_provenance(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    programs.fail("buildx")
    assert shop.run("deploy", "--yes")["exit_code"] == 0
    assert "--provenance=false" not in programs.arguments("build")


def test_build_that_fails_stops_the_service_and_says_why(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    programs.fail("build")
    failed = shop.run("deploy", "--yes")
    assert failed["exit_code"] == 1
    outcomes = {outcome["layer"]: outcome for outcome in failed["outcomes"]}
    assert outcomes["image"]["result"] == "failed"
    assert "build: out of luck" in outcomes["image"]["why"]
    assert outcomes["infrastructure"]["result"] == outcomes["task-definition"]["result"] == "done"
    assert (outcomes["service"]["result"], outcomes["service"]["why"]) == ("not started", "image failed")
    programs.fail()
    recovered = shop.run("deploy", "--yes")
    assert recovered["exit_code"] == 0


def test_somebody_else_who_pushed_first_is_no_failure(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    shop.run("deploy", "--yes", "--only", "container-repository")
    # The tag is taken by the time of the push, which is refused.
    programs.fail("push")
    assert shop.run("image")["pushed"] is False


def test_push_that_is_lost_is_a_failure(shop: Shop, programs: Engine) -> None:
    programs.install("docker")
    shop.run("deploy", "--yes", "--only", "container-repository")
    programs.fail("lost")
    lost = shop.run("image")
    assert lost["exit_code"] == 1
    assert "has no image sample-dev-api:first after the push" in lost["error"]["what"]


def test_emulator_needs_no_image(dev: Shop) -> None:
    assert dev.run("image") == {
        "schema": "image/1",
        "environment": "dev",
        "exit_code": 0,
        "image": "sample-dev-api:initial",
        "digest": None,
        "pushed": False,
    }


def test_platform_is_that_of_the_task_definition(built: Mapping[str, Layer], project: Path) -> None:
    settings = environment.load(
        PROJECT / "params", "local", {slug: layer.parameters for slug, layer in built.items()}
    )
    assert image.required_image(settings, built, RUNTIME.image, project).platform == "linux/amd64"
    body = (project / "build" / "task-definition.yaml").read_text()
    (project / "build" / "task-definition.yaml").write_text(body.replace("X86_64", "ARM64"))
    assert (
        image.required_image(settings, layers.read(project / "build"), RUNTIME.image, project).platform
        == "linux/arm64"
    )


def test_interrupt_ends_what_the_engine_is_at(
    shop: Shop, programs: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    def run(command: list[str], *, sleep: Sleep, **_: Any) -> None:
        press()
        try:
            while True:
                sleep(0.05)
        except KeyboardInterrupt:
            ended.append(command[1])
            raise

    programs.install("docker")
    assert shop.run("deploy", "--yes", "--only", "container-repository")["exit_code"] == 0
    monkeypatch.setattr(engine, "run_program", run)
    assert shop.run("image")["exit_code"] == 130
    assert ended == ["build"]


def test_program_ends_with_the_one_who_waits_for_it(tmp_path: Path) -> None:
    class Gone(Exception):
        pass

    number = tmp_path / "number"

    def leave(seconds: float) -> None:
        if number.exists() and number.read_text():
            raise Gone
        time.sleep(seconds)

    program = "import os, pathlib, time; pathlib.Path('number').write_text(str(os.getpid())); time.sleep(600)"
    with pytest.raises(Gone):
        engine.run_program([sys.executable, "-c", program], cwd=tmp_path, sleep=leave)
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


def test_program_that_fails_tells_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('one'); sys.exit('two')"]
    with pytest.raises(Failed) as caught:
        engine.run_program(command, cwd=tmp_path, secret="unread")
    assert sorted(caught.value.why.split()) == ["one", "two"]

"""The process: what it listens on, what it writes, how it ends, and that nothing is half done."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line
from ecs_blue_green.emulator import lock
from tests.emulator.aws import PRIVATE, PUBLIC, VPC, Aws, until
from tests.emulator.parts import released, resource
from tests.paths import PARAMETER_FILE, PROJECT, TOOLS

SOCKETS = Path("/proc/net/tcp")
pytestmark = pytest.mark.usefixtures("cold_emulators")


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def holder(state: Path) -> lock.Holder:
    found = lock.holder(state)
    assert found is not None
    return found


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended but whose parent has not looked yet is not running either.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def listening_addresses(pid: int) -> set[str]:
    """The local addresses of the listening sockets of a process, in any protocol version."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in (SOCKETS, SOCKETS.with_name("tcp6"), SOCKETS.with_name("udp"), SOCKETS.with_name("udp6")):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            # 0A is LISTEN; datagram sockets are in state 07 as soon as they are bound.
            if fields[9] in inodes and fields[3] in ("0A", "07"):
                raw = bytes.fromhex(fields[1].partition(":")[0])
                words = (raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
                packed = b"".join(words)
                family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
                found.add(socket.inet_ntop(family, packed))
    return found


@pytest.mark.skipif(not SOCKETS.exists(), reason="reads Linux's tables of sockets")
def test_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        Aws(endpoint).client("s3").list_buckets()
        assert listening_addresses(holder(tmp_path).pid) == {"127.0.0.1"}


def test_leaves_no_process_behind(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE):
        pid = holder(tmp_path).pid
        assert is_running(pid)
    assert not is_running(pid)
    assert lock.holder(tmp_path) is None


def test_one_that_was_started_ahead_is_the_one_that_runs(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        Aws(endpoint).client("sns").create_topic(Name="kept")
    with emulator.started_ahead(tmp_path, PARAMETER_FILE):
        wait_for(lambda: lock.holder(tmp_path) is not None)
        pid = holder(tmp_path).pid
        with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
            assert holder(tmp_path).pid == pid
            assert len(Aws(endpoint).client("sns").list_topics()["Topics"]) == 1
        assert not is_running(pid)


def test_one_that_was_started_ahead_and_is_not_wanted_leaves_nothing_behind(tmp_path: Path) -> None:
    with emulator.started_ahead(tmp_path / "new", PARAMETER_FILE):
        assert not (tmp_path / "new").exists()
    with emulator.started_ahead(tmp_path, PARAMETER_FILE):
        wait_for(lambda: lock.holder(tmp_path) is not None)
        pid = holder(tmp_path).pid
    assert not is_running(pid)
    assert lock.holder(tmp_path) is None


def test_one_that_was_started_ahead_with_other_options_makes_room(tmp_path: Path) -> None:
    with emulator.started_ahead(tmp_path, PARAMETER_FILE, minute=0.5, attended=True):
        wait_for(lambda: lock.holder(tmp_path) is not None)
        pid = holder(tmp_path).pid
        with emulator.running(tmp_path, PARAMETER_FILE, minute=0.5):
            assert not is_running(pid)
            assert holder(tmp_path).pid != pid


def test_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C on the terminal must not reach the emulator before the command is done with it."""
    with emulator.running(tmp_path, PARAMETER_FILE):
        assert os.getsid(holder(tmp_path).pid) != os.getsid(0)


def test_ends_and_saves_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from ecs_blue_green import emulator; from tests.emulator.aws import Aws\n"
        "from tests.paths import PARAMETER_FILE\n"
        "with emulator.running(Path(sys.argv[1]), PARAMETER_FILE) as endpoint:\n"
        "    Aws(endpoint).client('s3').create_bucket(Bucket='kept-bucket', CreateBucketConfiguration="
        "{'LocationConstraint': 'ap-northeast-1'})\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=TOOLS, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        pid = holder(tmp_path).pid
        parent.kill()
    wait_for(lambda: not is_running(pid))
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        assert [bucket["Name"] for bucket in Aws(endpoint).client("s3").list_buckets()["Buckets"]] == [
            "kept-bucket"
        ]


def test_keeps_its_state(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        aws = Aws(endpoint)
        aws.create(
            "kept",
            {
                "Bucket": resource(
                    "S3::Bucket", BucketName="objects", VersioningConfiguration={"Status": "Enabled"}
                ),
                "Connection": resource(
                    "CodeConnections::Connection", ConnectionName="github", ProviderType="GitHub"
                ),
            },
            Outputs={"Connection": {"Value": {"Ref": "Connection"}, "Export": {"Name": "the-connection"}}},
        )
        aws.client("s3").put_object(Bucket="objects", Key="a/b", Body=b"\x00first")
        aws.client("s3").put_object(Bucket="objects", Key="a/b", Body=b"second")
        arn = aws.outputs("kept")["Connection"]

    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        aws = Aws(endpoint)
        assert aws.outputs("kept") == {"Connection": arn}
        assert aws.client("cloudformation").list_exports()["Exports"][0]["Name"] == "the-connection"
        assert aws.client("codeconnections").get_connection(ConnectionArn=arn)
        assert aws.client("s3").get_object(Bucket="objects", Key="a/b")["Body"].read() == b"second"
        versions = aws.client("s3").list_object_versions(Bucket="objects")["Versions"]
        first = aws.client("s3").get_object(Bucket="objects", Key="a/b", VersionId=versions[-1]["VersionId"])
        assert first["Body"].read() == b"\x00first"


def test_a_killed_emulator_leaves_the_state_before_it(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        Aws(endpoint).client("sns").create_topic(Name="saved")
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        Aws(endpoint).client("sns").create_topic(Name="lost")
        os.kill(holder(tmp_path).pid, signal.SIGKILL)
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        topics = [topic["TopicArn"] for topic in Aws(endpoint).client("sns").list_topics()["Topics"]]
        assert [arn.rpartition(":")[2] for arn in topics] == ["saved"]


def test_writes_only_into_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program writes by itself goes home, to the temporary folder, or where it was started."""
    folders = {name: tmp_path / name for name in ("home", "temporary", "state")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setenv("HOME", str(folders["home"]))
    monkeypatch.setenv("TMPDIR", str(folders["temporary"]))
    with emulator.running(folders["state"], PARAMETER_FILE) as endpoint:
        Aws(endpoint).create("written", {"Topic": resource("SNS::Topic")})
    assert not list(folders["home"].iterdir())
    assert not list(folders["temporary"].iterdir())
    assert {path.name for path in folders["state"].iterdir()} == {"emulator.log", "lock", "state.json", "tmp"}


def test_takes_nothing_from_the_users_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINISTACK_ACCOUNT_ID", "111111111111")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        assert Aws(endpoint).client("sts").get_caller_identity()["Account"] == "000000000000"


def test_a_second_command_is_told_who_is_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "HANDOVER_SECONDS", 0.2)
    with emulator.running(tmp_path, PARAMETER_FILE):
        pid = holder(tmp_path).pid
        with (
            pytest.raises(emulator.EmulatorError, match=f"in use by another command .process {pid}."),
            emulator.running(tmp_path, PARAMETER_FILE),
        ):
            pass


def test_a_command_uses_a_persons_server_and_leaves_it_running(tmp_path: Path) -> None:
    with serving("--state", str(tmp_path)) as server:
        assert server.stdout is not None
        endpoint = server.stdout.readline().strip().removeprefix(emulator.ENDPOINT_PREFIX)
        with emulator.running(tmp_path, PARAMETER_FILE) as used:
            assert used == endpoint
            Aws(used).client("sns").create_topic(Name="shared")
        assert is_running(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert "shared" in (tmp_path / "state.json").read_text()


def test_serve_says_why_it_cannot_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving("--state", str(tmp_path), "--port", str(port)) as server:
            output, errors = server.communicate(timeout=20)
    assert server.returncode == 1
    assert output == ""
    assert errors.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in errors


@pytest.mark.parametrize("content", ["{", "[]", '{"services": 1}', '{"services": {"s3": {}}}'], ids=str)
def test_a_damaged_state_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with (
        pytest.raises(emulator.EmulatorError, match=r"saved state .*state\.json") as refused,
        emulator.running(tmp_path, PARAMETER_FILE),
    ):
        pass
    assert refused.value.remedy == f"begin with an empty account: rm -r {tmp_path}/state.json"
    assert (tmp_path / "state.json").read_text() == content


def be_a_file(path: Path) -> None:
    path.touch()


def be_a_link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("part", "make"),
    [
        (".local", be_a_file),
        (".local", be_a_link_to_nowhere),
        (".local/lock", Path.mkdir),
        (".local/emulator.log", Path.mkdir),
        (".local/tmp", be_a_file),
    ],
)
def test_what_is_in_the_way_of_the_state_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, make: Callable[[Path], None]
) -> None:
    """One message and a remedy that helps."""
    shutil.copytree(PROJECT / "params", tmp_path / "params")
    shutil.copytree(PROJECT / "build", tmp_path / "build")
    (tmp_path / part).parent.mkdir(exist_ok=True)
    make(tmp_path / part)
    assert command_line.main(["status", "--env", "local"], tmp_path) == 1
    *_, error, advice = capsys.readouterr().err.splitlines()
    assert error.startswith("error: the emulator does not answer: ")
    assert f"the state cannot be kept in {tmp_path}/.local: {tmp_path}/{part}: " in error
    assert advice == f"next:  move away what is there: mv {tmp_path}/{part} {tmp_path}/{part}.old"
    (tmp_path / part).rename(tmp_path / f"{part}.old")
    assert command_line.main(["status", "--env", "local"], tmp_path) == 0


def test_damaged_state_comes_with_what_helps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To run the command again, as for other trouble with the emulator, would not."""
    shutil.copytree(PROJECT / "params", tmp_path / "params")
    shutil.copytree(PROJECT / "build", tmp_path / "build")
    state = tmp_path / ".local" / "state.json"
    state.parent.mkdir()
    state.write_text("garbage")
    assert command_line.main(["status", "--env", "local"], tmp_path) == 1
    advice = capsys.readouterr().err.splitlines()[-1]
    assert advice == f"next:  begin with an empty account: rm -r {state}"


@pytest.mark.parametrize("denied", ["lock", "emulator.log"])
def test_folder_that_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    (tmp_path / "lock").touch()
    as_it_is = Path.open

    def refuse(path: Path, *arguments: Any, **others: Any) -> Any:
        if path == tmp_path / denied:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return as_it_is(path, *arguments, **others)

    # Not by its mode, which does not stop the superuser.
    monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(emulator.EmulatorError, match=f"{denied}: Permission denied") as refused,
        emulator.running(tmp_path, PARAMETER_FILE),
    ):
        pass
    assert refused.value.remedy == f"become a user who may write to {tmp_path / denied}, or get the right to"


def test_state_that_cannot_be_saved_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE):
        (tmp_path / "state.new").mkdir()
    said = capsys.readouterr().err
    assert said.startswith("local emulator: what was done is lost, the state cannot be saved: ")
    assert f"{tmp_path}/state.new: Is a directory" in said


def test_interrupt_while_it_starts_says_nothing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(child: subprocess.Popen[str], state: Path) -> str:
        wait_for(lambda: bool((found := lock.holder(state)) and found.endpoint))
        raise KeyboardInterrupt

    monkeypatch.setattr(emulator, "_endpoint", interrupted)
    with pytest.raises(KeyboardInterrupt), emulator.running(tmp_path, PARAMETER_FILE):
        pass
    assert capsys.readouterr().err == ""
    assert lock.holder(tmp_path) is None


def test_parameters_that_name_no_network_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "local.yaml"
    file.write_text("account: '1'\n")
    with (
        pytest.raises(emulator.EmulatorError, match="does not describe an account and its network"),
        emulator.running(tmp_path / "state", file),
    ):
        pass


def test_import_is_cheap() -> None:
    """Every command pays for it: neither the emulator nor boto3 may come with it."""
    script = (
        "import sys; from ecs_blue_green import emulator\n"
        "print(sorted({'ministack', 'boto3', 'yaml'} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=TOOLS, capture_output=True, text=True, check=True
    )
    assert output.stdout == "[]\n"


def test_the_network_of_the_parameter_file_exists(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        ec2 = Aws(endpoint).client("ec2")
        subnets = ec2.describe_subnets(SubnetIds=[*PUBLIC, *PRIVATE])["Subnets"]
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [VPC]}])["RouteTables"]
    ways_out = {
        association["SubnetId"]: {
            key for route in table["Routes"] for key in route if key.endswith("GatewayId")
        }
        for table in tables
        for association in table["Associations"]
        if "SubnetId" in association
    }
    assert {subnet["VpcId"] for subnet in subnets} == {VPC}
    for group in (PUBLIC, PRIVATE):
        zones = {subnet["AvailabilityZone"] for subnet in subnets if subnet["SubnetId"] in group}
        assert zones == {"ap-northeast-1a", "ap-northeast-1c"}
    assert all(ways_out[subnet] == {"GatewayId"} for subnet in PUBLIC)
    assert all("NatGatewayId" in ways_out[subnet] for subnet in PRIVATE)


@contextlib.contextmanager
def serving(*arguments: str):  # type: ignore[no-untyped-def]
    """`python -m ecs_blue_green serve` as a person runs it; killed at the latest when the test ends."""
    command = [sys.executable, "-m", "ecs_blue_green", "serve", *arguments]
    server = subprocess.Popen(command, cwd=TOOLS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with server:
        try:
            yield server
        finally:
            server.kill()


def test_lock_is_released_when_its_holder_is_killed(tmp_path: Path) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE):
        os.kill(holder(tmp_path).pid, signal.SIGKILL)
        wait_for(lambda: lock.holder(tmp_path) is None)
    assert json.loads((tmp_path / "lock").read_text())["pid"] > 0


def test_placeholder_answers_the_hooks_that_nobody_calls_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with emulator.running(tmp_path, PARAMETER_FILE, minute=0.1) as endpoint:
        aws = Aws(endpoint)
        _, request = released(aws, "shop")
        codedeploy = aws.client("codedeploy")
        deployment = codedeploy.create_deployment(**request)["deploymentId"]
        for _ in until(lambda: info_of(codedeploy, deployment)["status"] == "Succeeded", seconds=30):
            pass
        succeeded = info_of(codedeploy, deployment)
    (message,) = succeeded["deploymentStatusMessages"]
    said = "AfterAllowTestTraffic: a placeholder answered Succeeded in the place of check"
    assert message.startswith(said)
    assert f"local emulator: {deployment} {said}" in capsys.readouterr().err
    with emulator.running(tmp_path, PARAMETER_FILE) as endpoint:
        assert info_of(Aws(endpoint).client("codedeploy"), deployment) == succeeded


def info_of(codedeploy: Any, deployment: str) -> Any:
    return codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]

"""A hook function runs as Lambda runs it: its own code, its variables, the load balancer on this machine."""

import asyncio
import http.server
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecs_blue_green.rehearsal import hook
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.processes import Ledger
from tests.rehearsal.test_verdict import system

FUNCTION = """
import json, os, time
import boto3

def handler(event, context):
    time.sleep(3600)
    filters = [{"Name": "group-id", "Values": [os.environ["SECURITY_GROUP"]]},
               {"Name": "description", "Values": ["ELB " + os.environ["LOAD_BALANCER"]]}]
    found = boto3.client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    print(json.dumps({**event, "addresses": [item["PrivateIpAddress"] for item in found],
                      "port": os.environ["PORT"],
                      "left": context.get_remaining_time_in_millis() <= 20000,
                      "trusts": os.path.basename(os.environ.get("SSL_CERT_FILE", ""))}))
    if os.environ.get("FAIL"):
        raise RuntimeError("cannot")
"""


@pytest.fixture
def code() -> Iterator[str]:
    """The address of the function's archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.py", FUNCTION)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive.getvalue())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/code"
    server.shutdown()
    thread.join()
    server.server_close()


def invoke(folder: Path, code: str, **variables: str) -> hook.Answer:
    configuration = {
        "Handler": "index.handler",
        "Timeout": 20,
        "Environment": {"Variables": {"PORT": "9002", "LOAD_BALANCER": "app/shop/1", **variables}},
    }
    described = {"Configuration": configuration, "Code": {"Location": code}}
    client = SimpleNamespace(get_function=lambda FunctionName: described)  # noqa: N803 - boto3's name
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "ap-northeast-1",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    cloud: Any = SimpleNamespace(client=lambda _: client, environment=lambda: environment)
    event = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "h-1"}
    stage: Any = SimpleNamespace(
        cloud=cloud,
        system=system([], security_groups=["sg-1"], test="test listener"),
        clock=Clock(0.01),
        ledger=Ledger(folder / "ledger"),
        folder=folder,
    )
    balancer: Any = SimpleNamespace(port=lambda _: 4321, authority=authority(folder))
    return asyncio.run(hook.Hooks(stage, balancer).invoke("smoke", event))


def authority(folder: Path) -> Path:
    """Where the load balancer keeps its authority's certificate, if it has one."""
    return folder / "root.crt"


def test_function_finds_the_load_balancer_here_and_its_waits_are_short(tmp_path: Path, code: str) -> None:
    answer = invoke(tmp_path, code, SECURITY_GROUP="sg-1")
    assert answer.failure == ""
    assert answer.log == "addresses 127.0.0.1, port 4321, left True, trusts "


def test_function_trusts_the_authority_of_the_load_balancer_here(tmp_path: Path, code: str) -> None:
    authority(tmp_path).write_text("a certificate")
    assert invoke(tmp_path, code, SECURITY_GROUP="sg-1").log.endswith("trusts root.crt")


def test_line_of_the_log_is_told_in_words() -> None:
    line = {
        "DeploymentId": "d-1",
        "paths": {"/": {"requests": 25, "errors": {"301": 25}}, "/health": {"requests": 25, "errors": {}}},
        "status": "Failed",
        "problems": ["/: 25 of 25 answers are errors", "it is slow"],
    }
    assert hook.words(json.dumps(line)) == (
        "paths (/ (requests 25, errors (301 25)), /health (requests 25)), status Failed,"
        " problems /: 25 of 25 answers are errors; it is slow"
    )
    assert hook.words("Traceback: no JSON") == "Traceback: no JSON"


def test_function_that_asks_for_another_load_balancer_finds_none(tmp_path: Path, code: str) -> None:
    assert "addresses" not in invoke(tmp_path, code, SECURITY_GROUP="sg-other").log


def test_function_that_fails_gives_no_answer(tmp_path: Path, code: str) -> None:
    answer = invoke(tmp_path, code, SECURITY_GROUP="sg-1", FAIL="1")
    assert answer.failure == "smoke failed: RuntimeError: cannot"


def test_runner_gives_the_handler_its_event(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context):\n    print(event['DeploymentId'])\n")
    arguments = [str(tmp_path), "index.handler", "5", "1", "app/shop/1", "sg-1"]
    done = subprocess.run(
        [sys.executable, "-m", "ecs_blue_green.rehearsal.hook_runner", *arguments],
        input=json.dumps({"DeploymentId": "d-7"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "d-7\n"

"""What an answer of AWS lacks: a list is empty, another member is one message, and nothing is a traceback."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ecs_blue_green.deployer import aws, responses
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.preflight import examination
from ecs_blue_green.deployer.preflight.examination import Question


@pytest.fixture
def answering() -> Iterator[Callable[[Any], Aws]]:
    """Clients that are given this document, in JSON, as the answer to each call."""
    with ExitStack() as stack:

        def start(document: Any) -> Aws:
            body = json.dumps(document).encode()

            class Service(BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/x-amz-json-1.1")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_: Any) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Service))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            session = boto3.session.Session("test", "test", region_name="ap-northeast-1")
            return Aws(session, Config(proxies={}), f"http://127.0.0.1:{server.server_address[1]}")

        yield start


def test_list_that_is_left_out_is_empty(answering: Callable[[Any], Aws]) -> None:
    clients = answering({})
    assert clients.client("codeconnections").list_connections()["Connections"] == []
    pages = clients.client("ecs").get_paginator("list_services").paginate()
    assert [page["serviceArns"] for page in pages] == [[]]


def test_lists_of_what_is_in_a_list_too(answering: Callable[[Any], Aws]) -> None:
    services = answering({"services": [{"serviceName": "x", "deployments": [{"id": "1"}]}]}).client("ecs")
    (service,) = services.describe_services(services=["x"])["services"]
    assert service["taskSets"] == service["loadBalancers"] == []
    assert service["deployments"][0]["id"] == "1"
    assert service["deployments"][0]["capacityProviderStrategy"] == []


def test_other_members_are_named(answering: Callable[[Any], Aws]) -> None:
    client = answering({"Connection": {}}).client("codeconnections")
    found = client.get_connection(ConnectionArn="arn:aws:x")
    assert found["Connection"].get("ConnectionStatus") is None
    assert "ConnectionStatus" not in found["Connection"]
    with pytest.raises(responses.MissingMember) as caught:
        _ = found["Connection"]["ConnectionStatus"]
    told = aws.failure(caught.value)
    assert isinstance(told, Failed)
    assert str(told) == "AWS's answer to GetConnection has no ConnectionStatus"
    assert told.remedy == "run again; if it stays so, the answer is not AWS's, or AWS has changed it"


def test_question_of_the_preflight_whose_answer_lacks_something_is_not_checked(
    answering: Callable[[Any], Aws],
) -> None:
    client = answering({}).client("codeconnections")

    def ask() -> Iterator[Any]:
        yield client.get_connection(ConnectionArn="arn:aws:x")["Connection"]

    assert examination._answer(Question("the connection", ask)) == (
        [],
        "AWS's answer to GetConnection has no Connection",
    )

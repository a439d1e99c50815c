"""A listener that answers as a test tells it."""

import http.client
import ssl
from pathlib import Path

import pytest

from ecs_blue_green.testing.listener import certificate, listening


def status(client: http.client.HTTPConnection, path: str) -> int:
    client.request("GET", path, headers={"Host": "lb.example"})
    with client.getresponse() as response:
        return response.status


def test_paths_answer_what_they_are_told_and_are_kept() -> None:
    with listening() as listener:
        listener.statuses["/old"] = 301
        listener.ill["/new"] = 1

        def get(path: str) -> int:
            return status(http.client.HTTPConnection("127.0.0.1", listener.server_port), path)

        assert [get(path) for path in ("/", "/old", "/new", "/new")] == [200, 301, 503, 200]
    assert listener.asked == [(path, "lb.example") for path in ("/", "/old", "/new", "/new")]


def test_name_that_a_client_of_tls_asks_for_is_kept(tmp_path: Path) -> None:
    try:
        file = certificate(tmp_path, "shop.example")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(cafile=str(file))
    context.check_hostname = False
    with listening(file) as listener:
        client = http.client.HTTPSConnection("localhost", listener.server_port, context=context)
        assert status(client, "/") == 200
        client.close()
    assert listener.names == ["localhost"]

"""What goes between a deployer's process and the one that has the world."""

import os
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse


@dataclass(frozen=True)
class Request:
    """A request to AWS. `deployer` is the number of who sends it, `process` that of its process."""

    deployer: int
    process: int
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def request_of(deployer: int, sent: AWSPreparedRequest) -> Request:
    """A request as botocore sends it, of this process."""
    body = sent.body or b""
    headers = {
        key: value.decode() if isinstance(value, bytes) else str(value) for key, value in sent.headers.items()
    }
    return Request(
        deployer,
        os.getpid(),
        str(sent.method),
        str(sent.url),
        headers,
        body.encode() if isinstance(body, str) else bytes(body),  # type: ignore[arg-type]
    )


def response(url: str, status: int, headers: Any, body: bytes) -> AWSResponse:
    """An answer of AWS as botocore's own transport makes it."""
    return AWSResponse(url, status, headers, _Raw(body))


class _Raw:
    """An answer's body as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *arguments: Any, **options: Any) -> Any:
        """All of it at once."""
        yield self._content

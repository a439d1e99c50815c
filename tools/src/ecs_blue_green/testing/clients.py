"""Clients of an emulator, for tests and for what compares emulators."""

from typing import Any

import boto3
from botocore.config import Config

REGION = "ap-northeast-1"


class Clients:
    """Clients of the server at `endpoint`, which takes any credentials; each service's is made once."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            connect: Any = boto3.client  # Its overloads want the name as a literal.
            self._clients[service] = connect(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 (the servers take any)
                # What is refused is refused: botocore takes a quota for throttling, and asks again.
                config=Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

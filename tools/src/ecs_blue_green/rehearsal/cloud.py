"""The emulated account, as a rehearsal talks to it: AWS's own APIs and the operations of `control`."""

import json
import threading
import urllib.request
from collections.abc import Iterable
from typing import Any

import botocore.session
from botocore.config import Config

from ecs_blue_green import models

CREDENTIAL = "local"


class Cloud:
    """Clients of the emulator at `endpoint`, for one region. They may be used from several threads."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = endpoint
        self.region = region
        # boto3 has nothing more that is needed here.
        self._session = botocore.session.Session()
        self._session.register_component("data_loader", models.loader())
        self._config = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3})
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """The client of a service."""
        with self._lock:
            if service not in self._clients:
                # None of the user's profiles, credentials or proxies: this is the emulator on this machine.
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=CREDENTIAL,
                    aws_secret_access_key=CREDENTIAL,
                    config=self._config,
                )
            return self._clients[service]

    def prepare(self, services: Iterable[str]) -> None:
        """Make the clients of these services before they are needed."""
        for service in services:
            self.client(service)

    def control(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call an operation of `ecs_blue_green.emulator.control`."""
        scope = f"{CREDENTIAL}/20000101/{self.region}/rehearsal/aws4_request"
        call = urllib.request.Request(  # noqa: S310 - the emulator's own address
            self.endpoint,
            data=json.dumps(request).encode(),
            headers={
                "X-Amz-Target": f"Rehearsal.{operation}",
                "Content-Type": "application/x-amz-json-1.1",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(call, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def environment(self) -> dict[str, str]:
        """The variables with which a program of ours finds the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack."""
        description = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in description.get("Outputs", [])}

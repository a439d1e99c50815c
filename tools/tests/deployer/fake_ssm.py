"""SSM's Parameter Store as far as the lock uses it, in memory and safe for threads."""

import threading
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


class FakeSsm:
    """The calls of the Parameter Store, with the one precondition that it has: "must not exist"."""

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.lose_answers = 0
        self._lock = threading.Lock()

    def put_parameter(
        self,
        Name: str,  # noqa: N803
        Value: str,  # noqa: N803
        Overwrite: bool,  # noqa: N803
        Type: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        with self._lock:
            if Name not in self.parameters and Type is None:
                raise _refused(
                    "ValidationException", "A parameter type is required when you create a parameter."
                )
            if not Overwrite and Name in self.parameters:
                raise _already_exists()
            self.parameters[Name] = Value
            if self.lose_answers:
                # The client never saw the answer and sends the call again.
                self.lose_answers -= 1
                raise _already_exists()
            return {}

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Parameter": {"Name": Name, "Value": self.parameters[Name]}}

    def delete_parameters(self, Names: list[str]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            for name in Names:
                self.parameters.pop(name, None)
        return {}

    def get_paginator(self, operation: str) -> "FakeSsm":
        assert operation == "get_parameters_by_path"
        return self

    def paginate(self, Path: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        with self._lock:
            found = [
                {"Name": name, "Value": value}
                for name, value in self.parameters.items()
                if name.startswith(f"{Path}/")
            ]
        # Small pages find what reads only the first one.
        for start in range(0, len(found), 2):
            yield {"Parameters": found[start : start + 2]}
        if not found:
            yield {"Parameters": []}


def _already_exists() -> ClientError:
    return _refused("ParameterAlreadyExists", "The parameter already exists.")


def _refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutParameter")

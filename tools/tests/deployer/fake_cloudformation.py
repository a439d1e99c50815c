"""CloudFormation as far as operations are watched, in memory: stacks that become what a test says in time."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "arn:aws:cloudformation:eu-west-1:111111111111"


def arn(name: str) -> str:
    return f"{ACCOUNT}:stack/{name}/1"


def error(code: str, message: str = "", operation: str = "Any", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeCloudFormation:
    """Stacks with a script each: what is true from which second on. `calls` counts the questions.

    `trouble` is called before each answer and may raise.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: Counter[str] = Counter()
        self.scripts: dict[str, list[tuple[float, str]]] = {}
        self.begun: dict[str, float] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.trouble: Callable[[str], None] = lambda operation: None
        self.execution_status = "AVAILABLE"
        self.resources: dict[str, list[dict[str, str]]] = {}

    def script(self, name: str, *states: tuple[float, str], begun: float = 0.0) -> str:
        """From which second on the stack is in which state; gives its ARN. `begun`: its last operation."""
        self.scripts[name] = list(states)
        self.begun[name] = begun
        return arn(name)

    def event(self, name: str, status: str, *, token: str = "", resource: str = "", reason: str = "") -> None:
        """Something more that the stack's events tell: the newest."""
        self.events.setdefault(name, []).insert(
            0,
            {
                "StackId": arn(name),
                "EventId": f"{name}-{len(self.events.get(name, []))}",
                "StackName": name,
                "LogicalResourceId": resource or name,
                "PhysicalResourceId": "" if resource else arn(name),
                "ResourceType": "AWS::SNS::Topic" if resource else "AWS::CloudFormation::Stack",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ClientRequestToken": token,
                "Timestamp": START,
            },
        )

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self._ask("DescribeStacks")
        name = _name(StackName)
        status = self._status(name)
        if status is None:
            raise error("ValidationError", f"Stack with id {StackName} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "StackId": arn(name),
                    "StackStatus": status,
                    "CreationTime": START,
                    "LastUpdatedTime": START + timedelta(seconds=self.begun[name]),
                }
            ]
        }

    def describe_change_set(self, ChangeSetName: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self._ask("DescribeChangeSet")
        return {"ExecutionStatus": self.execution_status}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self._ask("DescribeStackEvents")
        return {"StackEvents": self.events.get(_name(StackName), [])}

    def execute_change_set(self, ChangeSetName: str, ClientRequestToken: str) -> dict[str, Any]:  # noqa: N803
        self.token = ClientRequestToken
        self._ask("ExecuteChangeSet")
        return {}

    def delete_stack(self, StackName: str, ClientRequestToken: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self.token = ClientRequestToken
        self._ask("DeleteStack")
        return {}

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages(self, operation)

    def _ask(self, operation: str) -> None:
        self.calls[operation] += 1
        self.trouble(operation)

    def _status(self, name: str) -> str | None:
        reached = [status for second, status in self.scripts.get(name, []) if second <= self.clock.now]
        return reached[-1] if reached else None


class _Pages:
    def __init__(self, fake: FakeCloudFormation, operation: str) -> None:
        self._fake = fake
        self._operation = operation

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        fake = self._fake
        if self._operation == "describe_stack_events":
            yield fake.describe_stack_events(**request)
            return
        if self._operation == "list_stack_resources":
            fake._ask("ListStackResources")
            yield {"StackResourceSummaries": fake.resources.get(_name(request["StackName"]), [])}
            return
        fake._ask("ListStacks")
        wanted = set(request["StackStatusFilter"])
        found = [
            {"StackName": name, "StackId": arn(name), "StackStatus": status, "CreationTime": START}
            for name in fake.scripts
            if (status := fake._status(name)) in wanted
        ]
        yield {"StackSummaries": found[:2]}
        yield {"StackSummaries": found[2:]}


def _name(stack: str) -> str:
    return stack.split("/")[1] if stack.startswith("arn:") else stack

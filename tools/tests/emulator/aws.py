"""What the tests ask of the emulator, in as few words as possible."""

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from ecs_blue_green.emulator.early import DOCUMENTED, Early
from ecs_blue_green.testing.clients import Clients
from tests.paths import PARAMETER_FILE

PARAMETERS: dict[str, Any] = yaml.load(PARAMETER_FILE.read_text(), Loader=yaml.BaseLoader)["parameters"]  # noqa: S506
ACCOUNT = "000000000000"
VPC = PARAMETERS["VpcId"]
PUBLIC = PARAMETERS["PublicSubnetIds"]
PRIVATE = PARAMETERS["PrivateSubnetIds"]

Resources = dict[str, Any]
Resource = dict[str, Any]


class Aws(Clients):
    """Clients for one emulator, and stacks in it."""

    def __init__(self, endpoint: str, validation: Early = DOCUMENTED) -> None:
        super().__init__(endpoint)
        self.validation = validation

    def propose(self, stack: str, resources: Resources, *, kind: str = "UPDATE", **more: Any) -> Any:
        """Make a change set and describe it as it became; `more` goes into the template or the call."""
        parameters = {"Parameters": more.pop("values")} if "values" in more else {}
        sections = {name: more.pop(name) for name in list(more) if name in SECTIONS}
        made = self.client("cloudformation").create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{time.time_ns()}",
            ChangeSetType=kind,
            TemplateBody=json.dumps({"Resources": resources, **sections}),
            **{"Capabilities": ["CAPABILITY_NAMED_IAM"], **parameters, **more},
        )
        return self.client("cloudformation").describe_change_set(
            ChangeSetName=made["Id"], IncludePropertyValues=True
        )

    def execute(self, change_set: Any) -> Any:
        """Execute a change set and give its stack when it has ended."""
        self.client("cloudformation").execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        return self.settled(change_set["StackId"])

    def settled(self, stack: str) -> Any:
        """A stack, once no operation runs on it."""
        for _ in range(200):
            found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{stack} stays {found['StackStatus']}")

    def create(self, stack: str, resources: Resources, **more: Any) -> Any:
        """Create a stack, which must succeed."""
        created = self.execute(self.propose(stack, resources, kind="CREATE", **more))
        assert created["StackStatus"] == "CREATE_COMPLETE", self.reasons(stack)
        return created

    def update(self, stack: str, resources: Resources, **more: Any) -> Any:
        """Update a stack and give it as it is afterwards."""
        return self.execute(self.propose(stack, resources, **more))

    def delete(self, stack: str) -> None:
        """Delete a stack, which must succeed."""
        arn = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        self.client("cloudformation").delete_stack(StackName=stack)
        assert self.settled(arn)["StackStatus"] == "DELETE_COMPLETE", self.reasons(arn)

    def refused(self, stack: str, resources: Resources, **more: Any) -> str:
        """Try to create a stack whose resources fail, and give the first reason."""
        change_set = self.propose(stack, resources, kind="CREATE", **more)
        assert change_set["Status"] == "CREATE_COMPLETE", change_set["StatusReason"]
        assert self.execute(change_set)["StackStatus"] == "ROLLBACK_COMPLETE"
        return self.reasons(stack)[0]

    def reasons(self, stack: str) -> list[str]:
        """Why resources of a stack failed, the first failure first."""
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
        return [event.get("ResourceStatusReason", "") for event in failed]

    def invalid(self, stack: str, resources: Resources, **more: Any) -> list[tuple[str, str]]:
        """Paths and reasons of a change set that fails pre-deployment validation."""
        change_set = self.propose(stack, resources, kind="CREATE", **more)
        assert change_set["Status"] == "FAILED"
        assert "AWS::EarlyValidation::" in change_set["StatusReason"]
        events = self.client("cloudformation").describe_events(ChangeSetName=change_set["ChangeSetId"])
        return [
            (event["ValidationPath"], event["ValidationStatusReason"])
            for event in events["OperationEvents"]
            if event["EventType"] == "VALIDATION_ERROR"
        ]

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}


SECTIONS = ("Outputs", "Conditions", "Parameters")
_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


def error(expected: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """Code and message of the error that AWS answered with."""
    details = expected.value.response["Error"]
    return details["Code"], details["Message"]


def until(condition: Any, seconds: float = 10.0) -> Iterator[Any]:
    """Ask again until the condition holds; yields what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            yield found
            return
        time.sleep(0.05)
    raise AssertionError("the condition never held")

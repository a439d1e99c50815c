"""How long a call is tried, with production's botocore and with the emulator's."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green import interpreters
from ecs_blue_green.deployer import aws, patience

SCRIPT = Path(__file__).with_name("patience_with.py")
PYTHONS = {"production's": interpreters.deployer, "the emulator's": interpreters.emulator}
# The quota, which is told at once.
QUOTA = "LimitExceededException"


@pytest.fixture(scope="module", params=PYTHONS)
def seen(request: pytest.FixtureRequest) -> Any:
    """What became of the calls with one botocore."""
    python: Callable[[], str] = PYTHONS[request.param]
    done = subprocess.run([python(), SCRIPT], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def lasts(outcome: Mapping[str, float]) -> bool:
    """Whether a call was tried about as long as it may be."""
    longest = patience.SECONDS - patience.LONGEST_PAUSE_SECONDS
    return (
        longest <= outcome["seconds"] <= patience.SECONDS and outcome["attempts"] >= patience.LEAST_ATTEMPTS
    )


def test_trouble_is_waited_for_by_time(seen: dict[str, Any]) -> None:
    assert lasts(seen["silence"])
    assert seen["over after a minute"]["error"] == ""
    assert seen["refused"] == {"error": "ValidationError", "attempts": 1, "seconds": 0.0}


def test_patience_does_not_wear_out(seen: dict[str, Any]) -> None:
    assert [one for one in seen["one client"] if not lasts(one)] == []


def test_every_code_that_botocore_tries_again_is_but_a_quota(seen: dict[str, Any]) -> None:
    codes = seen["codes"]
    assert codes.pop(QUOTA) == {"error": QUOTA, "attempts": 1, "seconds": 0.0}
    assert [code for code, outcome in codes.items() if not lasts(outcome)] == []
    assert codes.keys() == patience.THROTTLED | patience.TRANSIENT


@pytest.mark.parametrize(
    ("operation", "code", "used_up_by"),
    [
        ("CreateChangeSet", QUOTA, "stacks of this account and region"),
        ("PutParameter", "ParameterLimitExceeded", "Parameter Store"),
        ("CreateDeployment", QUOTA, "what this call makes"),
    ],
)
def test_quota_is_told_with_what_uses_it_up(operation: str, code: str, used_up_by: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "Enough."}}, operation)
    assert not aws.is_passing(error)
    told = aws.failure(error)
    assert f"AWS refused {operation}: a quota is used up: Enough; it is used up by" in str(told)
    assert used_up_by in str(told)
    assert "delete what nobody needs" in told.remedy
    assert "Service Quotas" in told.remedy

"""Asks the new version through the test listener, before any user does, and answers CodeDeploy.

A function that is killed answers nothing, and CodeDeploy waits an hour for it: this one stops in time.
"""

import http.client
import json
import os
import sys
import time
from typing import Any, Literal

import boto3
from botocore.config import Config

ANSWER_SECONDS = 10
# Without a way to AWS this fails in seconds; the default is minutes, longer than the function has.
CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


def handler(event: dict[str, str], context: Any) -> None:
    """CodeDeploy's lifecycle hook: the event names the deployment and the hook's execution."""
    if "DeploymentId" not in event:  # a call that keeps the function from falling asleep
        return
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    found: dict[str, Any] = {}
    problems: list[str] = []
    try:
        # Where it is disabled, only a release from before that calls it: when it is rolled back to.
        # Lambda updates the code before the variables.
        if os.environ.get("SMOKE_TEST", "enabled") == "enabled":
            # The load balancer takes a while to spread its new rule.
            time.sleep(float(os.environ["WAIT_SECONDS"]))
            found = measure(addresses(), deadline)
            problems = judge(found)
    except Exception as error:
        problems = [repr(error)]
    status: Literal["Failed", "Succeeded"] = "Failed" if problems else "Succeeded"
    sys.stdout.write(json.dumps({**event, **found, "status": status, "problems": problems}) + "\n")
    boto3.client("codedeploy", config=CONFIG).put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )


def addresses() -> list[str]:
    """The load balancer's private addresses: its name leads to the public ones."""
    filters = {"group-id": os.environ["SECURITY_GROUP"], "description": "ELB " + os.environ["LOAD_BALANCER"]}
    interfaces = boto3.client("ec2", config=CONFIG).describe_network_interfaces(
        Filters=[{"Name": name, "Values": [value]} for name, value in filters.items()]
    )["NetworkInterfaces"]
    if not interfaces:
        raise LookupError("the load balancer has no network interface here")
    return [interface["PrivateIpAddress"] for interface in interfaces]


def measure(hosts: list[str], deadline: float) -> dict[str, Any]:
    """Ask each path of each host in turn; no answer at all counts as an error."""
    paths = os.environ["PATHS"].split(",")
    requests = int(os.environ["REQUESTS"])
    limit = float(os.environ["MAX_LATENCY_MS"]) / 1000
    errors, slowest = 0, 0.0
    for number in range(requests):
        start = time.monotonic()
        if start >= deadline:
            raise TimeoutError(f"no time left after {number} of {requests} requests")
        host = hosts[number // len(paths) % len(hosts)]
        patience = min(2 * limit, deadline - start)
        link = http.client.HTTPConnection(host, int(os.environ["PORT"]), timeout=patience)
        try:
            link.request("GET", paths[number % len(paths)], headers={"Host": os.environ["HOST"]})
            errors += link.getresponse().status >= 500
        except (OSError, http.client.HTTPException):
            errors += 1
        finally:
            link.close()
        slowest = max(slowest, time.monotonic() - start)
    return {"fiveXxPercent": 100 * errors / requests, "slowestMs": round(1000 * slowest)}


def judge(found: dict[str, Any]) -> list[str]:
    """What is wrong with what was measured."""
    limits = {"fiveXxPercent": "MAX_FIVE_XX_PERCENT", "slowestMs": "MAX_LATENCY_MS"}
    return [
        f"{name} is {found[name]}, at most {os.environ[limit]} is allowed"
        for name, limit in limits.items()
        if found[name] > float(os.environ[limit])
    ]

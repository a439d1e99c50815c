"""Asks the new version through the test listener, before any user does, and answers CodeDeploy.

A function that is killed answers nothing, and CodeDeploy waits an hour for it: this one stops in time.
"""

import http.client
import json
import os
import ssl
import sys
import time
from collections import Counter
from typing import Any, Literal

import boto3
from botocore.config import Config

ANSWER_SECONDS = 10
# Without a way to AWS this fails in seconds; the default is minutes, longer than the function has.
CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
# What passes for a path that names no statuses of its own.
PASSES = "200-299"


def handler(event: dict[str, str], context: Any) -> None:
    """CodeDeploy's lifecycle hook: the event names the deployment and the hook's execution."""
    if "DeploymentId" not in event:  # a call that keeps the function from falling asleep
        return
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    found: dict[str, Any] = {}
    problems: list[str] = []
    try:
        # Where it is disabled, only a release from before that calls it: when it is rolled back to.
        # Lambda updates the code before the variables: what is newer than the function has a default.
        if os.environ.get("SMOKE_TEST", "enabled") == "enabled":
            # The load balancer takes a while to spread its new rule.
            time.sleep(float(os.environ["WAIT_SECONDS"]))
            found = measure(addresses(), deadline)
            problems = judge(found)
    except Exception as error:
        problems = [repr(error)]
    status: Literal["Failed", "Succeeded"] = "Failed" if problems else "Succeeded"
    sys.stdout.write(json.dumps({**event, "paths": found, "status": status, "problems": problems}) + "\n")
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
    """Ask each path of each host in turn; what came of it, for each path with the statuses that it names."""
    paths = os.environ["PATHS"].split(",")
    requests = max(int(os.environ["REQUESTS"]), len(paths))
    limit = float(os.environ["MAX_LATENCY_MS"]) / 1000
    tls = security()
    seconds: dict[str, list[float]] = {path: [] for path in paths}
    errors: dict[str, Counter[str]] = {path: Counter() for path in paths}
    for number in range(requests):
        start = time.monotonic()
        if start >= deadline:
            raise TimeoutError(f"no time left after {number} of {requests} requests")
        asked, host = paths[number % len(paths)], hosts[number // len(paths) % len(hosts)]
        path, *statuses = asked.split()
        answer = ask(host, path, min(2 * limit, deadline - start), tls)
        seconds[asked].append(time.monotonic() - start)
        if not passes(answer, statuses or [PASSES]):
            errors[asked][answer] += 1
    return {
        path: {
            "requests": len(seconds[path]),
            "errors": errors[path],
            "latencyMs": round(1000 * percentile_95(seconds[path])),
        }
        for path in seconds
    }


def security() -> ssl.SSLContext | None:
    """How the test listener is spoken to; None: HTTP. The certificate must be for a name that is known."""
    if os.environ.get("PROTOCOL", "HTTP") == "HTTP":
        return None
    # That Lambda's Python knows the authorities of a service's certificate is UNVERIFIED.
    context = ssl.create_default_context()
    if not os.environ.get("SMOKE_HOST"):
        # The certificate is for the service's name, and nobody has said which that is.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask(host: str, path: str, seconds: float, tls: ssl.SSLContext | None) -> str:
    """The status of the answer, or why there is none."""
    name = os.environ.get("SMOKE_HOST") or os.environ["HOST"]
    link = http.client.HTTPConnection(host, int(os.environ["PORT"]), timeout=seconds)
    try:
        link.connect()
        if tls:
            link.sock = tls.wrap_socket(link.sock, server_hostname=name)
        link.request("GET", path, headers={"Host": name})
        return str(link.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        link.close()


def passes(answer: str, statuses: list[str]) -> bool:
    """Whether the answer is one of these statuses, `401` or `200-299`."""
    ranges = [status.partition("-") for status in statuses]
    return answer.isdigit() and any(low <= answer <= (high or low) for low, _, high in ranges)


def percentile_95(seconds: list[float]) -> float:
    """The 95th percentile, by rank: with fewer than 20 values, the largest."""
    return sorted(seconds)[-(-95 * len(seconds) // 100) - 1]


def judge(found: dict[str, Any]) -> list[str]:
    """What is wrong with what was measured."""
    percent, latency = os.environ["MAX_FIVE_XX_PERCENT"], os.environ["MAX_LATENCY_MS"]
    problems = []
    for path, one in found.items():
        errors = sum(one["errors"].values())
        if 100 * errors > float(percent) * one["requests"]:
            answers = ", ".join(f"{answer} {count} times" for answer, count in one["errors"].items())
            problems.append(
                f"{path}: {errors} of {one['requests']} answers are errors ({answers}),"
                f" at most {percent} % may be"
            )
        if one["latencyMs"] > float(latency):
            problems.append(f"{path}: the latency is {one['latencyMs']} ms, at most {latency} ms may be")
    return problems

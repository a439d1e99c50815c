"""What each role may do and may not, evaluated with all condition operators of IAM."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from ecs_blue_green.testing.roles import Deployed, DeployedRole

from tests.security.conftest import FOLDER

TABLE: dict[str, Any] = yaml.safe_load((FOLDER / "requests.yaml").read_text())
LINE = re.compile(r"(?P<action>\S+) on (?P<resource>\S+)(?: with (?P<context>.*?))?(?: but (?P<but>\S+))?")


class Request(NamedTuple):
    """One line of the table for one role, with what it must come to."""

    role: str
    line: str
    allowed: bool


def requests(site: Deployed) -> Iterator[Request]:
    for role, lines in TABLE["roles"].items():
        for allowed, kind in ((True, "may"), (False, "may not")):
            yield from (Request(role, line, allowed) for line in lines[kind])
    for line in TABLE["nobody"]:
        yield from (
            Request(role, line, False) for role in site.roles if role != parsed(line, site).get("but")
        )


def parsed(line: str, site: Deployed) -> dict[str, str]:
    """The parts of a line, with the names of the deployed resources in them."""
    here = site.environment
    names = {
        "here": f"{here.region}:{here.account}",
        "account": here.account,
        "env": f"{here.project}-{here.name}",
        "other": f"{here.project}-other",
        **site.names,
    }
    text = re.sub(r"<([\w-]+(?::\w+)?)>", lambda match: names[match[1]], line)
    match = LINE.fullmatch(text)
    assert match, line
    return {name: value for name, value in match.groupdict().items() if value}


def simulation(request: Request, role: DeployedRole, site: Deployed) -> dict[str, Any]:
    parts = parsed(request.line, site)
    pairs = (pair.split("=", 1) for pair in parts.get("context", "").split())
    simulated: dict[str, Any] = {
        "request": {
            "principal": role.arn,
            "action": parts["action"],
            "resource": {"resource": parts["resource"], "accountId": site.environment.account},
            "contextVariables": dict(pairs),
        },
        "identityPolicies": [{"name": name, "policy": policy} for name, policy in role.policies.items()],
    }
    if parts["action"] == "sts:AssumeRole":
        simulated["resourcePolicy"] = trust_of(parts["resource"], site)
    return simulated


def trust_of(arn: str, site: Deployed) -> dict[str, Any]:
    """The trust policy of a role; of one that is not ours, one that trusts the whole account."""
    for role in site.roles.values():
        if role.arn == arn:
            return role.trust
    principal = {"AWS": f"arn:aws:iam::{site.environment.account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def evaluate(simulations: list[dict[str, Any]]) -> list[str]:
    node = shutil.which("node")
    assert node, "node is needed: install Node.js"
    done = subprocess.run(
        [node, "simulate.mjs"],
        cwd=FOLDER,
        input=json.dumps(simulations),
        capture_output=True,
        text=True,
        check=True,
    )
    results: list[str] = json.loads(done.stdout)
    return results


def test_every_request_comes_to_what_the_table_says(site: Deployed) -> None:
    wanted = list(requests(site))
    results = evaluate([simulation(request, site.roles[request.role], site) for request in wanted])
    wrong = [
        f"{request.role}: {request.line}: {result}"
        for request, result in zip(wanted, results, strict=True)
        if result not in (["Allowed"] if request.allowed else ["ImplicitlyDenied", "ExplicitlyDenied"])
    ]
    assert not wrong, "\n".join(wrong)
    assert len(wanted) > 500


def test_every_role_is_in_the_table(site: Deployed) -> None:
    assert set(TABLE["roles"]) == set(site.roles)


def test_artifact_bucket_refuses_what_is_not_encrypted_on_its_way(site: Deployed) -> None:
    """Whatever a role may do."""
    role = site.roles["pipeline:PipelineRole"]
    bucket = f"arn:aws:s3:::{site.names['pipeline:ArtifactBucket']}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:*"],
                "Resource": [bucket, f"{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    request = Request("pipeline:PipelineRole", f"s3:GetObject on {bucket}/any/Source/x", True)
    plain, encrypted = simulation(request, role, site), simulation(request, role, site)
    for simulated, value in ((plain, "false"), (encrypted, "true")):
        simulated["resourcePolicy"] = policy
        simulated["request"]["contextVariables"] = {"aws:SecureTransport": value}
    assert evaluate([plain, encrypted]) == ["ExplicitlyDenied", "Allowed"]

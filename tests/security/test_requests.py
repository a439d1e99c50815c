"""What each role may do and may not, evaluated with all condition operators of IAM."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from ecs_blue_green.testing.iam import Request, requests, simulation
from ecs_blue_green.testing.roles import Deployed

from templates._application import BUILD_STEPS
from templates._containers import Secret
from templates._steps import BuildStep
from tests.security.conftest import FOLDER, PROJECT

TABLE: dict[str, Any] = yaml.safe_load((FOLDER / "requests.yaml").read_text())
BUCKET = "arn:aws:s3:::<pipeline:ArtifactBucket>/<env>"


def secrets_of(step: BuildStep) -> list[str]:
    """The requests by which CodeBuild reads the secrets of a step, from the local environment."""
    given = PROJECT.environment.parameters
    return [
        f"secretsmanager:GetSecretValue on {given[secret.parameter]}"
        if isinstance(secret, Secret)
        else f"ssm:GetParameters on arn:aws:ssm:<here>:parameter{given[secret.parameter]}"
        for secret in step.secrets
    ]


def role_of(step: BuildStep, others: Sequence[BuildStep]) -> dict[str, list[str]]:
    """What a build step of the team may do: what Verify may, and read its own secrets."""
    mine = secrets_of(step)
    return {
        "may": [f"s3:GetObject on {BUCKET}/Source/x", *mine],
        "may not": [
            f"s3:PutObject on {BUCKET}/Source/x",
            f"s3:GetObject on {BUCKET}/Release/x",
            "logs:PutLogEvents on arn:aws:logs:<here>:log-group:/aws/codebuild/<env>-render:log-stream:x",
            "secretsmanager:GetSecretValue on arn:aws:secretsmanager:<here>:secret:another-AbCdEf",
            *(line for other in others for line in secrets_of(other) if line not in mine),
        ],
    }


# Rights that a step is given besides are the team's to prove.
TABLE["roles"] |= {f"pipeline:{step.name}Role": role_of(step, BUILD_STEPS) for step in BUILD_STEPS}


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
    wanted = list(requests(TABLE, site))
    results = evaluate([simulation(request, site) for request in wanted])
    wrong = [
        f"{request.role}: {request.line}: {result}"
        for request, result in zip(wanted, results, strict=True)
        if result not in (["Allowed"] if request.allowed else ["ImplicitlyDenied", "ExplicitlyDenied"])
    ]
    assert not wrong, "\n".join(wrong)
    assert len(wanted) > 500


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            "iam:PassRole on <infrastructure:TaskRoleArn> with iam:PassedToServce=lambda.amazonaws.com",
            id="one",
        ),
        pytest.param("ecs:DeleteService on * with iam:PassedToServce=lambda.amazonaws.com", id="pattern"),
    ],
)
def test_key_that_no_action_has_is_an_error(site: Deployed, line: str) -> None:
    """Left out, as the simulator does with it, "may not" holds for every policy."""
    (result,) = evaluate([simulation(Request("pipeline:DeployActionRole", line, allowed=False), site)])
    assert result == "error: context keys were ignored: iam:PassedToServce"


def test_every_role_is_in_the_table(site: Deployed) -> None:
    assert set(TABLE["roles"]) == set(site.roles)


def test_artifact_bucket_refuses_what_is_not_encrypted_on_its_way(site: Deployed) -> None:
    """Whatever a role may do."""
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
    plain, encrypted = simulation(request, site), simulation(request, site)
    for simulated, value in ((plain, "false"), (encrypted, "true")):
        simulated["resourcePolicy"] = policy
        simulated["request"]["contextVariables"] = {"aws:SecureTransport": value}
    assert evaluate([plain, encrypted]) == ["ExplicitlyDenied", "Allowed"]

"""Let the next steps of a job act as a role of docs/github-role.yaml: no key of AWS is stored on GitHub.

Usage: assume_role.py ENVIRONMENT plan|deploy

GitHub's identity token is given to AWS for credentials that live as long as the work may take.
https://docs.github.com/en/actions/reference/security/oidc
"""

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from ecs_blue_green import parameter_file, project

ROOT = project.root()
AUDIENCE = "sts.amazonaws.com"
# The role's MaxSessionDuration is 4 hours; an hour is what AWS allows every role.
SECONDS = {"plan": 3600, "deploy": 14_400}


def main(environment: str, role: str, root: Path = ROOT) -> None:
    """Write the credentials to the job's environment, masked in its log."""
    settings = parameter_file.read(root / "params" / f"{environment}.yaml")
    # Whoever has the identity token needs no signature.
    sts = boto3.client("sts", region_name=settings["region"], config=Config(signature_version=UNSIGNED))
    answer = sts.assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{settings['account']}:role/github-{settings['project']}-{environment}-{role}",
        RoleSessionName=f"github-{os.environ['GITHUB_RUN_ID']}",
        WebIdentityToken=identity_token(),
        DurationSeconds=SECONDS[role],
    )
    issued = answer["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": issued["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": issued["SecretAccessKey"],
        "AWS_SESSION_TOKEN": issued["SessionToken"],
    }
    for value in credentials.values():
        sys.stdout.write(f"::add-mask::{value}\n")
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in credentials.items())


def identity_token() -> str:
    """The token by which GitHub tells AWS which repository, branch and environment this job is of."""
    request = urllib.request.Request(  # noqa: S310 (the runner's own address)
        f"{os.environ['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={AUDIENCE}",
        headers={"Authorization": f"bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        document: dict[str, Any] = json.load(answer)
    return str(document["value"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""The stand-in for the AWS CLI: what it answers, and that the CLI itself answers the same.

The CLI needs another botocore than the emulator, so it is not in `.venv`. `make security` installs it into
`.venv-security/awscli`; where neither that nor another `aws` is found, the comparison is skipped.
"""

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from ecs_blue_green.codebuild import stand_ins
from tests.paths import PROJECT, TOOLS
from tests.pipeline.site import NAME, TASK_DEFINITION_STACK, Site

TAG = "0123456789abcdef0123456789abcdef01234567"
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}'

# Every form of command that the build specifications hold; {revision} is the stack's.
COMMANDS = [
    f"ecr batch-get-image --repository-name {NAME} --image-ids imageTag={TAG}"
    " --query images[0].imageId.imageDigest --output text",
    f"ecr batch-get-image --repository-name {NAME} --image-ids imageTag=missing"
    " --query images[0].imageId.imageDigest --output text",
    f"ecr batch-get-image --repository-name {NAME} --image-ids imageTag={TAG}"
    " --query images[0].imageManifest --output text",
    "ecr get-login-password",
    f"cloudformation describe-stacks --stack-name {TASK_DEFINITION_STACK} --output text"
    " --query Stacks[0].Outputs[?OutputKey==`TaskDefinitionArn`].OutputValue|[0]",
    f"cloudformation describe-stacks --stack-name {TASK_DEFINITION_STACK} --output text"
    " --query Stacks[0].Outputs[?OutputKey==`Nothing`].OutputValue|[0]",
    "ecs describe-task-definition --task-definition {revision} --include TAGS --output json",
    "cloudformation describe-stacks --stack-name nobody --output text --query Stacks[0]",
    "ecr batch-get-image --repository-name nobody --image-ids imageTag=x --query images[0] --output text",
    f"ecr batch-get-image --repository-name {NAME} --image-ids imageTag={TAG}"
    " --query images[0].imageManifestMediaType --output text",
    "ecr no-such-operation",
    f"ecr batch-get-image --repository-name {NAME} --no-such-option x",
]


def command_line_interface() -> str | None:
    """The AWS CLI, where one is installed."""
    own = TOOLS.parent / ".venv-security" / "awscli" / "bin" / "aws"
    return str(own) if own.exists() else shutil.which("aws")


def asked(program: str, command: str, site: Site) -> tuple[int, str]:
    """Exit code and standard output of a command; what is said of an error differs in words."""
    revision = site.stack_revision()
    done = subprocess.run(
        [program, *(word.replace("{revision}", revision) for word in command.split())],
        env={"PATH": os.environ["PATH"], "HOME": str(site.folder), "AWS_PAGER": "", **site.aws},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr == "") == (done.returncode == 0), done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def stand_in(site: Site) -> str:
    site.client("ecr").put_image(repositoryName=NAME, imageManifest=MANIFEST, imageTag=TAG)
    return str(site.path[0] / "aws")


def comparable(text: str) -> Any:
    """JSON without moments, which the CLI's two versions write in two ways."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    document.get("taskDefinition", {}).pop("registeredAt", None)
    return document


def test_stand_in_answers_as_the_cli_does(site: Site, stand_in: str) -> None:
    cli = command_line_interface()
    if cli is None:
        pytest.skip("the AWS CLI is not installed: make security does it")
    for command in COMMANDS:
        (own_code, own), (code, text) = asked(stand_in, command, site), asked(cli, command, site)
        # The numbers of a failure are version 2's; version 1 has others.
        assert (own_code == 0) == (code == 0), command
        assert comparable(own) == comparable(text), command


def test_stand_in_writes_what_the_steps_read(site: Site, stand_in: str) -> None:
    digest, missing, manifest, password, revision, nothing = (
        asked(stand_in, command, site) for command in COMMANDS[:6]
    )
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", digest[1])
    assert missing == (0, "None\n")
    assert manifest == (0, f"{MANIFEST}\n")
    assert password[1].strip()
    assert revision == (0, f"{site.stack_revision()}\n")
    assert nothing == (0, "None\n")


@pytest.mark.parametrize(
    "command",
    [
        "ecs wait services-stable --cluster c",
        "ecr put-image --repository-name x --image-manifest file://manifest.json",
        "ecr describe-images --repository-name x --filter tagStatus",
        f"ecr describe-images --repository-name {NAME} --output table",
        "ecr describe-images --repository-name",
        "--version",
    ],
)
def test_stand_in_refuses_what_it_does_not_do(site: Site, stand_in: str, command: str) -> None:
    assert asked(stand_in, command, site) == (252, "")


def test_every_command_of_the_build_steps_is_compared() -> None:
    used = set(re.findall(r"\baws (\w[\w-]+ [\w-]+)", (PROJECT / "build" / "pipeline.yaml").read_text()))
    compared = {" ".join(command.split()[:2]) for command in COMMANDS} | {"ecr put-image"}
    assert used <= compared
    assert (stand_ins.FOLDER / "aws.py").exists()

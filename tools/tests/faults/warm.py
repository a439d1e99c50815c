"""What the process has imported and read that deployers are forked from, so that they need not."""

import contextlib
import gc
import importlib

import boto3

from ecs_blue_green.deployer import command_line
from ecs_blue_green.deployer.project import read_build
from ecs_blue_green.testing import sharing
from tests.faults import child, kills, presses
from tests.paths import PROJECT

__all__ = ["child", "kills", "presses"]

# The services that nearly every deploy asks for something.
SERVICES = (
    "cloudformation",
    "codebuild",
    "codedeploy",
    "codepipeline",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "logs",
    "ssm",
    "sts",
)

for verb in command_line.VERBS:
    importlib.import_module(f"ecs_blue_green.deployer.verbs.{verb.replace('-', '_')}")

# For as long as this process lives, and those that are forked from it.
shared = contextlib.ExitStack()
shared.enter_context(sharing.clients())
shared.enter_context(sharing.builds())
session = boto3.session.Session(
    region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
)
for service in SERVICES:
    session.client(service)  # type: ignore[call-overload]
read_build(PROJECT)
# What is not written to is shared.
gc.collect()
gc.freeze()

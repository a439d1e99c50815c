"""The rows of the build tables in `_application.py`, and what is built from them."""

import re
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import Literal, NamedTuple, get_args

import awacs.secretsmanager
import awacs.ssm
from awacs.aws import Statement
from troposphere import Parameter, Ref
from troposphere.codebuild import EnvironmentVariable

from templates._containers import Secret, arn_parameter, value_from
from templates._iam import allow, arn

# Together with the image build, before anything is deployed; just before users get the new version; after
# they have it.
When = Literal["build", "before deploy", "after deploy"]

# Names of the pipeline's own builds and actions.
TAKEN = {
    *("Source", "Verify", "ImageBuild", "PrepareTaskDefinition", "ExecuteTaskDefinition", "Render"),
    *("Approve", "Deploy", "TagRelease"),
    # Other roles of the layer.
    *("Pipeline", "CodeDeploy", "SourceAction", "BuildAction", "CloudFormationAction", "DeployAction"),
}


class StoredParameter(NamedTuple):
    """An environment variable of a build whose value is in Parameter Store.

    The parameter of the template gives its name there, from the first slash: `/shop/token`.
    """

    name: str
    parameter: str
    description: str


class BuildStep(NamedTuple):
    """A build in the pipeline: its own project, role and log group, and an action in a stage.

    Its commands are one bash script, run in the pushed files, with the commit ID as `COMMIT_ID`. They are
    part of the project, so a push cannot change them, only the files that they call. A failing command stops
    the release, and so does a variable that is not set. Each of the `secrets` is an environment variable that
    only the role of this step may read; `statements` are further permissions of that role.
    """

    name: str
    commands: Sequence[str]
    when: When = "build"
    secrets: Sequence[Secret | StoredParameter] = ()
    statements: Sequence[Statement] = ()


class RegistryLogin(NamedTuple):
    """A registry that needs a login when the application's image is built.

    The parameter gives the ARN of a secret in JSON with the keys `username` and `password`, as a side
    container's `credentials` does: they may name the same.
    """

    registry: str
    parameter: str

    def secrets(self, number: int) -> list[Secret]:
        """The environment variables of the build that has the login."""
        description = f"Login to {self.registry}"
        return [
            Secret(f"LOGIN_{number}_{key.upper()}", self.parameter, description, key=key)
            for key in ("username", "password")
        ]


def login_secrets(logins: Sequence[RegistryLogin]) -> list[Secret]:
    """The secrets of all logins."""
    return [secret for number, login in enumerate(logins, 1) for secret in login.secrets(number)]


def login_commands(logins: Sequence[RegistryLogin]) -> list[str]:
    """The commands that log in before an image is built."""
    return [
        f'docker login --username "$LOGIN_{number}_USERNAME" --password-stdin {login.registry}'
        f' <<< "$LOGIN_{number}_PASSWORD"'
        for number, login in enumerate(logins, 1)
    ]


def build_parameters(steps: Sequence[BuildStep], logins: Sequence[RegistryLogin]) -> list[Parameter]:
    """The parameters of all secrets, for the layer with the builds, each once."""
    rows = [*(secret for step in steps for secret in step.secrets), *login_secrets(logins)]
    found: dict[str, Parameter] = {}
    for row in rows:
        parameter = (
            arn_parameter(row.parameter, row.description, is_secret=True)
            if isinstance(row, Secret)
            else Parameter(
                row.parameter,
                Type="String",
                Description=f"{row.description} (name in Parameter Store)",
                AllowedPattern="/[A-Za-z0-9/_.-]{1,1010}",
                ConstraintDescription="must be the name of a Parameter Store parameter, from its first slash",
            )
        )
        found.setdefault(row.parameter, parameter)
    return list(found.values())


def secret_variables(secrets: Sequence[Secret | StoredParameter]) -> list[EnvironmentVariable]:
    """The secrets of a project: CodeBuild passes their values to the build, and masks them in its log."""
    # An ARN with key, stage and version appended is accepted too: https://github.com/aws/aws-cdk/issues/12703
    return [
        EnvironmentVariable(Name=secret.name, Type="SECRETS_MANAGER", Value=value_from(secret))
        if isinstance(secret, Secret)
        else EnvironmentVariable(Name=secret.name, Type="PARAMETER_STORE", Value=Ref(secret.parameter))
        for secret in secrets
    ]


def secret_statements(secrets: Sequence[Secret | StoredParameter]) -> list[Statement]:
    """Permissions to read these secrets only. Secrets with your own KMS key also need kms:Decrypt."""
    arns = {secret.parameter: Ref(secret.parameter) for secret in secrets if isinstance(secret, Secret)}
    stored = {
        secret.parameter: arn("ssm", f"parameter${{{secret.parameter}}}")
        for secret in secrets
        if isinstance(secret, StoredParameter)
    }
    return [
        *([allow([awacs.secretsmanager.GetSecretValue], *arns.values())] if arns else []),
        *([allow([awacs.ssm.GetParameters], *stored.values())] if stored else []),
    ]


def specification(step: BuildStep) -> str:
    """The buildspec of a step: its commands as one script, which ends at the first failing command."""
    script = "\n".join(("set -euo pipefail", *(command.strip("\n") for command in step.commands)))
    head = "version: 0.2\nenv:\n  shell: bash\nphases:\n  build:\n    commands:\n      - |\n"
    return f"{head}{indent(script, ' ' * 8)}\n"


def problems(steps: Sequence[BuildStep], logins: Sequence[RegistryLogin]) -> Iterator[str]:
    """What CodePipeline and CodeBuild would refuse in the tables, or interpret differently."""
    names = [step.name for step in steps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"build step {name} is there twice"
    for step in steps:
        if not re.fullmatch("[A-Z][A-Za-z0-9]{0,39}", step.name) or step.name in TAKEN:
            yield (
                f"build step {step.name!r} must have a name of up to 40 letters and digits, a capital first,"
                f" and none of {', '.join(sorted(TAKEN))}"
            )
        if not step.commands or not all(command.strip() for command in step.commands):
            yield f"build step {step.name} must have commands"
        if step.when not in get_args(When):
            yield f"build step {step.name} must run at one of {', '.join(map(repr, get_args(When)))}"
        variables = [secret.name for secret in step.secrets]
        for variable in sorted({one for one in variables if variables.count(one) > 1}):
            yield f"build step {step.name} has the variable {variable} twice"
        for secret in step.secrets:
            # https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
            if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", secret.name) or secret.name.startswith(
                "CODEBUILD_"
            ):
                yield f"{secret.name!r} of build step {step.name} must be the name of an environment variable"
    for login in logins:
        if not re.fullmatch(r"[a-z0-9.-]+(:\d+)?", login.registry):
            yield f"registry {login.registry!r} must be a host such as registry.example.com, with no path"

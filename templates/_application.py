"""The application: its names, its environment variables and its secrets.

Three layers agree on these: `infrastructure` gives the roles access by name, `container-repository` and
`task-definition` create what has the name. A template cannot loop over a parameter, so what the container is
given is listed here: one variable or secret is one entry, which becomes one parameter.
"""

from typing import Any, NamedTuple

from troposphere import Parameter, Ref, Sub, Template, ecs

from templates._iam import arn
from templates._parameters import shared

NAME = "${Project}-${Environment}-api"
LOG_STREAM_PREFIX = "api"
# Tag of an image that was deployed, with the commit behind it.
RELEASE_TAG_PREFIX = "release-"
# The function that tries a new version. Releases name it, also those that are rolled back to: it has to stay.
SMOKE_TEST_NAME = "${Project}-${Environment}-smoke-test"

# Not root: the user and group of the image, by number. Without the group it would be root's.
USER = "10001:10001"


class Variable(NamedTuple):
    """An environment variable of the container, and the parameter that gives its value."""

    name: str
    parameter: str
    properties: dict[str, Any]


class Secret(NamedTuple):
    """An environment variable whose value stays in Secrets Manager or Parameter Store.

    The parameter gives the ARN of the secret or parameter in this account and region, without a JSON key
    or version behind it: the same text names it to ECS and, in the execution role, to IAM. What is encrypted
    with a key of your own needs `kms:Decrypt` on that key there too.
    """

    name: str
    parameter: str
    description: str


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "HEALTH_RATE",
        "HealthRate",
        {
            "Type": "Number",
            "Description": "Share of requests to / that are answered with 200; the others get 503",
            # Text: as a number it would lose its zero on the way, and the application is given text.
            "Default": "1.0",
            "MinValue": 0,
            "MaxValue": 1,
        },
    ),
)

# For example Secret("DATABASE_URL", "DatabaseUrlArn", "Where the application finds its database").
SECRETS: tuple[Secret, ...] = ()


def application_name(template: Template) -> Sub:
    """`<project>-<env>-api`: the task definition family, the repository and the service."""
    _declare_names(template)
    return Sub(NAME)


def container_name(template: Template) -> Sub:
    """`<project>-api`."""
    shared(template, "Project")
    return Sub("${Project}-api")


def log_group_name(template: Template) -> Sub:
    """`/ecs/<project>-<env>-api`."""
    _declare_names(template)
    return Sub(f"/ecs/{NAME}")


def log_group_arn(template: Template) -> Sub:
    """ARN of the log group, for the actions on the group itself."""
    _declare_names(template)
    return arn("logs", f"log-group:/ecs/{NAME}")


def log_streams_arn(template: Template) -> Sub:
    """ARN of the log group's streams, for the actions on what is in it."""
    _declare_names(template)
    return arn("logs", f"log-group:/ecs/{NAME}:*")


def repository_arn(template: Template) -> Sub:
    """ARN of the container repository, for layers that come before it."""
    _declare_names(template)
    return arn("ecr", f"repository/{NAME}")


def task_definitions_arn(template: Template) -> Sub:
    """ARN of every revision of the task definition family."""
    _declare_names(template)
    return arn("ecs", f"task-definition/{NAME}:*")


def environment(template: Template) -> list[ecs.Environment]:
    """The container's environment variables; declares their parameters."""
    return [
        ecs.Environment(
            Name=variable.name,
            Value=Ref(template.add_parameter(Parameter(variable.parameter, **variable.properties))),
        )
        for variable in VARIABLES
    ]


def secrets(template: Template) -> list[ecs.Secret]:
    """The container's secrets; declares their parameters."""
    return [
        ecs.Secret(Name=secret.name, ValueFrom=arn)
        for secret, arn in zip(SECRETS, secret_arns(template), strict=True)
    ]


def secret_arns(template: Template) -> list[Ref]:
    """The ARN of each of the container's secrets; declares their parameters."""
    return [
        Ref(
            template.add_parameter(
                Parameter(
                    secret.parameter,
                    Type="String",
                    Description=f"{secret.description} (ARN of a secret or of a Parameter Store parameter)",
                    AllowedPattern=(
                        r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+"
                        r"|ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+)"
                    ),
                    ConstraintDescription=(
                        "must be the ARN of a secret or of a Parameter Store parameter, without a JSON key"
                    ),
                )
            )
        )
        for secret in SECRETS
    ]


def _declare_names(template: Template) -> None:
    shared(template, "Project")
    shared(template, "Environment")

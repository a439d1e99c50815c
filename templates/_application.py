"""The application: its names, its environment variables and its secrets.

Three layers agree on these: `infrastructure` gives the roles access by name, `container-repository` and
`task-definition` create what has the name. A template cannot loop over a parameter, so what the container is
given is listed here: one variable or secret is one entry, which becomes one parameter.
"""

from typing import NamedTuple

from troposphere import Parameter, Ref, Sub, ecs

from templates._iam import arn
from templates._listeners import Certificate, ListenerRule

# Everything here is named after the parameters Project and Environment.
NAME = "${Project}-${Environment}-api"
# The task definition family, the repository, the service, and CodeDeploy's application and group.
APPLICATION_NAME = Sub(NAME)
CONTAINER_NAME = Sub("${Project}-api")
REPOSITORY_ARN = arn("ecr", f"repository/{NAME}")
# Every revision of the family. One that is tagged while it is registered has no number yet: ECS has been seen
# to ask for the family alone then, an ARN that the service authorization reference does not have.
# https://github.com/aws/aws-cdk/issues/25768
TASK_DEFINITION_ARNS = [arn("ecs", f"task-definition/{NAME}{end}") for end in ("", ":*")]
LOG_GROUP_NAME = Sub(f"/ecs/{NAME}")
# For actions on the group itself, and for those on what is in it.
LOG_GROUP_ARN = arn("logs", f"log-group:/ecs/{NAME}")
LOG_STREAMS_ARN = arn("logs", f"log-group:/ecs/{NAME}:*")
LOG_STREAM_PREFIX = "api"
# Tag of an image that was deployed, with the commit behind it.
RELEASE_TAG_PREFIX = "release-"
# The function that tries a new version. Releases name it, also those that are rolled back to: it has to stay.
SMOKE_TEST_NAME = "${Project}-${Environment}-smoke-test"

# Tasks are in private subnets. The service is made like this, and so is each release.
ASSIGN_PUBLIC_IP = "DISABLED"

# Not root: the user and group of the image, by number. Without the group it would be root's.
USER = "10001:10001"


class Variable(NamedTuple):
    """An environment variable of the container, and the parameter that gives its value."""

    name: str
    parameter: Parameter


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
        Parameter(
            "HealthRate",
            Type="Number",
            Description="Share of requests to / that are answered with 200; the others get 503",
            # Text: as a number it would lose its zero on the way, and the application is given text.
            Default="1.0",
            MinValue=0,
            MaxValue=1,
        ),
    ),
)

# For example Secret("DATABASE_URL", "DatabaseUrlArn", "Where the application finds its database").
SECRETS: tuple[Secret, ...] = ()

# What the load balancer does with some paths and hosts; everything else goes to the service. For example
# ListenerRule("Internals", 10, paths=["/internal/*"], answer=Fixed(404)).
LISTENER_RULES: tuple[ListenerRule, ...] = ()

# For example Certificate("ShopCertificateArn", "Certificate of shop.example.com").
CERTIFICATES: tuple[Certificate, ...] = ()


def variable_parameters() -> list[Parameter]:
    """The rows of the environment variables, for the table of a layer that needs their values."""
    return [variable.parameter for variable in VARIABLES]


def health_rate_parameter() -> str | None:
    """The parameter by which a rehearsal makes a version that is not well, while the application has it."""
    titles = (str(variable.parameter.title) for variable in VARIABLES if variable.name == "HEALTH_RATE")
    return next(titles, None)


def secret_parameters() -> list[Parameter]:
    """The rows of the secrets, for the table of a layer that needs their ARNs."""
    return [
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
        for secret in SECRETS
    ]


def environment() -> list[ecs.Environment]:
    """The container's environment variables."""
    return [ecs.Environment(Name=variable.name, Value=Ref(variable.parameter)) for variable in VARIABLES]


def secrets() -> list[ecs.Secret]:
    """The container's secrets."""
    return [ecs.Secret(Name=secret.name, ValueFrom=Ref(secret.parameter)) for secret in SECRETS]


def secret_arns() -> list[Ref]:
    """The ARN of each of the container's secrets."""
    return [Ref(secret.parameter) for secret in SECRETS]

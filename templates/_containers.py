"""The rows of the tables of `_application.py` that are about containers, and what is built from them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, NamedTuple

from troposphere import Parameter, Ref, Sub, ecs

# The application's container, where one beside it waits for that.
APPLICATION = "application"

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
Condition = Literal["START", "HEALTHY", "COMPLETE", "SUCCESS"]

_OF_SECRETS_MANAGER = r"secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+"
_OF_PARAMETER_STORE = r"ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+"
# An image of a private repository in ECR: the account and the region may be functions of the template.
_ECR_IMAGE_REGEX = (
    r"(?P<account>\d{12}|\$\{AWS::AccountId\})\.dkr\.ecr\.(?P<region>[a-z0-9-]+|\$\{AWS::Region\})"
    r"\.(amazonaws\.com(\.cn)?|\$\{AWS::URLSuffix\})/(?P<repository>[^:@]+)"
)


class Variable(NamedTuple):
    """An environment variable of the application's container, and the parameter that gives its value."""

    name: str
    parameter: Parameter


class Secret(NamedTuple):
    """An environment variable whose value stays in Secrets Manager or Parameter Store.

    The parameter gives the ARN of the secret or parameter in this account and region. Of a secret in JSON,
    such as those that RDS manages, `key` chooses one value, and of each secret `stage` or `version` one that
    is not the current one; several rows may name the same parameter. What is encrypted with a key of your
    own needs `kms:Decrypt` on that key in the execution role.
    """

    name: str
    parameter: str
    description: str
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it names a part of a secret: Parameter Store knows none."""
        return bool(self.key or self.stage or self.version)


class HealthCheck(NamedTuple):
    """A command inside a container that ends with 0 while it is well."""

    command: Sequence[str]
    interval_seconds: int = 30
    timeout_seconds: int = 5
    retries: int = 3
    start_seconds: int = 0


class SideContainer(NamedTuple):
    """A container beside the application's, in each of its tasks.

    Without an image it is of the application's, and is released with it. `environment` has texts, with
    `${Environment}` in them where it differs. `waits_for` has the containers, `APPLICATION` or others of the
    table, that must be so far before it starts; the application waits for this one where
    `application_waits_for` says so. When one that is essential ends, the task ends. `credentials` is the
    parameter with the ARN of the secret for a private registry other than ECR.
    """

    name: str
    image: str | None = None
    command: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    secrets: Sequence[Secret] = ()
    is_essential: bool = False
    health_check: HealthCheck | None = None
    waits_for: Mapping[str, Condition] = {}
    application_waits_for: Condition | None = None
    credentials: str | None = None
    user: str | None = None
    writes_files: bool = False


def variable_parameters(variables: Sequence[Variable]) -> list[Parameter]:
    """The rows of the environment variables, for the table of a layer that needs their values."""
    return [variable.parameter for variable in variables]


def health_rate_parameter(variables: Sequence[Variable]) -> str | None:
    """The parameter by which a rehearsal makes a version that is not well, while the application has it."""
    titles = (str(variable.parameter.title) for variable in variables if variable.name == "HEALTH_RATE")
    return next(titles, None)


def all_secrets(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Secret]:
    """The secrets of all containers."""
    return [*secrets, *(secret for container in containers for secret in container.secrets)]


def secret_parameters(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Parameter]:
    """The rows of all secrets and logins, for the table of a layer that needs their ARNs: each once."""
    rows = all_secrets(secrets, containers)
    parts = {secret.parameter for secret in rows if secret.is_part}
    found = {}
    for secret in rows:
        if secret.parameter not in found:
            is_part = secret.parameter in parts
            found[secret.parameter] = arn_parameter(secret.parameter, secret.description, is_part)
    for container in containers:
        if container.credentials and container.credentials not in found:
            description = f"Login to the registry of {container.name}"
            found[container.credentials] = arn_parameter(container.credentials, description, True)
    return list(found.values())


def arn_parameter(title: str, description: str, is_secret: bool) -> Parameter:
    """The row of an ARN: of a secret in Secrets Manager alone, or of a Parameter Store parameter too."""
    what = "a secret" if is_secret else "a secret or of a Parameter Store parameter"
    patterns = [_OF_SECRETS_MANAGER] if is_secret else [_OF_SECRETS_MANAGER, _OF_PARAMETER_STORE]
    return Parameter(
        title,
        Type="String",
        Description=f"{description} (ARN of {what})",
        AllowedPattern=f"arn:aws[a-z-]*:({'|'.join(patterns)})",
        ConstraintDescription=f"must be the ARN of {what}, without a JSON key, which is in the secret's row",
    )


def environment(variables: Sequence[Variable]) -> list[ecs.Environment]:
    """The application's environment variables."""
    return [ecs.Environment(Name=variable.name, Value=Ref(variable.parameter)) for variable in variables]


def container_secrets(secrets: Sequence[Secret]) -> list[ecs.Secret]:
    """A container's secrets. ECS is told the key and the version behind the ARN."""
    return [ecs.Secret(Name=secret.name, ValueFrom=value_from(secret)) for secret in secrets]


def value_from(secret: Secret) -> Ref | Sub:
    """The ARN of a secret, and behind it which part of it is wanted."""
    if not secret.is_part:
        return Ref(secret.parameter)
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    return Sub(f"${{{secret.parameter}}}:{secret.key}:{secret.stage}:{secret.version}")


def secret_arns(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Ref]:
    """The ARN of each secret that ECS reads to start a task. IAM knows no keys and versions."""
    return [Ref(parameter.title) for parameter in secret_parameters(secrets, containers)]


def repository_arns(containers: Sequence[SideContainer]) -> list[Sub]:
    """The private repositories in ECR from which side containers come."""
    matches = (re.match(_ECR_IMAGE_REGEX, container.image or "") for container in containers)
    found = {
        f"arn:${{AWS::Partition}}:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"
        for match in matches
        if match
    }
    return [Sub(one) for one in sorted(found)]


def dependencies(containers: Sequence[SideContainer]) -> list[ecs.ContainerDependency]:
    """What the application waits for."""
    return [
        ecs.ContainerDependency(ContainerName=container.name, Condition=container.application_waits_for)
        for container in containers
        if container.application_waits_for
    ]


def side_container(container: SideContainer, application: Any, **shared: Any) -> ecs.ContainerDefinition:
    """The definition of a side container, from that of the application and what all containers have."""
    image: Any = application.Image
    if container.image:
        image = Sub(container.image) if "${" in container.image else container.image
    given: dict[str, Any] = {}
    if container.command:
        given["Command"] = list(container.command)
    if container.environment:
        given["Environment"] = [
            ecs.Environment(Name=name, Value=Sub(value) if "${" in value else value)
            for name, value in container.environment.items()
        ]
    if container.secrets:
        given["Secrets"] = container_secrets(container.secrets)
    user = container.user or (None if container.image else application.User)
    if user:
        given["User"] = user
    if container.waits_for:
        given["DependsOn"] = [
            ecs.ContainerDependency(
                ContainerName=application.Name if name == APPLICATION else name, Condition=condition
            )
            for name, condition in container.waits_for.items()
        ]
    if container.credentials:
        credentials = Ref(container.credentials)
        given["RepositoryCredentials"] = ecs.RepositoryCredentials(CredentialsParameter=credentials)
    check = container.health_check
    if check:
        given["HealthCheck"] = ecs.HealthCheck(
            Command=list(check.command),
            Interval=check.interval_seconds,
            Timeout=check.timeout_seconds,
            Retries=check.retries,
            StartPeriod=check.start_seconds,
        )
    if container.writes_files:
        shared = {**shared, "ReadonlyRootFilesystem": False}
    return ecs.ContainerDefinition(
        Name=container.name, Image=image, Essential=container.is_essential, **shared, **given
    )


def problems(containers: Sequence[SideContainer], secrets: Sequence[Secret]) -> Iterator[str]:
    """What ECS would refuse of the tables, or what would never start."""
    for secret in all_secrets(secrets, containers):
        if secret.stage and secret.version:
            yield f"secret {secret.name} must have a stage or a version, not both"
    by_name = {container.name: container for container in containers}
    if len(by_name) < len(containers):
        yield "side containers must have different names"
    graph: dict[str, set[str]] = {
        APPLICATION: {container.name for container in containers if container.application_waits_for}
    }
    for container in containers:
        graph[container.name] = set(container.waits_for)
        if not re.fullmatch("[A-Za-z0-9_-]{1,255}", container.name) or container.name == APPLICATION:
            yield (
                f"side container {container.name!r} must have a name of letters, digits, hyphens and"
                f" underscores, and not {APPLICATION}"
            )
        if container.credentials and not container.image:
            yield f"side container {container.name} must have an image, since it has credentials"
        if unknown := sorted(container.waits_for.keys() - by_name.keys() - {APPLICATION}):
            yield f"side container {container.name} waits for {', '.join(unknown)}, which is not there"
        if container.waits_for.get(APPLICATION, "START") != "START":
            yield (
                f"side container {container.name} must wait for the application's START: the application"
                " never ends, and its health is the load balancer's to check"
            )
        if container.application_waits_for:
            yield from _unmet(APPLICATION, container, container.application_waits_for)
        for name, condition in container.waits_for.items():
            if name in by_name:
                yield from _unmet(container.name, by_name[name], condition)
        check = container.health_check
        if check and (not check.command or check.command[0] not in ("CMD", "CMD-SHELL")):
            yield f"health check of {container.name} must begin with CMD or CMD-SHELL"
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
        if check and not (
            5 <= check.interval_seconds <= 300
            and 2 <= check.timeout_seconds <= 60
            and 1 <= check.retries <= 10
            and 0 <= check.start_seconds <= 300
        ):
            yield (
                f"health check of {container.name} must have an interval of 5 to 300 seconds, a timeout of 2"
                " to 60, 1 to 10 retries and a start of 0 to 300 seconds"
            )
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"containers wait for each other: {', '.join(error.args[1])}"


def _unmet(waiting: str, container: SideContainer, condition: Condition) -> Iterator[str]:
    """Why a container never gets so far."""
    if condition == "HEALTHY" and not container.health_check:
        yield f"{waiting} waits for {container.name} to be healthy, which has no health check"
    if condition in ("COMPLETE", "SUCCESS") and container.is_essential:
        yield f"{waiting} waits for the end of {container.name}, which is essential: its end is the task's"

"""The rows of the container tables in `_application.py`, and what is built from them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, NamedTuple

from troposphere import Parameter, Ref, Sub, ecs

# The application's container, if a side container waits for it.
APPLICATION = "application"

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
Condition = Literal["START", "HEALTHY", "COMPLETE", "SUCCESS"]

_OF_SECRETS_MANAGER = r"secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+"
_OF_PARAMETER_STORE = r"ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+"
# An image in a private ECR repository; account and region may be template functions.
_ECR_IMAGE_REGEX = (
    r"(?P<account>\d{12}|\$\{AWS::AccountId\})\.dkr\.ecr\.(?P<region>[a-z0-9-]+|\$\{AWS::Region\})"
    r"\.(amazonaws\.com(\.cn)?|\$\{AWS::URLSuffix\})/(?P<repository>[^:@]+)"
)


class Variable(NamedTuple):
    """An environment variable of the application's container, and the parameter with its value."""

    name: str
    parameter: Parameter


class Secret(NamedTuple):
    """An environment variable whose value stays in Secrets Manager or Parameter Store.

    The parameter has the ARN of the secret or parameter in this account and region. `key` selects one value
    of a JSON secret, such as those that RDS manages; `stage` or `version` select another version than the
    current one. Several rows may use the same parameter. If it is encrypted with your own KMS key, the task
    execution role needs `kms:Decrypt` on that key.
    """

    name: str
    parameter: str
    description: str
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it selects a part of a secret, which Parameter Store does not support."""
        return bool(self.key or self.stage or self.version)


class HealthCheck(NamedTuple):
    """A command inside a container that exits with 0 if the container is healthy."""

    command: Sequence[str]
    interval_seconds: int = 30
    timeout_seconds: int = 5
    retries: int = 3
    start_seconds: int = 0


class SideContainer(NamedTuple):
    """A container beside the application's, in every task.

    Without an image it uses that of the application, and is released with it. `environment` has strings, with
    `${Environment}` where they differ. `waits_for` has the conditions of other containers (`APPLICATION` or
    others of the table) that must be met before it starts; with `application_waits_for` the application waits
    for this one. If an essential container stops, the task stops. `credentials` is the parameter with the ARN
    of the secret for a private registry other than ECR.
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
    """The parameters of the environment variables, for the table of a layer that needs them."""
    return [variable.parameter for variable in variables]


def health_rate_parameter(variables: Sequence[Variable]) -> str | None:
    """The parameter with which a rehearsal makes a version fail requests, if the application has it."""
    titles = (str(variable.parameter.title) for variable in variables if variable.name == "HEALTH_RATE")
    return next(titles, None)


def all_secrets(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Secret]:
    """The secrets of all containers."""
    return [*secrets, *(secret for container in containers for secret in container.secrets)]


def secret_parameters(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Parameter]:
    """The parameters of all secrets and registry credentials, for a layer that needs them, each once."""
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
    """The parameter of an ARN: of a secret in Secrets Manager or, unless `is_secret`, of Parameter Store."""
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
    """The secrets of a container, with key and version appended to the ARN."""
    return [ecs.Secret(Name=secret.name, ValueFrom=value_from(secret)) for secret in secrets]


def value_from(secret: Secret) -> Ref | Sub:
    """The ARN of a secret, followed by the selected part."""
    if not secret.is_part:
        return Ref(secret.parameter)
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    return Sub(f"${{{secret.parameter}}}:{secret.key}:{secret.stage}:{secret.version}")


def secret_arns(secrets: Sequence[Secret], containers: Sequence[SideContainer]) -> list[Ref]:
    """The ARN of each secret that ECS reads to start a task, without keys and versions, for IAM."""
    return [Ref(parameter.title) for parameter in secret_parameters(secrets, containers)]


def repository_arns(containers: Sequence[SideContainer]) -> list[Sub]:
    """The private ECR repositories of the side containers' images."""
    matches = (re.match(_ECR_IMAGE_REGEX, container.image or "") for container in containers)
    found = {
        f"arn:${{AWS::Partition}}:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"
        for match in matches
        if match
    }
    return [Sub(one) for one in sorted(found)]


def dependencies(containers: Sequence[SideContainer]) -> list[ecs.ContainerDependency]:
    """The containers for which the application waits."""
    return [
        ecs.ContainerDependency(ContainerName=container.name, Condition=container.application_waits_for)
        for container in containers
        if container.application_waits_for
    ]


def side_container(container: SideContainer, application: Any, **shared: Any) -> ecs.ContainerDefinition:
    """The definition of a side container, from that of the application and the shared properties."""
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
    """What ECS would refuse in the tables, or what would never start."""
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
    """Why a container never meets the condition."""
    if condition == "HEALTHY" and not container.health_check:
        yield f"{waiting} waits for {container.name} to be healthy, which has no health check"
    if condition in ("COMPLETE", "SUCCESS") and container.is_essential:
        yield f"{waiting} waits for the end of {container.name}, which is essential: its end is the task's"

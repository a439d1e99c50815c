"""A build project, from the properties that it has in the template once their functions are resolved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.codebuild.specification import BadSpecification, Specification, parse, stand_in

SECONDS_A_MINUTE = 60
# Where the values of variables that are not plain text are kept.
STORES = ("SECRETS_MANAGER", "PARAMETER_STORE")


@dataclass(frozen=True)
class Project:
    """A project: its variables are the template's, which win over those of its specification.

    `stand_ins` are the variables whose values are in Secrets Manager or Parameter Store.
    """

    name: str
    specification: Specification
    variables: Mapping[str, str]
    privileged: bool
    timeout_seconds: float
    stand_ins: Sequence[str] = ()


def read_project(title: str, properties: Mapping[str, Any]) -> Project:
    """The project that a template calls `title`, from its resolved `Properties`.

    Raises BadSpecification for a specification that cannot be run, and for a variable without a value.
    """
    environment = properties["Environment"]
    variables = {}
    stored = []
    for variable in environment.get("EnvironmentVariables", []):
        kind = variable.get("Type", "PLAINTEXT")
        if kind in STORES:
            variables[variable["Name"]] = stand_in(variable["Name"])
            stored.append(variable["Name"])
            continue
        if kind != "PLAINTEXT":
            raise BadSpecification(f"{title}: variables of type {kind} are not resolved here")
        if not isinstance(variable["Value"], str | int | float):
            raise BadSpecification(f"{title}: {variable['Name']} has no value here: {variable['Value']}")
        variables[variable["Name"]] = str(variable["Value"])
    try:
        specification = parse(properties["Source"]["BuildSpec"])
    except BadSpecification as error:
        raise BadSpecification(f"{title}: {error}") from error
    return Project(
        name=str(properties["Name"]),
        specification=specification,
        variables=variables,
        privileged=bool(environment.get("PrivilegedMode", False)),
        stand_ins=(*specification.stored, *stored),
        timeout_seconds=SECONDS_A_MINUTE * float(properties.get("TimeoutInMinutes", 60)),
    )

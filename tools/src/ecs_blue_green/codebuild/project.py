"""A build project, from the properties that it has in the template once their functions are resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.codebuild.specification import BadSpecification, Specification, parse

SECONDS_A_MINUTE = 60


@dataclass(frozen=True)
class Project:
    """A project: its variables are the template's, which win over those of its specification."""

    name: str
    specification: Specification
    variables: Mapping[str, str]
    privileged: bool
    timeout_seconds: float


def read_project(title: str, properties: Mapping[str, Any]) -> Project:
    """The project that a template calls `title`, from its resolved `Properties`.

    Raises BadSpecification for a specification that cannot be run, and for a variable without a value.
    """
    environment = properties["Environment"]
    variables = {}
    for variable in environment.get("EnvironmentVariables", []):
        if variable.get("Type", "PLAINTEXT") != "PLAINTEXT":
            raise BadSpecification(f"{title}: variables of type {variable['Type']} are not resolved here")
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
        timeout_seconds=SECONDS_A_MINUTE * float(properties.get("TimeoutInMinutes", 60)),
    )

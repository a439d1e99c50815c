"""Parameters that several layers declare, defined once so that their type, default and range agree.

A layer is given only the parameters that it declares. `Project`, `Environment` and `Protected` come from
the deployer; people write all others into `params/<env>.yaml`.
"""

from typing import Any

from troposphere import Equals, Parameter, Ref, Sub, Template

SHARED: dict[str, dict[str, Any]] = {
    "Project": {
        "Type": "String",
        "Description": "Name of the project, first part of every physical name (filled in by the deployer)",
        "AllowedPattern": "[a-z][a-z0-9-]{0,19}",
        "ConstraintDescription": "must be 1 to 20 lower-case letters, digits and hyphens, a letter first",
    },
    "Environment": {
        "Type": "String",
        "Description": "Name of the environment, second part of every physical name (filled in by the deployer)",
        "AllowedPattern": "[a-z][a-z0-9-]{0,9}",
        "ConstraintDescription": "must be 1 to 10 lower-case letters, digits and hyphens, a letter first",
    },
    "Protected": {
        "Type": "String",
        "Description": "Whether deleting by mistake is prevented (filled in by the deployer)",
        "AllowedValues": ["true", "false"],
        "Default": "false",
    },
}


def shared(template: Template, title: str) -> Parameter:
    """The shared parameter `title` of this template, declared when it was not yet.

    Raises KeyError when no shared parameter has that name.
    """
    if title not in template.parameters:
        template.add_parameter(Parameter(title, **SHARED[title]))
    declared: Parameter = template.parameters[title]
    return declared


def application_name(template: Template) -> Sub:
    """`<project>-<env>-api`: the family, the repository and the service of the application."""
    shared(template, "Project")
    shared(template, "Environment")
    return Sub("${Project}-${Environment}-api")


def is_protected(template: Template) -> str:
    """Name of the condition that is true in a protected environment, declared when it was not yet."""
    return template.add_condition("IsProtected", Equals(Ref(shared(template, "Protected")), "true"))

"""How one layer gives a value to another: one spelling for exports, one for imports.

Widely used convention (widdix/aws-cf-templates among others): the export is the stack's name plus the
output's logical id, and the importing stack is told the other stack's *name* by a parameter. So a name is
unique in its account and region without a registry, and the order of the stacks can be read off the files.
"""

from typing import Any

from troposphere import Export, ImportValue, Output, Parameter, Sub, Template


def export(template: Template, title: str, value: Any, description: str) -> Output:
    """Add output `title`, exported as `<stack name>-<title>`.

    Export only what never changes: while a stack imports it, an export can be neither changed nor removed.
    """
    return template.add_output(
        Output(
            title, Description=description, Value=value, Export=Export(Sub(f"${{AWS::StackName}}-{title}"))
        )
    )


def import_value(template: Template, layer: str, title: str) -> ImportValue:
    """What `layer` (a slug such as `task-definition`) exports as `title`.

    Declares the parameter that takes that layer's stack name, when the template does not have it yet.
    """
    parameter = layer.title().replace("-", "") + "StackName"
    if parameter not in template.parameters:
        template.add_parameter(
            Parameter(
                parameter,
                Type="String",
                Description=f"Name of the {layer} stack (filled in by the deployer)",
                AllowedPattern="[a-zA-Z][a-zA-Z0-9-]{0,127}",
                ConstraintDescription="must be a stack name: a letter, then letters, digits and hyphens",
            )
        )
    return ImportValue(Sub(f"${{{parameter}}}-{title}"))

"""Exports and imports of the layers, always spelled in the same way.

A common convention (for example in widdix/aws-cf-templates): the name of an export is the stack name plus the
output's logical ID, and the importing stack gets the other stack's *name* from a parameter. So export names
are unique in an account and region, and the order of the stacks can be derived from the files.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from troposphere import Export, ImportValue, Output, Parameter, Sub, Template


def output(template: Template, title: str, value: Any, description: str) -> Output:
    """Add output `title`, for people and for the deployer. It is not exported, so its value may change."""
    return template.add_output(Output(title, Description=description, Value=value))


def export(template: Template, title: str, value: Any, description: str) -> Output:
    """Add output `title`, exported as `<stack name>-<title>`.

    Export only what never changes: as long as a stack imports it, an export can be neither changed nor
    removed.
    """
    added = output(template, title, value, description)
    added.Export = Export(Sub(f"${{AWS::StackName}}-{title}"))
    return added


def stack_names(*layers: str) -> list[Parameter]:
    """Rows of a layer's table of parameters: the names of the stacks from which it imports."""
    # No pattern: with a wrong name, CloudFormation reports that the export does not exist.
    return [
        Parameter(
            stack_name_parameter(layer),
            Type="String",
            Description=f"Name of the {layer} stack (filled in by the deployer)",
        )
        for layer in layers
    ]


def import_value(layer: str, title: str) -> ImportValue:
    """The value that `layer` (a slug such as `task-definition`) exports as `title`.

    The importing layer has the row `*stack_names(layer)` among its parameters; see `problems`.
    """
    return ImportValue(Sub(f"${{{stack_name_parameter(layer)}}}-{title}"))


def stack_name_parameter(layer: str) -> str:
    """The parameter with the name of another layer's stack."""
    return layer.title().replace("-", "") + "StackName"


def problems(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Exports and imports of the templates that do not follow the convention.

    Yields the slug of the template and the problem. A template may follow the convention without the
    functions above.
    """
    layers = {stack_name_parameter(slug): slug for slug in documents}
    for slug, document in documents.items():
        for title, output in document.get("Outputs", {}).items():
            if "Export" in output and output["Export"].get("Name") != _export_name(title):
                yield slug, f"output {title} must be exported as !Sub ${{AWS::StackName}}-{title}"
        for value in imports(document):
            name = value.get("Fn::Sub") if isinstance(value, dict) else None
            match = re.fullmatch(r"\$\{(\w+StackName)\}-(\w+)", name) if isinstance(name, str) else None
            if not match:
                yield slug, f"import of {value} must be !Sub ${{<Layer>StackName}}-<OutputLogicalId>"
            elif match[1] not in layers:
                yield slug, f"import of {name}: no layer has the parameter {match[1]}"
            elif match[1] not in document.get("Parameters", {}):
                row = f'*stack_names("{layers[match[1]]}")'
                yield slug, f"import of {name} must be !Sub of a parameter: add {row} to the PARAMETERS"
            elif "Export" not in documents[layers[match[1]]].get("Outputs", {}).get(match[2], {}):
                yield slug, f"import of {name}: layer {layers[match[1]]} does not export {match[2]}"


def imports(node: Any) -> Iterator[Any]:
    """The argument of every `Fn::ImportValue` in a template or a part of one."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Fn::ImportValue":
                yield value
            elif not isinstance(value, str):
                yield from imports(value)
    elif isinstance(node, list):
        for value in node:
            if not isinstance(value, str):
                yield from imports(value)


def _export_name(title: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{AWS::StackName}}-{title}"}

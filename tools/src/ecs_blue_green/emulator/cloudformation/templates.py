"""Templates that CloudFormation refuses at once, in the request that carries them.

https://repost.aws/knowledge-center/cloudformation-template-validation
"""

from collections.abc import Iterable
from typing import Any

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record


def install() -> None:
    """Check a template when its parameters are resolved; a ValueError refuses the request."""
    for module in (engine.changesets, engine.handlers):
        module._resolve_parameters = _looked_at(module._resolve_parameters)


def _looked_at(resolve: Any) -> Any:
    def checked(template: Record, parameters: list[Record], *arguments: Any) -> Record:
        resources = template.get("Resources")
        if not resources:
            raise ValueError("Template format error: At least one Resources member must be defined.")
        known = set(template.get("Parameters", {}))
        # The wording: https://github.com/aws-samples/amazon-ec2-image-builder-samples/issues/18
        if unknown := sorted({pair["Key"] for pair in parameters if "Key" in pair} - known):
            raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        _require_defined("Resources", resources, known | set(resources))
        _require_defined("Outputs", template.get("Outputs", {}), known | set(resources))
        values: Record = resolve(template, parameters, *arguments)
        return values

    return checked


def _require_defined(section: str, members: Record, known: Iterable[str]) -> None:
    named = engine.references(members)
    unknown = sorted(name for name in named - set(known) if not name.startswith("AWS::"))
    if unknown:
        raise ValueError(
            f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the "
            f"{section} block of the template"
        )

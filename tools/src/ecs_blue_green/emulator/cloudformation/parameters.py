"""Parameters of the types that name something of the account: it must exist.

CloudFormation user guide, cloudformation-supplied-parameter-types.
"""

from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record

_STORES = {
    "AWS::EC2::VPC::Id": lambda: stores.vpcs,
    "AWS::EC2::Subnet::Id": lambda: stores.subnets,
    "AWS::EC2::SecurityGroup::Id": lambda: stores.security_groups,
}


def install() -> None:
    """Look up the values of such parameters when a request is read."""
    for module in (engine.changesets, engine.handlers):
        module._resolve_parameters = _looked_up(module._resolve_parameters)


def _looked_up(resolve: Any) -> Any:
    def checked(template: Record, *arguments: Any) -> Record:
        values: Record = resolve(template, *arguments)
        for name, declaration in template.get("Parameters", {}).items():
            kind = declaration.get("Type", "")
            single = kind.removeprefix("List<").removesuffix(">")
            if single not in _STORES:
                continue
            text = values[name]["Value"]
            for value in text.split(",") if kind != single else [text]:
                if value.strip() not in _STORES[single]():
                    raise ValueError(
                        "Template validation error: Parameter validation failed: parameter value "
                        f"{value.strip()} for parameter name {name} does not exist"
                    )
        return values

    return checked

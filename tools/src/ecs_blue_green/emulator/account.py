"""The account that the emulator plays: read from the parameter file, never repeated here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Account:
    """What exists before anything is deployed; `parameters` name more than the network."""

    id: str
    region: str
    vpc: str
    public_subnets: tuple[str, ...]
    private_subnets: tuple[str, ...]
    initial_image_tag: str = "initial"
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read(file: Path) -> Account:
    """Read a parameter file (params/local.yaml); raises OSError or ValueError when it does not describe one.

    Scalars are read as text, as the deployer does: 000000000000 is no number.
    """
    try:
        document = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps only
        parameters = document["parameters"]
        return Account(
            id=document["account"],
            region=document["region"],
            vpc=parameters["VpcId"],
            public_subnets=tuple(parameters["PublicSubnetIds"]),
            private_subnets=tuple(parameters["PrivateSubnetIds"]),
            initial_image_tag=parameters.get("InitialImageTag", "initial"),
            parameters=parameters,
        )
    except (yaml.YAMLError, TypeError, LookupError) as error:
        raise ValueError(f"{file} does not describe an account and its network: {error!r}") from error

"""The records beside the lock, read in one call: whose the environment is, and what was deployed last."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.execution import history, owner


@dataclass(frozen=True)
class Records:
    """What they say; `last` is None where they may not be read."""

    owner: owner.Record
    last: history.Record | None


def read(client: Any, environment: Environment) -> Records:
    """Both records, each empty where there is none, or none that can be read."""
    names = [owner.name(environment), history.name(environment)]
    try:
        # GetParameters names what is missing instead of failing.
        found = client.get_parameters(Names=names)["Parameters"]
    except ClientError as error:
        if aws.is_denial(error):
            return Records(owner.read(client, environment), None)
        raise
    texts = {parameter["Name"]: parameter["Value"] for parameter in found}
    whose, last = (texts.get(name) for name in names)
    return Records(owner.parsed(whose), history.parsed(last))

"""Stacks whose layer has left the project: nothing deploys them any more, and nobody must forget them.

They are known from the environment's own record of what was deployed. To list the account's stacks would show
what is nobody's business here, and need a right for it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import deployed


def find(
    client: Any, environment: Environment, known: Iterable[str], recorded: Iterable[str]
) -> dict[str, Stack]:
    """The stacks that are there of layers which are `recorded`, and not among those of the project."""
    found = {}
    for slug in sorted(set(recorded) - set(known)):
        stack = describe.stack(client, environment.stack_name(slug))
        if stack and stack.exists and deployed.is_ours(environment, slug, stack):
            found[slug] = stack
    return found


def as_layers(aws: Aws, stacks: Mapping[str, Stack]) -> dict[str, Layer]:
    """These stacks as layers, by the templates and parameters that they were deployed with."""
    found = {}
    for slug, stack in stacks.items():
        body = describe.template_body(aws.client("cloudformation"), stack)
        # GetTemplate gives a JSON template as a dictionary.
        template = layers.parse(body) if isinstance(body, str) else body
        found[slug] = Layer(slug, str(body), template, None, fixed=stack.parameters)
    return found

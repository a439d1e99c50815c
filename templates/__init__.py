"""The six layers. One module is one template, one file in `build/`, one stack.

A module is a file, or a folder with its resources in groups. An underscore in front marks what layers share.

`LAYERS` only names them. Their order of deployment is nowhere written down: the deployer derives it from
what the generated templates export and import.
"""

from collections.abc import Callable, Mapping

from awacs.aws import PolicyDocument
from troposphere import Template

from templates import (
    container_repository,
    infrastructure,
    pipeline,
    service,
    service_preference,
    task_definition,
)

LAYERS: Mapping[str, Callable[[], Template]] = {
    "infrastructure": infrastructure.build,
    "container-repository": container_repository.build,
    "task-definition": task_definition.build,
    "service": service.build,
    "service-preference": service_preference.build,
    "pipeline": pipeline.build,
}

# Layers whose resources CodeDeploy changes at run time, so that CloudFormation must leave them alone.
STACK_POLICIES: Mapping[str, Callable[[], PolicyDocument]] = {
    "infrastructure": infrastructure.stack_policy,
    "service": service.stack_policy,
}

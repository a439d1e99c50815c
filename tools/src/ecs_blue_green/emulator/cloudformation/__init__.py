"""What CloudFormation itself refuses, beyond what the resources do."""

from ecs_blue_green.emulator.cloudformation import (
    change_sets,
    drift,
    early_validation,
    exports,
    parameters,
    reverting,
    service_role,
    stack_policy,
    states,
    templates,
)
from ecs_blue_green.emulator.early import DOCUMENTED, Early


def install(early: Early = DOCUMENTED) -> None:
    """Put the rules around ministack's operations; those further down are asked first."""
    parameters.install()
    templates.install()
    reverting.install()
    exports.install()
    early_validation.install(early)
    change_sets.install()
    stack_policy.install()
    states.install()
    service_role.install()
    drift.install()

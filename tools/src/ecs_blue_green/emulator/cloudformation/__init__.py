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
    """Wrap ministack's operations in these rules; the last one installed is applied first."""
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

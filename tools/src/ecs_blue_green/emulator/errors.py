"""The one exception with which the emulator says that it cannot be used; AWS's own are in `refusal`."""

from ecs_blue_green.failure import Failure


class EmulatorError(Failure):
    """The emulator cannot start, or its state cannot be read or kept."""

"""What a rehearsal prints, on standard output and standard error."""

from rich.console import Console

from ecs_blue_green.deployer.errors import Failure


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or error, which prints `:secret:` in an ARN as it is, not as an emoji."""
    return Console(stderr=stderr, emoji=False)


def show(failure: Failure, errors: Console) -> None:
    """Print what happened, why, and what to type next."""
    error, *following = failure.lines
    errors.print(error, style="red", markup=False, highlight=False, soft_wrap=True)
    for line in following:
        errors.print(line, markup=False, highlight=False, soft_wrap=True)

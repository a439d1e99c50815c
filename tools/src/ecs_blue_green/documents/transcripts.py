"""What commands print, where a document shows it.

What differs from copy to copy is read from `build/` and `params/`. A test compares the first deployment with
what the deployer really prints.
"""

from ecs_blue_green import runtime
from ecs_blue_green.deployer import commands, remedies
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.planning import text
from ecs_blue_green.documents.generated import IMPORTS_FROM, LAYERS, LOCAL, ORDER, ROOT, RUNTIME

# Of the first column.
WIDTH = 22
WORLD = ResolvedState(desired_state(LAYERS, LOCAL))


def first_deployment() -> str:
    """`make deploy` on the emulator, where nothing is there yet."""
    return _console(
        "$ make deploy",
        f"{LOCAL.project}-{LOCAL.name}, {LOCAL.region}, the emulator on this machine",
        *(_created(slug, ", from the template" if IMPORTS_FROM[slug] else "") for slug in ORDER),
        text.FROM_TEMPLATE,
        "…",
        _done(ORDER[0]),
        "…",
        _done(ORDER[-1]),
        "answers: nowhere yet: the emulator keeps records, but runs no tasks",
        f"next:  {remedies.RUN_OR_REHEARSE(folder=RUNTIME.image.folder)}",
    )


def first_plan(environment: str, heading: str, last: str) -> str:
    """`make plan` where nothing is there yet: the first two layers, between a heading and the last line."""
    first, second, *_ = ORDER
    return _console(
        f"$ make plan ENV={environment}",
        heading,
        _created(first),
        *(f"    + add         {name}  {one.type}" for name, one in WORLD.resources(first).items()),
        _created(second),
        "…",
        last,
    )


def waiting_layer(environment: str) -> str:
    """`make deploy` where all is there but the layer that has waited for a connection."""
    said = runtime.read_runtime(ROOT / "build").layers
    layer = next(slug for slug in ORDER if said[slug].waits_for_connection)
    return _console(
        f"$ make deploy ENV={environment}",
        f"{ORDER[0]:<{WIDTH}}no change",
        "…",
        _created(layer),
        f"Deploy this to {environment}? [y/N] y",
        "…",
        _done(layer),
        "…",
        f"next:  {remedies.FIRST_RELEASE(status=commands.make('status', environment))}",
    )


def _created(slug: str, note: str = "") -> str:
    """A layer's line in a plan that makes it."""
    count = len(WORLD.resources(slug))
    policy = ", stack policy set" if LAYERS[slug].stack_policy else ""
    return f"{slug:<{WIDTH}}create, {count} resource{'s' * (count != 1)}{note}{policy}"


def _done(slug: str) -> str:
    return f"{slug:<{WIDTH}}done{' (stack policy set)' if LAYERS[slug].stack_policy else ''}"


def _console(*lines: str) -> str:
    return "\n".join(["```console", *lines, "```"])

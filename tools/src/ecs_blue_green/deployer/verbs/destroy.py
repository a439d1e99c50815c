"""`destroy`: delete the stacks of an unprotected environment, importers first."""

from collections.abc import Container, Mapping
from dataclasses import asdict
from itertools import chain

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import EXIT_DONE
from ecs_blue_green.deployer.execution import destroy, history, left, owner, retained, session
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import report


def run(invocation: Invocation) -> int:
    """Ask, then delete everything that the environment has."""
    project = invocation.load()
    settings, layers, runtime = project.environment, project.layers, project.runtime
    destroy.refuse_protected(settings, layers)
    with session.opened(invocation, settings, layers, runtime) as (door, held, owners):
        existing = destroy.existing(door, settings, layers)
        gone = left.find(door.client("cloudformation"), settings, layers, owners.record.layers)
        existing = {**existing, **gone}
        importing = destroy.importers(door, existing)
        gone_layers = left.as_layers(door, gone)
        stays = destroy.staying(door, existing)
        shielded = destroy.protected(door, settings, layers, existing, stays)
        invocation.document["stays"] = _stays_document(stays)
        remains = [] if existing else _left(door, settings, layers)
        if existing or remains:
            but = ", but for what is named below" if stays else ""
            report.say(f"To be deleted, with everything in them{but}:" if existing else "To be deleted:")
            for name in [_line(slug, stack, gone) for slug, stack in existing.items()] or remains:
                report.say(f"  {name}")
            if stays:
                report.say("To stay, as the deployed templates say (DeletionPolicy):")
            for one in chain.from_iterable(stays.values()):
                report.say(f"  {one}")
            invocation.ask(settings, f"Type {settings.name} to delete them:", settings.name)
        if shielded:
            report.say("To be taken away before what is left can be deleted:")
            for blocker in chain.from_iterable(shielded.values()):
                report.say(f"  {blocker}")
            invocation.ask(settings, "Take away what protects the leftovers, and delete them? [y/N]", YES)
        invocation.begun = True
        with report.progress([*layers, *gone]) as progress:
            outcomes = destroy.destroy(
                door,
                settings,
                layers,
                progress.on_event,
                held.check,
                importing=importing,
                left=gone_layers,
                protected_too=shielded,
                stays=stays,
                follows=progress.follows,
            )
        invocation.document["outcomes"] = report.outcome_documents(outcomes)
        if schedule.exit_code(outcomes) == EXIT_DONE:
            history.remove(door.client("ssm"), settings)
            owner.remove(door.client("ssm"), settings)
            held.forgotten = True
    if invocation.talks:
        report.show_outcomes(outcomes)
    report.say_way_on(outcomes, invocation.command)
    return schedule.exit_code(outcomes)


def _line(slug: str, stack: Stack, gone: Container[str]) -> str:
    return stack.name + (f" ({slug} is no layer of this project any more)" if slug in gone else "")


def _stays_document(stays: destroy.Stays) -> list[dict[str, object]]:
    return [{"layer": slug, **asdict(one)} for slug, names in stays.items() for one in names]


def _left(door: Aws, settings: Environment, layers: Mapping[str, Layer]) -> list[str]:
    """What stacks that are gone have left behind."""
    return [str(found) for layer in layers.values() for found in retained.of(door, settings, layer)]

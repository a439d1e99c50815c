"""Delete an unprotected environment: its stacks in reverse order, and what they keep or cannot delete.

`fate` says of each resource what becomes of it, and docs/ownership.md has that in a table. What a template
retains stays and is named, except for what the next deployment would find in its way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import deletion_blockers, describe, schedule
from ecs_blue_green.deployer.cloudformation.deletion_blockers import DeletionBlocker
from ecs_blue_green.deployer.cloudformation.describe import FAILED_CREATIONS, IN_REVIEW, Stack
from ecs_blue_green.deployer.cloudformation.operation import Operations
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS, Outcome
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.execution import fate, left, retained
from ecs_blue_green.deployer.execution.fate import Staying
from ecs_blue_green.deployer.execution.retained import Retained
from ecs_blue_green.deployer.layers import Layer, dependencies
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.planning.report import Progress
from ecs_blue_green.deployer.rules import Finding, Guarded
from ecs_blue_green.deployer.session import Session

# What stays of the stacks, by layer.
Stays = Mapping[str, Sequence[Staying]]
# No deploy can lower the protection of what such a stack has.
_ONLY_DELETED = {*FAILED_CREATIONS, "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"}


@dataclass(frozen=True)
class Deletion:
    """What is deleted of an environment, as it was found.

    `stacks` are those that are there, by layer; `left` has the layers that have left the project, as they
    were deployed, and `importing` says which stacks import from which. `stays` is left alone, as
    CloudFormation leaves it. `blockers` are the load balancers whose protection is lowered, by layer.
    """

    environment: Environment
    layers: Mapping[str, Layer]
    left: Mapping[str, Layer]
    stacks: Mapping[str, Stack]
    importing: Mapping[str, set[str]]
    stays: Stays
    blockers: Mapping[str, Sequence[DeletionBlocker]]

    @property
    def known(self) -> dict[str, Layer]:
        """The layers of the project, and those that have left it."""
        return {**self.layers, **self.left}


def _logical_ids(stays: Stays, slug: str) -> set[str]:
    return {one.logical_id for one in stays.get(slug, ())}


def refuse_protected(environment: Environment, layers: Mapping[str, Layer]) -> None:
    """Raise Blocked for a protected environment; nothing has been asked of AWS by then."""
    if environment.protected:
        raise Blocked(
            f"{environment.name} is protected",
            f"params/{environment.name}.yaml says protected: true",
            remedies.LOWER_PROTECTION(deploy=_lowering(environment, layers)),
        )


def _lowering(environment: Environment, layers: Mapping[str, Layer]) -> str:
    """What to type to lower the protection of the load balancers; stack policies may protect them besides."""
    balancers = [
        f"{slug}:{logical_id}"
        for slug, layer in layers.items()
        for logical_id, resource in layer.resources.items()
        if resource["Type"] == deletion_blockers.LOAD_BALANCER
    ]
    variables = {"ALLOW": " ".join(balancers)} if balancers else {}
    return commands.make("deploy", environment.name, **variables)


def protected(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    stacks: Mapping[str, Stack],
    stays: Stays,
) -> dict[str, list[DeletionBlocker]]:
    """The load balancers that are protected from deletion, by layer, of stacks that can only be deleted.

    Raises Blocked for one of a stack that can be updated: a deploy lowers its protection, and the plan shows
    that. Without it the other stacks would be deleted, and this one would end DELETE_FAILED.
    """
    shielded = {}
    for slug, stack in stacks.items():
        blockers = deletion_blockers.protected(aws, stack, _logical_ids(stays, slug)) if stack.exists else []
        if not blockers:
            continue
        # No deploy reaches what has left the project.
        if stack.status not in _ONLY_DELETED and slug in layers:
            raise Blocked(
                f"the load balancer of {stack.name} is still protected",
                f"params/{environment.name}.yaml says protected: false, and that was not deployed",
                remedies.DEPLOY_LOWERED_PROTECTION(deploy=_lowering(environment, layers)),
            )
        shielded[slug] = blockers
    return shielded


def importers(aws: Aws, found: Mapping[str, Stack]) -> dict[str, set[str]]:
    """By layer the layers whose stacks import from its stack, among those that are deleted.

    Raises Guarded, with every stack's name, where others import from them.

    CloudFormation would refuse it only when it comes to that stack, with the others deleted by then.
    """
    client = aws.client("cloudformation")
    own = {stack.name: slug for slug, stack in found.items()}
    importing: dict[str, set[str]] = {slug: set() for slug in found}
    exports = [(slug, export) for slug, stack in found.items() for export in stack.exports]
    with interrupts.threads(WORKERS) as pool:
        users = list(pool.map(lambda one: describe.importers(client, one[1]), exports))
    imported: dict[tuple[str, str], list[str]] = {}
    for (slug, export), names in zip(exports, users, strict=True):
        for name in names:
            if name in own:
                importing[slug].add(own[name])
            else:
                imported.setdefault((slug, name), []).append(export)
    if imported:
        raise Guarded(
            [
                Finding(
                    slug,
                    "",
                    "export-in-use",
                    f"the stack {name} imports {', '.join(sorted(names))}",
                    remedies.LET_IMPORTER_GO(),
                )
                for (slug, name), names in imported.items()
            ]
        )
    return importing


def staying(aws: Aws, found: Mapping[str, Stack]) -> dict[str, tuple[Staying, ...]]:
    """What stays of the stacks when they are deleted, by layer."""
    kept = {slug: tuple(fate.staying(aws, stack)) for slug, stack in found.items()}
    return {slug: names for slug, names in kept.items() if names}


def survey(session: Session, found: Mapping[str, Stack | None], recorded: Iterable[str]) -> Deletion:
    """What would be deleted; `recorded` are the layers that ever were deployed. Raises what the others do.

    `found` has the stack of each layer. Raises Guarded where one is not this project's.
    """
    aws, environment, layers = session.aws, session.environment, session.layers
    own_stacks = {slug: stack for slug, stack in deployed.ours(environment, found).items() if stack}
    left_stacks = left.find(aws.client("cloudformation"), environment, layers, recorded)
    stacks = {**own_stacks, **left_stacks}
    importing = importers(aws, stacks)
    left_layers = left.as_layers(aws, left_stacks)
    stays = staying(aws, stacks)
    return Deletion(
        environment=environment,
        layers=layers,
        left=left_layers,
        stacks=stacks,
        importing=importing,
        stays=stays,
        blockers=protected(aws, environment, layers, stacks, stays),
    )


def remains(aws: Aws, deletion: Deletion) -> list[Retained]:
    """What stacks that are gone have left behind."""
    return [
        thing for layer in deletion.layers.values() for thing in retained.of(aws, deletion.environment, layer)
    ]


def destroy(
    aws: Aws, deletion: Deletion, progress: Progress, before_each: Callable[[], None]
) -> list[Outcome]:
    """Delete every stack of the environment and what the stacks retain, importers first.

    `before_each` is called before each deletion and raises to stop it.
    """
    refuse_protected(deletion.environment, deletion.layers)
    client = aws.client("cloudformation")
    watch = Watch(client, follows=progress.follows)
    operations = Operations(client, watch, progress.on_event)
    arns: dict[str, str] = {}

    def work(slug: str, sleep: Sleep) -> Outcome:
        stack = deployed.settled(client, deletion.environment.stack_name(slug), sleep, watch=watch)
        outcome = Outcome(slug, "done" if stack else "nothing")
        if stack:
            arns[slug] = stack.arn
            before_each()
            outcome.notes += _delete(aws, operations, deletion, slug, stack, sleep)
        outcome.notes += [f"{thing} stays" for thing in deletion.stays.get(slug, ())]
        # Also where an earlier, killed destroy left it.
        remaining = retained.of(aws, deletion.environment, deletion.known[slug])
        outcome.notes += [thing.remove(aws) for thing in remaining]
        return outcome

    outcomes = schedule.run_layers(_order(deletion), work)
    for outcome in outcomes:
        outcome.stack = arns.get(outcome.layer, "")
    return outcomes


def _order(deletion: Deletion) -> dict[str, set[str]]:
    """What each layer's deletion waits for: the layers that import from it.

    By the templates, and where a layer has left the project by what the stacks import.
    """
    waits_for: dict[str, set[str]] = {slug: set() for slug in deletion.known}
    for slug, upstreams in dependencies(deletion.layers, deletion.environment).items():
        for upstream in upstreams:
            waits_for[upstream].add(slug)
    for slug, users in deletion.importing.items():
        waits_for[slug] |= {user for user in users if slug in deletion.left or user in deletion.left}
    try:
        TopologicalSorter(waits_for).prepare()
    except CycleError:
        # The templates import in another direction now. What is deployed has no circle.
        return {slug: set(deletion.importing.get(slug, ())) for slug in waits_for}
    return waits_for


def _delete(
    aws: Aws, operations: Operations, deletion: Deletion, slug: str, stack: Stack, sleep: Sleep
) -> list[str]:
    """Delete a stack, and what is in the way of that; gives what was done about the latter."""
    if stack.status == IN_REVIEW:
        operations.client.delete_stack(StackName=stack.arn)
        return []
    blockers = deletion_blockers.find(
        aws,
        stack,
        protected_too=slug in deletion.blockers,
        staying=_logical_ids(deletion.stays, slug),
    )
    notes = [blocker.remove(aws) for blocker in blockers]
    operations.delete(slug, stack, sleep)
    return notes

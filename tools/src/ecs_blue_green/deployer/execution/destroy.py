"""Delete an unprotected environment: its stacks in reverse order, and what they keep or cannot delete.

`fate` says of each resource what becomes of it, and docs/ownership.md has that in a table. What a template
retains stays and is named, except for what the next deployment would find in its way.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import deletion_blockers, describe, operation, schedule
from ecs_blue_green.deployer.cloudformation.deletion_blockers import DeletionBlocker
from ecs_blue_green.deployer.cloudformation.describe import FAILED_CREATIONS, IN_REVIEW, Stack
from ecs_blue_green.deployer.cloudformation.operation import OnEvent
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS, Outcome
from ecs_blue_green.deployer.cloudformation.watch import Watch
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.execution import fate, retained
from ecs_blue_green.deployer.execution.fate import Staying
from ecs_blue_green.deployer.layers import Layer, dependencies
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.rules import Finding, Guarded

# What stays of the stacks, by layer.
Stays = Mapping[str, Sequence[Staying]]
NOTHING: Stays = MappingProxyType({})
# No deploy can lower the protection of what such a stack has.
_ONLY_DELETED = {*FAILED_CREATIONS, "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"}


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
    found: Mapping[str, Stack],
    stays: Stays = NOTHING,
) -> dict[str, list[DeletionBlocker]]:
    """The load balancers that are protected from deletion, by layer, of stacks that can only be deleted.

    Raises Blocked for one of a stack that can be updated: a deploy lowers its protection, and the plan shows
    that. Without it the other stacks would be deleted, and this one would end DELETE_FAILED.
    """
    shielded = {}
    for slug, stack in found.items():
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


def existing(aws: Aws, environment: Environment, layers: Mapping[str, Layer]) -> dict[str, Stack]:
    """The environment's stacks by layer. Raises Blocked when one of that name is not ours."""
    client = aws.client("cloudformation")
    found = {}
    for slug in layers:
        stack = describe.stack(client, environment.stack_name(slug))
        if stack:
            deployed.refuse_foreign(environment, slug, stack)
            found[slug] = stack
    return found


def destroy(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    on_event: OnEvent,
    before_each: Callable[[], None] = lambda: None,
    sleep: Sleep | None = None,
    *,
    importing: Mapping[str, set[str]] = MappingProxyType({}),
    left: Mapping[str, Layer] = MappingProxyType({}),
    protected_too: Container[str] = (),
    stays: Stays = NOTHING,
    follows: bool = False,
) -> list[Outcome]:
    """Delete every stack of the environment and what the stacks retain, importers first.

    `importing` says which stacks import from which, and `left` has the layers that have left the project.
    `before_each` is called before each deletion and raises to stop it. In the layers of `protected_too` the
    protection of load balancers is lowered; `stays` is left alone, as CloudFormation leaves it. With
    `follows`, `on_event` gets the events of resources too, and not of stacks alone.
    """
    refuse_protected(environment, layers)
    order = _order(layers, environment, importing, left)
    known = {**layers, **left}
    client = aws.client("cloudformation")
    watch = Watch(client, follows=follows)
    arns: dict[str, str] = {}

    def work(slug: str, nap: Sleep) -> Outcome:
        stack = deployed.settled(client, environment.stack_name(slug), nap, watch=watch)
        if stack:
            arns[slug] = stack.arn
            before_each()
        return _destroy_layer(
            aws,
            watch,
            environment,
            known[slug],
            stack,
            on_event,
            nap,
            slug in protected_too,
            stays.get(slug, ()),
        )

    outcomes = schedule.run(order, work, sleep=sleep)
    for outcome in outcomes:
        outcome.stack = arns.get(outcome.layer, "")
    return outcomes


def _order(
    layers: Mapping[str, Layer],
    environment: Environment,
    importing: Mapping[str, set[str]],
    left: Mapping[str, Layer],
) -> dict[str, set[str]]:
    """What each layer's deletion waits for: the layers that import from it.

    By the templates, and where a layer has left the project by what the stacks import.
    """
    found: dict[str, set[str]] = {slug: set() for slug in (*layers, *left)}
    for slug, upstreams in dependencies(layers, environment).items():
        for upstream in upstreams:
            found[upstream].add(slug)
    for slug, users in importing.items():
        found[slug] |= {user for user in users if slug in left or user in left}
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        # The templates import in another direction now. What is deployed has no circle.
        return {slug: set(importing.get(slug, ())) for slug in found}
    return found


def _destroy_layer(
    aws: Aws,
    watch: Watch,
    environment: Environment,
    layer: Layer,
    stack: Stack | None,
    on_event: OnEvent,
    sleep: Sleep,
    protected_too: bool,
    stays: Sequence[Staying],
) -> Outcome:
    client = aws.client("cloudformation")
    outcome = Outcome(layer.slug, "done" if stack else "nothing")
    if stack and stack.status == IN_REVIEW:
        client.delete_stack(StackName=stack.arn)
    elif stack:
        found = deletion_blockers.find(
            aws, stack, protected_too=protected_too, staying={one.logical_id for one in stays}
        )
        outcome.notes += [blocker.remove(aws) for blocker in found]
        operation.delete(client, watch, layer.slug, stack, on_event, sleep, stack.role_arn)
    outcome.notes += [f"{one} stays" for one in stays]
    # Also where an earlier, killed destroy left it.
    outcome.notes += [left.remove(aws) for left in retained.of(aws, environment, layer)]
    return outcome

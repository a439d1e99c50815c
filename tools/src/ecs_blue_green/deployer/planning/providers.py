"""Who provides what a layer imports: a stack that is deployed, or one that this plan deploys.

CloudFormation makes no change set with an import that nobody exports. So this is known before the first stack
is touched; found out later, the stacks before it would be changed and this one would fail, every time.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.effects.states import ResolvedState
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer, exports
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.planning.plan import Step


def refuse_missing(
    environment: Environment,
    layers: Mapping[str, Layer],
    world: ResolvedState,
    found: Mapping[str, Stack | None],
    chosen: Collection[str],
) -> None:
    """Raise BadInput when a chosen layer imports what no chosen layer and no stack that stays exports.

    `world` has what the templates say under their conditions, `found` the stacks of all layers.
    """
    planned = {name for name, (slug, _) in world.exports().items() if slug in chosen}
    staying = _deployed(found, (slug for slug in found if slug not in chosen))
    for slug in chosen:
        for name in sorted(world.imports(slug) - planned - staying):
            owner = next(each for each in layers if name in exports(layers[each], environment))
            if owner not in chosen:
                raise BadInput(
                    f"{slug} imports {name}",
                    f"{owner} is not deployed with that export",
                    remedies.ADD_LAYER(layers=shlex.quote(" ".join([owner, *chosen]))),
                )
            output = exports(layers[owner], environment)[name]
            raise BadInput(
                f"{slug} imports {name}",
                f"the condition of output {output} in build/{owner}.yaml is false in {environment.name}",
                "give the import the same condition, or take the condition from the output",
            )


def refuse_unplanned(
    environment: Environment,
    world: ResolvedState,
    found: Mapping[str, Stack | None],
    steps: Mapping[str, Step],
) -> None:
    """Raise BadInput when a layer that could only be planned from its template waits for an export in vain.

    That is one in the template of a layer of which CloudFormation says that nothing changes.
    """
    planned = {
        name for name, (slug, _) in world.exports().items() if slug in steps and steps[slug].act != "nothing"
    }
    staying = _deployed(found, (slug for slug in found if slug not in steps or steps[slug].act == "nothing"))
    for slug, step in steps.items():
        if step.act == "nothing" or step.change_set:
            continue
        for name in sorted(world.imports(slug) - planned - staying):
            owner, output = world.exports()[name]
            raise BadInput(
                f"{slug} imports {name}",
                f"CloudFormation sees no change in {environment.stack_name(owner)}, so output {output} of "
                f"build/{owner}.yaml will not be there",
                f"change a resource of {owner} together with the output, then run again",
            )


def _deployed(found: Mapping[str, Stack | None], layers: Iterable[str]) -> set[str]:
    """What the stacks of these layers export now."""
    stacks = (found[slug] for slug in layers)
    return {name for stack in stacks if stack and not deployed.is_failed(stack) for name in stack.exports}

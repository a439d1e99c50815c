"""Every order in which the actions of two executions can run, by the pipeline's run orders and locks.

A stage is held by one execution from its first action to its last, and a queued pipeline lets nobody
overtake. https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ecs_blue_green.pipeline import Definition


class Step(NamedTuple):
    """An action of one of the executions, which are numbered."""

    execution: int
    stage: int
    action: str


def orders(definition: Definition, executions: int = 2) -> Iterator[tuple[Step, ...]]:
    """Every order of all steps. Actions of one run order come in any order: they run side by side."""
    yield from _continued(
        definition, (), tuple(frozenset[str]() for _ in range(executions)), (0,) * executions
    )


def classes(
    definition: Definition, conflict: Callable[[Step, Step], bool], executions: int = 2
) -> dict[frozenset[tuple[Step, Step]], tuple[Step, ...]]:
    """One order for each set of orders that differ only in steps that do not conflict.

    Two orders lead to the same end when all conflicting steps come in the same order in both: one becomes
    the other by exchanging neighbours that have nothing to do with one another.
    """
    found: dict[frozenset[tuple[Step, Step]], tuple[Step, ...]] = {}
    for order in orders(definition, executions):
        kept = frozenset(
            (one, other)
            for index, one in enumerate(order)
            for other in order[index + 1 :]
            if one.execution != other.execution and conflict(one, other)
        )
        found.setdefault(kept, order)
    return found


def _continued(
    definition: Definition,
    so_far: tuple[Step, ...],
    done: tuple[frozenset[str], ...],
    stages: tuple[int, ...],
) -> Iterator[tuple[Step, ...]]:
    if all(stage == len(definition.stages) for stage in stages):
        yield so_far
        return
    for number, stage in enumerate(stages):
        # The one before must have left the stage; it left those before it earlier.
        if stage == len(definition.stages) or (number and stages[number - 1] <= stage):
            continue
        group = next(
            group
            for group in definition.stages[stage].run_orders
            if not {action.name for action in group} <= done[number]
        )
        for action in group:
            if action.name in done[number]:
                continue
            after = done[number] | {action.name}
            left = all(action.name in after for action in definition.stages[stage].actions)
            yield from _continued(
                definition,
                (*so_far, Step(number, stage, action.name)),
                (*done[:number], after, *done[number + 1 :]),
                (*stages[:number], stage + left, *stages[number + 1 :]),
            )

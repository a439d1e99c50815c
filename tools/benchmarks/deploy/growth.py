"""How the deployers grow with the number of layers."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.deploy import measure, sets
from benchmarks.deploy.deployers import AWS_CLI, CORE, SCEPTRE, Deployer
from benchmarks.deploy.measure import Pair
from benchmarks.deploy.sets import SHAPES

SIZES = (6, 30, 60, 120)
# Below this size a process's own start is most of the cost.
FROM_SIZE = 30

Say = Callable[[str], None]


@dataclass(frozen=True)
class Series:
    """What one deployer needs for sets of one shape: the pairs by the number of layers."""

    name: str
    shape: str
    pairs: Mapping[int, Pair]

    def seconds_a_layer(self) -> dict[int, float]:
        """Seconds of creating, by the number of layers."""
        return {count: pair.created.seconds / count for count, pair in self.pairs.items()}

    def growth(self, cost: Callable[[Pair], float]) -> float:
        """The cost a layer of the largest set, over that of a middle one."""
        most = max(self.pairs)
        return (cost(self.pairs[most]) / most) / (cost(self.pairs[FROM_SIZE]) / FROM_SIZE)


def series(say: Say, sizes: Sequence[int] = SIZES) -> list[Series]:
    """Every deployer with every shape, as far as that makes a difference.

    The AWS CLI in a loop takes one template after the other, whatever the shape: it gets chains alone. With
    chains, nearly all of Sceptre's time is its pauses, so its chains run side by side, and the AWS CLI beside
    them.
    """
    found = [_series(CORE, shape, sizes, say) for shape in SHAPES]
    found += [_series(SCEPTRE, shape, sizes, say) for shape in SHAPES if shape != "chain"]
    with ThreadPoolExecutor() as pool:
        chains = [pool.submit(_series, SCEPTRE, "chain", (count,), say) for count in sizes]
        loop = pool.submit(_series, AWS_CLI, "chain", sizes, say)
        pairs = {count: pair for chain in chains for count, pair in chain.result().pairs.items()}
        return [*found, Series(SCEPTRE.name, "chain", pairs), loop.result()]


def _series(deployer: Deployer, shape: str, sizes: Sequence[int], say: Say) -> Series:
    pairs = {}
    for count in sizes:
        pairs[count] = measure.both(deployer, measure.synthetic(shape, count), change=sets.change)
        say(f"{deployer.name}, {shape}, {count} layers: {pairs[count].created.seconds:.1f} s")
    return Series(deployer.name, shape, pairs)

"""What is to be reached, and whether it was."""

from collections.abc import Mapping, Sequence

from benchmarks.deploy import changes
from benchmarks.deploy.changes import Changed
from benchmarks.deploy.deployers import AWS_CLI, CORE, OURS, SCEPTRE
from benchmarks.deploy.growth import FROM_SIZE, Series
from benchmarks.deploy.measure import Pair
from benchmarks.target import Target

# With nothing to do, the gates' reads included; docs/benchmarks.md has the purpose of each.
MOST_CALLS = 27


def of_plain(pairs: Mapping[str, Pair]) -> list[Target]:
    """For an AWS that answers at once."""
    ours, sceptre = pairs[OURS.name], pairs[SCEPTRE.name]
    faster = sceptre.created.seconds / ours.created.seconds
    again = ours.again.seconds / sceptre.again.seconds
    return [
        Target("creating: Sceptre's time over ours", faster, 5.0, at_least=True),
        Target("nothing to do: our time over Sceptre's", again, 1.0),
        Target("nothing to do: our calls", ours.again.calls, MOST_CALLS),
    ]


def of_slow(pairs: Mapping[str, Pair]) -> list[Target]:
    """For an AWS that takes its time."""
    ours = pairs[OURS.name]
    sceptre = pairs[SCEPTRE.name]
    return [
        Target("creating: our time over the critical path", ours.created.seconds / ours.critical_path, 1.05),
        Target("nothing to do: our time over Sceptre's", ours.again.seconds / sceptre.again.seconds, 1.0),
        # Fewer: with as many calls the target is missed.
        Target("creating: our calls over those of Sceptre", ours.created.calls / sceptre.created.calls, 0.99),
    ]


def of_changes(found: Mapping[str, Mapping[str, Changed]]) -> list[Target]:
    """For changes: faster than each of the others."""
    # Faster: with the same time the target is missed.
    return [
        Target(
            f"{change}: our time over that of {peer}",
            mine.run.seconds / found[name][change].run.seconds,
            0.99,
        )
        for change, mine in found[OURS.name].items()
        for name, peer in ((SCEPTRE.name, "Sceptre"), (AWS_CLI.name, "the AWS CLI"))
    ]


def over_path(found: Mapping[str, Mapping[str, Changed]]) -> list[Target]:
    """For changes on a slow AWS: the seconds that are not CloudFormation's."""
    return [
        Target(f"{change}: our seconds beyond the critical path", mine.run.seconds - mine.critical_path, 2.5)
        for change, mine in found[OURS.name].items()
        if change == changes.ONE
    ]


def of_growth(series: Sequence[Series]) -> list[Target]:
    """For sets of many layers."""
    found = []
    for one in series:
        if one.name == CORE.name:
            most = max(one.pairs)
            where = f"{one.shape}, {most} layers over {FROM_SIZE}"
            seconds = one.growth(lambda pair: pair.created.seconds + pair.again.seconds)
            calls = one.growth(lambda pair: pair.created.calls + pair.again.calls)
            found.append(Target(f"{where}: seconds a layer", seconds, 1.0))
            found.append(Target(f"{where}: calls a layer", calls, 1.0))
    return found

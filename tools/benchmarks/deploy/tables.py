"""What was measured, as text."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.deploy.changes import Changed
from benchmarks.deploy.growth import Series
from benchmarks.deploy.measure import Pair, Run

_NAME = 26
_CELL = 18


def of_pairs(pairs: Mapping[str, Pair], *, with_path: bool = False) -> str:
    """A line a deployer: creating, then a second run."""
    lines = [f"{'':{_NAME}}{'creating':>12}{'calls':>8}{'again':>10}{'calls':>8}"]
    if with_path:
        lines[0] += f"{'critical path':>16}{'ratio':>8}"
    for name, pair in pairs.items():
        line = f"{name:{_NAME}}{pair.created.seconds:>10.1f} s{pair.created.calls:>8}"
        line += f"{pair.again.seconds:>8.1f} s{pair.again.calls:>8}"
        if with_path:
            line += f"{pair.critical_path:>14.1f} s{pair.created.seconds / pair.critical_path:>8.2f}"
        lines.append(line)
    return "\n".join(lines)


def of_changes(found: Mapping[str, Mapping[str, Changed]]) -> str:
    """A line a change and deployer."""
    lines = [f"{'':{_NAME + 28}}{'seconds':>10}{'calls':>8}{'critical path':>16}"]
    for change in next(iter(found.values())):
        for name, changed in found.items():
            one = changed[change]
            figures = f"{one.run.seconds:>10.1f}{one.run.calls:>8}{one.critical_path:>14.1f} s"
            lines.append(f"{change:28}{name:{_NAME}}{figures}")
    return "\n".join(lines)


def of_series(series: Sequence[Series]) -> str:
    """A line a deployer and shape, first of seconds, then of calls, by the number of layers."""
    return "\n".join(
        [
            *_rows("seconds, creating/again/changing", series, lambda run: f"{run.seconds:.1f}"),
            *_rows("calls, creating/again/changing", series, lambda run: str(run.calls)),
        ]
    )


def _rows(title: str, series: Sequence[Series], shown: Callable[[Run], str]) -> Iterator[str]:
    yield f"{title:{_NAME + 14}}" + "".join(f"{f'{count} layers':>{_CELL}}" for count in series[0].pairs)
    for one in series:
        cells = [
            "/".join(shown(run) for run in (pair.created, pair.again, pair.changed) if run)
            for pair in one.pairs.values()
        ]
        yield f"{one.name:{_NAME}}{one.shape:14}" + "".join(f"{cell:>{_CELL}}" for cell in cells)

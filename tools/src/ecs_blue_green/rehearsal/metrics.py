"""The load balancer's metrics: what it counted and measured, minute by minute.

Names, dimensions and when a metric is reported at all:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

NAMESPACE = "AWS/ApplicationELB"
Dimensions = frozenset[tuple[str, str]]

# What is counted here, with the sets of dimensions that the load balancer gives it; those by Availability
# Zone are left out, because one machine has none.
_BALANCER = frozenset({"LoadBalancer"})
_GROUP = frozenset({"LoadBalancer", "TargetGroup"})
KNOWN: Mapping[str, tuple[frozenset[str], ...]] = {
    "RequestCount": (_BALANCER, _GROUP),
    "TargetResponseTime": (_BALANCER, _GROUP),
    "TargetConnectionErrorCount": (_BALANCER, _GROUP),
    **{f"HTTPCode_Target_{family}XX_Count": (_BALANCER, _GROUP) for family in (2, 3, 4, 5)},
    **{f"HTTPCode_ELB_{code}_Count": (_BALANCER,) for code in ("5XX", "502", "503", "504")},
    "HealthyHostCount": (_GROUP,),
    "UnHealthyHostCount": (_GROUP,),
}

STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")


def dimensions(load_balancer: str, target_group: str | None = None) -> Dimensions:
    """The dimensions of a metric of the whole load balancer, or of one target group behind it."""
    pairs = {("LoadBalancer", load_balancer)}
    return frozenset(pairs | {("TargetGroup", target_group)} if target_group else pairs)


class Metrics:
    """Every value that was reported, by metric, dimensions and minute."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Dimensions], dict[int, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(self, minute: int, name: str, where: Dimensions, value: float = 1.0) -> None:
        """Report one value."""
        self._values[name, where][minute].append(value)

    def add_both(self, minute: int, name: str, balancer: str, group: str, value: float = 1.0) -> None:
        """Report one value of a target group, which counts for the load balancer as well."""
        self.add(minute, name, dimensions(balancer, group), value)
        self.add(minute, name, dimensions(balancer), value)

    def statistic(self, name: str, where: Dimensions, statistic: str, minutes: Iterable[int]) -> float | None:
        """One statistic over some minutes, None where nothing was reported in them."""
        known = self._values.get((name, where), {})
        values = [value for minute in minutes for value in known.get(minute, ())]
        return _statistic(values, statistic) if values else None


def supported(statistic: str) -> bool:
    """Whether a statistic can be given: one of STATISTICS or a percentile (p99)."""
    return statistic in STATISTICS or (
        statistic.startswith("p") and statistic[1:].replace(".", "", 1).isdigit()
    )


def _statistic(values: Sequence[float], statistic: str) -> float:
    match statistic:
        case "SampleCount":
            return float(len(values))
        case "Sum":
            return math.fsum(values)
        case "Average":
            return math.fsum(values) / len(values)
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
        case _:
            # A percentile: the value at that share of the sorted values, counted from the lowest.
            rank = math.ceil(float(statistic[1:]) / 100 * len(values))
            return sorted(values)[max(rank, 1) - 1]

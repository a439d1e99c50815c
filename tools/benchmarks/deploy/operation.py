"""When the resources of one stack are ready: made side by side, each after those that it refers to."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Operation:
    """One operation on a stack: what each resource waits for, and when those that are ready were."""

    waits_for: Mapping[str, set[str]]
    began: float
    ready: dict[str, float] = field(default_factory=dict)

    def ready_at(self, logical_id: str, seconds: float) -> float:
        """When a resource that takes this long is ready."""
        before = [self.ready.get(name, self.began) for name in self.waits_for.get(logical_id, ())]
        self.ready[logical_id] = max([self.began, *before]) + seconds
        return self.ready[logical_id]

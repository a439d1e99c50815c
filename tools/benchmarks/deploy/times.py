"""How long AWS takes, about: what is usual for a small stack in a quiet account.

AWS promises none of these times, and they are not measured here. They give waiting the shape that it has on
AWS: many resources that are there in seconds, and two that take minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Times:
    """In seconds: the way of a call, a change set, a stack's operation besides its resources, and resources.

    `other` is what a resource takes whose type is not in `resources`.
    """

    call: float = 0.0
    change_set: float = 0.0
    stack: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    other: float = 0.0

    def of(self, resource_type: str) -> float:
        """How long a resource takes."""
        return self.resources.get(resource_type, self.other)

    def scaled(self, factor: float) -> "Times":
        """The same, `factor` times as long."""
        return Times(
            self.call * factor,
            self.change_set * factor,
            self.stack * factor,
            {resource_type: seconds * factor for resource_type, seconds in self.resources.items()},
            self.other * factor,
        )


USUAL = Times(
    call=0.15,
    change_set=4.0,
    stack=3.0,
    resources={
        "AWS::ElasticLoadBalancingV2::LoadBalancer": 150.0,
        # Until the first task is healthy behind the load balancer.
        "AWS::ECS::Service": 100.0,
        "AWS::Events::Rule": 60.0,
        "AWS::S3::Bucket": 20.0,
        "AWS::IAM::ManagedPolicy": 18.0,
        "AWS::IAM::Role": 18.0,
        "AWS::ElasticLoadBalancingV2::TargetGroup": 15.0,
        "AWS::Lambda::Function": 12.0,
        "AWS::SNS::Topic": 11.0,
        "AWS::ECS::Cluster": 10.0,
        "AWS::EC2::SecurityGroup": 6.0,
    },
    other=3.0,
)

"""What must never change in the service-preference layer."""

from typing import Any

import pytest

from tests.templates.conftest import Document


@pytest.fixture(scope="module")
def resources(documents: dict[str, Document]) -> dict[str, Any]:
    return {title: r["Properties"] for title, r in documents["service-preference"]["Resources"].items()}


def test_target_is_the_services_task_count(resources: dict[str, Any]) -> None:
    target = resources["ScalableTarget"]
    assert target["ScalableDimension"] == "ecs:service:DesiredCount"
    assert target["ResourceId"]["Fn::Sub"][0] == "service/${ClusterName}/${ServiceName}"
    assert (target["MinCapacity"], target["MaxCapacity"]) == ({"Ref": "MinCapacity"}, {"Ref": "MaxCapacity"})
    assert "RoleARN" not in target  # the service-linked role is used


@pytest.mark.parametrize(
    ("title", "metric"),
    [
        ("CpuScalingPolicy", "ECSServiceAverageCPUUtilization"),
        ("MemoryScalingPolicy", "ECSServiceAverageMemoryUtilization"),
    ],
)
def test_policy_tracks_its_own_metric(title: str, metric: str, resources: dict[str, Any]) -> None:
    policy = resources[title]
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    assert policy["ScalingTargetId"] == {"Ref": "ScalableTarget"}
    assert configuration["PredefinedMetricSpecification"] == {"PredefinedMetricType": metric}
    assert configuration["TargetValue"] == {"Ref": "ScalingTargetPercent"}
    assert (configuration["ScaleInCooldown"], configuration["ScaleOutCooldown"]) == (60, 60)


def test_policies_have_names_of_their_own(resources: dict[str, Any]) -> None:
    assert resources["CpuScalingPolicy"]["PolicyName"] != resources["MemoryScalingPolicy"]["PolicyName"]


def test_a_service_never_scales_to_nothing(documents: dict[str, Document]) -> None:
    """Without a task nothing measures the load that would bring the next one."""
    assert documents["service-preference"]["Parameters"]["MinCapacity"]["MinValue"] == 1

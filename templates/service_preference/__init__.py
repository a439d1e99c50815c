"""What may be tuned at any time: how many tasks there are, how a release is tried, who is told of it.

Owns: the scalable target and its two policies, and with them the service's desired count; the smoke test
and the notifications of the pipeline. Imports: from infrastructure and service. Exports: the smoke test's
name and the topic, which are the same with and without a subscriber.
"""

from troposphere import Parameter, Ref, Sub, Template
from troposphere.applicationautoscaling import (
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    TargetTrackingScalingPolicyConfiguration,
)

from templates._application import SMOKE_TEST_NAME
from templates._exports import export, import_value
from templates.service_preference.notifications import add_notification_topic
from templates.service_preference.smoke_test import add_smoke_test

COOLDOWN_SECONDS = 60


def build() -> Template:
    """The service-preference layer's template."""
    t = Template(Description="Auto scaling, smoke test and notifications of the service")
    t.set_version()
    min_capacity = t.add_parameter(
        Parameter(
            "MinCapacity",
            Type="Number",
            Description="Fewest tasks; two or more survive the loss of a zone",
            Default=1,
            # At zero nothing would measure the load that brings the next task.
            MinValue=1,
            MaxValue=5000,
        )
    )
    max_capacity = t.add_parameter(
        Parameter(
            "MaxCapacity",
            Type="Number",
            Description="Most tasks, not counting those of a release under way",
            Default=2,
            MinValue=1,
            MaxValue=5000,
        )
    )
    scaling_target_percent = t.add_parameter(
        Parameter(
            "ScalingTargetPercent",
            Type="Number",
            Description="Average use of CPU and of memory that scaling aims at",
            Default=60,
            MinValue=10,
            MaxValue=90,
        )
    )

    scalable_target = t.add_resource(
        ScalableTarget(
            "ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=Sub(
                "service/${ClusterName}/${ServiceName}",
                ClusterName=import_value(t, "infrastructure", "ClusterName"),
                ServiceName=import_value(t, "service", "ServiceName"),
            ),
            MinCapacity=Ref(min_capacity),
            MaxCapacity=Ref(max_capacity),
            # No RoleARN: Application Auto Scaling uses its service-linked role.
        )
    )
    for title, name, metric in (
        ("CpuScalingPolicy", "cpu", "ECSServiceAverageCPUUtilization"),
        ("MemoryScalingPolicy", "memory", "ECSServiceAverageMemoryUtilization"),
    ):
        t.add_resource(
            ScalingPolicy(
                title,
                # Has to differ among the policies of one service only.
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                ScalingTargetId=Ref(scalable_target),
                TargetTrackingScalingPolicyConfiguration=TargetTrackingScalingPolicyConfiguration(
                    PredefinedMetricSpecification=PredefinedMetricSpecification(PredefinedMetricType=metric),
                    TargetValue=Ref(scaling_target_percent),
                    ScaleInCooldown=COOLDOWN_SECONDS,
                    ScaleOutCooldown=COOLDOWN_SECONDS,
                ),
            )
        )

    add_smoke_test(t)
    export(t, "SmokeTestFunctionName", Sub(SMOKE_TEST_NAME), "Name of the smoke test")
    topic = add_notification_topic(t)
    export(
        t,
        "NotificationTopicArn",
        Ref(topic),
        "Topic that is told of alarms, failed releases and waiting approvals",
    )
    return t

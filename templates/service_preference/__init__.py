"""What can be changed at any time: number of tasks, smoke test, alarms and notifications.

Owns: the scalable target and its two policies, and with them the service's desired count; the smoke test,
the alarms that stop a release and the notifications of the pipeline. Imports: cluster and load balancer from
infrastructure; the service's name from service. Exports: the smoke test's name, the alarms' names and the
topic, which are the same with and without a limit or a subscriber.
"""

from troposphere import Parameter, Ref, Sub, Template
from troposphere.applicationautoscaling import (
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    TargetTrackingScalingPolicyConfiguration,
)

from templates._alarms import ALARMS, LATENCY_ALARMS
from templates._exports import import_value, stack_names
from templates._parameters import TEST_LISTENER_HTTPS, shared, template
from templates._runtime import Changed, Endpoints, Key, NotAbove, Runtime
from templates.service_preference.alarms import add_alarms
from templates.service_preference.notifications import add_notification_topic
from templates.service_preference.smoke_test import add_smoke_test

# A path and, unless they are 200 to 299, the status codes that pass.
_SMOKE_PATH = r"/[!-+.-~-]*( [2-5]\d\d(-[2-5]\d\d)?)*"

PARAMETERS = (
    Parameter(
        "MinCapacity",
        Type="Number",
        Description=(
            "Minimum number of tasks; with two or more, the service survives the loss of an Availability Zone"
        ),
        Default=1,
        # With zero tasks there would be no load to scale on.
        MinValue=1,
        MaxValue=5000,
    ),
    Parameter(
        "MaxCapacity",
        Type="Number",
        Description="Maximum number of tasks, not counting those of a release in progress",
        Default=2,
        MinValue=1,
        MaxValue=5000,
    ),
    Parameter(
        "ScalingTargetPercent",
        Type="Number",
        Description="Average CPU and memory utilization, in percent, that auto scaling aims at",
        Default=60,
        MinValue=10,
        MaxValue=90,
    ),
    *stack_names("infrastructure", "service"),
    *shared("Project", "Environment", "TestListenerPort", "LogRetentionDays", "KmsKeyArn", "LogKmsKeyArn"),
    *shared("PermissionsBoundaryArn", "VpcId", "PrivateSubnetIds", "SmokeTest"),
    Parameter(
        "SmokeRequests",
        Type="Number",
        Description="Requests that the smoke test sends in total, at least one for each path",
        Default=50,
        MinValue=1,
        MaxValue=1000,
    ),
    *shared("CertificateArn", "DomainName", "TestListenerHttps"),
    Parameter(
        "SmokeHost",
        Type="String",
        Description=(
            "Host name that the smoke test requests, such as shop.example.com; over HTTPS the certificate"
            " must be valid for it. Empty: DomainName; if that is empty too, the load balancer's DNS name,"
            " with any certificate"
        ),
        Default="",
        AllowedPattern=r"(|[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*)",
        MaxLength=253,
        ConstraintDescription="must be a domain name, or empty",
    ),
    Parameter(
        "SmokePaths",
        Type="String",
        Description=(
            "Paths that the smoke test requests in turn, separated by commas. Status codes 200 to 299"
            " pass, or those given after a path and a space: /admin 401, /old 301 308, /any 200-399"
        ),
        Default="/health,/",
        AllowedPattern=f"{_SMOKE_PATH}(,{_SMOKE_PATH})*",
        # The environment variables of a function have at most 4 KB in total (November 2026).
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        MaxLength=3400,
        ConstraintDescription=(
            "must be paths that begin with a slash, separated by commas, each with its status codes after"
            " spaces"
        ),
    ),
    Parameter(
        "SmokeMaxFiveXxPercent",
        Type="Number",
        Description=(
            "Maximum share of a path's requests, in percent, that may get another status code than those"
            " that pass, or no response"
        ),
        Default=5,
        MinValue=0,
        MaxValue=100,
    ),
    Parameter(
        "SmokeMaxLatencyMs",
        Type="Number",
        Description=(
            "Maximum latency of a path in milliseconds: the 95th percentile or, with fewer than 20"
            " requests, the slowest response"
        ),
        Default=2000,
        MinValue=1,
        MaxValue=60000,
    ),
    *shared("AlarmMinRequests"),
    Parameter(
        "AlarmFiveXxRatePercent",
        Type="Number",
        Description="Share of 5xx responses, in percent, at which a release is rolled back",
        Default=20,
        MinValue=1,
        MaxValue=100,
    ),
    Parameter(
        "AlarmUnhealthyHostPercent",
        Type="Number",
        Description=(
            "Share of tasks that fail their health check, in percent, at which a release is rolled back:"
            " at 20, one of up to five tasks"
        ),
        Default=20,
        MinValue=1,
        MaxValue=100,
    ),
    *shared("AlarmLatencyMs"),
    Parameter(
        "NotificationEmail",
        Type="String",
        Description=(
            "E-mail address that is notified of alarms and their end, of releases that fail, are stopped"
            " or are superseded, and of pending approvals, once the subscription is confirmed; empty: none"
        ),
        Default="",
        AllowedPattern=r"(|[^@\s]+@[^@\s]+\.[^@\s]+)",
        ConstraintDescription="must be an e-mail address, or empty",
    ),
    Parameter(
        "NotificationKeyArn",
        Type="String",
        # The AWS managed key for SNS would deny all publishers: its key policy cannot be changed.
        Description=(
            "KMS key that encrypts notifications; its key policy must allow events.amazonaws.com,"
            " cloudwatch.amazonaws.com and, by kms:ViaService, this account to use it through SNS"
            " (docs/security.md). Empty: not encrypted at rest"
        ),
        Default="",
        AllowedPattern=r"(|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-z0-9-]+)",
        ConstraintDescription="must be the ARN of a KMS key, or empty",
    ),
)

_ALARM_STATE = "CloudWatch: its state"
_SCALING_ALARMS = ("Application Auto Scaling: the alarms it keeps for it", "its service-linked role")

RUNTIME = Runtime(
    changed_by=(
        Changed("CpuScalingPolicy", *_SCALING_ALARMS),
        Changed("MemoryScalingPolicy", *_SCALING_ALARMS),
        *(Changed(alarm, _ALARM_STATE) for alarm in (*ALARMS, *LATENCY_ALARMS)),
        Changed("NotificationTopic", "the recipient: confirms the subscription, once"),
        Changed("SmokeTestLogGroup", "Lambda: its log streams", "`SmokeTestRole`"),
    ),
    fixed_at_creation=(TEST_LISTENER_HTTPS,),
    host="SmokeHost",
    capacity={"minimum": "MinCapacity", "maximum": "MaxCapacity"},
    # What the smoke test calls; its log does not need an endpoint.
    endpoints=(Endpoints("SmokeTest", "enabled", ("codedeploy", "ec2")),),
    rules=(NotAbove("MinCapacity", "MaxCapacity"),),
    keys=(
        Key(
            "NotificationKeyArn",
            ("events.amazonaws.com", "cloudwatch.amazonaws.com"),
            through="sns.{region}.amazonaws.com",
        ),
    ),
)

COOLDOWN_SECONDS = 60


def build() -> Template:
    """The service-preference layer's template."""
    t = template("Auto scaling, smoke test and notifications of the service", PARAMETERS)
    _add_scaling(t)
    add_smoke_test(t)
    add_alarms(t, add_notification_topic(t))
    return t


def _add_scaling(t: Template) -> None:
    scalable_target = t.add_resource(
        ScalableTarget(
            "ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=Sub(
                "service/${ClusterName}/${ServiceName}",
                ClusterName=import_value("infrastructure", "ClusterName"),
                ServiceName=import_value("service", "ServiceName"),
            ),
            MinCapacity=Ref("MinCapacity"),
            MaxCapacity=Ref("MaxCapacity"),
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
                # Must be unique only among the policies of one service.
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                ScalingTargetId=Ref(scalable_target),
                TargetTrackingScalingPolicyConfiguration=TargetTrackingScalingPolicyConfiguration(
                    PredefinedMetricSpecification=PredefinedMetricSpecification(PredefinedMetricType=metric),
                    TargetValue=Ref("ScalingTargetPercent"),
                    ScaleInCooldown=COOLDOWN_SECONDS,
                    ScaleOutCooldown=COOLDOWN_SECONDS,
                ),
            )
        )

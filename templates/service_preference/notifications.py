"""Notifications of alarms, failed releases and pending approvals: a topic, and who may publish to it."""

from awacs.aws import (
    Allow,
    ArnLike,
    Condition,
    Principal,
    SourceAccount,
    SourceArn,
    Statement,
    StringEquals,
)
from awacs.sns import Publish
from troposphere import AccountId, If, NoValue, Ref, Sub, Template
from troposphere.events import InputTransformer, Rule, Target
from troposphere.sns import Subscription, Topic, TopicPolicy

from templates._exports import export
from templates._iam import arn, policy
from templates._parameters import has, optional_value


def add_notification_topic(t: Template) -> Topic:
    """The topic. It exists even without subscribers: an export in use cannot be removed."""
    has_notification_email = has(t, "NotificationEmail")
    notification_topic = t.add_resource(
        Topic(
            "NotificationTopic",
            TopicName=Sub("${Project}-${Environment}-releases"),
            KmsMasterKeyId=optional_value(t, "NotificationKeyArn"),
            Subscription=If(
                has_notification_email,
                [Subscription(Protocol="email", Endpoint=Ref("NotificationEmail"))],
                NoValue,
            ),
        )
    )
    t.add_resource(
        TopicPolicy(
            "NotificationTopicPolicy",
            Topics=[Ref(notification_topic)],
            PolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("Service", ["events.amazonaws.com"]),
                    Action=[Publish],
                    Resource=[Ref(notification_topic)],
                    # No condition: AWS has said that a topic policy cannot have one for EventBridge, and its
                    # examples have none. Whether EventBridge sends aws:SourceArn to SNS is UNVERIFIED; if
                    # not, no notification would arrive, and nothing would show it.
                    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
                ),
                # The alarms of this layer; in older stacks, those of the pipeline, whose names begin with its
                # name.
                # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/US_SetupSNS.html
                Statement(
                    Effect=Allow,
                    Principal=Principal("Service", ["cloudwatch.amazonaws.com"]),
                    Action=[Publish],
                    Resource=[Ref(notification_topic)],
                    Condition=Condition(
                        [
                            StringEquals({SourceAccount: AccountId}),
                            ArnLike({SourceArn: arn("cloudwatch", "alarm:${Project}-${Environment}-*")}),
                        ]
                    ),
                ),
            ),
        )
    )
    export(
        t,
        "NotificationTopicArn",
        Ref(notification_topic),
        "Topic that is told of alarms, failed releases and waiting approvals",
    )
    _add_end_of_alarms(t, notification_topic)
    return notification_topic


def _add_end_of_alarms(t: Template, topic: Topic) -> None:
    """Notifies when an alarm is over. An OK action would also notify when an alarm is created.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    t.add_resource(
        Rule(
            "EndOfAlarmRule",
            EventPattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {
                    "alarmName": [{"prefix": Sub("${Project}-${Environment}-")}],
                    "previousState": {"value": ["ALARM"]},
                    "state": {"value": ["OK"]},
                },
            },
            Targets=[
                Target(
                    Id="NotificationTopic",
                    Arn=Ref(topic),
                    InputTransformer=InputTransformer(
                        InputPathsMap={"alarm": "$.detail.alarmName", "time": "$.time"},
                        InputTemplate='"OK again since <time>: the alarm <alarm>"',
                    ),
                )
            ],
        )
    )

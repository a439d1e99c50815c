"""Who is told of alarms, failed releases and waiting approvals: a topic, and who publishes to it."""

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
    """The topic. It exists also when nobody is subscribed: an export in use cannot go away."""
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
                    # No condition: AWS has said that a topic's policy cannot have one for EventBridge, and
                    # shows none. Whether it sends aws:SourceArn to SNS is UNVERIFIED; if not, nobody would
                    # ever be told, and nothing would say so.
                    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
                ),
                # The alarms of this layer; in a stack of before, the pipeline's, which begin with its name.
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
    """Tells when an alarm of this environment is over. Its own action would do so when it is made, too.

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

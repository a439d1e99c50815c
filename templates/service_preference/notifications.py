"""Who is told of alarms, failed releases and waiting approvals: a topic, and who may publish to it."""

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
from troposphere.sns import Subscription, Topic, TopicPolicy

from templates._exports import export
from templates._iam import arn, policy
from templates._parameters import has, optional_value


def add_notification_topic(t: Template) -> None:
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
                # The names of the alarms are CloudFormation's: they begin with their stack's.
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

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
from troposphere import AccountId, Equals, If, Not, NoValue, Parameter, Ref, Sub, Template
from troposphere.sns import Subscription, Topic, TopicPolicy

from templates._iam import arn, policy
from templates._parameters import shared


def add_notification_topic(t: Template) -> Topic:
    """The topic. It exists also when nobody is subscribed: an export in use cannot go away."""
    shared(t, "Project")
    shared(t, "Environment")
    notification_email = t.add_parameter(
        Parameter(
            "NotificationEmail",
            Type="String",
            Description=(
                "Address that is told of alarms, failed releases and waiting approvals, once it has"
                " confirmed; empty: none"
            ),
            Default="",
            AllowedPattern=r"(|[^@\s]+@[^@\s]+\.[^@\s]+)",
            ConstraintDescription="must be an e-mail address, or empty",
        )
    )
    notification_key_arn = t.add_parameter(
        Parameter(
            "NotificationKeyArn",
            Type="String",
            # AWS's own key for SNS would shut out all publishers: its policy cannot be changed.
            Description=(
                "KMS key that encrypts notifications; its policy must let events.amazonaws.com,"
                " cloudwatch.amazonaws.com and, by kms:ViaService, this account's use of SNS use it"
                " (docs/security.md). Empty: not encrypted at rest"
            ),
            Default="",
            AllowedPattern=r"(|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-z0-9-]+)",
            ConstraintDescription="must be the ARN of a KMS key, or empty",
        )
    )
    has_notification_email = t.add_condition("HasNotificationEmail", Not(Equals(Ref(notification_email), "")))
    has_notification_key = t.add_condition("HasNotificationKey", Not(Equals(Ref(notification_key_arn), "")))

    notification_topic = t.add_resource(
        Topic(
            "NotificationTopic",
            TopicName=Sub("${Project}-${Environment}-releases"),
            KmsMasterKeyId=If(has_notification_key, Ref(notification_key_arn), NoValue),
            Subscription=If(
                has_notification_email,
                [Subscription(Protocol="email", Endpoint=Ref(notification_email))],
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
    return notification_topic

"""Notifications of the pipeline layer to service-preference's topic: executions and deployments that fail."""

from troposphere import Ref, Template
from troposphere.codedeploy import TriggerConfig
from troposphere.codepipeline import Pipeline
from troposphere.events import Rule, Target

from templates._exports import import_value

# Failed; stopped by a person; superseded by a newer one; cancelled, because the pipeline itself was changed.
NOT_RELEASED = ["FAILED", "STOPPED", "SUPERSEDED", "CANCELED"]

NOTIFICATION_TOPIC_ARN = import_value("service-preference", "NotificationTopicArn")


def deployment_trigger() -> TriggerConfig:
    """CodeDeploy's notification of deployments that do not succeed."""
    return TriggerConfig(
        TriggerName="releases",
        TriggerTargetArn=NOTIFICATION_TOPIC_ARN,
        TriggerEvents=["DeploymentFailure", "DeploymentStop", "DeploymentRollback"],
    )


def add_pipeline_rule(t: Template, pipeline: Pipeline) -> Rule:
    """Notifies of executions that end without a release, in any stage and for any reason."""
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
    return t.add_resource(
        Rule(
            "FailedPipelineRule",
            EventPattern={
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Pipeline Execution State Change"],
                "detail": {"pipeline": [Ref(pipeline)], "state": NOT_RELEASED},
            },
            Targets=[Target(Id="NotificationTopic", Arn=NOTIFICATION_TOPIC_ARN)],
        )
    )

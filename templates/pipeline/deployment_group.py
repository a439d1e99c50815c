"""CodeDeploy: the application and the deployment group that shift traffic between blue and green."""

from typing import NamedTuple

from troposphere import Equals, GetAtt, If, Parameter, Ref, Template
from troposphere.cloudwatch import Alarm
from troposphere.codedeploy import Alarm as DeploymentAlarm
from troposphere.codedeploy import (
    AlarmConfiguration,
    Application,
    AutoRollbackConfiguration,
    BlueGreenDeploymentConfiguration,
    BlueInstanceTerminationOption,
    DeploymentGroup,
    DeploymentReadyOption,
    DeploymentStyle,
    ECSService,
    LoadBalancerInfo,
    TargetGroupInfo,
    TargetGroupPairInfo,
    TrafficRoute,
)
from troposphere.s3 import Bucket

from templates._application import application_name
from templates._exports import import_value
from templates.pipeline.codedeploy_role import add_codedeploy_role
from templates.pipeline.notifications import deployment_trigger

# The predefined configurations for ECS: all there are.
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
DEPLOYMENT_CONFIGURATIONS = [
    "CodeDeployDefault.ECSAllAtOnce",
    "CodeDeployDefault.ECSCanary10Percent5Minutes",
    "CodeDeployDefault.ECSCanary10Percent15Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
]

# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html (the API itself says 2880)
MAX_TERMINATION_WAIT_MINUTES = 2800


class BlueGreen(NamedTuple):
    """What a deployment is started on."""

    application: Application
    deployment_group: DeploymentGroup


def add_blue_green(t: Template, bucket: Bucket, alarms: list[Alarm]) -> BlueGreen:
    """Application, deployment group and CodeDeploy's role."""
    deployment_config_name = t.add_parameter(
        Parameter(
            "DeploymentConfigName",
            Type="String",
            Description="How traffic is shifted to a new version",
            AllowedValues=DEPLOYMENT_CONFIGURATIONS,
            Default="CodeDeployDefault.ECSCanary10Percent5Minutes",
        )
    )
    termination_wait_minutes = t.add_parameter(
        Parameter(
            "TerminationWaitMinutes",
            Type="Number",
            Description="Minutes for which the old tasks stay, and with them an instant rollback",
            Default=10,
            MinValue=0,
            MaxValue=MAX_TERMINATION_WAIT_MINUTES,
        )
    )
    deployment_alarms = t.add_parameter(
        Parameter(
            "DeploymentAlarms",
            Type="String",
            Description=(
                "Whether alarms stop a release. An alarm that is already in ALARM stops the very release"
                " that repairs it: disable them for that one"
            ),
            AllowedValues=["enabled", "disabled"],
            Default="enabled",
        )
    )
    has_deployment_alarms = t.add_condition("HasDeploymentAlarms", Equals(Ref(deployment_alarms), "enabled"))

    code_deploy_application = t.add_resource(
        Application("CodeDeployApplication", ApplicationName=application_name(t), ComputePlatform="ECS")
    )
    role = add_codedeploy_role(t, bucket)
    listener_arns = {
        title: import_value(t, "infrastructure", f"{title}ListenerArn") for title in ("Production", "Test")
    }
    code_deploy_deployment_group = t.add_resource(
        DeploymentGroup(
            "CodeDeployDeploymentGroup",
            ApplicationName=Ref(code_deploy_application),
            DeploymentGroupName=application_name(t),
            ServiceRoleArn=GetAtt(role, "Arn"),
            DeploymentConfigName=Ref(deployment_config_name),
            DeploymentStyle=DeploymentStyle(
                DeploymentType="BLUE_GREEN", DeploymentOption="WITH_TRAFFIC_CONTROL"
            ),
            ECSServices=[
                ECSService(
                    ClusterName=import_value(t, "infrastructure", "ClusterName"),
                    ServiceName=import_value(t, "service", "ServiceName"),
                )
            ],
            LoadBalancerInfo=LoadBalancerInfo(
                TargetGroupPairInfoList=[
                    TargetGroupPairInfo(
                        TargetGroups=[
                            TargetGroupInfo(
                                Name=import_value(t, "infrastructure", f"{colour}TargetGroupName")
                            )
                            for colour in ("Blue", "Green")
                        ],
                        ProdTrafficRoute=TrafficRoute(ListenerArns=[listener_arns["Production"]]),
                        TestTrafficRoute=TrafficRoute(ListenerArns=[listener_arns["Test"]]),
                    )
                ]
            ),
            BlueGreenDeploymentConfiguration=BlueGreenDeploymentConfiguration(
                DeploymentReadyOption=DeploymentReadyOption(
                    ActionOnTimeout="CONTINUE_DEPLOYMENT", WaitTimeInMinutes=0
                ),
                TerminateBlueInstancesOnDeploymentSuccess=BlueInstanceTerminationOption(
                    Action="TERMINATE", TerminationWaitTimeInMinutes=Ref(termination_wait_minutes)
                ),
            ),
            AutoRollbackConfiguration=AutoRollbackConfiguration(
                Enabled=True,
                Events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            ),
            AlarmConfiguration=AlarmConfiguration(
                Enabled=If(has_deployment_alarms, True, False),
                # A release that nobody can watch stops.
                IgnorePollAlarmFailure=False,
                Alarms=[DeploymentAlarm(Name=Ref(alarm)) for alarm in alarms],
            ),
            TriggerConfigurations=[deployment_trigger(t)],
        )
    )
    return BlueGreen(code_deploy_application, code_deploy_deployment_group)

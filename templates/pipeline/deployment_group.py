"""CodeDeploy: the application and the deployment group that shift traffic between blue and green."""

from typing import NamedTuple

from troposphere import Equals, GetAtt, If, NoValue, Ref, Template
from troposphere.codedeploy import (
    Alarm,
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

from templates._alarms import ALARMS, LATENCY_ALARMS, has_latency_limit, name_output
from templates._application import APPLICATION_NAME
from templates._exports import import_value
from templates.pipeline.codedeploy_role import add_codedeploy_role
from templates.pipeline.notifications import deployment_trigger


class BlueGreen(NamedTuple):
    """The application and the group in which a deployment is started."""

    application: Application
    deployment_group: DeploymentGroup


def add_deployment_group(t: Template, bucket: Bucket) -> BlueGreen:
    """Application, deployment group and CodeDeploy's role."""
    has_deployment_alarms = t.add_condition("HasDeploymentAlarms", Equals(Ref("DeploymentAlarms"), "enabled"))
    code_deploy_application = t.add_resource(
        Application("CodeDeployApplication", ApplicationName=APPLICATION_NAME, ComputePlatform="ECS")
    )
    role = add_codedeploy_role(t, bucket)
    listener_arns = {
        title: import_value("infrastructure", f"{title}ListenerArn") for title in ("Production", "Test")
    }
    code_deploy_deployment_group = t.add_resource(
        DeploymentGroup(
            "CodeDeployDeploymentGroup",
            ApplicationName=Ref(code_deploy_application),
            DeploymentGroupName=APPLICATION_NAME,
            ServiceRoleArn=GetAtt(role, "Arn"),
            DeploymentConfigName=Ref("DeploymentConfigName"),
            DeploymentStyle=DeploymentStyle(
                DeploymentType="BLUE_GREEN", DeploymentOption="WITH_TRAFFIC_CONTROL"
            ),
            ECSServices=[
                ECSService(
                    ClusterName=import_value("infrastructure", "ClusterName"),
                    ServiceName=import_value("service", "ServiceName"),
                )
            ],
            LoadBalancerInfo=LoadBalancerInfo(
                TargetGroupPairInfoList=[
                    TargetGroupPairInfo(
                        TargetGroups=[
                            TargetGroupInfo(Name=import_value("infrastructure", f"{colour}TargetGroupName"))
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
                    Action="TERMINATE", TerminationWaitTimeInMinutes=Ref("TerminationWaitMinutes")
                ),
            ),
            AutoRollbackConfiguration=AutoRollbackConfiguration(
                Enabled=True,
                Events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            ),
            AlarmConfiguration=AlarmConfiguration(
                Enabled=If(has_deployment_alarms, True, False),
                # If the state of the alarms cannot be read, the release stops.
                IgnorePollAlarmFailure=False,
                Alarms=_watched_alarms(t),
            ),
            TriggerConfigurations=[deployment_trigger()],
        )
    )
    return BlueGreen(code_deploy_application, code_deploy_deployment_group)


def _watched_alarms(t: Template) -> list[Alarm | If]:
    limit = has_latency_limit(t)
    return [
        *(_alarm(title) for title in ALARMS),
        *(If(limit, _alarm(title), NoValue) for title in LATENCY_ALARMS),
    ]


def _alarm(title: str) -> Alarm:
    return Alarm(Name=import_value("service-preference", name_output(title)))

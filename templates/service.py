"""The ECS service, whose releases are CodeDeploy's.

Owns: the service's creation. From the first release on CodeDeploy owns its task sets, with their revision,
network and platform version, and auto scaling its desired count; ECS refuses a stack update of these, so the
stack policy keeps every update away. Imports: cluster, target group and security group from infrastructure;
family, container name and port from task-definition. Exports: the service's name.
"""

from troposphere import GetAtt, If, NoValue, Parameter, Ref, Select, Split, Sub, Template
from troposphere.ecs import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    DeploymentController,
    LoadBalancer,
    NetworkConfiguration,
    Service,
)

from templates._application import APPLICATION_NAME, ASSIGN_PUBLIC_IP
from templates._exports import export, import_value, stack_names
from templates._parameters import has, is_execute_command_enabled, shared, template
from templates._runtime import Changed, Delegation, Distinct, Endpoints, NotLonger, Runtime
from templates._stack_policy import deny_updates

PARAMETERS = (
    *shared("Project", "Environment", "PrivateSubnetIds", "PlatformVersion", "CapacityProviderStrategy"),
    Parameter(
        "HealthCheckGracePeriodSeconds",
        Type="Number",
        # ECS would take another value, but CloudFormation's update of such a service has been seen to be
        # refused whatever it changes; docs/first-run.md asks.
        Description=(
            "Seconds after the start of a task in which failed health checks are ignored; cannot be"
            " changed after creation"
        ),
        Default=60,
        MinValue=0,
        MaxValue=7200,
    ),
    *shared("EnableExecuteCommand"),
    *stack_names("infrastructure", "task-definition"),
)

RUNTIME = Runtime(
    # ECS refuses nearly every update of a service whose deployments are CodeDeploy's, so none is tried.
    stack_policy=deny_updates("Service"),
    changed_by=(
        Changed(
            "Service",
            "CodeDeploy: task sets, revision, target group, network, platform version and capacity providers;"
            " Application Auto Scaling: desired count",
            "`CodeDeployRole`, Application Auto Scaling's service-linked role",
            (
                Delegation("LoadBalancers", "CodeDeploy", "same-container"),
                Delegation("TaskDefinition", "CodeDeploy", "same-family"),
                Delegation("NetworkConfiguration", "CodeDeploy", "last-deployment"),
                Delegation("PlatformVersion", "CodeDeploy", "last-deployment"),
                Delegation("LaunchType", "CodeDeploy", "last-deployment"),
                Delegation("CapacityProviderStrategy", "CodeDeploy", "last-deployment"),
                Delegation("DesiredCount", "Application Auto Scaling", "anything"),
            ),
        ),
    ),
    # Every release brings those of the pipeline's stack.
    moved_by_releases=("PrivateSubnetIds", "PlatformVersion", "CapacityProviderStrategy"),
    controller={"service": "ServiceName"},
    network={"private_subnets": "PrivateSubnetIds"},
    endpoints=(Endpoints("EnableExecuteCommand", "true", ("ssmmessages",)),),
    rules=(
        Distinct("PrivateSubnetIds", at_least=2),
        NotLonger(
            [["HealthyThresholdCount", "HealthCheckIntervalSeconds"]],
            [["HealthCheckGracePeriodSeconds"]],
            "a task that was unhealthy when it started would be ended before it can be found healthy",
        ),
        # The alarm rings in the third minute that has an unhealthy task, and one minute touches two.
        NotLonger(
            [["HealthCheckGracePeriodSeconds"], ["HealthyThresholdCount", "HealthCheckIntervalSeconds"]],
            [["UnhealthyThresholdCount", "HealthCheckIntervalSeconds"]],
            "a task that needs all of its grace period would be unhealthy for so long that the alarm on"
            " unhealthy tasks stops the release",
            more=60,
        ),
    ),
)


def build() -> Template:
    """The service layer's template."""
    t = template("ECS service released blue/green by CodeDeploy", PARAMETERS)
    has_providers = has(t, "CapacityProviderStrategy")
    service = t.add_resource(
        Service(
            "Service",
            ServiceName=APPLICATION_NAME,
            Cluster=import_value("infrastructure", "ClusterName"),
            # ECS takes one of the two.
            LaunchType=If(has_providers, NoValue, "FARGATE"),
            CapacityProviderStrategy=If(has_providers, _providers(), NoValue),
            PlatformVersion=Ref("PlatformVersion"),
            # Circuit breaker, deployment alarms and strategies exist with the controller ECS only.
            DeploymentController=DeploymentController(Type="CODE_DEPLOY"),
            # The family without a revision: ECS takes the latest when the service is created, and the text
            # never changes afterwards, whatever CodeDeploy runs.
            TaskDefinition=import_value("task-definition", "TaskDefinitionFamily"),
            # No DesiredCount: ECS begins with one task, then auto scaling owns the number.
            LoadBalancers=[
                LoadBalancer(
                    ContainerName=import_value("task-definition", "ContainerName"),
                    ContainerPort=import_value("task-definition", "ContainerPort"),
                    TargetGroupArn=import_value("infrastructure", "BlueTargetGroupArn"),
                )
            ],
            HealthCheckGracePeriodSeconds=Ref("HealthCheckGracePeriodSeconds"),
            NetworkConfiguration=NetworkConfiguration(
                AwsvpcConfiguration=AwsvpcConfiguration(
                    AssignPublicIp=ASSIGN_PUBLIC_IP,
                    SecurityGroups=[import_value("infrastructure", "ServiceSecurityGroupId")],
                    Subnets=Ref("PrivateSubnetIds"),
                )
            ),
            # On by default since 2025: it would stop and start tasks while CodeDeploy counts them.
            AvailabilityZoneRebalancing="DISABLED",
            EnableECSManagedTags=True,
            PropagateTags="SERVICE",
            EnableExecuteCommand=If(is_execute_command_enabled(t), True, False),
        )
    )
    export(t, "ServiceName", GetAtt(service, "Name"), "Name of the service")
    return t


def _providers() -> list[CapacityProviderStrategyItem]:
    """What the parameter says, FARGATE:WEIGHT:BASE,FARGATE_SPOT:WEIGHT, as each release writes it."""
    # An index that is not there fails the stack. That it does not in the branch of an Fn::If that is not
    # taken is not documented, so an empty value has them all too.
    parts = Split(":", Sub("${CapacityProviderStrategy}:0:0,:0"))
    base = Select(0, Split(",", Select(2, parts)))
    return [
        CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=Select(1, parts), Base=base),
        CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=Select(3, parts), Base=0),
    ]

"""The ECS service, which CodeDeploy releases.

Owns: the creation of the service. From the first release on, CodeDeploy owns its task sets with their
revision, subnets and platform version, and auto scaling its desired count. ECS refuses stack updates of
these, so the stack policy denies every update. Imports: cluster, target group and security group from
infrastructure; family, container name and port from task-definition. Exports: the service's name.
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
        # ECS would accept another value, but every CloudFormation update of such a service has been observed
        # to fail; docs/first-run.md asks AWS.
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
    # ECS refuses nearly every update of a service with the controller CODE_DEPLOY, so none is tried.
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
    # Each release uses the values of the pipeline's stack.
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
        # The alarm goes off in the third minute with an unhealthy task, and a minute of failures can touch
        # two.
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
            # ECS accepts only one of the two.
            LaunchType=If(has_providers, NoValue, "FARGATE"),
            CapacityProviderStrategy=If(has_providers, _providers(), NoValue),
            PlatformVersion=Ref("PlatformVersion"),
            # Circuit breaker, deployment alarms and strategies exist only with the controller ECS.
            DeploymentController=DeploymentController(Type="CODE_DEPLOY"),
            # The family without a revision: ECS uses the latest when the service is created, and the value
            # never changes afterwards, whatever revision CodeDeploy deploys.
            TaskDefinition=import_value("task-definition", "TaskDefinitionFamily"),
            # No DesiredCount: ECS starts with one task, then auto scaling sets the count.
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
            # Enabled by default since 2025; it would stop and start tasks during a deployment.
            AvailabilityZoneRebalancing="DISABLED",
            EnableECSManagedTags=True,
            PropagateTags="SERVICE",
            EnableExecuteCommand=If(is_execute_command_enabled(t), True, False),
        )
    )
    export(t, "ServiceName", GetAtt(service, "Name"), "Name of the service")
    return t


def _providers() -> list[CapacityProviderStrategyItem]:
    """The parameter FARGATE:WEIGHT:BASE,FARGATE_SPOT:WEIGHT, in the same form as in each release."""
    # Fn::Select with an index out of range fails the stack. It is not documented whether that is so in the
    # unused branch of Fn::If, so an empty value has all parts too.
    parts = Split(":", Sub("${CapacityProviderStrategy}:0:0,:0"))
    base = Select(0, Split(",", Select(2, parts)))
    return [
        CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=Select(1, parts), Base=base),
        CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=Select(3, parts), Base=0),
    ]

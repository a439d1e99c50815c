"""The task definition of the application, and its log group.

Owns: the revisions that this stack registers, and the log group. Two others register revisions of the same
family: at each release the pipeline's deploy action registers this stack's latest one with the new image by
digest, and that is the one that runs. Imports: the two task roles, the repository. Exports: family, container
name and port, which never change; the revision's ARN is an output without export, because an export in use
cannot change.

No IAM resource belongs here: a push can change this stack, and it needs no capability.
"""

from typing import Any

from troposphere import (
    If,
    Parameter,
    Ref,
    Region,
    Retain,
    RetainExceptOnCreate,
    Sub,
    Template,
)
from troposphere.ecs import (
    ContainerDefinition,
    LinuxParameters,
    LogConfiguration,
    PortMapping,
    RuntimePlatform,
    TaskDefinition,
)
from troposphere.logs import LogGroup

from templates import _application, _containers
from templates._exports import export, import_value, output, stack_names
from templates._parameters import is_execute_command_enabled, log_key, shared, template
from templates._runtime import Changed, Key, NotAbove, Pairs, Runtime

# Fargate's sizes as of November 2026: CPU units to MiB of memory. Whether the two go together is checked
# before anything is deployed.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE_SIZES = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
    32768: (61440, 122880, 249856),
}

# What the application in app/ expects.
STOP_TIMEOUT_SECONDS = 30

PARAMETERS = (
    *shared("Project", "Environment"),
    Parameter(
        "TaskCpu",
        Type="Number",
        Description="CPU units of a task (1024 are one vCPU)",
        Default=256,
        AllowedValues=list(FARGATE_SIZES),
    ),
    Parameter(
        "TaskMemory",
        Type="Number",
        Description="Memory of a task in MiB; Fargate supports only certain combinations of CPU and memory",
        Default=512,
        AllowedValues=sorted({memory for sizes in FARGATE_SIZES.values() for memory in sizes}),
    ),
    Parameter(
        "StopTimeoutSeconds",
        Type="Number",
        Description="Seconds from SIGTERM to SIGKILL, in which the application can complete its requests",
        Default=STOP_TIMEOUT_SECONDS,
        # Fargate's range.
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
        MinValue=2,
        MaxValue=120,
    ),
    *shared("ContainerPort", "InitialImageTag", "LogRetentionDays", "EnableExecuteCommand", "Architecture"),
    *_containers.variable_parameters(_application.VARIABLES),
    *_containers.secret_parameters(_application.SECRETS, _application.SIDE_CONTAINERS),
    *shared("KmsKeyArn", "LogKmsKeyArn"),
    *stack_names("container-repository", "infrastructure"),
)

RUNTIME = Runtime(
    released=True,
    revision="TaskDefinitionArn",
    # CloudFormation keeps using the role of a stack's last operation, so people and the pipeline use the same
    # role, which can change only this stack's resources.
    role="infrastructure.TaskDefinitionStackRoleArn",
    changed_by=(
        Changed(
            "LogGroup",
            "pipeline: this stack, on a push; tasks: log streams",
            "`TaskDefinitionStackRole`, `TaskExecutionRole`",
        ),
        Changed(
            "TaskDefinition",
            "pipeline: this stack, on a push; each release registers a revision of its own beside it",
            "`TaskDefinitionStackRole`, `DeployActionRole`",
        ),
    ),
    capacity={"cpu": "TaskCpu"},
    rules=(
        Pairs("TaskCpu", "TaskMemory", unit="MiB", of="Fargate", pairs=FARGATE_SIZES),
        # ECS stops a task after its deregistration from the load balancer: later responses reach nobody.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html
        NotAbove("StopTimeoutSeconds", "DeregistrationDelaySeconds"),
    ),
    keys=(
        Key("KmsKeyArn", ("logs.{region}.amazonaws.com",), unless="LogKmsKeyArn"),
        Key("LogKmsKeyArn", ("logs.{region}.amazonaws.com",)),
    ),
    health_rate=_containers.health_rate_parameter(_application.VARIABLES),
)


def build() -> Template:
    """The task-definition layer's template. Raises ValueError with every mistake in its tables."""
    wrong = list(_containers.problems(_application.SIDE_CONTAINERS, _application.SECRETS))
    if wrong:
        raise ValueError("; ".join(wrong))
    t = template("Task definition of the application and its log group", PARAMETERS)
    has_shell = is_execute_command_enabled(t)
    log_group = t.add_resource(
        LogGroup(
            "LogGroup",
            LogGroupName=_application.LOG_GROUP_NAME,
            RetentionInDays=Ref("LogRetentionDays"),
            KmsKeyId=log_key(t),
            # Logs survive the stack. A first creation that fails leaves nothing behind.
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
        )
    )

    shared_settings: dict[str, Any] = {
        # The agent of ECS Exec needs a writable root file system. The application writes no files, so it
        # needs no volume for temporary files.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
        "ReadonlyRootFilesystem": If(has_shell, False, True),
        # Sessions of ECS Exec leave zombie processes, which an init process must reap.
        "LinuxParameters": LinuxParameters(InitProcessEnabled=If(has_shell, True, False)),
        "StopTimeout": Ref("StopTimeoutSeconds"),
        "LogConfiguration": LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref(log_group),
                "awslogs-region": Region,
                "awslogs-stream-prefix": _application.LOG_STREAM_PREFIX,
                # If the log service does not answer, the application must not block.
                "mode": "non-blocking",
            },
        ),
    }
    container = ContainerDefinition(
        Name=_application.CONTAINER_NAME,
        Image=Sub(
            "${RepositoryUri}:${InitialImageTag}",
            RepositoryUri=import_value("container-repository", "RepositoryUri"),
        ),
        Essential=True,
        PortMappings=[PortMapping(ContainerPort=Ref("ContainerPort"), Protocol="tcp")],
        Environment=_containers.environment(_application.VARIABLES),
        User=_application.USER,
        **shared_settings,
    )
    if _application.SECRETS:
        container.Secrets = _containers.container_secrets(_application.SECRETS)
    if awaited := _containers.dependencies(_application.SIDE_CONTAINERS):
        container.DependsOn = awaited
    beside = [
        _containers.side_container(row, container, **shared_settings) for row in _application.SIDE_CONTAINERS
    ]
    task_definition = t.add_resource(
        TaskDefinition(
            "TaskDefinition",
            Family=_application.APPLICATION_NAME,
            RequiresCompatibilities=["FARGATE"],
            NetworkMode="awsvpc",
            # The architecture for which the pipeline's build projects and `make image` build.
            RuntimePlatform=RuntimePlatform(
                CpuArchitecture=Ref("Architecture"), OperatingSystemFamily="LINUX"
            ),
            Cpu=Ref("TaskCpu"),
            Memory=Ref("TaskMemory"),
            TaskRoleArn=import_value("infrastructure", "TaskRoleArn"),
            ExecutionRoleArn=import_value("infrastructure", "TaskExecutionRoleArn"),
            ContainerDefinitions=[container, *beside],
            # A revision is always replaced, and CloudFormation would deregister the old one while the service
            # runs it, or a rollback needs it.
            DeletionPolicy=Retain,
            UpdateReplacePolicy=Retain,
        )
    )

    family = "Family of the task definition, the same for every revision"
    export(t, "TaskDefinitionFamily", _application.APPLICATION_NAME, family)
    export(t, "ContainerName", _application.CONTAINER_NAME, "Container that gets the traffic")
    export(t, "ContainerPort", Ref("ContainerPort"), "Port of that container")
    output(
        t,
        "TaskDefinitionArn",
        Ref(task_definition),
        "Revision that this stack registered last; a release makes its own from it",
    )
    return t

"""The release pipeline: from a push to a blue/green deployment.

Owns: the pipeline, its artifact bucket, build projects and roles; CodeDeploy's application and deployment
group. Imports: from every other layer, the resources that a release changes; from service-preference, the
alarms that stop it. Exports: nothing.

All steps of one release that must not mix with another run in one locked stage, Build: it changes the
task-definition stack and records the resulting revision for the deployment.
"""

from troposphere import Equals, GetAtt, Parameter, Ref, Sub, Template
from troposphere.codepipeline import ArtifactStore, Pipeline

from templates._application import BUILD_STEPS, CODE, REGISTRY_LOGINS
from templates._exports import output, stack_names
from templates._parameters import has, shared, template
from templates._runtime import Bucket, Changed, Runtime
from templates._steps import build_parameters, problems
from templates.pipeline.artifacts import add_artifact_bucket
from templates.pipeline.build_projects import add_build_projects
from templates.pipeline.deployment_group import add_deployment_group
from templates.pipeline.notifications import add_pipeline_rule
from templates.pipeline.roles import add_action_roles, add_pipeline_policy, add_pipeline_role
from templates.pipeline.stages import stages, trigger, variables

PARAMETERS = (
    *shared("Project", "Environment"),
    Parameter(
        "GitHubOwner",
        Type="String",
        Description="GitHub user or organization, spelled exactly as on GitHub",
        # Names of managed users contain an underscore (name_company).
        AllowedPattern="[A-Za-z0-9][A-Za-z0-9_-]{0,38}",
        ConstraintDescription="must be 1 to 39 letters, digits, hyphens and underscores",
    ),
    Parameter(
        "GitHubRepository",
        Type="String",
        Description="Name of the repository, spelled exactly as on GitHub",
        AllowedPattern="[A-Za-z0-9._-]{1,100}",
        ConstraintDescription="must be 1 to 100 letters, digits, dots, hyphens and underscores",
    ),
    Parameter(
        "GitHubBranch",
        Type="String",
        Description="Branch whose pushes are released",
        # A trigger would interpret *, ? and brackets as a pattern.
        AllowedPattern="[A-Za-z0-9._/-]{1,255}",
        ConstraintDescription="must be the name of one branch, without wildcards",
    ),
    Parameter(
        "RequireApproval",
        Type="String",
        Description="Whether each release needs manual approval before it is deployed",
        AllowedValues=["true", "false"],
        Default="false",
    ),
    Parameter(
        "ArtifactRetentionDays",
        Type="Number",
        Description="Days to keep the pipeline's artifacts",
        Default=30,
        # An execution can wait for an approval for 7 days and in a queue before that.
        MinValue=14,
        MaxValue=3650,
    ),
    Parameter(
        "ArtifactLogBucketName",
        Type="String",
        Description=(
            "Bucket for access logs of the artifact bucket; it must allow S3 to write. Empty: no access logs"
        ),
        Default="",
        AllowedPattern="(|[a-z0-9][a-z0-9.-]{2,62})",
        ConstraintDescription="must be the name of a bucket in this region, or empty",
    ),
    *shared("Architecture"),
    Parameter(
        "BuildImage",
        Type="String",
        Description=("CodeBuild image on x86_64; it must contain bash, the AWS CLI, Python and docker"),
        # https://docs.aws.amazon.com/codebuild/latest/userguide/ec2-compute-images.html
        Default="aws/codebuild/amazonlinux-x86_64-standard:5.0",
        # For x86_64, like the projects and the tasks. Not a private image: the projects have no permission to
        # pull it.
        AllowedPattern="aws/codebuild/(amazonlinux2?-x86_64-)?standard:[a-z0-9.-]+",
        ConstraintDescription="must be a CodeBuild image for x86_64 (aws/codebuild/...)",
    ),
    Parameter(
        "ArmBuildImage",
        Type="String",
        Description=("CodeBuild image on ARM64, instead of BuildImage"),
        Default="aws/codebuild/amazonlinux-aarch64-standard:3.0",
        AllowedPattern="aws/codebuild/amazonlinux2?-aarch64-standard:[a-z0-9.-]+",
        ConstraintDescription="must be a CodeBuild image for ARM64 (aws/codebuild/...)",
    ),
    *shared("ConnectionArn"),
    *stack_names("container-repository"),
    *shared("LogRetentionDays", "KmsKeyArn", "LogKmsKeyArn", "PermissionsBoundaryArn"),
    *stack_names("task-definition"),
    *shared("PrivateSubnetIds", "PlatformVersion", "CapacityProviderStrategy"),
    *shared("SmokeTest"),
    *stack_names("service-preference"),
    *shared("AlarmLatencyMs"),
    *stack_names("infrastructure"),
    Parameter(
        "DeploymentConfigName",
        Type="String",
        Description="How traffic is shifted to a new version (CodeDeploy's deployment configuration)",
        # All predefined deployment configurations for ECS.
        # https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
        AllowedValues=[
            "CodeDeployDefault.ECSAllAtOnce",
            "CodeDeployDefault.ECSCanary10Percent5Minutes",
            "CodeDeployDefault.ECSCanary10Percent15Minutes",
            "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
            "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
        ],
        Default="CodeDeployDefault.ECSCanary10Percent5Minutes",
    ),
    Parameter(
        "TerminationWaitMinutes",
        Type="Number",
        Description="Minutes to keep the old tasks after a release, during which a rollback is immediate",
        Default=10,
        MinValue=0,
        # As of November 2026; the API reference says 2880.
        # https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
        MaxValue=2800,
    ),
    Parameter(
        "DeploymentAlarms",
        Type="String",
        Description=(
            "Whether alarms stop a release. An alarm that is already in ALARM also stops the release that"
            " fixes its cause: disable them for that release"
        ),
        AllowedValues=["enabled", "disabled"],
        Default="enabled",
    ),
    Parameter(
        "ScopedCodeDeployRole",
        Type="String",
        Description=(
            "Whether CodeDeploy gets permissions for this service's resources only, instead of the AWS"
            " managed policy; not verified on AWS yet"
        ),
        AllowedValues=["true", "false"],
        Default="false",
    ),
    *stack_names("service"),
    *build_parameters(BUILD_STEPS, REGISTRY_LOGINS),
)

_BUILD_LOGS = "CodeBuild: its log streams"

RUNTIME = Runtime(
    # If the pipeline is created before a person has completed the connection, its executions fail and pushes
    # do not start it.
    waits_for_connection="infrastructure.ConnectionArn",
    changed_by=(
        Changed(
            "ArtifactBucket",
            "pipeline: its objects; S3 expires them",
            "`PipelineRole`, the roles of the actions",
        ),
        Changed("VerifyLogGroup", _BUILD_LOGS, "`VerifyRole`"),
        Changed("ImageBuildLogGroup", _BUILD_LOGS, "`ImageBuildRole`"),
        Changed("RenderLogGroup", _BUILD_LOGS, "`RenderRole`"),
        Changed("TagReleaseLogGroup", _BUILD_LOGS, "`TagReleaseRole`"),
        *(Changed(f"{step.name}LogGroup", _BUILD_LOGS, f"`{step.name}Role`") for step in BUILD_STEPS),
        Changed("CodeDeployApplication", "pipeline: its revisions", "`DeployActionRole`"),
        Changed(
            "CodeDeployDeploymentGroup",
            "pipeline: its deployments; a person: `deploy.py rollback`",
            "`DeployActionRole`, the person's",
        ),
        Changed("Pipeline", "CodePipeline: its executions; a person: approvals", "`PipelineRole`"),
    ),
    controller={
        "application": "CodeDeployApplicationName",
        "deployment_group": "CodeDeployDeploymentGroupName",
        "pipeline": "PipelineName",
    },
    controller_parameters={"alarms": "DeploymentAlarms", "termination_wait": "TerminationWaitMinutes"},
    # An environment of another repository belongs to another team, even if all names are the same.
    repository={"owner": "GitHubOwner", "name": "GitHubRepository", "shipped_project": "sample"},
    # The project Render writes them into the AppSpec.
    gives_to_releases=("PrivateSubnetIds", "PlatformVersion", "CapacityProviderStrategy"),
    capacity={"providers": "CapacityProviderStrategy"},
    buckets=(Bucket("ArtifactLogBucketName"),),
)


def build() -> Template:
    """The pipeline layer's template. Raises ValueError with every mistake in its tables."""
    wrong = list(problems(BUILD_STEPS, REGISTRY_LOGINS))
    if wrong:
        raise ValueError("; ".join(wrong))
    t = template("Release pipeline with blue/green deployment", PARAMETERS)
    has(t, "ConnectionArn")
    is_approval_required = t.add_condition("IsApprovalRequired", Equals(Ref("RequireApproval"), "true"))

    bucket = add_artifact_bucket(t)
    projects = add_build_projects(t, bucket)
    blue_green = add_deployment_group(t, bucket)
    pipeline_role = add_pipeline_role(t)
    roles = add_action_roles(t, bucket, pipeline_role, projects.all, blue_green)
    pipeline_policy = add_pipeline_policy(t, bucket, pipeline_role, roles)
    pipeline = t.add_resource(
        Pipeline(
            "Pipeline",
            # The first execution starts at once, and the role has no permissions without this policy.
            DependsOn=[pipeline_policy],
            Name=Sub("${Project}-${Environment}"),
            PipelineType="V2",
            # Each commit is released, in order. PARALLEL would start a second deployment in the same
            # deployment group.
            ExecutionMode="QUEUED",
            RoleArn=GetAtt(pipeline_role, "Arn"),
            ArtifactStore=ArtifactStore(Type="S3", Location=Ref(bucket)),
            Triggers=[trigger()],
            Stages=stages(projects, blue_green, roles, is_approval_required),
        )
    )
    if CODE.rebuilds:
        pipeline.Variables = variables()
    add_pipeline_rule(t, pipeline)

    for title, resource, description in (
        ("PipelineName", pipeline, "Name of the pipeline"),
        ("ArtifactBucketName", bucket, "Bucket through which the pipeline's actions hand files on"),
        ("CodeDeployApplicationName", blue_green.application, "CodeDeploy's application"),
        ("CodeDeployDeploymentGroupName", blue_green.deployment_group, "CodeDeploy's deployment group"),
    ):
        output(t, title, Ref(resource), description)
    return t

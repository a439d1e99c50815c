"""The release pipeline: from a push to a blue/green deployment.

Owns: the pipeline, its artifact bucket, build projects and roles; CodeDeploy's application and deployment
group; the alarms that stop a release. Imports: from every layer before it. Exports: nothing.

What belongs to one release happens in one locked stage, Build: there the task-definition stack is changed,
and what it says then is written down for the deployment. Two pushes close together cannot mix.
"""

from troposphere import GetAtt, Output, Parameter, Ref, Sub, Template
from troposphere.codepipeline import ArtifactStore, Pipeline

from templates._parameters import shared
from templates.pipeline.alarms import add_alarms
from templates.pipeline.artifacts import add_artifact_bucket
from templates.pipeline.build_projects import add_build_projects
from templates.pipeline.deployment_group import add_blue_green
from templates.pipeline.notifications import add_pipeline_rule
from templates.pipeline.roles import add_action_roles, add_pipeline_policy, add_pipeline_role
from templates.pipeline.stages import Repository, add_approval_condition, stages, trigger


def build() -> Template:
    """The pipeline layer's template."""
    t = Template(Description="Release pipeline with blue/green deployment")
    t.set_version()
    shared(t, "Project")
    shared(t, "Environment")
    repository = _repository_parameters(t)
    approval = add_approval_condition(t)

    bucket = add_artifact_bucket(t)
    projects = add_build_projects(t, bucket)
    blue_green = add_blue_green(t, bucket, add_alarms(t))

    pipeline_role = add_pipeline_role(t)
    roles = add_action_roles(t, bucket, pipeline_role, projects, blue_green)
    pipeline = t.add_resource(
        Pipeline(
            "Pipeline",
            # The first execution starts at once, and the role alone may do nothing.
            DependsOn=[add_pipeline_policy(t, bucket, pipeline_role, roles)],
            Name=Sub("${Project}-${Environment}"),
            PipelineType="V2",
            # Each commit is released, in order. PARALLEL would start a second deployment of one group.
            ExecutionMode="QUEUED",
            RoleArn=GetAtt(pipeline_role, "Arn"),
            ArtifactStore=ArtifactStore(Type="S3", Location=Ref(bucket)),
            Triggers=[trigger(repository)],
            Stages=stages(t, repository, projects, blue_green, roles, approval),
        )
    )

    add_pipeline_rule(t, pipeline)

    for title, resource, description in (
        ("PipelineName", pipeline, "Name of the pipeline"),
        ("ArtifactBucketName", bucket, "Bucket through which the pipeline's actions hand files on"),
        ("CodeDeployApplicationName", blue_green.application, "CodeDeploy's application"),
        ("CodeDeployDeploymentGroupName", blue_green.deployment_group, "CodeDeploy's deployment group"),
    ):
        t.add_output(Output(title, Description=description, Value=Ref(resource)))
    return t


def _repository_parameters(t: Template) -> Repository:
    return Repository(
        owner=t.add_parameter(
            Parameter(
                "GitHubOwner",
                Type="String",
                Description="GitHub user or organization, written as GitHub writes it",
                # The underscore is that of a user whom a company manages (name_company).
                AllowedPattern="[A-Za-z0-9][A-Za-z0-9_-]{0,38}",
                ConstraintDescription="must be 1 to 39 letters, digits, hyphens and underscores",
            )
        ),
        name=t.add_parameter(
            Parameter(
                "GitHubRepository",
                Type="String",
                Description="Name of the repository, written as GitHub writes it",
                AllowedPattern="[A-Za-z0-9._-]{1,100}",
                ConstraintDescription="must be 1 to 100 letters, digits, dots, hyphens and underscores",
            )
        ),
        branch=t.add_parameter(
            Parameter(
                "GitHubBranch",
                Type="String",
                Description="Branch whose pushes are released",
                # A trigger would take *, ? and brackets for a pattern.
                AllowedPattern="[A-Za-z0-9._/-]{1,255}",
                ConstraintDescription="must be the name of one branch, without wildcards",
            )
        ),
    )

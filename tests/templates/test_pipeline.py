"""What must never regress in the pipeline's template."""

import importlib
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ecs_blue_green.deployer import parameters
from ecs_blue_green.rehearsal import metric_math
from troposphere import Template
from troposphere.s3 import Bucket

from templates import pipeline, service, service_preference
from templates._application import BUILD_STEPS, CODE, REGISTRY_LOGINS
from templates._code import Code
from templates._containers import Secret
from templates._runtime import NotLonger
from templates._steps import BuildStep, RegistryLogin, StoredParameter
from templates._steps import problems as step_problems
from templates.pipeline import build_projects
from templates.pipeline.notifications import NOT_RELEASED

TEMPLATE: dict[str, Any] = pipeline.build().to_dict()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PIPELINE = RESOURCES["Pipeline"]["Properties"]
GROUP = RESOURCES["CodeDeployDeploymentGroup"]["Properties"]
PREFERENCE: dict[str, Any] = service_preference.build().to_dict()
ALARM = "AWS::CloudWatch::Alarm"

SHIPPED = {
    "VerifyProject": "verify",
    "ImageBuildProject": "image-build",
    "RenderProject": "render",
    "TagReleaseProject": "tag-release",
}
# With those of the team.
PROJECTS = SHIPPED | {
    f"{step.name}Project": re.sub("(?<!^)([A-Z])", r"-\1", step.name).lower() for step in BUILD_STEPS
}
ACTION_ROLES = {"SourceActionRole", "BuildActionRole", "CloudFormationActionRole", "DeployActionRole"}


def of_type(kind: str, resources: dict[str, Any] = RESOURCES) -> dict[str, Any]:
    return {
        title: resource["Properties"] for title, resource in resources.items() if resource["Type"] == kind
    }


ROLES = of_type("AWS::IAM::Role")
# All that stop a release.
ALARMS = of_type(ALARM, PREFERENCE["Resources"])


def with_conditional(value: dict[str, Any]) -> dict[str, Any]:
    """The value; of one that is there under a condition only, what is there then."""
    present: dict[str, Any] = value["Fn::If"][1] if "Fn::If" in value else value
    return present


def stages() -> dict[str, Any]:
    """The stages by name, the conditional one among them."""
    return {stage["Name"]: stage for stage in map(with_conditional, PIPELINE["Stages"])}


def actions() -> Iterator[dict[str, Any]]:
    for stage in stages().values():
        yield from stage["Actions"]


ACTIONS = {action["Name"]: action for action in actions()}


def artifacts(action: dict[str, Any], kind: str) -> list[str]:
    return [artifact["Name"] for artifact in action.get(f"{kind}Artifacts", [])]


def statements(role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in ROLES[role].get("Policies", [])
        for statement in with_conditional(policy)["PolicyDocument"]["Statement"]
    ]


def every_statement() -> Iterator[tuple[str, dict[str, Any]]]:
    for role in ROLES:
        for statement in statements(role):
            yield role, statement
    for title, properties in of_type("AWS::IAM::ManagedPolicy").items():
        for statement in properties["PolicyDocument"]["Statement"]:
            yield title, statement


def may(role: str) -> set[str]:
    """The actions that a role has, on whatever resource."""
    return {action for statement in statements(role) for action in statement["Action"]}


def artifact_resources(role: str, action: str) -> set[str]:
    """The artifacts on which a role may do this."""
    return {
        resource["Fn::Sub"].removeprefix("${ArtifactBucket.Arn}/*/").removesuffix("/*")
        for statement in statements(role)
        if action in statement["Action"]
        for resource in statement["Resource"]
        if "Fn::Sub" in resource
    }


def imported(value: dict[str, Any]) -> str:
    """`infrastructure`'s output behind an imported value."""
    name: str = value["Fn::ImportValue"]["Fn::Sub"]
    return name.rpartition("-")[2]


# Stages and actions


def test_pipeline_is_v2_and_releases_each_commit_in_order() -> None:
    assert (PIPELINE["PipelineType"], PIPELINE["ExecutionMode"]) == ("V2", "QUEUED")


def test_actions_run_in_the_order_of_the_design() -> None:
    mine = {step.name for step in BUILD_STEPS}
    order = {
        name: [
            (action["RunOrder"], action["Name"]) for action in stage["Actions"] if action["Name"] not in mine
        ]
        for name, stage in stages().items()
    }
    deploy = 2 if any(step.when == "before deploy" for step in BUILD_STEPS) else 1
    assert order == {
        "Source": [(1, "Source")],
        "Build": [
            (1, "Verify"),
            (1, "ImageBuild"),
            (1, "PrepareTaskDefinition"),
            (2, "ExecuteTaskDefinition"),
            (3, "Render"),
        ],
        "Approve": [(1, "Approve")],
        "Deploy": [(deploy, "Deploy"), (deploy + 1, "TagRelease")],
    }


def test_build_steps_of_the_team_are_where_their_rows_say() -> None:
    place = {
        "build": ("Build", "Verify"),
        "after deploy": ("Deploy", "TagRelease"),
        "before deploy": ("Deploy", ""),
    }
    for step in BUILD_STEPS:
        stage, beside = place[step.when]
        orders = {action["Name"]: action["RunOrder"] for action in stages()[stage]["Actions"]}
        assert orders[step.name] == (orders[beside] if beside else 1)
        assert orders[step.name] != orders.get("Deploy")


def test_build_stage_is_retried_as_a_whole() -> None:
    """A change set is gone after its execution has failed: executing again alone cannot work."""
    assert stages()["Build"]["OnFailure"] == {
        "Result": "RETRY",
        "RetryConfiguration": {"RetryMode": "ALL_ACTIONS"},
    }


def test_approval_is_asked_only_where_required() -> None:
    (conditional,) = [stage["Fn::If"] for stage in PIPELINE["Stages"] if "Fn::If" in stage]
    assert conditional[0] == "IsApprovalRequired"
    assert conditional[2] == {"Ref": "AWS::NoValue"}
    assert TEMPLATE["Parameters"]["RequireApproval"]["Default"] == "false"


def test_a_push_releases_only_what_it_can_change() -> None:
    (trigger,) = PIPELINE["Triggers"]
    (push,) = trigger["GitConfiguration"]["Push"]
    assert push == {
        "Branches": {"Includes": [{"Ref": "GitHubBranch"}]},
        "FilePaths": {
            "Includes": [
                *CODE.released_paths,
                "build/task-definition.yaml",
                {"Fn::Sub": "build/config/${Environment}/**"},
            ]
        },
    }
    assert trigger["GitConfiguration"]["SourceActionName"] == "Source"
    assert ACTIONS["Source"]["Configuration"]["DetectChanges"] == "false"


def test_artifacts_are_made_once_and_before_they_are_used() -> None:
    made: list[str] = []
    for stage in stages().values():
        for action in sorted(stage["Actions"], key=lambda action: action.get("RunOrder", 1)):
            assert set(artifacts(action, "Input")) <= set(made), action["Name"]
            made += artifacts(action, "Output")
    assert sorted(made) == ["Image", "Release", "Source"]
    # Longer names are cut in the store's keys, and no role's prefix would match.
    assert all(len(name) <= 10 for name in made)


def test_deploy_gets_the_small_artifact_alone() -> None:
    deploy = ACTIONS["Deploy"]
    assert artifacts(deploy, "Input") == ["Release"]
    configuration = deploy["Configuration"]
    assert {value for key, value in configuration.items() if key.endswith(("Artifact", "ArtifactName"))} == {
        "Release"
    }
    assert configuration["Image1ContainerName"] == "IMAGE1_NAME"
    files = yaml.safe_load(buildspec("RenderProject"))["artifacts"]["files"]
    assert files == [
        configuration.get("TaskDefinitionTemplatePath", "taskdef.json"),
        configuration["AppSpecTemplatePath"],
        "imageDetail.json",
    ]


def test_change_set_is_made_and_executed_on_the_task_definition_stack() -> None:
    prepare, execute = (
        ACTIONS[name]["Configuration"] for name in ("PrepareTaskDefinition", "ExecuteTaskDefinition")
    )
    assert prepare["ActionMode"] == "CHANGE_SET_REPLACE"
    assert execute["ActionMode"] == "CHANGE_SET_EXECUTE"
    for key in ("StackName", "ChangeSetName"):
        assert prepare[key] == execute[key]
    assert prepare["StackName"] == {"Ref": "TaskDefinitionStackName"}
    assert imported(prepare["RoleArn"]) == "TaskDefinitionStackRoleArn"
    # A push must not be able to bring IAM resources or macros into the stack.
    assert "Capabilities" not in prepare


# Roles


def test_each_actor_has_its_own_role() -> None:
    assert set(ROLES) == ACTION_ROLES | {
        "PipelineRole",
        "CodeDeployRole",
        *(project.replace("Project", "Role") for project in PROJECTS),
    }
    for action in actions():
        if action["ActionTypeId"]["Provider"] != "Manual":
            assert action["RoleArn"]["Fn::GetAtt"][0] in ACTION_ROLES, action["Name"]
    for project, properties in of_type("AWS::CodeBuild::Project").items():
        assert properties["ServiceRole"] == {"Fn::GetAtt": [project.replace("Project", "Role"), "Arn"]}


@pytest.mark.parametrize("role", sorted(ACTION_ROLES))
def test_action_role_trusts_the_pipeline_role_alone(role: str) -> None:
    (statement,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": [{"Fn::GetAtt": ["PipelineRole", "Arn"]}]}


def test_pipeline_may_assume_its_action_roles_before_it_first_runs() -> None:
    assert statements("PipelineRole") == []  # rights of its own here would make the trust circular
    ((title, properties),) = of_type("AWS::IAM::ManagedPolicy").items()
    assert properties["Roles"] == [{"Ref": "PipelineRole"}]
    assume, *_ = properties["PolicyDocument"]["Statement"]
    assert assume["Action"] == ["sts:AssumeRole"]
    assert {resource["Fn::GetAtt"][0] for resource in assume["Resource"]} == ACTION_ROLES
    assert RESOURCES["Pipeline"]["DependsOn"] == [title]


@pytest.mark.parametrize("project", PROJECTS)
def test_project_role_is_for_this_project_alone(project: str) -> None:
    (statement,) = ROLES[project.replace("Project", "Role")]["AssumeRolePolicyDocument"]["Statement"]
    name = of_type("AWS::CodeBuild::Project")[project]["Name"]["Fn::Sub"]
    assert statement["Principal"] == {"Service": ["codebuild.amazonaws.com"]}
    assert statement["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(f":project/{name}")


def test_codedeploy_role_is_for_this_application_alone() -> None:
    (statement,) = ROLES["CodeDeployRole"]["AssumeRolePolicyDocument"]["Statement"]
    application = RESOURCES["CodeDeployApplication"]["Properties"]["ApplicationName"]["Fn::Sub"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(f":deploymentgroup:{application}/*")


def test_roles_are_passed_by_name_and_to_a_named_service() -> None:
    passed = [
        (role, {imported(resource) for resource in statement["Resource"]}, statement["Condition"])
        for role, statement in every_statement()
        if "iam:PassRole" in statement["Action"]
    ]
    assert {role: arns for role, arns, _ in passed} == {
        "CloudFormationActionRole": {"TaskDefinitionStackRoleArn"},
        "DeployActionRole": {"TaskRoleArn", "TaskExecutionRoleArn"},
        "CodeDeployRole": {"TaskRoleArn", "TaskExecutionRoleArn"},
    }
    for _, _, condition in passed:
        assert condition["StringEquals"]["iam:PassedToService"]


def test_statements_name_resources_where_iam_knows_any() -> None:
    unbounded = {
        action
        for _, statement in every_statement()
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert unbounded == {
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "ecs:RegisterTaskDefinition",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
    }
    assert not [
        statement
        for _, statement in every_statement()
        if any("*" in action for action in statement["Action"])
    ]


def test_verify_can_write_nothing_but_its_log() -> None:
    assert may("VerifyRole") == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetBucketAcl",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:GetObjectVersion",
    }


def test_projects_that_run_pushed_code_cannot_deploy() -> None:
    for role in ("VerifyRole", "ImageBuildRole"):
        secrets = {"secretsmanager"} if role == "ImageBuildRole" and REGISTRY_LOGINS else set()
        assert {action.split(":")[0] for action in may(role)} <= {"logs", "s3", "ecr", *secrets}


def test_secrets_are_read_by_the_role_of_their_step_alone() -> None:
    """And a project is told of none that its role may not read."""
    wanted: dict[str, set[str]] = {
        f"{step.name}Role": {secret.parameter for secret in step.secrets} for step in BUILD_STEPS
    }
    wanted["ImageBuildRole"] = {login.parameter for login in REGISTRY_LOGINS}
    reading = {"secretsmanager:GetSecretValue", "ssm:GetParameters"}
    for role in ROLES:
        resources = [
            resource
            for statement in statements(role)
            if reading & set(statement["Action"])
            for resource in statement["Resource"]
        ]
        read = {
            resource.get("Ref") or resource["Fn::Sub"].partition(":parameter${")[2][:-1]
            for resource in resources
        }
        assert read == wanted.get(role, set()), role


@pytest.mark.parametrize("name", [project.removesuffix("Project") for project in PROJECTS])
def test_project_reads_and_writes_the_artifacts_of_its_action_alone(name: str) -> None:
    action = ACTIONS[name]
    assert action["Configuration"]["ProjectName"] == {"Ref": f"{name}Project"}
    assert artifact_resources(f"{name}Role", "s3:GetObject") == set(artifacts(action, "Input"))
    assert artifact_resources(f"{name}Role", "s3:PutObject") == set(artifacts(action, "Output"))


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        ("SourceActionRole", {"Source"}, {"Source"}),
        ("BuildActionRole", set(), set()),
        # CodePipeline signs the address of the template alone, wherever it puts that.
        ("CloudFormationActionRole", {"${ArtifactBucket.Arn}"}, set()),
        ("DeployActionRole", {"Release"}, set()),
    ],
)
def test_action_role_reads_and_writes_its_artifacts_alone(
    role: str, reads: set[str], writes: set[str]
) -> None:
    assert artifact_resources(role, "s3:GetObject") == reads
    assert artifact_resources(role, "s3:PutObject") == writes


def test_pipeline_touches_no_stack_but_task_definition() -> None:
    resources = {
        str(resource)
        for _, statement in every_statement()
        if any(action.startswith("cloudformation:") for action in statement["Action"])
        for resource in statement["Resource"]
    }
    (stack,) = resources
    assert ":stack/${TaskDefinitionStackName}/*" in stack


def test_change_set_is_created_with_the_execution_role_alone() -> None:
    (create,) = [
        statement
        for statement in statements("CloudFormationActionRole")
        if "cloudformation:CreateChangeSet" in statement["Action"]
    ]
    assert create["Action"] == ["cloudformation:CreateChangeSet"]
    role = create["Condition"]["StringEquals"]["cloudformation:RoleArn"]
    assert imported(role) == "TaskDefinitionStackRoleArn"


def test_change_set_may_carry_the_tags_of_its_stack() -> None:
    (tagging,) = [
        statement
        for statement in statements("CloudFormationActionRole")
        if "cloudformation:TagResource" in statement["Action"]
    ]
    assert "cloudformation:UntagResource" in tagging["Action"]
    assert "Condition" not in tagging


# Build projects


def buildspec(project: str) -> str:
    text: str = of_type("AWS::CodeBuild::Project")[project]["Source"]["BuildSpec"]
    return text


@pytest.mark.parametrize(("project", "slug"), SHIPPED.items())
def test_build_specification_is_embedded_without_its_comments(project: str, slug: str) -> None:
    text = (build_projects.BUILDSPECS / f"{slug}.yml").read_text().replace("@CODE@", CODE.build_arguments)
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    inserted = {command.strip() for commands in build_projects.inserts().values() for command in commands}
    assert [line for line in buildspec(project).splitlines() if line.strip() not in inserted] == lines


@pytest.mark.parametrize("rebuilds", [True, False])
def test_commit_can_be_built_again_where_the_row_says_so(
    rebuilds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pipeline, build_projects, importlib.import_module("templates.pipeline.stages")):
        monkeypatch.setattr(module, "CODE", Code(**vars(CODE) | {"rebuilds": rebuilds}))
    resources = pipeline.build().to_dict()["Resources"]
    properties = resources["Pipeline"]["Properties"]
    declared = {row["Name"]: row["DefaultValue"] for row in properties.get("Variables", [])}
    # With a default, or a push would start nothing.
    assert declared == ({"Rebuild": "none"} if rebuilds else {})
    given = {
        action["Name"]: action["Configuration"].get("EnvironmentVariables", "")
        for stage in map(with_conditional, properties["Stages"])
        for action in stage["Actions"]
    }
    names = {name for name, text in given.items() if "#{variables.Rebuild}" in text}
    assert names == ({"ImageBuild", "TagRelease"} if rebuilds else set())
    for name in ("ImageBuild", "TagRelease"):
        text = resources[f"{name}Project"]["Properties"]["Source"]["BuildSpec"]
        assert ("COMMIT_ID=$COMMIT_ID-$REBUILD" in text) is rebuilds


def test_image_build_logs_in_before_it_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    login = RegistryLogin("registry.example.com", "RegistryLoginArn")
    monkeypatch.setattr(build_projects, "REGISTRY_LOGINS", (login,))
    t = Template()
    project = build_projects.add_build_projects(
        t, t.add_resource(Bucket("ArtifactBucket"))
    ).image_build.to_dict()
    spec = yaml.safe_load(project["Properties"]["Source"]["BuildSpec"])
    (script,) = spec["phases"]["build"]["commands"]
    at = {word: script.index(word) for word in ("registry.example.com <<<", "docker build")}
    assert at["registry.example.com <<<"] < at["docker build"]
    stored = [v for v in project["Properties"]["Environment"]["EnvironmentVariables"] if "Type" in v]
    assert stored == [
        {
            "Name": f"LOGIN_1_{key.upper()}",
            "Type": "SECRETS_MANAGER",
            "Value": {"Fn::Sub": f"${{RegistryLoginArn}}:{key}::"},
        }
        for key in ("username", "password")
    ]
    (rights,) = [
        statement
        for statement in t.to_dict()["Resources"]["ImageBuildRole"]["Properties"]["Policies"][0][
            "PolicyDocument"
        ]["Statement"]
        if statement["Action"] == ["secretsmanager:GetSecretValue"]
    ]
    assert rights["Resource"] == [{"Ref": "RegistryLoginArn"}]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (BuildStep("Verify", ("true",)), "none of"),
        (BuildStep("licence check", ("true",)), "a capital first"),
        (BuildStep("Audit", ()), "must have commands"),
        (BuildStep("Audit", ("true",), when="never"), "must run at one of 'build'"),  # type: ignore[arg-type]
        (
            BuildStep("Audit", ("true",), secrets=(StoredParameter("A-B", "Name", "x"),)),
            "environment variable",
        ),
        (BuildStep("Audit", ("true",), secrets=2 * (Secret("A", "Arn", "x"),)), "the variable A twice"),
    ],
)
def test_step_that_would_not_run_as_written_is_refused(step: BuildStep, message: str) -> None:
    (found,) = step_problems((step,), ())
    assert message in found


def test_steps_of_one_name_and_registries_with_a_path_are_refused() -> None:
    found = list(
        step_problems(2 * (BuildStep("Audit", ("true",)),), (RegistryLogin("example.com/a", "Arn"),))
    )
    assert found == [
        "build step Audit is there twice",
        "registry 'example.com/a' must be a host such as registry.example.com, with no path",
    ]


@pytest.mark.parametrize(("project", "slug"), PROJECTS.items())
def test_project_logs_to_a_group_of_its_own_that_forgets(project: str, slug: str) -> None:
    group = project.replace("Project", "LogGroup")
    logs = of_type("AWS::CodeBuild::Project")[project]["LogsConfig"]["CloudWatchLogs"]
    assert logs == {"Status": "ENABLED", "GroupName": {"Ref": group}}
    assert of_type("AWS::Logs::LogGroup")[group] == {
        "LogGroupName": {"Fn::Sub": f"/aws/codebuild/${{Project}}-${{Environment}}-{slug}"},
        "RetentionInDays": {"Ref": "LogRetentionDays"},
        "KmsKeyId": {
            "Fn::If": [
                "HasLogKmsKey",
                {"Ref": "LogKmsKeyArn"},
                {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]},
            ]
        },
    }


def test_only_the_image_build_is_privileged() -> None:
    privileged = [
        project
        for project, properties in of_type("AWS::CodeBuild::Project").items()
        if properties["Environment"].get("PrivilegedMode")
    ]
    assert privileged == ["ImageBuildProject"]


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("aws/codebuild/amazonlinux-x86_64-standard:5.0", True),
        ("aws/codebuild/amazonlinux2-x86_64-standard:5.0-24.07.05", True),
        ("aws/codebuild/standard:7.0", True),
        ("aws/codebuild/amazonlinux-aarch64-standard:3.0", False),
        ("aws/codebuild/windows-base:2022-1.0", False),
        ("public.ecr.aws/docker/library/python:3.13", False),
    ],
)
def test_build_image_runs_in_the_projects_environment(image: str, allowed: bool) -> None:
    """Another architecture fails when the first build starts, not when the stack is created."""
    assert (parameters.problem(TEMPLATE["Parameters"]["BuildImage"], [image]) is None) is allowed
    on_arm = parameters.problem(TEMPLATE["Parameters"]["ArmBuildImage"], [image]) is None
    assert on_arm is ("aarch64" in image)


@pytest.mark.parametrize("owner", ["acme", "a-c-m-e", "octocat_acme"])
def test_github_owner_can_be_a_managed_user(owner: str) -> None:
    assert parameters.problem(TEMPLATE["Parameters"]["GitHubOwner"], [owner]) is None


# The artifact bucket


def test_artifact_bucket_is_private_versioned_and_expires() -> None:
    bucket = RESOURCES["ArtifactBucket"]["Properties"]
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert {"ExpirationInDays", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"} <= set(rule)
    # An execution waits for an approval for up to 7 days, unless the action says otherwise (November 2026),
    # behind others that do.
    assert TEMPLATE["Parameters"]["ArtifactRetentionDays"]["MinValue"] >= 14


def test_artifact_bucket_answers_over_tls_only() -> None:
    (statement,) = RESOURCES["ArtifactBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", ["s3:*"])
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["ArtifactBucket", "Arn"]},
        {"Fn::Sub": "${ArtifactBucket.Arn}/*"},
    ]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# Alarms


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm reads, each with its name and dimensions."""
    return [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]


@pytest.mark.parametrize("title", ALARMS)
def test_alarm_watches_its_own_target_group(title: str) -> None:
    colour = next((colour for colour in ("Blue", "Green") if title.startswith(colour)), None)
    expected = {"LoadBalancer": "LoadBalancerFullName"}
    if colour:
        expected["TargetGroup"] = f"{colour}TargetGroupFullName"
    else:
        assert title == "LoadBalancerFiveXxRateAlarm"
    for metric in metrics(ALARMS[title]):
        dimensions = {dimension["Name"]: imported(dimension["Value"]) for dimension in metric["Dimensions"]}
        assert dimensions == expected, metric["MetricName"]


def test_alarms_watch_errors_health_and_latency_of_both_colours_and_the_load_balancer() -> None:
    watched = {title: {metric["MetricName"] for metric in metrics(alarm)} for title, alarm in ALARMS.items()}
    of_each = {
        "FiveXxRateAlarm": {"RequestCount", "HTTPCode_Target_5XX_Count"},
        "UnhealthyHostAlarm": {"UnHealthyHostCount", "HealthyHostCount"},
        "LatencyAlarm": {"RequestCount", "TargetResponseTime"},
    }
    assert watched == {
        **{f"{colour}TargetGroup{kind}": of for kind, of in of_each.items() for colour in ("Blue", "Green")},
        "LoadBalancerFiveXxRateAlarm": {"RequestCount", "HTTPCode_ELB_5XX_Count"},
    }


@pytest.mark.parametrize("title", ALARMS)
def test_alarm_needs_more_than_one_odd_minute_and_is_quiet_without_data(title: str) -> None:
    alarm = ALARMS[title]
    minutes = (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"])
    assert minutes == ((3, 4) if "Unhealthy" in title else (2, 3))
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert [query["ReturnData"] for query in alarm["Metrics"]] == [True, False, False]
    assert {q["MetricStat"]["Period"] for q in alarm["Metrics"] if "MetricStat" in q} == {60}
    limits = {
        "Unhealthy": "AlarmUnhealthyHostPercent",
        "Latency": "AlarmLatencyMs",
        "FiveXx": "AlarmFiveXxRatePercent",
    }
    assert alarm["Threshold"] == {"Ref": next(limit for kind, limit in limits.items() if kind in title)}


def value_of(title: str, **found: float | None) -> float:
    """What an alarm's expression gives for one minute, with a floor of 10 requests; None: no data."""
    query, *rest = ALARMS[title]["Metrics"]
    assert set(found) == {item["Id"] for item in rest}
    text = query["Expression"]
    expression = text if isinstance(text, str) else text["Fn::Sub"].replace("${AlarmMinRequests}", "10")
    series = {name: {} if value is None else {0: value} for name, value in found.items()}
    request = metric_math.Request([0], series, {query["Id"]: metric_math.parse(expression)})
    return metric_math.evaluate(query["Id"], request)[0]


@pytest.mark.parametrize(
    ("requests", "errors", "percent"),
    [
        pytest.param(None, None, 0, id="no traffic"),
        pytest.param(9, 9, 0, id="below the floor"),
        pytest.param(10, 2, 20, id="at the floor"),
        pytest.param(200, None, 0, id="no errors"),
        pytest.param(200, 60, 30, id="errors"),
    ],
)
@pytest.mark.parametrize("colour", ["Blue", "Green"])
def test_target_group_rate(colour: str, requests: float | None, errors: float | None, percent: float) -> None:
    title = f"{colour}TargetGroupFiveXxRateAlarm"
    assert value_of(title, requests=requests, errors=errors) == percent


@pytest.mark.parametrize(
    ("requests", "errors", "percent"),
    [
        pytest.param(None, None, 0, id="no traffic"),
        pytest.param(4, 4, 0, id="below the floor"),
        # Requests for which there is no target are errors without being counted as requests.
        pytest.param(None, 50, 100, id="no target at all"),
        # Those that a target did not answer are counted.
        pytest.param(50, 50, 100, id="no target answers"),
        pytest.param(200, 50, 25, id="errors"),
        pytest.param(200, None, 0, id="no errors"),
    ],
)
def test_load_balancer_rate(requests: float | None, errors: float | None, percent: float) -> None:
    assert value_of("LoadBalancerFiveXxRateAlarm", requests=requests, errors=errors) == percent


@pytest.mark.parametrize(
    ("ill", "well", "percent"),
    [
        pytest.param(None, None, 0, id="no tasks"),
        pytest.param(0, 4, 0, id="all well"),
        pytest.param(1, 3, 25, id="one of four"),
        pytest.param(1, 49, 2, id="one of fifty"),
        pytest.param(2, 0, 100, id="all ill"),
    ],
)
@pytest.mark.parametrize("colour", ["Blue", "Green"])
def test_unhealthy_share(colour: str, ill: float | None, well: float | None, percent: float) -> None:
    assert value_of(f"{colour}TargetGroupUnhealthyHostAlarm", ill=ill, well=well) == percent


def test_one_of_up_to_five_tasks_is_enough_as_it_was_when_any_one_was() -> None:
    assert PREFERENCE["Parameters"]["AlarmUnhealthyHostPercent"]["Default"] == 20
    queries = ALARMS["BlueTargetGroupUnhealthyHostAlarm"]["Metrics"][1:]
    assert [query["MetricStat"]["Stat"] for query in queries] == ["Maximum", "Minimum"]


@pytest.mark.parametrize(
    ("requests", "seconds", "milliseconds"),
    [
        pytest.param(None, None, 0, id="no traffic"),
        pytest.param(9, 30, 0, id="below the floor"),
        pytest.param(10, 0.25, 250, id="at the floor"),
    ],
)
@pytest.mark.parametrize("colour", ["Blue", "Green"])
def test_latency(colour: str, requests: float | None, seconds: float | None, milliseconds: float) -> None:
    found = value_of(f"{colour}TargetGroupLatencyAlarm", requests=requests, seconds=seconds)
    assert found == milliseconds


def test_latency_is_judged_where_there_is_a_limit() -> None:
    """Two alarms that nobody asked for would cost money, and watch for nothing."""
    off = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmLatencyMs"}, "0"]}]}
    for template in (TEMPLATE, PREFERENCE):
        assert template["Parameters"]["AlarmLatencyMs"]["Default"] == 0
        assert template["Conditions"]["HasLatencyLimit"] == off
    conditions = {
        title: resource.get("Condition")
        for title, resource in PREFERENCE["Resources"].items()
        if resource["Type"] == ALARM
    }
    assert conditions == {title: "HasLatencyLimit" if "Latency" in title else None for title in conditions}
    assert ALARMS["GreenTargetGroupLatencyAlarm"]["Metrics"][2]["MetricStat"]["Stat"] == "p95"


def test_task_that_takes_its_whole_grace_period_to_begin_stops_no_release() -> None:
    """Unhealthy until it has passed as often as it must, in as many minutes as that can touch."""
    most = next(rule for rule in service.RUNTIME.rules if isinstance(rule, NotLonger) and rule.more)
    unhealthy = [["UnhealthyThresholdCount", "HealthCheckIntervalSeconds"]]
    healthy = [
        ["HealthCheckGracePeriodSeconds"],
        ["HealthyThresholdCount", "HealthCheckIntervalSeconds"],
    ]
    assert (most.sum, most.limit) == (healthy, unhealthy)
    touched = math.ceil(most.more / 60) + 1
    assert ALARMS["GreenTargetGroupUnhealthyHostAlarm"]["DatapointsToAlarm"] > touched


# CodeDeploy


def test_deployment_group_shifts_traffic_between_blue_and_green() -> None:
    assert RESOURCES["CodeDeployApplication"]["Properties"]["ComputePlatform"] == "ECS"
    assert GROUP["DeploymentStyle"] == {
        "DeploymentType": "BLUE_GREEN",
        "DeploymentOption": "WITH_TRAFFIC_CONTROL",
    }
    (pair,) = GROUP["LoadBalancerInfo"]["TargetGroupPairInfoList"]
    assert [imported(group["Name"]) for group in pair["TargetGroups"]] == [
        "BlueTargetGroupName",
        "GreenTargetGroupName",
    ]
    assert [imported(arn) for arn in pair["ProdTrafficRoute"]["ListenerArns"]] == ["ProductionListenerArn"]
    assert [imported(arn) for arn in pair["TestTrafficRoute"]["ListenerArns"]] == ["TestListenerArn"]
    (service,) = GROUP["ECSServices"]
    assert {key: imported(value) for key, value in service.items()} == {
        "ClusterName": "ClusterName",
        "ServiceName": "ServiceName",
    }


def test_failed_stopped_and_alarming_deployments_are_rolled_back() -> None:
    assert GROUP["AutoRollbackConfiguration"] == {
        "Enabled": True,
        "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
    }


def test_deployment_group_listens_to_every_alarm_unless_they_are_disabled() -> None:
    configuration = GROUP["AlarmConfiguration"]
    watched = []
    for alarm in configuration["Alarms"]:
        if "Fn::If" in alarm:
            condition, alarm, otherwise = alarm["Fn::If"]
            assert (condition, otherwise) == ("HasLatencyLimit", {"Ref": "AWS::NoValue"})
            assert "Latency" in imported(alarm["Name"])
        # Exported also while the alarm is not there: an export in use cannot change.
        output = PREFERENCE["Outputs"][imported(alarm["Name"])]
        assert "Condition" not in output
        watched.append(output["Value"])
    names = [alarm["AlarmName"] for alarm in ALARMS.values()]
    assert sorted(map(str, watched)) == sorted(map(str, names))
    assert len(names) == 7
    assert configuration["Enabled"] == {"Fn::If": ["HasDeploymentAlarms", True, False]}
    assert TEMPLATE["Conditions"]["HasDeploymentAlarms"] == {
        "Fn::Equals": [{"Ref": "DeploymentAlarms"}, "enabled"]
    }


def test_old_tasks_stay_for_a_while_by_default() -> None:
    wait = TEMPLATE["Parameters"]["TerminationWaitMinutes"]
    assert (wait["Default"], wait["MinValue"], wait["MaxValue"]) == (10, 0, 2800)
    termination = GROUP["BlueGreenDeploymentConfiguration"]["TerminateBlueInstancesOnDeploymentSuccess"]
    assert termination["TerminationWaitTimeInMinutes"] == {"Ref": "TerminationWaitMinutes"}


def test_codedeploy_role_has_the_managed_policy_or_the_scoped_one() -> None:
    scoped, nothing, managed = ROLES["CodeDeployRole"]["ManagedPolicyArns"]["Fn::If"]
    assert (scoped, nothing) == ("IsCodeDeployRoleScoped", {"Ref": "AWS::NoValue"})
    assert [arn["Fn::Sub"].rpartition("/")[2] for arn in managed] == ["AWSCodeDeployRoleForECS"]
    tag, scoped_policy = ROLES["CodeDeployRole"]["Policies"]
    assert tag["PolicyDocument"]["Statement"][0]["Action"] == ["ecs:TagResource"]
    assert scoped_policy["Fn::If"][0] == "IsCodeDeployRoleScoped"
    assert TEMPLATE["Parameters"]["ScopedCodeDeployRole"]["Default"] == "false"


# Notifications


def test_failed_executions_and_deployments_are_told() -> None:
    topic = "NotificationTopicArn"
    rule = RESOURCES["FailedPipelineRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {"pipeline": [{"Ref": "Pipeline"}], "state": NOT_RELEASED}
    assert NOT_RELEASED == ["FAILED", "STOPPED", "SUPERSEDED", "CANCELED"]
    assert [imported(target["Arn"]) for target in rule["Targets"]] == [topic]
    (trigger,) = GROUP["TriggerConfigurations"]
    assert imported(trigger["TriggerTargetArn"]) == topic
    assert trigger["TriggerEvents"] == ["DeploymentFailure", "DeploymentStop", "DeploymentRollback"]


def test_approval_that_waits_is_told() -> None:
    (approve,) = stages()["Approve"]["Actions"]
    assert imported(approve["Configuration"]["NotificationArn"]) == "NotificationTopicArn"
    # An approval has no role of its own.
    assert "RoleArn" not in approve
    (publish,) = (
        statement
        for statement in RESOURCES["PipelineManagedPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == ["sns:Publish"]
    )
    assert [imported(resource) for resource in publish["Resource"]] == ["NotificationTopicArn"]


def test_alarms_are_told_between_releases_too() -> None:
    for title, alarm in ALARMS.items():
        assert alarm["AlarmActions"] == [{"Ref": "NotificationTopic"}], title


def test_end_of_an_alarm_is_told_and_no_alarm_that_is_new() -> None:
    rule = PREFERENCE["Resources"]["EndOfAlarmRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {
        "alarmName": [{"prefix": {"Fn::Sub": "${Project}-${Environment}-"}}],
        "previousState": {"value": ["ALARM"]},
        "state": {"value": ["OK"]},
    }
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": "NotificationTopic"}]
    assert not any("OKActions" in alarm for alarm in ALARMS.values())


# The layer


def test_layer_exports_nothing() -> None:
    assert {title: "Export" in output for title, output in TEMPLATE["Outputs"].items()} == dict.fromkeys(
        (
            "PipelineName",
            "ArtifactBucketName",
            "CodeDeployApplicationName",
            "CodeDeployDeploymentGroupName",
        ),
        False,
    )

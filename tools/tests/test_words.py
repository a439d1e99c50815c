"""The tool knows no project: what is one project's alone stands in its `build/runtime.json`, or nowhere."""

from pathlib import Path

import pytest

from tests.paths import TOOLS

SOURCE = TOOLS / "src"

# Written down by hand: what the six layers of this repository are called and have, without what AWS calls so
# too (ClusterName, VpcId, TaskDefinitionArn, MinCapacity, HealthCheckPath, CertificateArn, ...).
LAYERS = ("infrastructure", "container-repository", "service-preference", "service_preference")
PARAMETERS = (
    *("PublicSubnetIds", "PrivateSubnetIds", "TestListenerPort", "TestListenerCidr", "WebAclArn"),
    *("AccessLogBucketName", "ArtifactLogBucketName", "PermissionsBoundaryArn", "KmsKeyArn"),
    *("NotificationEmail", "NotificationKeyArn", "InitialImageTag", "ImageRetentionCount"),
    *("TaskCpu", "TaskMemory", "HealthRate", "LogRetentionDays", "ArtifactRetentionDays"),
    *("ScalingTargetPercent", "SmokeTest", "SmokeRequests", "SmokePaths", "SmokeMax", "SmokeHost"),
    *("BuildImage", "LogKmsKeyArn"),
    *("GitHubOwner", "GitHubRepository", "GitHubBranch", "RequireApproval", "TerminationWaitMinutes"),
    *("AlarmFiveXx", "AlarmMinRequests", "AlarmLatencyMs", "AlarmUnhealthyHostPercent"),
    *("DeploymentAlarms", "ScopedCodeDeployRole"),
    *("InfrastructureStackName", "ContainerRepositoryStackName", "TaskDefinitionStackName"),
    *("ServiceStackName", "ServicePreferenceStackName"),
)
RESOURCES = (
    *("ProductionListener", "RedirectListener", "TestListener", "BlueTargetGroup", "GreenTargetGroup"),
    *("ServiceSecurityGroup", "LoadBalancerSecurityGroup", "TaskDefinitionStackRole", "TaskExecutionRole"),
    *("CpuScalingPolicy", "MemoryScalingPolicy", "NotificationTopic", "ArtifactBucket"),
    *("VerifyProject", "VerifyRole", "ImageBuild", "RenderRole", "TagRelease", "PipelineRole"),
    *("SourceActionRole", "BuildActionRole", "CloudFormationActionRole", "DeployActionRole"),
    *("CodeDeployApplication", "CodeDeployDeploymentGroup"),
    *("FiveXxRateAlarm", "UnhealthyHostAlarm", "EndOfAlarmRule", "FailedPipelineRule"),
)
OUTPUTS = (
    *("ServiceUrl", "ProductionListenerArn", "TestListenerArn", "BlueTargetGroupArn", "LoadBalancerFullName"),
    *("CodeDeployApplicationName", "CodeDeployDeploymentGroupName", "TaskDefinitionStackRoleArn"),
    *("TaskDefinitionFamily", "RepositoryUri", "SmokeTestFunctionName", "NotificationTopicArn"),
    *("LatencyAlarmName", "LoadBalancerDnsName"),
)
OTHERS = (
    "infrastructure:LoadBalancer",
    "sample-local",
    "sample-dev",
    "sample-prod",
    "sample-api",
    "-smoke-test",
)
WORDS = sorted({*LAYERS, *PARAMETERS, *RESOURCES, *OUTPUTS, *OTHERS})
FILES = [path for path in sorted(SOURCE.rglob("*")) if path.is_file() and path.suffix != ".pyc"]


def test_there_is_something_to_look_at() -> None:
    assert {path.suffix for path in FILES} >= {".py", ".json", ".md", ".css"}
    assert len(FILES) > 200


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_of_the_tool_has_a_word_of_this_project(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [word for word in WORDS if word in text] == []


@pytest.mark.parametrize("word", sorted({*LAYERS, *PARAMETERS, *RESOURCES, *OUTPUTS}))
def test_word_is_one_of_this_project(word: str) -> None:
    """What nothing is called any more would guard nothing."""
    build = TOOLS / "tests" / "project" / "build"
    assert any(word in path.read_text(encoding="utf-8") or word in path.name for path in build.rglob("*.*"))

"""The pipeline's CloudFormation actions, from its own definition, on the emulator."""

import re
import shlex
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from ecs_blue_green.codebuild import artifacts
from tests.paths import TOOLS
from tests.pipeline.site import TASK_DEFINITION_STACK, Site

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
IN_THE_WAY = "/in/the/way"


def made(site: Site) -> dict[str, Any]:
    """The change set of the pipeline."""
    found: dict[str, Any] = site.client("cloudformation").describe_change_set(
        StackName=TASK_DEFINITION_STACK, ChangeSetName="pipeline"
    )
    return found


def test_change_set_has_the_execution_role_and_the_environments_configuration(site: Site) -> None:
    execution = site.push(COMMIT, HealthRate="0.5")
    site.run(execution, "Source", "PrepareTaskDefinition")
    described = made(site)
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in described["Parameters"]}
    assert (parameters["HealthRate"], parameters["Environment"]) == ("0.5", "local")
    tags = {item["Key"]: item["Value"] for item in described["Tags"]}
    assert (tags["Layer"], tags["Environment"]) == ("task-definition", "local")
    site.run(execution, "ExecuteTaskDefinition")
    stack = site.client("cloudformation").describe_stacks(StackName=TASK_DEFINITION_STACK)["Stacks"][0]
    assert "TaskDefinitionStackRole" in stack["RoleARN"]


def test_change_set_takes_the_place_of_one_that_was_left(site: Site) -> None:
    left = site.push(COMMIT, HealthRate="0.5")
    site.run(left, "Source", "PrepareTaskDefinition")
    execution = site.push(OTHER_COMMIT, HealthRate="0.7")
    site.run(execution, "Source", "PrepareTaskDefinition")
    site.run(execution, "ExecuteTaskDefinition")
    (container,) = site.revision(site.stack_revision())["taskDefinition"]["containerDefinitions"]
    assert {"name": "HEALTH_RATE", "value": "0.7"} in container["environment"]


def test_nothing_to_change_is_no_failure(site: Site) -> None:
    execution = site.push(COMMIT)
    results = site.run(execution, "Source", "PrepareTaskDefinition", "ExecuteTaskDefinition")
    assert [result.summary for result in results[1:]] == ["no changes", "no changes"]


def test_command_that_tells_why_a_release_fails_validation(site: Site) -> None:
    """The action has only the hint; what docs/operations.md says to type has the place and the reason."""
    tree = site.tree(COMMIT)
    template = tree / "build" / "task-definition.yaml"
    text = template.read_text()
    template.write_text(text.replace("RetentionInDays: !Ref LogRetentionDays", "RetentionInDays: 2", 1))
    execution = site.execution(COMMIT, artifacts.pack(tree, site.folder / "source.zip"))
    site.run(execution, "Source")
    prepared = site.attempt(execution, "PrepareTaskDefinition")
    assert "hook(s)/validation failed" in prepared.failure
    assert "RetentionInDays" not in prepared.failure
    operations = (TOOLS.parent / "docs" / "operations.md").read_text()
    section = operations.split("### The release fails validation\n")[1].split("\n### ")[0]
    first, second = re.findall(r"^(aws .*?)(?: +#.*)?$", section, re.MULTILINE)
    arn = answer(site, first.replace("sample-prod-", "sample-local-"))
    assert arn == made(site)["ChangeSetId"]
    ((path, reason),) = answer(site, second.replace("ARN", arn))
    assert path == "/Resources/LogGroup/Properties/RetentionInDays"
    assert reason.startswith("#/RetentionInDays: 2 is not ")


def answer(site: Site, command: str) -> Any:
    """What the AWS CLI would answer to a command, without its output's form."""
    _, service, operation, *given = shlex.split(command)
    options = dict(zip(given[::2], given[1::2], strict=True))
    query = options.pop("--query")
    options.pop("--output")
    parameters = {_member(name): value for name, value in options.items()}
    call = getattr(site.client(service), operation.replace("-", "_"))
    return jmespath.search(query, call(**parameters))


def _member(option: str) -> str:
    """`--change-set-name` as the API calls it."""
    return "".join(word.capitalize() for word in option.removeprefix("--").split("-"))


def with_a_second_log_group(site: Site) -> Any:
    """An execution whose template has one more log group, which can be in the way of another."""
    tree = site.tree(COMMIT)
    template = tree / "build" / "task-definition.yaml"
    template.write_text(
        template.read_text().replace(
            "Resources:\n",
            f"Resources:\n  Second:\n    Type: AWS::Logs::LogGroup\n    Properties:\n"
            f"      LogGroupName: {IN_THE_WAY}\n",
            1,
        )
    )
    return site.execution(COMMIT, artifacts.pack(tree, site.folder / "source.zip"))


def test_failed_execution_is_tried_again_from_the_change_set_on(site: Site) -> None:
    """The change set is gone once it has been executed: the stage's setting has it made anew."""
    logs = site.client("logs")
    execution = with_a_second_log_group(site)
    site.run(execution, "Source")
    attempts = 0
    client = site.client

    class InTheWay:
        """CloudFormation, with a log group made behind its back while the first change set is executed."""

        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def execute_change_set(self, **arguments: Any) -> Any:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                logs.create_log_group(logGroupName=IN_THE_WAY)
            return self.real.execute_change_set(**arguments)

        def create_change_set(self, **arguments: Any) -> Any:
            if attempts:
                logs.delete_log_group(logGroupName=IN_THE_WAY)
            return self.real.create_change_set(**arguments)

    cloudformation = InTheWay(client("cloudformation"))
    result = site.stage(
        execution,
        "Build",
        without=("Verify", "ImageBuild", "Render"),
        client=lambda service: cloudformation if service == "cloudformation" else client(service),
    )
    assert not result.failure, result.failure
    first, second = result.attempts
    assert [item.action for item in second] == ["PrepareTaskDefinition", "ExecuteTaskDefinition"]
    assert "ROLLBACK_COMPLETE" in first[-1].failure and IN_THE_WAY in first[-1].failure
    assert second[-1].summary == "UPDATE_COMPLETE"


def test_executing_alone_again_cannot_work(site: Site) -> None:
    """Why the stage's retry must be of all actions: break the setting and this is what happens."""
    execution = with_a_second_log_group(site)
    site.run(execution, "Source", "PrepareTaskDefinition")
    site.client("logs").create_log_group(logGroupName=IN_THE_WAY)
    assert "ROLLBACK_COMPLETE" in site.attempt(execution, "ExecuteTaskDefinition").failure
    site.client("logs").delete_log_group(logGroupName=IN_THE_WAY)
    assert "InvalidChangeSetStatus" in site.attempt(execution, "ExecuteTaskDefinition").failure
    assert site.definition.stages[1].retry_mode == "ALL_ACTIONS"


@pytest.mark.parametrize("missing", ["build/task-definition.yaml", "build/config/local/task-definition.json"])
def test_missing_file_of_the_source_is_named(site: Site, missing: str) -> None:
    tree = site.tree(COMMIT)
    (tree / missing).unlink()
    execution = site.execution(COMMIT, artifacts.pack(tree, site.folder / "source.zip"))
    site.run(execution, "Source")
    failure = site.attempt(execution, "PrepareTaskDefinition").failure
    assert failure == f"the artifact Source has no file {missing}"


def test_role_and_iam_resources_cannot_be_pushed(site: Site) -> None:
    """The action gives no capability: a template with an IAM resource is refused."""
    tree = site.tree(COMMIT)
    template = tree / "build" / "task-definition.yaml"
    role = (
        "  Backdoor:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n"
        "        Version: '2012-10-17'\n        Statement: []\n"
    )
    template.write_text(template.read_text().replace("Resources:\n", f"Resources:\n{role}", 1))
    execution = site.execution(COMMIT, artifacts.pack(tree, site.folder / "source.zip"))
    site.run(execution, "Source")
    assert "InsufficientCapabilities" in site.attempt(execution, "PrepareTaskDefinition").failure

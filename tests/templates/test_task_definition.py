"""What must never change in the task-definition layer."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from ecs_blue_green import runtime

import generate
from templates import _application, infrastructure, task_definition
from templates._application import SECRETS, VARIABLES, Secret
from templates.task_definition import STOP_TIMEOUT_SECONDS
from tests.templates.conftest import Document


def the_applications(containers: list[dict[str, Any]]) -> dict[str, Any]:
    """The container that is released, whatever runs beside it."""
    name = _application.CONTAINER_NAME.to_dict()
    (found,) = [container for container in containers if container["Name"] == name]
    return found


@pytest.fixture(scope="module")
def document(documents: dict[str, Document]) -> Document:
    return documents["task-definition"]


@pytest.fixture(scope="module")
def properties(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = document["Resources"]["TaskDefinition"]["Properties"]
    return found


@pytest.fixture(scope="module")
def container(properties: dict[str, Any]) -> dict[str, Any]:
    return the_applications(properties["ContainerDefinitions"])


def test_revisions_and_logs_outlive_the_stack(document: Document) -> None:
    """CloudFormation would otherwise deregister the revision that runs, at the next release."""
    revision, log_group = document["Resources"]["TaskDefinition"], document["Resources"]["LogGroup"]
    assert (revision["DeletionPolicy"], revision["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert (log_group["DeletionPolicy"], log_group["UpdateReplacePolicy"]) == (
        "RetainExceptOnCreate",
        "Retain",
    )


def test_stack_needs_no_capability(document: Document) -> None:
    """A push can change it, so it must not be able to change a role."""
    types = {resource["Type"] for resource in document["Resources"].values()}
    assert types == {"AWS::Logs::LogGroup", "AWS::ECS::TaskDefinition"}


def test_task_runs_on_fargate(properties: dict[str, Any]) -> None:
    assert properties["RequiresCompatibilities"] == ["FARGATE"]
    assert properties["NetworkMode"] == "awsvpc"
    assert properties["RuntimePlatform"] == {"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"}


def test_sizes_are_those_that_the_deployer_checks_in_pairs(document: Document) -> None:
    parameters = document["Parameters"]
    (rule,) = runtime.read(generate.ROOT / "build").rules.pairs
    assert (rule.first, rule.second) == ("TaskCpu", "TaskMemory")
    sizes = {int(cpu): set(memory) for cpu, memory in rule.pairs.items()}
    assert set(parameters["TaskCpu"]["AllowedValues"]) == set(sizes)
    assert set(parameters["TaskMemory"]["AllowedValues"]) == set().union(*sizes.values())
    assert parameters["TaskMemory"]["Default"] in sizes[parameters["TaskCpu"]["Default"]]


def test_container_is_confined(container: dict[str, Any]) -> None:
    user, group = container["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert container["ReadonlyRootFilesystem"] == {"Fn::If": ["IsExecuteCommandEnabled", False, True]}
    assert "Privileged" not in container


def test_container_runs_as_the_user_of_the_image(container: dict[str, Any]) -> None:
    from generate import ROOT

    assert f"USER {container['User']}\n" in (ROOT / "app" / "Dockerfile").read_text()


def test_container_has_time_to_stop(container: dict[str, Any]) -> None:
    # 120 is Fargate's limit (November 2026).
    assert STOP_TIMEOUT_SECONDS == container["StopTimeout"] <= 120


def test_logs_go_to_the_stacks_own_group(container: dict[str, Any]) -> None:
    options = container["LogConfiguration"]["Options"]
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert options["awslogs-group"] == {"Ref": "LogGroup"}
    assert options["awslogs-stream-prefix"]
    assert "awslogs-create-group" not in options


def test_application_gets_its_variables_and_secrets(container: dict[str, Any]) -> None:
    assert container["Environment"] == [
        {"Name": variable.name, "Value": {"Ref": variable.parameter.title}} for variable in VARIABLES
    ]
    assert container.get("Secrets", []) == [
        {"Name": secret.name, "ValueFrom": {"Ref": secret.parameter}} for secret in SECRETS
    ]


def test_defaults_of_variables_are_text(document: Document) -> None:
    """As a number, the default 1.0 would reach the application as 1."""
    for variable in VARIABLES:
        default = document["Parameters"][variable.parameter.title].get("Default", "")
        assert isinstance(default, str), variable.name


@pytest.fixture
def database_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A row that a team adds: the layers whose tables take it in are imported anew, with it and without."""
    layers = (task_definition, infrastructure)
    secret = Secret("DATABASE_URL", "DatabaseUrlArn", "Where the application finds its database")
    with monkeypatch.context() as patch:
        patch.setattr(_application, "SECRETS", (secret,))
        for layer in layers:
            importlib.reload(layer)
        yield
    for layer in layers:
        importlib.reload(layer)


@pytest.mark.usefixtures("database_secret")
def test_a_secret_is_one_entry_in_one_place() -> None:
    """The container is given it, and the execution role may read it and nothing else."""
    definition, ground = task_definition.build().to_dict(), infrastructure.build().to_dict()

    properties = definition["Resources"]["TaskDefinition"]["Properties"]
    container = the_applications(properties["ContainerDefinitions"])
    assert container["Secrets"] == [{"Name": "DATABASE_URL", "ValueFrom": {"Ref": "DatabaseUrlArn"}}]
    assert [variable["Name"] for variable in container["Environment"]] == [name for name, *_ in VARIABLES]

    (policy,) = ground["Resources"]["TaskExecutionRole"]["Properties"]["Policies"]
    (statement,) = (s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == "ReadSecrets")
    assert statement["Action"] == ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
    assert statement["Resource"] == [{"Ref": "DatabaseUrlArn"}]

    parameter = definition["Parameters"]["DatabaseUrlArn"]
    assert parameter == ground["Parameters"]["DatabaseUrlArn"]
    assert "Default" not in parameter


@pytest.mark.parametrize(
    ("arn", "allowed"),
    [
        ("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:db-AbCdEf", True),
        ("arn:aws:ssm:ap-northeast-1:123456789012:parameter/shop/db", True),
        ("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:db-AbCdEf:password::", False),
        ("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:*", False),
        ("postgres://user:password@host/db", False),
    ],
)
@pytest.mark.usefixtures("database_secret")
def test_a_secret_is_named_and_never_written_down(arn: str, allowed: bool) -> None:
    from ecs_blue_green.deployer import parameters

    parameter = task_definition.build().to_dict()["Parameters"]["DatabaseUrlArn"]
    assert (parameters.problem(parameter, [arn]) is None) is allowed

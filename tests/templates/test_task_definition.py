"""What must never change in the task-definition layer."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from ecs_blue_green import runtime

from templates import _application, infrastructure, task_definition
from templates._application import CODE, SECRETS, SIDE_CONTAINERS, VARIABLES
from templates._containers import (
    HealthCheck,
    Secret,
    SideContainer,
    container_secrets,
    problems,
    secret_parameters,
)
from tests import ROOT
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
    assert properties["RuntimePlatform"] == {
        "CpuArchitecture": {"Ref": "Architecture"},
        "OperatingSystemFamily": "LINUX",
    }


def test_sizes_are_those_that_the_deployer_checks_in_pairs(document: Document) -> None:
    parameters = document["Parameters"]
    (rule,) = runtime.read_runtime(ROOT / "build").rules.pairs
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

    assert (
        f"USER {container['User']}\n" in (ROOT / (CODE.dockerfile or f"{CODE.folder}/Dockerfile")).read_text()
    )


def test_container_has_time_to_stop(container: dict[str, Any], documents: dict[str, Document]) -> None:
    assert container["StopTimeout"] == {"Ref": "StopTimeoutSeconds"}
    declared = documents["task-definition"]["Parameters"]["StopTimeoutSeconds"]
    # Fargate's limits (November 2026).
    assert (declared["MinValue"], declared["MaxValue"]) == (2, 120)


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
    assert container.get("Secrets", []) == [secret.to_dict() for secret in container_secrets(SECRETS)]


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
        patch.setattr(_application, "SIDE_CONTAINERS", ())
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
        ("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:rds!db-1b2c-AbCdEf", True),
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


RDS = Secret("PASSWORD", "LoginArn", "Login of the database", key="password")


def test_variables_of_one_secret_share_its_parameter_and_name_its_parts() -> None:
    """ECS is told which part, behind the ARN; IAM and the parameter file know the secret alone."""
    rows = (RDS, Secret("OLD", "LoginArn", "The login", key="password", stage="AWSPREVIOUS"))
    assert [secret.to_dict()["ValueFrom"] for secret in container_secrets(rows)] == [
        {"Fn::Sub": "${LoginArn}:password::"},
        {"Fn::Sub": "${LoginArn}:password:AWSPREVIOUS:"},
    ]
    (parameter,) = secret_parameters(rows, ())
    assert "parameter/" not in parameter.to_dict()["AllowedPattern"], "Parameter Store knows no parts"


def test_containers_are_the_applications_and_the_tables(properties: dict[str, Any]) -> None:
    """Those of the application's image are made with its image, so that a release brings them its own."""
    mine, *others = properties["ContainerDefinitions"]
    assert mine == the_applications(properties["ContainerDefinitions"])
    assert [one["Name"] for one in others] == [row.name for row in SIDE_CONTAINERS]
    for row, one in zip(SIDE_CONTAINERS, others, strict=True):
        assert row.image or (one["Image"], one["User"]) == (mine["Image"], row.user or mine["User"])
        assert (one["Essential"], one["StopTimeout"]) == (row.is_essential, mine["StopTimeout"])
        assert one["LogConfiguration"] == mine["LogConfiguration"]


CHECK = HealthCheck(("CMD", "/check"))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([SideContainer("a"), SideContainer("a")], "different names"),
        ([SideContainer("application")], "not application"),
        ([SideContainer("a", credentials="LoginArn")], "must have an image"),
        ([SideContainer("a", waits_for={"b": "START"})], "waits for b, which is not there"),
        ([SideContainer("a", waits_for={"application": "HEALTHY"})], "application's START"),
        ([SideContainer("a", application_waits_for="HEALTHY")], "has no health check"),
        ([SideContainer("a", is_essential=True, application_waits_for="SUCCESS")], "which is essential"),
        ([SideContainer("a", health_check=CHECK._replace(command=("/check",)))], "begin with CMD"),
        ([SideContainer("a", health_check=CHECK._replace(timeout_seconds=1))], "timeout of 2 to 60"),
        (
            [SideContainer("a", waits_for={"application": "START"}, application_waits_for="START")],
            "wait for each other",
        ),
    ],
)
def test_table_that_ecs_would_refuse_is_told_while_generating(
    rows: list[SideContainer], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any(problem in found for found in problems(rows, ()))
    monkeypatch.setattr(_application, "SIDE_CONTAINERS", tuple(rows))
    with pytest.raises(ValueError, match=problem):
        task_definition.build()

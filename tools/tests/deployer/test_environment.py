"""`params/<env>.yaml`: what is accepted, and what a person is told otherwise."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.runtime import Needs, NotLonger, Parameter
from tests.deployer.conftest import Write
from tests.paths import PROJECT, RUNTIME


def load(project: Path, built: Mapping[str, Layer], name: str = "local") -> Environment:
    return environment.load(
        project / "params", name, {slug: layer.parameters for slug, layer in built.items()}, RUNTIME
    )


def problems(project: Path, built: Mapping[str, Layer]) -> str:
    with pytest.raises(BadInput) as caught:
        load(project, built)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("name", environment.names(PROJECT / "params"))
def test_committed_environment_is_valid(name: str, built: Mapping[str, Layer]) -> None:
    assert load(PROJECT, built, name).name == name


def test_scalars_stay_text(project: Path, built: Mapping[str, Layer], write_params: Write) -> None:
    write_params({"HealthRate": "1.0", "InitialImageTag": "012345678901"})
    found = load(project, built)
    assert found.parameters["HealthRate"] == "1.0"
    assert found.parameters["InitialImageTag"] == "012345678901"
    assert found.account == "000000000000"


def test_layer_is_given_only_what_it_declares(
    built: Mapping[str, Layer], project: Path, write_params: Write
) -> None:
    write_params({"MinCapacity": "2"}, protected="true")
    given = load(project, built).parameters_for(built["container-repository"].parameters)
    assert given == {"Project": "sample", "Environment": "local", "Protected": "true"}


def test_lists_are_joined_as_cloudformation_takes_them(built: Mapping[str, Layer]) -> None:
    found = load(PROJECT, built, "local")
    given = found.parameters_for(built["infrastructure"].parameters)
    assert given["PublicSubnetIds"] == "subnet-0a1b2c3d4e5f6071a,subnet-0a1b2c3d4e5f6071b"


def test_links_between_stacks_are_filled_in(built: Mapping[str, Layer]) -> None:
    found = load(PROJECT, built, "local")
    given = found.parameters_for(built["service"].parameters)
    assert given["InfrastructureStackName"] == "sample-local-infrastructure"
    assert given["TaskDefinitionStackName"] == "sample-local-task-definition"


def test_stack_tags_name_the_layer_and_nothing_that_changes(built: Mapping[str, Layer]) -> None:
    assert load(PROJECT, built, "local").stack_tags("service") == {
        "team": "platform",
        "Project": "sample",
        "Environment": "local",
        "Layer": "service",
    }


def test_unknown_environment_names_the_nearest(built: Mapping[str, Layer]) -> None:
    with pytest.raises(BadInput, match="no environment 'prd'") as caught:
        load(PROJECT, built, "prd")
    assert caught.value.remedy == "did you mean ENV=prod?"


def test_file_that_nothing_reads_is_named(built: Mapping[str, Layer], tmp_path: Path) -> None:
    (tmp_path / "staging.yml").write_text("")
    (tmp_path / "README.md").write_text("")
    with pytest.raises(BadInput, match="no environment 'staging'") as caught:
        environment.load(tmp_path, "staging", {})
    here = tmp_path.name
    assert caught.value.remedy == f"{here}/staging.yml is not read: mv {here}/staging.yml {here}/staging.yaml"
    assert environment.unread(tmp_path) == [tmp_path / "staging.yml"]


@pytest.mark.parametrize("name", ["../params/dev", "/etc/passwd", "", "far-too-long-a-name"])
def test_name_that_no_environment_can_have_is_told_the_rule(built: Mapping[str, Layer], name: str) -> None:
    with pytest.raises(BadInput, match="no environment") as caught:
        load(PROJECT, built, name)
    assert "1 to 10 lower-case letters" in caught.value.remedy


def test_pipe_is_no_parameter_file(project: Path, built: Mapping[str, Layer]) -> None:
    os.mkfifo(project / "params" / "pipe.yaml")
    with pytest.raises(BadInput, match="no regular file"):
        load(project, built, "pipe")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("- account\n", "is a list", id="a list"),
        pytest.param("account\n", "is one value", id="one value"),
        pytest.param("account: [\n", "is not YAML", id="not YAML"),
        pytest.param("a: 1\na: 2\n", "'a' is there twice", id="key twice"),
        pytest.param("a: &a [*a]\n", "is not YAML", id="refers to itself"),
        pytest.param("\x00", "is not YAML", id="binary"),
        pytest.param("{[]: 1}", "a key must be text", id="key is a list"),
    ],
)
def test_file_that_is_no_map_of_keys(text: str, said: str, project: Path, built: Mapping[str, Layer]) -> None:
    (project / "params" / "local.yaml").write_text(text)
    assert said in problems(project, built)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param(
            {"VpcId": "subnet-0a1b2c3d4e5f6071a"},
            'VpcId: "subnet-0a1b2c3d4e5f6071a" must be a VPC id',
            id="subnet for VPC",
        ),
        pytest.param(
            {"PublicSubnetIds": ["subnet-0a1b2c3d4e5f6071a"]}, "two different subnets", id="one subnet"
        ),
        pytest.param(
            {"PrivateSubnetIds": ["subnet-0a1b2c3d4e5f6071a"] * 2}, "two different subnets", id="same twice"
        ),
        pytest.param(
            {"PublicSubnetIds": "subnet-0a1b2c3d4e5f6071a,"}, "two different subnets", id="comma at the end"
        ),
        pytest.param({"PrivateSubnetIds": []}, "must be a subnet id", id="empty list"),
        pytest.param(
            {"VpcId": ["vpc-0a1b2c3d4e5f60718"]}, "must be one value, not a list", id="list for one"
        ),
        pytest.param({"VpcId": {"a": "b"}}, "must be one text or number", id="map"),
        pytest.param({"PublicSubnetIds": [{"a": "b"}]}, "must be a list of texts", id="list of maps"),
        pytest.param({"VpcId": None}, "VpcId: is missing", id="missing"),
        pytest.param(
            {"PublicSubnetIds": None},
            "PublicSubnetIds: is missing; it belongs to LoadBalancerScheme: internet-facing",
            id="missing for a value",
        ),
        pytest.param(
            {"InternalSubnetIds": ["subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"]},
            "must not be set without LoadBalancerScheme: internal",
            id="without the value it belongs to",
        ),
        pytest.param(
            {
                "LoadBalancerScheme": "internal",
                "PublicSubnetIds": None,
                "InternalSubnetIds": ["subnet-0a1b2c3d4e5f6071a"],
            },
            "must be two different subnets",
            id="one internal subnet",
        ),
        pytest.param({"LoadBalancerCidr": "10.0.0.1/8"}, "has host bits set", id="host bits"),
        pytest.param({"MaxCapactiy": "2"}, "did you mean MaxCapacity?", id="misspelt"),
        pytest.param({"Protected": "true"}, "the deployer fills it in", id="filled in"),
        pytest.param({"ServiceStackName": "x"}, "the deployer fills it in", id="stack name"),
        pytest.param({"MinCapacity": "3"}, "must not be above MaxCapacity (2)", id="min above max"),
        pytest.param(
            {"TaskMemory": "4096"}, "must be one of 512, 1024, 2048 (MiB) with TaskCpu 256", id="pair"
        ),
        pytest.param({"MinCapacity": "many"}, "must be a whole number", id="no number"),
        pytest.param({"HealthRate": "1.5"}, "HealthRate", id="rate above 1"),
        pytest.param({"TestListenerCidr": "10.0.0.1/8"}, "must be a CIDR block", id="host bits"),
        pytest.param(
            {"TestListenerPort": "443"}, "a whole number from 1024 to 65535", id="port out of range"
        ),
        pytest.param({"CertificateArn": "certificate"}, "CertificateArn", id="no ARN"),
        pytest.param(
            {"CertificateArn": f"arn:aws:acm:us-east-1:000000000000:certificate/{uuid.UUID(int=0)}"},
            "must be in this environment's region, ap-northeast-1",
            id="region of ARN",
        ),
    ],
)
def test_parameter_that_is_wrong(
    parameters: Mapping[str, Any], said: str, project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    write_params(parameters)
    assert said in problems(project, built)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param({"account": "1234"}, 'account: "1234" must be an account id', id="account"),
        pytest.param({"account": None}, "account: is missing", id="account missing"),
        pytest.param({"region": "tokyo"}, "must be a region", id="region"),
        pytest.param({"project": "Sample_Shop"}, "project", id="project"),
        pytest.param({"protected": "maybe"}, "must be true or false", id="protected"),
        pytest.param({"parametres": {}}, "did you mean parameters?", id="misspelt key"),
        pytest.param({"parameters": ["a"]}, "must be a map", id="parameters is a list"),
        pytest.param({"tags": ["a"]}, "tags", id="tags is a list"),
        pytest.param({"project": "awshop"}, 'project: "awshop" must not begin with aws', id="aws project"),
        pytest.param({"project": "ssm-shop"}, "must not begin with aws or ssm", id="ssm project"),
        pytest.param({"tags": {"Layer": "a"}}, "Layer is filled in", id="reserved tag"),
        pytest.param({"tags": {"project": "a"}}, "tags.project: must not be", id="reserved in any case"),
        pytest.param({"tags": {"AWS:x": "a"}}, "AWS keeps aws:", id="aws tag"),
        pytest.param(
            {"tags": {"team": "a", "Team": "b"}}, "to IAM they are one key", id="tags that differ in case"
        ),
        pytest.param({"tags": {"team": ""}}, 'tags.team: "" must be text', id="empty tag"),
        pytest.param({"tags": {"team": "a\nb"}}, "tags.team", id="tag of two lines"),
        pytest.param({"tags": {"te\tam": "a"}}, "must have a key", id="tag with a tab in its key"),
        pytest.param({"tags": {"team": "a" * 256}}, "1 to 255", id="long tag"),
        pytest.param({"tags": {"a" * 128: "a"}}, "1 to 127", id="long key of a tag"),
    ],
)
def test_key_that_is_wrong(
    keys: Mapping[str, Any], said: str, project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    write_params(**keys)
    assert said in problems(project, built)


def test_tag_may_have_what_aws_takes(project: Path, built: Mapping[str, Layer], write_params: Write) -> None:
    tags = {"cost centre": "会計\u3000一課 a_b.c:/d=+e@f-", "b" * 127: "a" * 255}
    write_params({}, tags=tags)
    assert load(project, built).tags == tags


def test_all_problems_are_told_at_once(
    project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    write_params({"VpcId": "x", "MinCapacity": "x", "Nonsense": "x"}, account="1")
    said = problems(project, built)
    assert "params/local.yaml has 4 problems" in said
    for key in ("account", "parameters.VpcId", "parameters.MinCapacity", "parameters.Nonsense"):
        assert f"\n  {key}: " in said


def test_names_stay_those_that_the_policies_know(
    project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    """`<project>-<env>-` has to survive where CloudFormation shortens a role's name."""
    longest = "a" * (environment.NAME_CHARACTERS - len("-local"))
    write_params({}, project=longest)
    found = load(project, built)
    # The most that CloudFormation cuts: two hyphens, a random end of 13, half of the rest for the stack.
    assert len(found.stack_name("")) <= (64 - 2 - 13) // 2
    write_params({}, project=f"{longest}a")
    assert "the file's name must have 22 characters together at most, they have 23" in problems(
        project, built
    )


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        pytest.param("prod-eu", {}, '"sample-prod-" begins the names of both', id="longer"),
        pytest.param("pro", {}, None, id="part of a word"),
        pytest.param("eu", {"project": "sample-prod"}, '"sample-prod-" begins', id="by its project"),
        pytest.param("prod-eu", {"account": "999999999999"}, None, id="another account"),
        pytest.param("prod-eu", {"project": "other"}, None, id="another project"),
    ],
)
def test_rights_of_one_environment_do_not_cover_another(
    name: str, keys: Mapping[str, str], said: str | None, project: Path, built: Mapping[str, Layer]
) -> None:
    """Policies know an environment by `<project>-<env>-*`."""
    text = (project / "params" / "prod.yaml").read_text()
    document = yaml.load(text, Loader=yaml.BaseLoader) | keys  # noqa: S506
    # Has to be of the file's account.
    del document["parameters"]["CertificateArn"]
    (project / "params" / f"{name}.yaml").write_text(yaml.safe_dump(document))
    for one, other in ((name, "prod"), ("prod", name)):
        # What is deployed can still be rolled back and destroyed.
        settings = load(project, built, one)
        if said is None:
            environment.refuse_overlapping(project / "params", settings)
            continue
        with pytest.raises(BadInput) as caught:
            environment.refuse_overlapping(project / "params", settings)
        assert said in str(caught.value)
        assert f"params/{one}.yaml and params/{other}.yaml are in one account" in str(caught.value)
        assert "the permissions of one would cover the other" in str(caught.value)
        assert "ARGS=--no-preflight" in caught.value.remedy


@pytest.mark.parametrize("text", ["account: [", "- a", "account: {a: b}\nproject: [c]\n", "\x00"])
def test_another_file_that_is_broken_breaks_only_its_own_environment(
    text: str, project: Path, built: Mapping[str, Layer]
) -> None:
    (project / "params" / "prod-eu.yaml").write_text(text)
    os.mkfifo(project / "params" / "pipe.yaml")
    environment.refuse_overlapping(project / "params", load(project, built, "prod"))


def test_emulated_environment_has_an_account_that_nobody_else_has_rights_in(
    project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    text = write_params({}).read_text()
    (project / "params" / "local-eu.yaml").write_text(text)
    for name in ("local", "local-eu"):
        environment.refuse_overlapping(project / "params", load(project, built, name))


def test_parameter_that_another_one_makes_possible(
    project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    rules = RUNTIME.rules._replace(
        needs=(Needs(Parameter("AccessLogBucketName"), Parameter("CertificateArn")),)
    )
    declared = {slug: layer.parameters for slug, layer in built.items()}

    def loaded() -> Environment:
        return environment.load(project / "params", "local", declared, RUNTIME._replace(rules=rules))

    write_params({"AccessLogBucketName": "acme-logs"})
    with pytest.raises(BadInput, match='AccessLogBucketName: "acme-logs" needs CertificateArn'):
        loaded()
    certificate = f"arn:aws:acm:ap-northeast-1:{'0' * 12}:certificate/a"
    write_params({"AccessLogBucketName": "acme-logs", "CertificateArn": certificate})
    assert loaded().parameters["CertificateArn"] == certificate


@pytest.mark.parametrize(
    ("most", "more", "said"),
    [
        ("200", 0, None),
        ("5", 0, "MinCapacity + MinCapacity x TestListenerPort is 18004, and must not be above MaxCapacity"),
        ("5", 1, "must not be above MaxCapacity x MaxCapacity + 1, which is 26: it takes so long"),
        ("5", -1, "must not be above MaxCapacity x MaxCapacity - 1, which is 24: it takes so long"),
    ],
)
def test_sum_that_takes_longer_than_another(
    most: str, more: int, said: str | None, project: Path, built: Mapping[str, Layer], write_params: Write
) -> None:
    fewest, port, upper = map(Parameter, ("MinCapacity", "TestListenerPort", "MaxCapacity"))
    longer = NotLonger(((fewest,), (fewest, port)), ((upper, upper),), "it takes so long", more)
    rules = RUNTIME.rules._replace(not_longer=(longer,))
    write_params({"MinCapacity": "2", "MaxCapacity": most, "TestListenerPort": "9001"})
    declared = {slug: layer.parameters for slug, layer in built.items()}
    runtime = RUNTIME._replace(rules=rules)
    if said is None:
        assert environment.load(project / "params", "local", declared, runtime)
        return
    with pytest.raises(BadInput) as caught:
        environment.load(project / "params", "local", declared, runtime)
    assert said in str(caught.value)

"""Layers as they are in `build/`, and the order that is derived from them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.runtime import LayerRuntime
from tests.paths import PROJECT, RUNTIME

RESOURCES = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"


def template(exports: str = "", imports: str = "") -> str:
    text = RESOURCES
    if imports:
        parameter, _, output = imports.partition("-")
        text = f"Parameters:\n  {parameter}: {{Type: String}}\n{text}    Properties:\n"
        text += f"      TopicName: !ImportValue\n        Fn::Sub: ${{{parameter}}}-{output}\n"
    if exports:
        text += f"Outputs:\n  {exports}:\n    Value: x\n    Export:\n"
        text += f"      Name: !Sub ${{AWS::StackName}}-{exports}\n"
    return text


def read(folder: Path, **templates: str) -> tuple[dict[str, Layer], Environment]:
    for slug, text in templates.items():
        (folder / f"{slug}.yaml").write_text(text)
    found = layers.read(folder)
    values = Environment("dev", "1" * 12, "eu-west-1", "shop", False, {}, {}, tuple(found))
    return found, values


def test_committed_layers_are_deployed_in_the_order_of_their_imports(built: Mapping[str, Layer]) -> None:
    values = environment.load(
        PROJECT / "params", "prod", {slug: layer.parameters for slug, layer in built.items()}
    )
    waits_for = layers.dependencies(built, values)
    order = layers.in_order(waits_for)
    assert sorted(order) == sorted(built)
    for slug, upstreams in waits_for.items():
        assert all(order.index(upstream) < order.index(slug) for upstream in upstreams)
    assert waits_for["infrastructure"] == set()
    assert waits_for["container-repository"] == set()
    assert waits_for["task-definition"] == {"infrastructure", "container-repository"}
    assert waits_for["service"] == {"infrastructure", "task-definition"}
    assert waits_for["service-preference"] == {"infrastructure", "service"}


POLICY = '{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}'


def test_stack_policy_is_read_and_one_that_is_missing_or_broken_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(template())
    said = RUNTIME._replace(layers={"a": LayerRuntime(stack_policy="a.stack-policy.json")})
    with pytest.raises(BadInput, match=r"/a\.stack-policy\.json is missing.*a\.yaml needs it") as refused:
        layers.read(tmp_path, said)
    assert refused.value.remedy == "run: make generate"
    file = tmp_path / "a.stack-policy.json"
    for broken in ('{"Statement": [', "[]", '{"Statement": [{}]}', '{"Statement": ["Allow"]}'):
        file.write_text(broken)
        with pytest.raises(BadInput, match=r"/a\.stack-policy\.json is n"):
            layers.read(tmp_path, said)
    file.write_text(POLICY)
    assert layers.read(tmp_path, said)["a"].stack_policy == POLICY
    # A revision from before layers said so.
    assert layers.read(tmp_path)["a"].stack_policy == POLICY


def test_every_generated_stack_policy_is_declared_by_its_template_and_its_layer() -> None:
    build = PROJECT / "build"
    written = {path.name.removesuffix(".stack-policy.json") for path in build.glob("*.stack-policy.json")}
    declared = {
        slug
        for slug, layer in layers.read(build).items()
        if "StackPolicy" in layer.template.get("Metadata", {})
    }
    said = {slug for slug, layer in RUNTIME.layers.items() if layer.stack_policy}
    assert declared == said == written == {"infrastructure", "service"}


def named(name: str) -> str:
    return f"{RESOURCES}Outputs: {{One: {{Value: x, Export: {{Name: {name}}}}}}}\n"


def test_name_of_an_export_is_whatever_parameters_give(tmp_path: Path) -> None:
    found, values = read(tmp_path, a=named("!Join ['-', [!Ref 'AWS::StackName', !Ref 'AWS::Region', One]]"))
    assert layers.exports(found["a"], values) == {"shop-dev-a-eu-west-1-One": "One"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("!Sub '${BStackName}-One'", r"\${BStackName\}-One: BStackName has no value in params/dev.yaml"),
        ("!GetAtt Topic.TopicName", "only what parameters give can be followed"),
        ("[One]", "only what parameters give can be followed"),
    ],
)
def test_name_of_an_export_that_is_not_known_is_an_error(tmp_path: Path, name: str, why: str) -> None:
    found, values = read(tmp_path, a=named(name))
    with pytest.raises(BadInput, match=f"build/a.yaml names an export by .*{why}") as caught:
        layers.exports(found["a"], values)
    assert caught.value.remedy


def test_import_that_nobody_exports_is_an_error(tmp_path: Path) -> None:
    found, values = read(tmp_path, a=template(exports="One"), b=template(imports="AStackName-Two"))
    with pytest.raises(BadInput, match=r"build/b\.yaml imports shop-dev-a-Two"):
        layers.dependencies(found, values)


def test_import_from_a_layer_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    found, values = read(tmp_path, b=template(imports="AStackName-Two"))
    with pytest.raises(BadInput, match="AStackName has no value"):
        layers.dependencies(found, values)


def test_circle_is_an_error(tmp_path: Path) -> None:
    found, values = read(
        tmp_path,
        a=template(exports="One", imports="BStackName-Two"),
        b=template(exports="Two", imports="AStackName-One"),
    )
    with pytest.raises(BadInput, match="in a circle"):
        layers.dependencies(found, values)


def test_two_exporters_of_one_name_are_an_error(tmp_path: Path) -> None:
    text = f"{RESOURCES}Outputs:\n  Same:\n    Value: x\n    Export: {{Name: the-same}}\n"
    found, values = read(tmp_path, a=text, b=text)
    with pytest.raises(BadInput, match=r"a\.yaml and build/b\.yaml both export the-same"):
        layers.dependencies(found, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("Resources: [", "is not YAML", id="not YAML"),
        pytest.param("a: b", "is no CloudFormation template", id="no template"),
        pytest.param(f"Description: {'x' * 1_000_000}\n{RESOURCES}", "is too long", id="too long"),
    ],
)
def test_file_that_is_no_template_is_an_error(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        read(tmp_path, a=text)


def test_template_that_is_too_long_as_yaml_is_sent_as_json(tmp_path: Path) -> None:
    found, _ = read(tmp_path, a=f"# {'x' * 51_200}\nDescription: ü\n{RESOURCES}", b=RESOURCES)
    assert found["b"].sent == RESOURCES
    assert found["a"].sent == '{"Description":"ü","Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}'


def test_missing_build_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        layers.read(tmp_path / "build")
    assert caught.value.remedy == "run: make generate"


def test_only_layers_with_iam_resources_need_a_capability(built: Mapping[str, Layer]) -> None:
    with_iam = {
        slug
        for slug, layer in built.items()
        if any(resource["Type"].startswith("AWS::IAM::") for resource in layer.resources.values())
    }
    assert {slug for slug, layer in built.items() if layer.capabilities == ["CAPABILITY_IAM"]} == with_iam
    # The pipeline updates this one, and may not make or change roles.
    assert built["task-definition"].capabilities == []

"""The schema of parameter files: editors and the deployer take and refuse the same."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment, environment_schema, layers, parameter_rules, parameters
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.runtime import Rules, Runtime
from tests.paths import PROJECT, RUNTIME
from tests.second_project.place import PROJECT as SECOND_PROJECT

A, B = "subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"

WHOLE = """\
account: "000000000000"
region: ap-northeast-1
project: sample
protected: false
parameters:
  VpcId: vpc-0a1b2c3d4e5f60718
  PublicSubnetIds: [subnet-0a1b2c3d4e5f6071a, subnet-0a1b2c3d4e5f6071b]
  PrivateSubnetIds: [subnet-0a1b2c3d4e5f6071a, subnet-0a1b2c3d4e5f6071b]
  ClusterName: sample-local
  GitHubOwner: acme
  GitHubRepository: shop
  GitHubBranch: main
"""


def schema(project: Path, said: Runtime) -> dict[str, Any]:
    found = layers.read(project / "build", said)
    return environment_schema.document({slug: layer.parameters for slug, layer in found.items()}, said)


@pytest.fixture(scope="module")
def editor() -> Draft7Validator:
    """What an editor makes of the project's schema."""
    document = schema(PROJECT, RUNTIME)
    Draft7Validator.check_schema(document)
    return Draft7Validator(document)


def said(editor: Draft7Validator, text: str) -> list[str]:
    """What the editor shows of a file: the word of the schema that is not met, and the message."""
    return [
        f"{error.validator}: {error.schema.get('errorMessage', error.message)}"
        for error in editor.iter_errors(yaml.safe_load(text))
    ]


def told(folder: Path, built: Mapping[str, Layer], text: str) -> str:
    """What the deployer says of the same file."""
    (folder / "params").mkdir(exist_ok=True)
    (folder / "params" / "local.yaml").write_text(text)
    declared = {slug: layer.parameters for slug, layer in built.items()}
    try:
        environment.load(folder / "params", "local", declared, RUNTIME)
    except BadInput as refused:
        return str(refused)
    return ""


def with_line(line: str) -> str:
    """The file with one line more, or another one of that key; `no Key` leaves it out."""
    added = [] if line.startswith("no ") else [line]
    key = line.removeprefix("no ").partition(":")[0]
    indent = "" if key in (*environment.KEYS, environment.TEMPLATE_BUCKET) else "  "
    kept = [one for one in WHOLE.splitlines() if one.partition(":")[0] != indent + key]
    lines = [*kept, *(indent + one for one in added)]
    # The parameters are the end of the file.
    lines.sort(key=lambda one: one.startswith((" ", "parameters")))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("project", "said"),
    [(PROJECT, RUNTIME), (SECOND_PROJECT, runtime.read_runtime(SECOND_PROJECT / "build"))],
    ids=["project", "second project"],
)
def test_every_parameter_file_is_accepted(project: Path, said: Runtime) -> None:
    validator = Draft7Validator(schema(project, said))
    files = sorted((project / "params").glob("*.yaml"))
    assert files
    for file in files:
        assert [*validator.iter_errors(yaml.safe_load(file.read_text()))] == [], file


RIGHT = [
    "account: 111111111111",
    'protected: "true"',
    "tags:",
    "tags: {team: platform, cost: 3, ok: true, 会計: 会計　一課}",
    "template_bucket: acme-templates",
    "GitHubBranch: 1.2",
    "GitHubRepository: 7",
    "InitialImageTag: true",
    "MinCapacity: 2",
    'MinCapacity: "2"',
    "LogRetentionDays: 30",
    'LogRetentionDays: "30"',
    "RequireApproval: true",
    'RequireApproval: "true"',
    "HealthRate: 1",
    "HealthRate: 0.25",
    "CertificateArn:",
    'CertificateArn: ""',
    "PlatformVersion: 1.4.0",
    f"PrivateSubnetIds: {A}, {B}",
    "InternalSubnetIds: []",
    "InternalSubnetIds:",
]


@pytest.mark.parametrize("line", RIGHT)
def test_what_the_deployer_takes_the_editor_takes(
    line: str, editor: Draft7Validator, built: Mapping[str, Layer], tmp_path: Path
) -> None:
    text = with_line(line)
    assert told(tmp_path, built, text) == ""
    assert said(editor, text) == []


# What the deployer says, and the editor where that has not the same words.
WRONG = [
    ("account: 1234", "must be an account id", "minimum: "),
    ('account: "1234"', "must be an account id", None),
    ("account: [1]", "must be an account id", None),
    ("region: tokyo", "must be a region such as ap-northeast-1", None),
    ("project: Shop", "must be 1 to 20 lower-case letters", None),
    ("project: aws-shop", "must not begin with aws or ssm", None),
    ("protected: maybe", "must be true or false", None),
    ("no region", "region: is missing", "required: "),
    ("template_bucket: A", "must be the name of an existing bucket", None),
    ("tags: [a]", "must be a map", "type: "),
    ('tags: {team: "a;b"}', "must be text of 1 to 255", None),
    ('tags: {team: ""}', "must be text of 1 to 255", None),
    ('tags: {"a;b": x}', "must have a key of 1 to 127", None),
    ("tags: {LAYER: x}", "Layer is filled in", "must not be project, environment, layer"),
    ("tags: {aws:team: x}", "AWS keeps aws: for itself", "must not be project, environment, layer"),
    ("MaxCapactiy: 2", "did you mean MaxCapacity?", "additionalProperties: "),
    ("Environment: local", "the deployer fills it in", "additionalProperties: "),
    ("ServiceStackName: x", "the deployer fills it in", "additionalProperties: "),
    ("no VpcId", "VpcId: is missing", "required: "),
    ("VpcId: subnet-0a1b2c3d", "must be a VPC id such as", None),
    ("VpcId: [vpc-0a1b2c3d4e5f60718]", "must be one value, not a list", "must be a VPC id such as"),
    ("VpcId: {a: b}", "must be one text or number", "must be a VPC id such as"),
    (f"PrivateSubnetIds: [{A}]", "two different subnets", "minItems: "),
    (f"PrivateSubnetIds: [{A}, {A}]", "two different subnets", "uniqueItems: "),
    ("PrivateSubnetIds: []", "must be a subnet id such as", "minItems: "),
    (f"PrivateSubnetIds: {A}", "two different subnets", "must be a subnet id such as"),
    (f"PublicSubnetIds: [{A}, sub]", "must be ids of subnets", None),
    (
        "no PublicSubnetIds",
        "PublicSubnetIds: is missing; it belongs to LoadBalancerScheme",
        "required: ",
    ),
    (f"InternalSubnetIds: [{A}, {B}]", "must not be set without LoadBalancerScheme: internal", None),
    ("MinCapacity: many", "must be a whole number from 1", None),
    ("MinCapacity: 0", "must be a whole number from 1", "minimum: "),
    ("MinCapacity: 1.5", "must be a whole number from 1", None),
    ("MinCapacity:", "must be a whole number from 1", None),
    ("HealthRate: 1.5", "must be a number from 0 to 1", "maximum: "),
    ("LogRetentionDays: 8", "must be one of 1, 3, 5", None),
    ("RequireApproval: enabled", "must be one of true, false", None),
    ("CertificateArn: certificate", "must be the ARN of an ACM certificate", None),
    ("HealthCheckPath: health", "must begin with a slash", None),
]


@pytest.mark.parametrize(("line", "deployer", "in_editor"), WRONG)
def test_what_the_deployer_refuses_the_editor_refuses(
    line: str,
    deployer: str,
    in_editor: str | None,
    editor: Draft7Validator,
    built: Mapping[str, Layer],
    tmp_path: Path,
) -> None:
    text = with_line(line)
    assert deployer in told(tmp_path, built, text)
    assert any((in_editor or deployer) in message for message in said(editor, text))


SAMPLES = [
    *("", "true", "0", "1", "7", "443", "8443", "111111111111", "1.0", "1.4.0", "-1", "1e3", "0x10"),
    *("a", "A", "shop", "a_b", "a.b", "a b", " a", "/", "/health", "health", "a/b", "a@b.example", "a@"),
    *("LATEST", "enabled", "internal", "10.0.0.0/8", "300.0.0.0/8", A, f"{A},{B}", f"{A}, {A}x", "x" * 300),
    *("arn:aws:kms:eu-west-1:111111111111:key/a-b", "FARGATE:1:2,FARGATE_SPOT:3", "会計", "a\nb"),
]


def test_every_parameter_of_every_layer_is_judged_alike(built: Mapping[str, Layer]) -> None:
    declared = environment.declarations({slug: layer.parameters for slug, layer in built.items()})
    for title, block in declared.items():
        validator = Draft7Validator(parameters.json_schema(block))
        for text in SAMPLES:
            members = [one.strip() for one in text.split(",")] if parameters.is_list(block) else [text]
            taken = parameters.problem(block, members) is None
            form = parameters.form(block)
            # The range of a number in quotes is what no schema tells.
            if form.kind == "text" or not re.fullmatch(form.pattern, text):
                assert validator.is_valid(text) == taken, (title, text)
            if taken:
                assert validator.is_valid(yaml.safe_load(text)), (title, text)


def test_a_tag_in_ascii_is_judged_alike() -> None:
    """Of other characters the editor takes all."""
    for character in map(chr, range(128)):
        taken = bool(re.fullmatch(environment.TAG_CHARACTER, character))
        assert bool(re.fullmatch(environment_schema.TAG_CHARACTER, character)) == taken, character
    assert re.fullmatch(environment_schema.TAG_CHARACTER, "会")


def test_a_parameter_is_there_with_what_its_declaration_says() -> None:
    declared: dict[str, parameter_rules.Declarations] = {
        "queue": {
            "QueueDepth": {"Type": "Number", "Description": "Longest queue", "Default": "5", "MinValue": "1"},
            "Ports": {"Type": "List<Number>", "Description": "Open ports", "MaxValue": 9},
            "Word": {"Type": "String", "MinLength": 2, "MaxLength": 3, "AllowedPattern": "[a-z]+"},
            "Environment": {"Type": "String"},
        }
    }
    found = environment_schema.document(declared, RUNTIME._replace(layers={}, rules=Rules()))
    made = found["properties"]["parameters"]
    assert made["required"] == ["Ports", "Word"]
    assert made["properties"]["QueueDepth"] == {
        "description": "Longest queue",
        "default": "5",
        "type": ["integer", "string"],
        "minimum": 1,
        "pattern": "^(?:-?[0-9]{1,18})$",
        "errorMessage": "must be a whole number not below 1",
    }
    validator = Draft7Validator(made)
    for right in ({"Ports": [1, 2]}, {"Ports": 1}, {"Ports": "1, 2"}, {"Ports": ["1"]}):
        assert validator.is_valid({**right, "Word": "abc"}), right
    for ports in ([], [10], "1;2"):
        assert not validator.is_valid({"Ports": ports, "Word": "abc"}), ports
    assert not validator.is_valid({"Ports": 1, "Word": "abc", "Environment": "a"})
    for word in ("a", "abcd", "AB", True):
        assert not validator.is_valid({"Ports": 1, "Word": word}), word

"""Whatever is written into the files or typed: exit 2 with a message, or a valid environment; no call."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecs_blue_green.deployer import aws, command_line, layers
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from tests.paths import PROJECT

VERBS = ("plan", "deploy", "status", "drift", "rollback", "destroy")


class ReachedAws(Exception):
    """The input was good: the next thing would have been a call."""


@dataclass
class Desk:
    """A copy of the project that is not let out to AWS, and the environments that would have been."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    valid: list[Environment] = field(default_factory=list)

    def run(self, *arguments: str) -> tuple[int | None, str]:
        """The exit code, None when AWS would have been asked, and what was said."""
        try:
            code: int | None = command_line.main(list(arguments), self.root)
        except ReachedAws:
            code = None
        except SystemExit as stop:  # argparse
            assert isinstance(stop.code, int)
            code = stop.code
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.err

    def write(self, text: str | bytes, name: str = "dev") -> None:
        path = self.root / "params" / f"{name}.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def desk(
    project: Path,
    built: Mapping[str, Layer],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    made = Desk(project, capsys)

    @contextmanager
    def connect(environment: Environment, root: Path) -> Iterator[None]:
        made.valid.append(environment)
        raise ReachedAws
        yield

    def client(*arguments: object, **more: object) -> None:
        raise AssertionError("a client was made")

    monkeypatch.setattr(aws, "connect", connect)
    monkeypatch.setattr(boto3.session.Session, "client", client)
    return made


@pytest.fixture
def quick_desk(desk: Desk, built: Mapping[str, Layer], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose templates are read once, for hundreds of runs."""
    monkeypatch.setattr(layers, "read", lambda build, said: dict(built))
    return desk


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXT = st.text(max_size=60)
SCALARS = st.one_of(
    TEXT,
    st.integers(),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.dates(),
    # What stands close to what is right.
    st.sampled_from(
        [
            *(
                "vpc-0a1b2c3d",
                "subnet-0a1b2c3d4e5f60718",
                "1e3",
                "0x10",
                "-1",
                "٣",
                "256.0",
                "1.5",
                "true",
                "yes",
            ),
            *(
                "CodeDeployDefault.ECSAllAtOnce",
                "arn:aws:acm::",
                "arn:",
                "10.0.0.0/8",
                "${AWS::Region}",
                "a,b",
            ),
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=6,
)


def good() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(
        (PROJECT / "params" / "prod.yaml").read_text(),
        Loader=yaml.BaseLoader,  # noqa: S506
    )
    # A protected environment is not destroyed: exit 3, also before any call.
    return document | {"protected": "false"}


TITLES = sorted({title for layer in layers.read(PROJECT / "build").values() for title in layer.parameters})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A parameter file that was right until somebody edited it here and there."""
    document = good()
    keys = st.sampled_from([*document, "parametres"]) | TEXT
    document |= draw(st.dictionaries(keys, VALUES, max_size=2))
    for key in draw(st.sets(st.sampled_from(sorted(document)), max_size=1)):
        del document[key]
    if isinstance(document.get("parameters"), dict):
        names = st.sampled_from(TITLES) | st.sampled_from(TITLES).map(lambda title: title[:-1]) | TEXT
        document["parameters"] = document["parameters"] | draw(st.dictionaries(names, VALUES, max_size=3))
    return document


def judged(desk: Desk, arguments: tuple[str, ...]) -> None:
    desk.valid.clear()
    code, said = desk.run(*arguments)
    if code is None:
        (environment,) = desk.valid
        assert all(isinstance(value, str) for value in environment.parameters.values())
        return
    assert code == 2
    assert "error: " in said
    assert "next:  " in said


@many
@given(document=documents(), verb=st.sampled_from(VERBS))
def test_edited_file_is_refused_or_valid(quick_desk: Desk, document: dict[str, Any], verb: str) -> None:
    quick_desk.write(yaml.safe_dump(document, allow_unicode=True))
    judged(quick_desk, (verb, "--env", "dev"))


@many
@given(
    content=st.binary(max_size=200) | TEXT.map(str.encode) | VALUES.map(lambda v: yaml.safe_dump(v).encode())
)
def test_any_content_is_refused(quick_desk: Desk, content: bytes) -> None:
    quick_desk.write(content)
    code, said = quick_desk.run("deploy", "--env", "dev", "--yes")
    assert code == 2
    assert "params/dev.yaml" in said


@many
@given(
    arguments=st.lists(
        st.sampled_from([*VERBS, "--env", "dev", "--only", "service", "--allow", "--json"]) | TEXT, max_size=6
    )
)
def test_any_arguments_are_refused_or_understood(quick_desk: Desk, arguments: list[str]) -> None:
    # A revision or a file that is named may well be there.
    if any(argument.startswith(("--h", "-h")) or argument == "review" for argument in arguments):
        return
    code, _ = quick_desk.run(*arguments)
    assert code in (None, 2)


def test_every_problem_of_a_file_is_told_in_one_message(desk: Desk) -> None:
    document = good()
    document |= {"account": "123", "protect": "true", "tags": ["a"]}
    document["parameters"] |= {
        "VpcId": "subnet-0b00000000000001f",
        "PublicSubnetIds": "subnet-0b00000000000001f",
        "MinCapacity": "9",
        "TaskCpu": "256",
        "TaskMemory": "8192",
        "HealthRate": "1.5",
        "CertificateArn": "certificate",
        "DeploymentConfigName": "CodeDeployDefault.OneAtATime",
        "MaxCapactiy": "3",
        "SmokePaths": {"health": "/"},
    }
    del document["parameters"]["GitHubOwner"]
    desk.write(yaml.safe_dump(document))
    code, said = desk.run("deploy", "--env", "dev", "--yes")
    assert code == 2
    assert "params/dev.yaml has 13 problems" in said
    for line in (
        'account: "123" must be an account id',
        "protect: is not a key of a parameter file; did you mean protected?",
        "tags: ['a'] must be a map",
        'parameters.VpcId: "subnet-0b00000000000001f" must be a VPC id',
        "parameters.PublicSubnetIds: ['subnet-0b00000000000001f'] must be two different subnets",
        # The maximum of the file, though other values are wrong.
        "parameters.MinCapacity: 9 must not be above MaxCapacity (6)",
        "parameters.TaskMemory: 8192 must be one of 512, 1024, 2048 (MiB) with TaskCpu 256",
        'parameters.HealthRate: "1.5" must be a number from 0 to 1',
        'parameters.CertificateArn: "certificate" must be the ARN of an ACM certificate',
        'parameters.DeploymentConfigName: "CodeDeployDefault.OneAtATime" must be one of Code',
        "parameters.MaxCapactiy: is not a parameter of any layer; did you mean MaxCapacity?",
        "parameters.SmokePaths: {'health': '/'} must be one text or number",
        "parameters.GitHubOwner: is missing",
    ):
        assert f"\n  {line}" in said
    assert "next:  correct params/dev.yaml; nothing was sent to AWS" in said


def test_value_that_is_wrong_by_itself_is_told_once(desk: Desk) -> None:
    document = good()
    # Without its value the maximum would be the default, which is below the minimum.
    document["parameters"] |= {"MinCapacity": "4", "MaxCapacity": "many"}
    desk.write(yaml.safe_dump(document))
    _, said = desk.run("plan", "--env", "dev")
    assert "has 1 problem:" in said
    assert "MinCapacity" not in said


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:acm:eu-west-1:222222222222:certificate/a", "must be in this environment's region"),
        ("arn:aws:acm:ap-northeast-1:111111111111:certificate/a", "must be in this environment's account"),
    ],
)
def test_arn_of_another_place_is_refused(desk: Desk, arn: str, said: str) -> None:
    document = good()
    document["parameters"]["CertificateArn"] = arn
    desk.write(yaml.safe_dump(document))
    code, told = desk.run("plan", "--env", "dev")
    assert (code, said in told) == (2, True)


@pytest.mark.parametrize("value", ["1.5", "256.0", "1e3", "٣", " 1"])
def test_part_of_a_task_is_no_number_of_tasks(desk: Desk, value: str) -> None:
    document = good()
    document["parameters"]["MaxCapacity"] = value
    desk.write(yaml.safe_dump(document, allow_unicode=True))
    code, said = desk.run("plan", "--env", "dev")
    assert code == 2
    assert "must be a whole number from 1 to 5000" in said


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({}, "build/ has no template", id="empty"),
        pytest.param({"vpc": "Resources: {Vpc: {Type: 'AWS::EC2::VPC'}}"}, "it has vpc.yaml", id="another's"),
        pytest.param({"infrastructure": None}, "infrastructure.yaml missing", id="layer missing"),
        pytest.param({"service": "Resources: {A: null}"}, "Resources.A must be a map", id="no map"),
        pytest.param(
            {"service": "Resources: {A: {Type: [1]}}"}, "Resources.A.Type must be text", id="odd type"
        ),
        pytest.param({"service": "Resources: [A]"}, "Resources must be a map", id="list"),
        pytest.param({"service": "- a"}, "it must be a map", id="no template"),
        pytest.param({"service": "a: [*b]"}, "build/service.yaml is not YAML", id="unknown alias"),
        pytest.param({"service": b"\xff\xfe\x00"}, "build/service.yaml is not YAML", id="binary"),
        pytest.param(
            {"service": "Parameters: {A: {}}\nResources: {A: {Type: B}}"},
            "Parameters.A.Type is missing",
            id="parameter",
        ),
        pytest.param(
            {"service": "Outputs: {A: {Value: b, Export: {}}}\nResources: {A: {Type: B}}"},
            "Outputs.A.Export.Name is missing",
            id="export",
        ),
    ],
)
def test_build_that_is_not_this_projects(desk: Desk, files: dict[str, str | bytes | None], said: str) -> None:
    build = desk.root / "build"
    if not files or "vpc" in files:
        for path in build.glob("*.yaml"):
            path.unlink()
    for slug, content in files.items():
        path = build / f"{slug}.yaml"
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, told = desk.run("deploy", "--env", "dev", "--yes")
    assert (code, said in told) == (2, True), told
    assert "next:  run: make generate" in told


@pytest.mark.parametrize("folder", ["build", "params"])
def test_folder_that_is_not_there(desk: Desk, folder: str) -> None:
    (desk.root / folder).rename(desk.root / "elsewhere")
    code, said = desk.run("plan", "--env", "dev")
    assert code == 2
    assert folder in said


@pytest.mark.parametrize("name", ["", ".", "..", "../params/dev", "dev.yaml", "/", "pröd", "a\0b", "nowhere"])
def test_environment_that_is_not_there(desk: Desk, name: str) -> None:
    code, said = desk.run("plan", "--env", name)
    assert code == 2
    assert "there is no environment" in said


def test_layer_that_is_not_there_is_named_before_any_call(desk: Desk) -> None:
    code, said = desk.run("deploy", "--env", "dev", "--only", "srevice")
    assert code == 2
    assert "the layers are" in said


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": "saved-plan/2"}', '{"schema": "saved-plan/2", "layers": []}', "\0"],
)
@pytest.mark.parametrize("arguments", [("deploy", "--plan"), ("plan", "--discard")])
def test_file_that_is_no_kept_plan(
    desk: Desk, content: str, arguments: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    verb, option = arguments
    assert desk.run(verb, "--env", "dev", option, str(file))[0] == 2
    assert desk.run(verb, "--env", "dev", option, str(tmp_path / "nowhere.json"))[0] == 2


def test_plan_that_could_not_be_kept_is_not_made(desk: Desk, tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "nowhere" / "plan.json"):
        code, said = desk.run("plan", "--env", "dev", "--out", str(out))
        assert (code, "cannot be written" in said) == (2, True)


def test_script_gets_the_problems_as_a_document(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write("")
    assert command_line.main(["deploy", "--env", "dev", "--json"], desk.root) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    assert document["error"]["what"] == "params/dev.yaml is empty"

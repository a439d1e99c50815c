"""What `generate.py` does with a stale `build/`, and which templates it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
import yaml
from ecs_blue_green import generate, runtime, template_yaml
from ecs_blue_green.deployer import environment, environment_schema
from ecs_blue_green.deployer.plain_secrets import PlainSecret
from troposphere import Export, ImportValue, Output, Sub, Template
from troposphere.sns import Topic

from templates import LAYERS, _exports
from tests import ROOT

Build = Callable[[], Template]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a fresh build/."""
    for folder in ("build", "params", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def contents(root: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in (root / "build").rglob("*") if path.is_file()}


def test_check_is_silent_when_fresh(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"], root) == 0
    assert capsys.readouterr() == ("", "")


def test_fresh_files_are_said_to_be_fresh_and_what_nothing_reads_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "params" / "staging.yml").write_text("")
    assert generate.main([], root) == 0
    output, errors = capsys.readouterr()
    fresh, length = output.splitlines()
    assert fresh == "nothing changed: build/ is up to date"
    assert re.fullmatch(r"longest template: [a-z-]+\.yaml, [\d,]+ of 51,200 bytes as JSON", length)
    assert errors == "note: params/staging.yml is not read: mv params/staging.yml params/staging.yaml\n"


def test_secret_in_a_plain_variable_is_warned_about(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, with what to do, and the files are written all the same."""
    reference = "{{resolve:secretsmanager:database:SecretString:password}}"
    found = [("prod", PlainSecret("shop-api", "PASSWORD", reference))]
    monkeypatch.setattr(generate, "in_plain_text", lambda root: found)
    assert generate.main([], root) == 0
    assert capsys.readouterr().err == (
        f"warning: in prod, PASSWORD of shop-api has {reference}, whose value would stand in plain text"
        " in the task definition\nhint: make it a row of SECRETS in templates/_application.py\n"
    )


def test_there_is_no_secret_in_a_plain_variable() -> None:
    assert list(generate.in_plain_text(ROOT)) == []


def test_check_shows_a_diff_and_changes_nothing_when_stale(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "build" / "service.yaml"
    path.write_text(path.read_text().replace("DISABLED", "ENABLED"))
    before = contents(root)
    assert generate.main(["--check"], root) == 1
    output, errors = capsys.readouterr()
    assert "--- build/service.yaml (on disk)" in output
    assert (
        "-      AvailabilityZoneRebalancing: ENABLED\n+      AvailabilityZoneRebalancing: DISABLED\n"
        in output
    )
    assert "stale in 1 file" in errors
    assert "make generate" in errors
    assert contents(root) == before


@pytest.fixture
def copy(root: Path) -> Path:
    """A repository in which `generate.py` can be run."""
    shutil.copyfile(ROOT / "generate.py", root / "generate.py")
    return root


def test_check_that_nobody_reads_to_the_end_is_quiet(copy: Path) -> None:
    """`generate.py --check | head -1`: the pipe is closed before the diff is written."""
    for path in (copy / "build").glob("*.yaml"):
        path.write_text("\n" * 100_000)
    command = [sys.executable, "generate.py", "--check"]
    checked = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert checked.stdout
    assert checked.stderr
    assert checked.stdout.readline().startswith("--- ")
    checked.stdout.close()
    assert checked.stderr.read() == ""
    checked.stderr.close()
    assert checked.wait() == 1


def test_program_with_a_blank_at_the_end_of_a_line_is_refused(copy: Path) -> None:
    """It would be one escaped line in build/. The message names the file and the line."""
    before = contents(copy)
    path = copy / "templates" / "pipeline" / "buildspecs" / "image-build.yml"
    lines = path.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if "docker push" in line)
    path.write_text(
        "".join(f"{line} \n" if number == place else f"{line}\n" for number, line in enumerate(lines))
    )
    done = subprocess.run([sys.executable, "generate.py"], cwd=copy, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f"templates/pipeline/buildspecs/image-build.yml, line {place + 1}: a line of pipeline's"
        in done.stderr
    )
    assert "Resources.ImageBuildProject.Properties.Source.BuildSpec ends with a space or tab" in done.stderr
    assert contents(copy) == before


def test_orphans_and_missing_files_are_stale_and_repaired(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = contents(root)
    (root / "build" / "service.yaml").unlink()
    orphan = root / "build" / "config" / "gone" / "task-definition.json"
    orphan.parent.mkdir()
    orphan.write_text("{}\n")
    assert generate.main(["--check"], root) == 1
    assert "no longer generated" in capsys.readouterr().out
    assert generate.main([], root) == 0
    assert contents(root) == fresh
    assert not orphan.parent.exists()


def test_files_that_a_desktop_hides_are_left_alone(root: Path) -> None:
    hidden = root / "build" / ".DS_Store"
    hidden.write_bytes(b"\x00\xff")
    assert generate.main(["--check"], root) == 0
    assert generate.main([], root) == 0
    assert hidden.exists()


def test_editors_are_told_what_a_parameter_file_may_have(copy: Path) -> None:
    """Every file is as the schema says, and a row more in a table is a key more in the schema."""
    schema = copy / "build" / environment_schema.FILE
    for name in environment.names(copy / "params"):
        text = (copy / "params" / f"{name}.yaml").read_text()
        # The folder in which the line is read is that of the file.
        for named in re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE):
            assert (copy / "params" / named).resolve() == schema.resolve()
        document = yaml.safe_load(text)
        assert [*jsonschema.Draft7Validator(json.loads(schema.read_text())).iter_errors(document)] == []
    rows = copy / "templates" / "_application.py"
    # The table may have rows of its own.
    rows.write_text(
        rows.read_text()
        + 'VARIABLES = (*VARIABLES, Variable("A_ROW_MORE", Parameter("ARowMore", Type="String",'
        ' Description="Word of welcome", Default="Hello", AllowedPattern="[A-Z][a-z]+")))\n'
    )
    done = subprocess.run([sys.executable, "generate.py"], cwd=copy, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"wrote build/{environment_schema.FILE}\n" in done.stdout
    document["parameters"]["ARowMore"] = "Hi"
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text()))
    assert [*validator.iter_errors(document)] == []
    document["parameters"]["ARowMore"] = "hi"
    assert [error.json_path for error in validator.iter_errors(document)] == ["$.parameters.ARowMore"]


def test_wrong_parameters_are_reported_and_nothing_is_written(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = root / "params" / f"{environment.LOCAL}.yaml"
    settings = yaml.load(parameters.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - text, lists, maps only
    settings["parameters"]["TaskCpu"] = "2"
    parameters.write_text(yaml.safe_dump(settings))
    (root / "build" / "service.yaml").unlink()
    before = contents(root)
    assert generate.main([], root) == 2
    assert "TaskCpu" in capsys.readouterr().err
    assert contents(root) == before


@pytest.mark.parametrize("slug", LAYERS)
def test_layer_that_others_cannot_do_without_is_told_with_the_reason(
    slug: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    released = json.loads((root / "build" / "runtime.json").read_text())["controller"]
    before = contents(root)
    monkeypatch.delitem(LAYERS, slug)
    code = generate.main([], root)
    errors = capsys.readouterr().err
    told = f"LAYERS in templates/__init__.py: {slug} was removed, but is still needed: "
    if slug in released["layers"]:
        assert (code, contents(root)) == (1, before)
        (line,) = [line for line in errors.splitlines() if told in line]
        own = [part for part, output in released.items() if str(output).startswith(f"{slug}.")]
        assert all(f"controller.{part}" in line for part in own)
    else:
        # A layer of a team's own may go.
        assert (code == 0) is (told not in errors)


def test_a_module_that_fails_is_named_and_nothing_is_written(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Template:
        t = Template()
        t.add_resource(Topic("Topic", NoSuchProperty=1))
        return t

    monkeypatch.setitem(LAYERS, "service-preference", SimpleNamespace(build=broken))
    (root / "build" / "service.yaml").unlink()
    before = contents(root)
    assert generate.main([], root) == 1
    errors = capsys.readouterr().err
    assert "templates/service_preference/__init__.py" in errors
    assert "AttributeError: " in errors
    assert contents(root) == before


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("nonsense", "templates/service.py, line 1: NameError: name 'nonsense' is not defined"),
        ("def build(:", "templates/service.py, line 1: SyntaxError: "),
        ("raise SystemExit", "templates/service.py, line 1: SystemExit: "),
        ("import no_such_module", "templates/service.py, line 1: ModuleNotFoundError: "),
    ],
)
def test_a_mistake_in_a_module_is_told_with_its_line(mistake: str, message: str, copy: Path) -> None:
    module = copy / "templates" / "service.py"
    module.write_text(f"{mistake}\n{module.read_text()}")
    before = contents(copy)
    done = subprocess.run([sys.executable, copy / "generate.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(copy) == before


def test_a_file_that_cannot_be_written_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "build" / "service.yaml").unlink()
    (root / "build" / "service.yaml").mkdir()
    assert generate.main([], root) == 1
    assert f"error: {root / 'build' / 'service.yaml'}: Is a directory" in capsys.readouterr().err


def importing(value: object) -> Build:
    """A layer that imports a value."""

    def build() -> Template:
        t = Template()
        t.add_parameter(*_exports.stack_names("infrastructure"))
        t.add_resource(Topic("Topic", DisplayName=ImportValue(value)))
        return t

    return build


def exporting(name: str | Sub) -> Build:
    """A layer that exports a value."""

    def build() -> Template:
        t = Template()
        t.add_resource(Topic("Topic"))
        t.add_output(Output("TopicName", Value="topic", Export=Export(name)))
        return t

    return build


def long_one() -> Template:
    t = Template()
    for number in range(100):
        t.add_resource(Topic(f"Topic{number}", DisplayName=500 * "x"))
    return t


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(importing("sample-prod-ClusterName"), "must be !Sub", id="a name"),
        pytest.param(importing(Sub("${AWS::StackName}-ClusterName")), "must be !Sub", id="its own stack"),
        pytest.param(importing(Sub("${Project}-ClusterName")), "must be !Sub", id="another parameter"),
        pytest.param(
            importing(Sub("${InfrastructureStackName}-ClusterName-1")),
            "must be !Sub",
            id="more than an output",
        ),
        pytest.param(
            importing(Sub("${InfrastructureStackName}-ClusterName", Project="sample")),
            "must be !Sub",
            id="with a map",
        ),
        pytest.param(
            importing(Sub("${ServiceStackName}-ServiceName")), "must be !Sub", id="a parameter not declared"
        ),
        pytest.param(
            importing(Sub("${InfrastructureStackName}-NoSuchOutput")),
            "layer infrastructure does not export NoSuchOutput",
            id="an export that nobody declares",
        ),
        pytest.param(
            importing(Sub("${InfrastructureStackName}-ServiceUrl")),
            "layer infrastructure does not export ServiceUrl",
            id="an output without export",
        ),
        pytest.param(exporting("topic"), "must be exported as", id="an export by another name"),
        pytest.param(
            exporting(Sub("${AWS::StackName}-Topic")),
            "must be exported as",
            id="an export that is not its output",
        ),
        pytest.param(long_one, "51,200 are allowed in a call. Name an existing bucket", id="too long"),
    ],
)
def test_a_template_that_cannot_be_deployed_is_refused(
    build: Build,
    message: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(LAYERS, "service-preference", SimpleNamespace(build=build))
    before = contents(root)
    assert generate.main([], root) == 1
    errors = capsys.readouterr().err
    assert message in errors
    assert "templates/service_preference/__init__.py" in errors
    assert contents(root) == before


def test_a_template_that_is_too_long_for_a_call_goes_through_a_bucket(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The remedy of the message, followed: the bucket is named in every parameter file that it lists."""
    monkeypatch.setitem(LAYERS, "service-preference", SimpleNamespace(build=long_one))
    monkeypatch.setattr(runtime, "problems", lambda known, documents: ())
    monkeypatch.setattr(generate, "needed", lambda root, documents: ())
    assert generate.main([], root) == 1
    named = re.findall(r"params/\w+\.yaml", capsys.readouterr().err)
    assert named == [f"params/{name}.yaml" for name in environment.names(root / "params")]
    refused = [problem for slug, problem in lengths(root) if slug == "service-preference"]
    assert len(refused) == 1
    for name in named:
        (root / name).write_text(f"template_bucket: platform-templates\n{(root / name).read_text()}")
    assert lengths(root) == []


def lengths(root: Path) -> list[tuple[str, str]]:
    """What is refused of the long template because of its length."""
    document = long_one().to_dict()
    texts = {"service-preference.yaml": template_yaml.template(document)}
    return list(generate.too_long(texts, {"service-preference": document}, root / "params"))


def test_bytes_depend_on_nothing_but_the_repository(tmp_path: Path) -> None:
    """Neither on the order of hashes, nor on the variable that cfn_flip reads, nor on the locale."""
    made = []
    for number, variables in enumerate(
        (
            {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "CFN_MAX_COL_WIDTH": "200"},
            {"PYTHONHASHSEED": "2", "LC_ALL": "C", "CFN_MAX_COL_WIDTH": "40", "TZ": "Asia/Tokyo"},
        )
    ):
        root = tmp_path / str(number)
        shutil.copytree(ROOT / "params", root / "params")
        shutil.copytree(ROOT / "templates", root / "templates")
        shutil.copy(ROOT / "generate.py", root)
        subprocess.run(
            [sys.executable, "generate.py"],
            check=True,
            capture_output=True,
            cwd=root,
            env={"PATH": os.environ["PATH"], **variables},
        )
        made.append({path.relative_to(root): path.read_bytes() for path in (root / "build").rglob("*.*")})
    assert len(made[0]) > len(LAYERS)
    assert made[0] == made[1]
    assert made[0] == {path.relative_to(ROOT): path.read_bytes() for path in generate.on_disk(ROOT / "build")}

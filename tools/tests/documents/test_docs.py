"""What the documents say exists, and what exists is in the documents."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ecs_blue_green import __main__ as local_commands
from ecs_blue_green.deployer import command_line, errors, layers
from ecs_blue_green.documents.generated import RUNTIME
from ecs_blue_green.rehearsal import command
from tests.deployer.test_preflight import THROUGH_SNS

Main = Callable[[list[str]], int]

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
TEXT = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
README = TEXT["README.md"]
REFERENCE = TEXT["docs/reference.md"]
# After make init, a team's README has no parts that are generated.
of_the_product = pytest.mark.skipif("[[[cog" not in README, reason="README.md is the team's")

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# Commands of other programs, which have options of their own.
FOREIGN = re.compile(r"^(?:\$ )?(aws|docker|git|cdk|curl) .*$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def code(text: str) -> str:
    """The code in a document: its blocks and what stands between backticks."""
    prose = FENCE.sub("", text)
    return "\n".join([*FENCE.findall(text), *re.findall(r"`([^`]+)`", prose)])


ALL_CODE = "\n".join(map(code, TEXT.values()))


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def offered_options(main: Main, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return set(OPTION.findall(capsys.readouterr().out))


def printed(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["README.md", "docs/README.ja.md"])
def test_readme_is_short(name: str) -> None:
    """What is looked up is in docs/reference.md."""
    assert len(TEXT[name].splitlines()) <= 150


@of_the_product
@pytest.mark.parametrize("name", ["README.md", "docs/README.ja.md"])
def test_readme_begins_with_what_a_rehearsal_shows(name: str) -> None:
    """Before the first heading, for who looks for ten seconds."""
    first_screen = TEXT[name].partition("\n## ")[0]
    assert re.findall(r"pictures/rehearsal-(\w+)\.svg", first_screen) == ["released", "hook", "alarm"]


def test_every_table_has_a_head() -> None:
    """Markdown shows rows without one as text with bars."""
    headless = [
        f"{name}: {block.splitlines()[0]}"
        for name, text in TEXT.items()
        for block in re.findall(r"(?:^\|.*\n)+", FENCE.sub("", text), re.MULTILINE)
        if not re.match(r"\|.*\n\| *:?-", block)
    ]
    assert not headless


@of_the_product
def test_readme_says_how_long_its_commands_take() -> None:
    """What was measured, rounded up to five seconds."""
    measured = dict(re.findall(r"^(make \w+) +([\d.]+) s$", TEXT["docs/benchmarks.md"], re.MULTILINE))
    shown = dict(re.findall(r"^(make \w+) +# (\d+) s", README, re.MULTILINE))
    assert shown
    assert shown == {
        command: str(-(-float(time) // 5) * 5).removesuffix(".0") for command, time in measured.items()
    }


@of_the_product
@pytest.mark.parametrize("name", ["README.md", "docs/README.ja.md"])
def test_readme_says_how_much_is_installed(name: str) -> None:
    """What was measured, rounded to tens of megabytes."""
    (measured,) = re.findall(r"^installed +(\d+) MB in", TEXT["docs/benchmarks.md"], re.MULTILINE)
    assert re.findall(r"\d+ MB", TEXT[name]) == [f"{round(int(measured), -1)} MB"]


def test_every_make_target_is_documented_and_exists() -> None:
    # Two blanks end a command in the column of a table.
    lines = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", ALL_CODE)
    mentioned = {name for line in lines for name in line.split()}
    assert mentioned == make_targets()


def test_every_verb_is_documented() -> None:
    missing = [
        verb for verb in command_line.VERBS if not re.search(rf"`(make|deploy\.py) {verb}\b", REFERENCE)
    ]
    assert not missing


def deploy(arguments: list[str]) -> int:
    return command_line.main(arguments, ROOT)


def test_every_option_is_documented_and_exists(capsys: pytest.CaptureFixture[str]) -> None:
    offered = set().union(
        *(
            offered_options(lambda words: command_line.main(words, ROOT), [verb], capsys)
            for verb in command_line.VERBS
        ),
        offered_options(deploy, [], capsys),
        set(OPTION.findall(printed("generate.py", "--help"))),
        offered_options(local_commands.main, ["serve"], capsys),
        offered_options(local_commands.main, ["rehearse"], capsys),
        offered_options(local_commands.main, ["run"], capsys),
    )
    # With the last three this project starts its own emulator; nobody else needs them.
    undocumented = {"--help", "--until-stdin-closes", "--attended", "--hooks-are-called"}
    assert set(OPTION.findall(FOREIGN.sub("", ALL_CODE))) == offered - undocumented


def test_every_exit_code_is_documented_and_exists() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    codes |= {int(number) for number in re.findall(r"(\d+) rolled back", str(command.__doc__))}
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", REFERENCE, re.MULTILINE)} == codes


def test_every_name_in_the_documents_exists() -> None:
    """Parameters, resources, their properties, and outputs are called what the templates call them."""
    names = {
        delegation.property
        for layer in RUNTIME.layers.values()
        for changed in layer.changed_by
        for delegation in changed.properties
    }
    for layer in layers.read(ROOT / "build").values():
        for section in ("Parameters", "Conditions", "Resources", "Outputs"):
            names |= layer.template.get(section, {}).keys()
        names |= {name for resource in layer.resources.values() for name in resource.get("Properties", {})}
        names |= {attribute for parameter in layer.parameters.values() for attribute in parameter}
        # The pipeline's actions, the rights of a role, metrics.
        names |= set(re.findall(r"\b(?:Name: |MetricName: |[a-z0-9]+:)(\w+)", layer.body))
    for path in (ROOT / "docs").glob("*-*.yaml"):
        template = layers.parse(path.read_text(encoding="utf-8"))
        names |= {name for part in ("Parameters", "Resources", "Outputs") for name in template.get(part, {})}
    # The error codes and members of AWS's answers are in one document of their own.
    of_ours = "\n".join(code(text) for name, text in TEXT.items() if name != "docs/emulator-differences.md")
    mentioned = set(re.findall(r"^[A-Z][a-z]+(?:[A-Z][a-z]+)+$", of_ours, re.MULTILINE))
    assert mentioned - names == set()


@pytest.mark.parametrize("document", TEXT)
def test_every_relative_link_resolves(document: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", TEXT[document]))
    local_targets = [target for target in targets if not target.startswith("https://")]
    missing = [target for target in local_targets if not (ROOT / document).parent.joinpath(target).exists()]
    assert not missing


@pytest.mark.parametrize("document", TEXT)
def test_every_link_into_a_document_finds_its_heading(document: str) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", FENCE.sub("", TEXT[document])):
        path = (ROOT / document).parent.joinpath(target).resolve() if target else ROOT / document
        if not target.startswith("https://") and path.suffix == ".md":
            assert heading in anchors(TEXT[str(path.relative_to(ROOT))]), f"{target}#{heading}"


def anchors(text: str) -> set[str]:
    """What can be linked to: ids, and headings as GitHub calls them.

    In lower case, hyphens for spaces, no punctuation.
    """
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    named = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return named | set(re.findall(r'<a id="([^"]+)"></a>', text))


def test_generated_parts_are_fresh() -> None:
    with_parts = [name for name, text in TEXT.items() if "[[[cog" in text or name == "README.md"]
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    declared = re.findall(r"^DOCUMENTS = (.*)$", makefile, re.MULTILINE)
    assert sorted(declared[0].split()) == sorted(with_parts)
    command = [sys.executable, "-m", "cogapp", "--verbosity=0", "--check", "--diff", "-I", ".", *with_parts]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_key_of_notifications_needs_what_the_preflight_looks_for() -> None:
    """The second statement of docs/security.md."""
    statements = [
        statement
        for text in re.findall(r"```json\n(.*?)\n```", TEXT["docs/security.md"], re.DOTALL)
        if "kms:ViaService" in text
        for statement in json.loads(f"[{text}]")
        if statement["Principal"] == {"AWS": "*"}
    ]
    assert statements == [THROUGH_SNS]


@of_the_product
def test_readme_shows_what_a_deploy_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("build", "params"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    # Talk and result in one, as on a terminal.
    with contextlib.redirect_stderr(sys.stdout):
        assert command_line.main(["deploy", "--env", "local"], tmp_path) == 0
    printed = capsys.readouterr().out.splitlines()
    shown = README.split("$ make deploy\n")[1].split("```")[0].splitlines()
    lines = [line for line in shown if line != "…"]
    assert [line for line in printed if line in lines] == lines
    assert shown[-2:] == printed[-2:]


def test_ci_and_the_workflow_run_the_same() -> None:
    (local,) = re.findall(r"^exec make (.*)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text()
    there = {target for line in re.findall(r"- run: make (.*)", workflow) for target in line.split()}
    # A copy may leave out the package's own.
    assert {"check", "test"} <= set(local.split()) <= there

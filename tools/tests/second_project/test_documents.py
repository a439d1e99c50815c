"""The generated documents of a project that is called otherwise, and says less than the first one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ecs_blue_green.deployer import layers
from tests.second_project.place import LAYERS
from tests.test_words import WORDS

# Every public function of every module in `documents` that gives a text, with what documents would give it.
RUN = """
import importlib, inspect, json, pkgutil, sys, typing
from ecs_blue_green import documents

given = {"environment": "staging", "heading": "a heading", "last": "a last line", "layer": "edge"}
given["english"] = "| Layer | nothing |"
given |= {"lines": ["a line"], "template": {"Resources": {}}}
said = {}
for module in pkgutil.iter_modules(documents.__path__):
    members = vars(importlib.import_module(f"ecs_blue_green.documents.{module.name}"))
    for name, member in members.items():
        if name.startswith("_") or getattr(member, "__module__", "") != members["__name__"]:
            continue
        if inspect.isfunction(member) and typing.get_type_hints(member).get("return") is str:
            wanted = inspect.signature(member).parameters
            said[f"{module.name}.{name}"] = member(*(given[title] for title in wanted))
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, deployed: Path) -> dict[str, str]:
    """What each function gives, by its name, in a project that has no docs/."""
    assert not (deployed / "docs").exists()
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=deployed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    texts: dict[str, str] = json.loads(done.stdout)
    return texts


def cells(text: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head."""
    return [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines()[2:]]


def test_every_document_is_made_and_has_no_word_of_the_other_project(said: dict[str, str]) -> None:
    assert {
        "deployer_policy.render",
        "generated.picture",
        "generated.pipeline_picture",
        "generated.layer_table",
        "generated.required_table",
        "generated.optional_table",
        "generated.export_table",
        "generated.option_table",
        "idle.idle_table",
        "japanese.table",
        "ownership_table.tables",
        "ownership_table.delegations",
        "roles.role_table",
        "transcripts.first_deployment",
        "transcripts.first_plan",
        "transcripts.waiting_layer",
    } <= said.keys()
    assert [(name, word) for name, text in said.items() for word in WORDS if word in text] == []


def test_actions_without_a_run_order_are_the_first(said: dict[str, str]) -> None:
    arrows = re.findall(r"(\w+) --> (\w+)", said["generated.pipeline_picture"])
    assert arrows == [
        ("FetchTake", "PrepareInspect"),
        ("FetchTake", "PreparePack"),
        ("FetchTake", "PrepareDraw"),
        ("PrepareInspect", "PrepareAdopt"),
        ("PreparePack", "PrepareAdopt"),
        ("PrepareDraw", "PrepareAdopt"),
        ("PrepareAdopt", "PrepareLabel"),
        ("PrepareLabel", "ShipShift"),
    ]


def test_layers_that_no_module_generates_have_no_link_to_one(said: dict[str, str]) -> None:
    assert [first for first, *_ in cells(said["generated.layer_table"])] == [
        f"{layer}<br>[YAML](build/{layer}.yaml)" for layer in LAYERS
    ]


def test_parameters_are_told_by_what_their_declarations_have(said: dict[str, str]) -> None:
    values = dict(cells(said["generated.optional_table"]))
    assert values["`TrialRange`<br>edge"].endswith("Default: empty. Allowed: `String`")
    assert values["`ProbePath`<br>edge"].endswith("Default: `/alive`. Allowed: what matches `/[!-~]*`")
    assert values["`MostErrors`<br>delivery"].endswith("Allowed: 1 or more")
    assert ["blueprint", "`ProgramFamily`", "", "delivery"] in cells(said["generated.export_table"])


def test_roles_are_told_without_texts_of_the_project(said: dict[str, str]) -> None:
    rows = {role: (who, may) for role, who, may in cells(said["roles.role_table"])}
    assert rows["`ShiftRole`"] == (
        "codedeploy.amazonaws.com",
        "AWS's managed policy AWSCodeDeployRoleForECS",
    )
    assert rows["`ProgramRole`"] == ("ecs-tasks.amazonaws.com", "nothing")
    who, may = rows["`BlueprintRole`<br>CloudFormation, for the blueprint alone"]
    assert who == "cloudformation.amazonaws.com"
    assert "iam: PassRole on `ProgramRole`, `StarterRole`, with iam:PassedToService" in may
    assert cells(said["idle.idle_table"]) == []


def test_deployer_is_let_change_what_the_templates_name(said: dict[str, str]) -> None:
    document = layers.parse(said["deployer_policy.render"])
    statements = [
        # Where it depends on a parameter, what is said with a value.
        statement.get("Fn::If", ["", statement])[1]
        for resource in document["Resources"].values()
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert all(statement["Action"] for statement in statements)

    def where(action: str) -> set[str]:
        """The ends of the ARNs for which an action is allowed."""
        return {
            resource["Fn::Sub"].partition("${AWS::AccountId}:")[2]
            for statement in statements
            if action in statement["Action"] and statement["Effect"] == "Allow"
            for resource in statement["Resource"]
        }

    assert "${Project}-${Environment}-*" in where("codepipeline:UpdatePipeline")
    group = "log-group:/beacons/${Project}-${Environment}"
    assert where("logs:DeleteLogGroup") == {group, f"{group}:*"}
    assert "service/${FleetTitle}/${Project}-${Environment}-*" in where("ecs:UpdateService")
    (passing,) = [statement for statement in statements if statement.get("Sid") == "PassRoles"]
    assert passing["Condition"]["StringEquals"]["iam:PassedToService"] == [
        f"{name}.amazonaws.com" for name in ("cloudformation", "codebuild", "codedeploy", "codepipeline")
    ]
    # No role here can have a boundary, and no key is used in the deployer's name.
    assert document["Conditions"].keys() == {"HasTemplateBucket"}
    assert where("iam:CreateRole") == {"role/${Project}-${Environment}-*"}


def test_policy_is_written_and_valid(root: Path) -> None:
    for command in (
        (sys.executable, "-m", "ecs_blue_green.documents.deployer_policy"),
        (sys.executable, "-m", "ecs_blue_green.documents.approver_policy"),
        (
            str(Path(sys.executable).parent / "cfn-lint"),
            "docs/deployer-policy.yaml",
            "docs/approver-policy.yaml",
        ),
    ):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    head = (root / "docs" / "deployer-policy.yaml").read_text()
    assert "Project=harbour Environment=staging FleetTitle=harbour-staging\n" in head

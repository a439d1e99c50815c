"""What is approved is what is shown: the text of a plan, on a terminal, as a document and on GitHub."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green.deployer.changes import PropertyChange, ResourceChange
from ecs_blue_green.deployer.cloudformation import change_sets
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.effects.comparison import OutputChange
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import markdown
from ecs_blue_green.deployer.planning import text as plan_text
from ecs_blue_green.deployer.planning.plan import Plan, Step
from tests.deployer.changed_code import DIFFERENCES, change_code
from tests.deployer.shop import Shop

Json = dict[str, Any]


def properties(document: Json, layer: str, logical_id: str) -> dict[str, Json]:
    (step,) = [step for step in document["plan"] if step["layer"] == layer]
    (change,) = [change for change in step["changes"] if change["logical_id"] == logical_id]
    return {one["path"]: one for one in change["properties"]}


def test_code_is_shown_as_the_lines_that_differ(deployed: Shop) -> None:
    change_code(deployed)
    _, text, _ = deployed.talk("plan")
    document = deployed.run("plan")
    for (layer, logical_id, path), lines in DIFFERENCES.items():
        told = properties(document, layer, logical_id)[path]
        assert [line for line in told["difference"] if line[0] in "-+"] == lines
        assert told["before"] != told["after"]
        for line in lines:
            assert f"          {line}" in text.splitlines(), text
    assert len(text.splitlines()) < 60


def test_new_tag_is_told_once(deployed: Shop) -> None:
    tag(deployed, costcenter="4711")
    _, text, _ = deployed.talk("plan")
    document = deployed.run("plan")
    changed = [change for step in document["plan"] for change in step["changes"]]
    told, _, _ = text.partition("\nPlan ")
    lines = told.splitlines()
    head = lines.index(f"tags: costcenter, on {len(changed)} resources")
    assert lines[head + 1 :] == [
        "    costcenter: (none) -> 4711",
        "tags: costcenter taken by container-repository, task-definition, service-preference, pipeline, not"
        " by infrastructure, service: kept as they were made, since releases move them",
    ]
    # Six stacks, and what is said of the tags.
    assert len(lines) == 9, told
    assert "Tags" not in told
    costcenter = [{"key": "costcenter", "before": None, "after": "4711"}]
    for step in document["plan"]:
        keeps = step["layer"] in ("infrastructure", "service")
        assert step["tags"] == ([] if keeps else costcenter)
        assert step["kept_tags"] == (costcenter if keeps else [])


def test_new_tag_blocks_nothing_and_is_not_taken_by_what_releases_move(deployed: Shop) -> None:
    tag(deployed, costcenter="4711")
    assert deployed.run("plan")["exit_code"] == 0
    assert deployed.results("deploy", "--yes") == {
        "infrastructure": "nothing",
        "container-repository": "done",
        "task-definition": "done",
        "service": "nothing",
        "service-preference": "done",
        "pipeline": "done",
    }
    again = deployed.run("plan", "--exit-code")
    assert (again["exit_code"], {step["action"] for step in again["plan"]}) == (0, {"nothing"})
    _, text, _ = deployed.talk("plan")
    assert (
        "tags: costcenter not by infrastructure, service: kept as they were made, since releases move them"
        in text
    )
    # Any other change of such a stack goes on being what it was, and takes no tag along.
    deployed.replace("infrastructure", "Description: Name of the cluster", "Description: The cluster's name")
    assert deployed.run("plan")["findings"] == []


def test_change_beside_a_tag_is_told(deployed: Shop) -> None:
    tag(deployed, costcenter="4711")
    change_code(deployed)
    _, text, _ = deployed.talk("plan", "--only", "container-repository")
    lines = text.splitlines()
    assert "    ~ modify      Repository  AWS::ECR::Repository" in lines
    assert '          +        "countNumber": 2' in lines
    assert "tags: costcenter, on 1 resource" in lines


def plan_of(layers: Mapping[str, Layer], **steps: Any) -> Plan:
    """A plan of updates; each step's layer is named with underscores."""
    made = {}
    for name, more in steps.items():
        slug = name.replace("_", "-")
        made[slug] = Step(layers[slug], "update", change_set=ChangeSet("arn", "arn", ()), **more)
    settings = Environment("dev", "111111111111", "eu-west-1", "sample", False, {}, {}, tuple(layers))
    return Plan(settings, made, {}, {})


def shown(plan: Plan) -> list[str]:
    return [line.text for line in plan_text.lines(plan, whole=True)][:-1]


def tagged(logical_id: str, after: str) -> ResourceChange:
    change = PropertyChange("/Tags/costcenter", None, after)
    return ResourceChange(logical_id, "AWS::SNS::Topic", "modify", properties=(change,))


def test_tags_that_differ_from_layer_to_layer_name_the_layers(built: Mapping[str, Layer]) -> None:
    plan = plan_of(
        built,
        service={"changes": (tagged("One", "1"),), "tags": (PropertyChange("costcenter", None, "1"),)},
        pipeline={
            "changes": (tagged("Two", "2"), tagged("Three", "2")),
            "tags": (PropertyChange("costcenter", None, "2"),),
        },
    )
    assert shown(plan) == [
        "service               update, 1 resource",
        "pipeline              update, 2 resources",
        "tags: costcenter, on 1 resource of service",
        "    costcenter: (none) -> 1",
        "tags: costcenter, on 2 resources of pipeline",
        "    costcenter: (none) -> 2",
    ]


def test_tag_that_replaces_is_told_with_its_resource(built: Mapping[str, Layer]) -> None:
    change = replace(tagged("One", "1"), action="replace")
    change = replace(change, properties=(replace(change.properties[0], recreation="Always"),))
    tags = (PropertyChange("costcenter", None, "1"),)
    assert shown(plan_of(built, service={"changes": (change,), "tags": tags})) == [
        "service               update, 1 resource",
        "    ! replace     One  AWS::SNS::Topic",
        "        Tags/costcenter: (none) -> 1 (this replaces it)",
    ]


def test_outputs_alone_are_a_change(built: Mapping[str, Layer]) -> None:
    """On AWS such a change set is executable and has no changes."""
    outputs = (
        OutputChange("Extra", "add", after="${Topic}", export="sample-dev-service-Extra"),
        OutputChange("Arn", "may change", "${Topic}", "${Topic}", "Topic may be replaced"),
    )
    assert shown(plan_of(built, service={"outputs": outputs})) == [
        "service               update, outputs alone",
        "    + output Extra (exported): ${Topic}",
        "    ? output Arn may change, because Topic may be replaced",
    ]


OUTPUTS = """Outputs:
  Extra:
    Value: !Ref Pipeline
    Export:
      Name: !Sub ${AWS::StackName}-Extra
  Plain:
    Value: "3"
"""


def test_outputs_are_told(deployed: Shop) -> None:
    change_code(deployed)
    deployed.replace("pipeline", "Outputs:\n", OUTPUTS)
    _, text, _ = deployed.talk("plan")
    lines = text.splitlines()
    assert "    + output Extra (exported): sample-dev" in lines, text
    assert "    + output Plain: 3" in lines
    assert deployed.run("deploy", "--yes")["exit_code"] == 0

    deployed.replace("pipeline", '    Value: "3"\n', '    Value: "4"\n')
    deployed.replace("pipeline", OUTPUTS.splitlines()[1], "  Other:")
    deployed.replace("pipeline", "-Extra", "-Other")
    deployed.replace("pipeline", "--check --quiet", "--check")
    _, text, _ = deployed.talk("plan", "--only", "pipeline")
    assert "    ~ output Plain: 3 -> 4" in text.splitlines(), text
    assert "    - output Extra (exported)" in text.splitlines()
    (step,) = deployed.run("plan", "--only", "pipeline")["plan"]
    assert {(one["name"], one["action"], one["export"]) for one in step["outputs"]} == {
        ("Other", "add", "sample-dev-pipeline-Other"),
        ("Extra", "remove", "sample-dev-pipeline-Extra"),
        ("Plain", "change", None),
    }


# Secrets.

SECRET = """Resources:
  Word:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !Sub user-${Password}-end
      Description: !Sub the ${Other}
"""
DECLARED = """Parameters:
  Password:
    Type: String
    NoEcho: true
    Default: first-secret
  Other:
    Type: String
    Default: first-word
"""


def test_what_noecho_hides_is_nowhere(deployed: Shop, tmp_path: Path) -> None:
    deployed.replace("container-repository", "Parameters:\n", DECLARED)
    deployed.replace("container-repository", "Resources:\n", SECRET)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    commit(deployed.root)
    deployed.replace("container-repository", "first-secret", "second-secret")
    deployed.replace("container-repository", "first-word", "second-word")
    kept, summary = tmp_path / "kept.json", tmp_path / "summary.md"
    _, text, _ = deployed.talk("plan", "--summary", str(summary))
    document = deployed.run("plan", "--out", str(kept))
    reviewed = subprocess.run(
        [sys.executable, "-c", REVIEW, str(deployed.root)], capture_output=True, text=True, check=False
    ).stdout
    for shown in (text, json.dumps(document), kept.read_text(), summary.read_text(), reviewed):
        assert not re.search("(first|second)-secret", shown)
        assert "second-word" in shown
    # That it changes is told all the same.
    value = properties(document, "container-repository", "Word")["/Properties/Value"]
    assert value["before"] == value["after"] == "****"
    assert "        Value" in text.splitlines()
    assert "Value: user-****-end changes, because a NoEcho value in it changes" in reviewed
    assert "parameter Password: ****, because" not in reviewed


REVIEW = """
import sys, pathlib
from ecs_blue_green.deployer import command_line
for form in ([], ["--json"], ["--markdown"]):
    command_line.main(["review", "--base", "HEAD", *form], pathlib.Path(sys.argv[1]))
"""


def commit(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "--quiet"], ["add", "build", "params"], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True)


def tag(shop: Shop, **tags: str) -> None:
    path = shop.root / "params" / f"{shop.env}.yaml"
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    document["tags"] = document.get("tags", {}) | tags
    path.write_text(yaml.safe_dump(document))


def test_lines_that_do_not_fit_are_counted(built: Mapping[str, Layer]) -> None:
    """GitHub counts bytes, and takes nothing of a summary that is too long."""
    code = "\n".join(f"{n} {'長' * 70}" for n in range(6000))
    change = ResourceChange(
        "Function", "AWS::Lambda::Function", "modify", "", (PropertyChange("/Properties/Code", None, code),)
    )
    plan = plan_of(built, pipeline={"changes": (change,)})
    summary = markdown.markdown(plan, [])
    assert 999_000 < len(summary.encode()) <= 1_000_000
    left = len(shown(plan)) + 1 - len(summary.split("```diff\n")[1].splitlines()) + 1
    assert f"> {left} lines do not fit here. The artifact of this run has the whole plan.\n" in summary
    assert summary.endswith("\n```\n")
    for limit in range(20_000, 20_220, 10):
        assert len(markdown.markdown(plan, [], limit=limit).encode()) <= limit


def test_comment_has_the_counts_first_and_the_details_folded(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_code(deployed)
    deployed.replace("infrastructure", "\n      Port: !Ref TestListenerPort", "\n      Port: 9443")
    code, text, _ = deployed.talk("plan", "--markdown", "--exit-code")
    assert code == 3
    lines = text.splitlines()
    assert lines[:2] == ["<!-- deploy.py plan dev -->", "## Plan for dev: blocked, for 1 reason"]
    assert "| infrastructure | update | 1 | stack-policy |" in lines
    assert lines.index("### Blocked") < lines.index("<details><summary>Details of dev</summary>")
    remedy = r"If that is meant: ALLOW=infrastructure:TestListener."
    assert (
        f"- **stack-policy** `infrastructure:TestListener`: the stack policy protects it. {remedy}" in lines
    )
    assert lines[-1] == f"Plan {deployed.run('plan')['digest']}."
    (modified,) = [line for line in lines if "TestListener  AWS::" in line]
    assert modified.startswith("~") and "modify" in modified

    pages = change_sets._all_pages
    monkeypatch.setattr(change_sets, "_all_pages", lambda *a, **b: pages(*a, **b)[::-1])
    assert deployed.talk("plan", "--markdown")[1] == text


def test_comment_fits_github_and_says_what_is_left_out(built: Mapping[str, Layer]) -> None:
    code = "\n".join(f"{n} {'x' * 70}" for n in range(2000))
    change = ResourceChange(
        "Function", "AWS::Lambda::Function", "modify", "", (PropertyChange("/Properties/Code", None, code),)
    )
    text = markdown.for_comment(plan_of(built, pipeline={"changes": (change,)}), [])
    assert 60_000 < len(text) <= 65_536
    assert "Details that do not fit into a comment: `make plan ENV=dev` shows them.\n" in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_comment_on_nothing_says_so(deployed: Shop) -> None:
    code, text, _ = deployed.talk("plan", "--markdown")
    assert code == 0
    assert text.splitlines()[1] == "## Plan for dev: nothing changes"
    assert "|" not in text


def test_file_that_cannot_have_the_summary_is_bad_input(dev: Shop, tmp_path: Path) -> None:
    code, _, err = dev.talk("plan", "--summary", str(tmp_path))
    assert code == 2
    assert "next:  name another --summary" in err

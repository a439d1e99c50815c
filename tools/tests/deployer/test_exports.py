"""Outputs, exports and imports that change, on an environment like those on AWS."""

import re
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning.requests import Requests
from tests.deployer.releases import client
from tests.deployer.shop import Shop

OLD, NEW = "SmokeTestFunctionName", "HookName"


def output(
    shop: Shop, layer: str, name: str, value: str, *, exported: bool = True, condition: str = ""
) -> None:
    """Write an output into a layer's template."""
    declared = f"Description: {name}, Value: {value}"
    declared += f", Export: {{Name: !Sub '${{AWS::StackName}}-{name}'}}" if exported else ""
    declared += f", Condition: {condition}" if condition else ""
    shop.replace(layer, "\nOutputs:\n", f"\nOutputs:\n  {name}: {{{declared}}}\n")


def without_output(shop: Shop, layer: str, name: str) -> None:
    path = shop.root / "build" / f"{layer}.yaml"
    text, count = re.subn(rf"\n  {name}:( {{.*|(\n    .*)+)", "", path.read_text())
    assert count == 1
    path.write_text(text)


def step(document: dict[str, Any], layer: str) -> dict[str, Any]:
    steps: dict[str, dict[str, Any]] = {one["layer"]: one for one in document["plan"]}
    return steps[layer]


def exports() -> dict[str, str]:
    found = client("cloudformation").get_paginator("list_exports").paginate()
    return {export["Name"]: export["Value"] for page in found for export in page["Exports"]}


def test_change_of_outputs_alone_is_planned_and_deployed(deployed: Shop) -> None:
    output(deployed, "service", "Extra", "one")
    output(deployed, "service", "Plain", "!GetAtt Service.Name", exported=False)
    _, said, _ = deployed.talk("plan")
    assert "service               update, outputs alone" in said
    assert "    + output Extra (exported): one" in said.splitlines()
    assert "    + output Plain: ${Service.Name}" in said.splitlines()
    planned = step(deployed.run("plan"), "service")
    assert (planned["action"], planned["changes"], planned["from_template"]) == ("update", [], False)
    assert [(one["name"], one["action"]) for one in planned["outputs"]] == [
        ("Plain", "add"),
        ("Extra", "add"),
    ]
    assert [one["export"] for one in planned["outputs"]] == [None, "sample-dev-service-Extra"]
    assert deployed.results("deploy", "--yes")["service"] == "done"
    assert exports()["sample-dev-service-Extra"] == "one"
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0


def test_outputs_that_change_or_go_are_told(deployed: Shop) -> None:
    for name in ("Kept", "Gone", "Moved", "Hidden"):
        output(deployed, "service", name, "one")
    output(deployed, "service", "Shown", "one", exported=False)
    assert deployed.results("deploy", "--yes")["service"] == "done"
    for name in ("Kept", "Gone", "Moved", "Hidden", "Shown"):
        without_output(deployed, "service", name)
    output(deployed, "service", "Kept", "two")
    output(deployed, "service", "Shown", "one")
    output(deployed, "service", "Hidden", "one", exported=False)
    output(deployed, "service", "Moved", "one")
    deployed.replace("service", "${AWS::StackName}-Moved", "${AWS::StackName}-Elsewhere")
    _, said, _ = deployed.talk("plan")
    assert {line for line in said.splitlines() if " output " in line} == {
        "    ~ output Kept (exported): one -> two",
        "    - output Gone (exported)",
        "    ~ output Moved (exported), because it was exported as sample-dev-service-Moved",
        "    ~ output Hidden, because it was exported as sample-dev-service-Hidden",
        "    ~ output Shown (exported), because it was not exported",
    }
    assert deployed.results("deploy", "--yes")["service"] == "done"
    assert exports()["sample-dev-service-Kept"] == "two"
    assert "sample-dev-service-Gone" not in exports()


def test_export_and_its_import_are_deployed_together(deployed: Shop) -> None:
    """The importer is planned from its template, and gets its change set when the export is there."""
    output(deployed, "service", "Extra", "one")
    sub = "{'Fn::Sub': '${ServiceStackName}-Extra'}"
    output(deployed, "pipeline", "FromService", f"!ImportValue {sub}", exported=False)
    planned = deployed.run("plan")
    assert [step(planned, layer)["from_template"] for layer in ("service", "pipeline")] == [False, True]
    results = deployed.results("deploy", "--yes")
    assert (results["service"], results["pipeline"]) == ("done", "done")
    (stack,) = client("cloudformation").describe_stacks(StackName="sample-dev-pipeline")["Stacks"]
    assert {"FromService": "one"}.items() <= {
        one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]
    }.items()


def test_export_moves_in_two_steps(deployed: Shop) -> None:
    """As docs/operations.md says: the new output and its import, then without the old one."""
    exporter = deployed.root / "build" / "service-preference.yaml"
    importer = deployed.root / "build" / "pipeline.yaml"
    output(deployed, "service-preference", NEW, "!Ref SmokeTestFunction")
    both = exporter.read_text()
    without_output(deployed, "service-preference", OLD)
    only_new = exporter.read_text()
    stack = "${ServicePreferenceStackName}"
    importer.write_text(importer.read_text().replace(f"{stack}-{OLD}", f"{stack}-{NEW}"))
    at_once = deployed.run("deploy", "--yes")
    assert at_once["exit_code"] == 3
    assert [finding["rule"] for finding in at_once["findings"]] == ["export-in-use"]

    exporter.write_text(both)
    results = deployed.results("deploy", "--yes")
    assert (results["service-preference"], results["pipeline"]) == ("done", "done")
    exporter.write_text(only_new)
    _, said, _ = deployed.talk("plan")
    assert f"    - output {OLD} (exported)" in said.splitlines()
    assert deployed.results("deploy", "--yes")["service-preference"] == "done"
    assert f"sample-dev-service-preference-{OLD}" not in exports()
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_import_of_what_a_condition_leaves_out_stops_before_the_first_stack(
    verb: str, deployed: Shop
) -> None:
    output(deployed, "service", "Extra", "one", condition="IsExecuteCommandEnabled")
    output(deployed, "service", "Other", "one")
    sub = "{'Fn::Sub': '${ServiceStackName}-Extra'}"
    output(deployed, "pipeline", "FromService", f"!ImportValue {sub}", exported=False)
    refused = deployed.run(verb, "--yes") if verb == "deploy" else deployed.run(verb)
    assert refused["exit_code"] == 2
    assert refused["error"]["what"] == "pipeline imports sample-dev-service-Extra"
    assert refused["error"]["why"] == ("the condition of output Extra in build/service.yaml is false in dev")
    assert "outcomes" not in refused
    assert "sample-dev-service-Other" not in exports()


def test_import_that_is_left_out_by_a_condition_needs_nobody(deployed: Shop) -> None:
    """Its own condition, or an Fn::If, takes it away; then it is no reason to plan from the template."""
    output(deployed, "service", "Extra", "one", condition="IsExecuteCommandEnabled")
    sub = "!ImportValue {'Fn::Sub': '${ServiceStackName}-Extra'}"
    output(deployed, "pipeline", "FromService", sub, exported=False, condition="HasNone")
    output(deployed, "pipeline", "Chosen", f"!If [HasNone, {sub}, none]", exported=False)
    deployed.replace("pipeline", "\nConditions:\n", "\nConditions:\n  HasNone: !Equals [a, b]\n")
    assert step(deployed.run("plan"), "pipeline")["from_template"] is False
    assert deployed.results("deploy", "--yes")["pipeline"] == "done"


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_import_that_cloudformation_would_never_provide_stops_before_the_first_stack(
    verb: str, deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that nothing changes in the exporting stack: the export would not be there."""
    change_set = Requests.change_set

    def unchanged(requests: Requests, layer: Layer, *more: Any) -> Any:
        return None if layer.slug == "service" else change_set(requests, layer, *more)

    monkeypatch.setattr(Requests, "change_set", unchanged)
    output(deployed, "service", "Extra", "one")
    output(deployed, "infrastructure", "Other", "one")
    sub = "{'Fn::Sub': '${ServiceStackName}-Extra'}"
    output(deployed, "pipeline", "FromService", f"!ImportValue {sub}", exported=False)
    refused = deployed.run(verb, "--yes") if verb == "deploy" else deployed.run(verb)
    assert refused["exit_code"] == 2
    assert refused["error"]["what"] == "pipeline imports sample-dev-service-Extra"
    assert "CloudFormation sees no change in sample-dev-service" in refused["error"]["why"]
    assert "sample-dev-infrastructure-Other" not in exports()
    assert change_sets() == []


def change_sets() -> list[str]:
    cloudformation = client("cloudformation")
    stacks = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
    found = [cloudformation.list_change_sets(StackName=name)["Summaries"] for name in stacks]
    return [
        one["ChangeSetName"]
        for summaries in found
        for one in summaries
        if one["ExecutionStatus"] == "AVAILABLE"
    ]


def test_kept_plan_of_outputs_alone_is_executed(deployed: Shop, tmp_path: Path) -> None:
    output(deployed, "service", "Extra", "one")
    file = str(tmp_path / "plan.json")
    assert deployed.run("plan", "--out", file)["exit_code"] == 0
    assert deployed.results("deploy", "--plan", file)["service"] == "done"
    assert exports()["sample-dev-service-Extra"] == "one"

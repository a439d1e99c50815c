"""What the layers say of themselves, as `build/runtime.json` has it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ecs_blue_green import generate, runtime

import templates
from templates import LAYERS, _runtime
from templates._runtime import (
    Bucket,
    Changed,
    Cidr,
    Delegation,
    FixedAtCreation,
    NotAbove,
    NotLonger,
    Runtime,
)
from tests import ROOT
from tests.templates.conftest import Document

BUILD = ROOT / "build"
SAID = {slug: templates.runtime(layer) for slug, layer in LAYERS.items()}


def test_every_name_is_one_that_the_templates_have(documents: dict[str, Document]) -> None:
    assert list(runtime.problems(runtime.read_runtime(BUILD), documents)) == []


def test_stack_policy_is_told_in_the_template_and_beside_it() -> None:
    files = {slug: layer.stack_policy for slug, layer in runtime.read_runtime(BUILD).layers.items()}
    for slug, name in files.items():
        text = (BUILD / f"{slug}.yaml").read_text()
        assert (f"StackPolicy: {name}" in text) == (name is not None)
        assert name is None or json.loads((BUILD / name).read_text())["Statement"]
    assert {slug for slug, name in files.items() if name} == {
        slug for slug, said in SAID.items() if said.stack_policy
    }


def test_roles_that_change_a_resource_are_roles_of_the_layers(documents: dict[str, Document]) -> None:
    roles = {
        title
        for document in documents.values()
        for title, resource in document["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    for said in SAID.values():
        for changed in said.changed_by:
            assert set(changed.role.split("`")[1::2]) <= roles, changed.resource


def test_property_that_others_change_is_told_for_people_too(documents: dict[str, Document]) -> None:
    for slug, said in SAID.items():
        for changed in said.changed_by:
            for delegation in changed.properties:
                assert delegation.owner in changed.by
                assert documents[slug]["Resources"][changed.resource]


def test_document_has_what_is_said_and_nothing_more() -> None:
    document = _runtime.document(
        {
            "a": Runtime(
                changed_by=[Changed("R", "x: y", properties=[Delegation("P", "x", "latest")])],
                fixed_at_creation=[FixedAtCreation("F", "new", "")],
                controller={"cluster": "C"},
                network={"vpc": "V"},
                rules=[Cidr("D")],
                buckets=[Bucket("B")],
            ),
            "b": Runtime(
                released=True,
                revision="R",
                controller={"service": "S"},
                rules=[NotAbove("L", "U"), Cidr("E"), NotLonger([["A", "B"]], [["C"]], "why", more=2)],
            ),
            "c": Runtime(),
        }
    )
    assert document["layers"] == {
        "a": {
            "changed_by": [
                {
                    "resource": "R",
                    "by": "x: y",
                    "properties": [{"property": "P", "owner": "x", "limit": "latest"}],
                }
            ],
            "fixed_at_creation": [{"parameter": "F", "for_new_stacks": "new", "for_older_stacks": ""}],
        },
        "b": {"released": True, "revision": "R"},
        "c": {},
    }
    assert document["rules"] == {
        "not_above": [{"lower": "L", "upper": "U"}],
        "not_longer": [{"sum": [["A", "B"]], "limit": [["C"]], "because": "why", "more": 2}],
        "cidr": [{"parameter": "D"}, {"parameter": "E"}],
    }
    assert document["controller"] == {
        "type": "code-deploy",
        "layers": ["a", "b"],
        "cluster": "a.C",
        "service": "b.S",
    }
    assert (document["network"], document["buckets"]) == (
        {"vpc": "V", "endpoints": []},
        [{"parameter": "B"}],
    )


def test_two_layers_that_contradict_each_other_are_an_error() -> None:
    same = {"a": Runtime(network={"vpc": "VpcId"}), "b": Runtime(network={"vpc": "VpcId"})}
    assert _runtime.document(same)["network"]["vpc"] == "VpcId"
    with pytest.raises(ValueError, match="vpc of the network is VpcId and Vpc"):
        _runtime.document({**same, "c": Runtime(network={"vpc": "Vpc"})})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"changed_by": (Changed("Servce", "nobody"),)}, "service.yaml has no resource Servce"),
        ({"controller": {"service": "Name"}}, "service.yaml has no output Name"),
        ({"role": "infrastructure.RoleArn"}, "infrastructure.yaml has no output RoleArn"),
        ({"rules": (Cidr("Cidr"),)}, "no template has a parameter Cidr"),
        ({"network": {}}, "network.private_subnets is missing"),
        ({"network": {"private": "PrivateSubnetIds"}}, "network.private_subnets is missing"),
        ({"network": {"vpc": "Vpc"}}, "vpc of the network is VpcId and Vpc"),
        ({"released": "yes"}, "layers.service.released must be true or false"),
    ],
)
def test_what_nobody_would_understand_is_not_written(
    changes: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = SAID["service"]._replace(**changes)
    layer = SimpleNamespace(build=LAYERS["service"].build, RUNTIME=said)
    monkeypatch.setitem(LAYERS, "service", layer)
    (tmp_path / "params").mkdir()
    assert generate.main([], tmp_path) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_json_for_people_says_what_json_says() -> None:
    document = json.loads((BUILD / runtime.FILE).read_text())
    assert json.loads(generate.written(document)) == document
    assert generate.written({}) == "{}"
    assert generate.written({"a": list(range(50)), "b": "x" * 100}).count("\n") == 3

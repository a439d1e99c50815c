"""What the modules that layers share refuse, where troposphere and awacs would replace without a word."""

import json

import awacs.s3
import pytest
from awacs.aws import (
    Allow,
    Condition,
    ConditionElement,
    Statement,
    StringEquals,
    StringEqualsIfExists,
    StringLike,
)
from ecs_blue_green import generate
from troposphere import Equals, Not, Ref, Template

from templates import _iam, _parameters, container_repository
from templates._parameters import OneOfEachName
from tests import ROOT

ON = Equals(Ref("Switch"), "on")


@pytest.fixture
def t() -> Template:
    return _parameters.template("Example", [])


def test_every_layer_has_such_a_template() -> None:
    from templates import LAYERS

    assert {type(layer.build()) for layer in LAYERS.values()} == {OneOfEachName}


def test_condition_of_a_name_that_is_taken_is_refused(t: Template) -> None:
    t.add_condition("IsOn", ON)
    # Helpers add the condition that they need, whoever did before.
    assert t.add_condition("IsOn", Equals(Ref("Switch"), "on")) == "IsOn"
    with pytest.raises(ValueError, match="there is another condition IsOn already"):
        t.add_condition("IsOn", Not(ON))
    assert t.to_dict()["Conditions"] == {"IsOn": ON.to_dict()}


def test_mapping_with_other_values_for_a_key_is_refused(t: Template) -> None:
    t.add_mapping("Zones", {"eu-west-1": {"Count": 3}})
    t.add_mapping("Zones", {"eu-west-1": {"Count": 3}, "us-east-1": {"Count": 6}})
    with pytest.raises(ValueError, match="mapping Zones has other values for us-east-1 already"):
        t.add_mapping("Zones", {"us-east-1": {"Count": 5}, "us-west-2": {"Count": 4}})
    assert t.to_dict()["Mappings"] == {"Zones": {"eu-west-1": {"Count": 3}, "us-east-1": {"Count": 6}}}


def statement(*conditions: ConditionElement) -> Statement:
    actions = [awacs.s3.GetObject, awacs.s3.PutObject]
    return Statement(Effect=Allow, Action=actions, Resource=["*"], Condition=Condition(list(conditions)))


def test_two_conditions_of_one_operator_are_refused() -> None:
    first, second = StringEquals("aws:SourceAccount", "1"), StringEquals({"aws:PrincipalOrgID": "o-1"})
    with pytest.raises(
        ValueError, match="two conditions StringEquals for s3:GetObject, s3:PutObject"
    ) as told:
        _iam.policy(statement(first, StringLike("aws:userid", "x"), second))
    # As the message says.
    assert str(told.value).endswith("put their keys into one StringEquals")
    both = StringEquals({"aws:SourceAccount": "1", "aws:PrincipalOrgID": "o-1"})
    made = json.loads(_iam.policy(statement(both, StringLike("aws:userid", "x"))).to_json())
    assert made["Statement"][0]["Condition"]["StringEquals"] == both.get_dict()


def test_operators_that_differ_are_none() -> None:
    """Changed from IfExists to the plain one, a test of the pipeline's role was dropped."""
    made = json.loads(
        _iam.policy(statement(StringEquals("a", "1"), StringEqualsIfExists("b", "2"))).to_json()
    )
    assert made["Statement"][0]["Condition"] == {
        "StringEquals": {"a": "1"},
        "StringEqualsIfExists": {"b": "2"},
    }


def test_refusal_names_the_layer_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(t: Template) -> str:
        return t.add_condition("HasKmsKey", ON)

    monkeypatch.setattr(container_repository, "is_protected", other)
    assert generate.main(["--check"], ROOT) == 1
    said = capsys.readouterr().err
    assert "no file was written, because of an error in templates/container_repository.py, line " in said
    assert "there is another condition HasKmsKey already" in said

"""A template as YAML that people review."""

import json
from typing import Any

import cfn_flip
import pytest
import ruamel.yaml
import yaml

from ecs_blue_green import template_yaml
from ecs_blue_green.deployer.layers import parse

ARN = {"Fn::GetAtt": ["Bucket", "Arn"]}


def test_a_property_and_a_member_of_a_list_are_a_line_each() -> None:
    """So that a diff shows the one that changed. Short functions and rows of numbers are one line."""
    document = {
        "Days": [1, 3, 5],
        "Environment": [{"Name": "PORT", "Value": {"Ref": "Port"}}],
        "Action": ["s3:*"],
        "Resource": [ARN, {"Fn::Sub": "${Bucket.Arn}/*"}],
        "Key": {"Fn::If": ["HasKey", {"Ref": "Key"}, {"Ref": "AWS::NoValue"}]},
        "Name": {"Fn::ImportValue": {"Fn::Sub": "${Stack}-Name"}},
        "Logs": {"Fn::If": ["HasLogs", {"Bucket": "logs", "Prefix": "a/"}, {"Ref": "AWS::NoValue"}]},
        "Code": {"Fn::Sub": "one\ntwo\n"},
        "None": {},
    }
    assert template_yaml.dump(document) == (
        "Days: [1, 3, 5]\n"
        "Environment:\n- Name: PORT\n  Value: !Ref Port\n"
        "Action:\n- s3:*\n"
        "Resource:\n- !GetAtt Bucket.Arn\n- !Sub ${Bucket.Arn}/*\n"
        "Key: !If [HasKey, !Ref Key, !Ref 'AWS::NoValue']\n"
        "Name: !ImportValue {'Fn::Sub': '${Stack}-Name'}\n"
        "Logs: !If\n- HasLogs\n- Bucket: logs\n  Prefix: a/\n- !Ref AWS::NoValue\n"
        "Code: !Sub |\n  one\n  two\n"
        "None: {}\n"
    )
    assert parse(template_yaml.dump(document)) == document


def test_what_is_no_text_is_written_as_yaml_has_it_and_what_is_there_twice_twice() -> None:
    port = {"Port": 80}
    document = {"Twice": [port, port], "Share": 0.5, "On": True, "Nothing": None, "Wait": {"Fn::Sub": 5}}
    assert template_yaml.dump(document) == (
        "Twice:\n- Port: 80\n- Port: 80\nShare: 0.5\n'On': true\nNothing: null\nWait: !Sub 5\n"
    )


def test_a_function_is_one_line_where_it_is_short_and_holds_nothing_that_needs_lines_of_its_own() -> None:
    """Its own lists and functions may be on that line, and theirs not."""
    document = {
        "Flat": {"Fn::Join": ["", ["a", {"Ref": "B"}]]},
        "Deep": {"Fn::Join": ["", [{"Fn::If": ["C", "d", "e"]}]]},
        "Long": {"Fn::Join": [",", ["x" * 60, "y" * 60]]},
        "Lines": {"Fn::If": ["C", "one\ntwo\n", ""]},
        "Map": {"Fn::Transform": {"Name": "AWS::Include"}},
    }
    assert template_yaml.dump(document) == (
        "Flat: !Join ['', [a, !Ref B]]\n"
        "Deep: !Join\n- ''\n- - !If [C, d, e]\n"
        f"Long: !Join\n- ','\n- - {'x' * 60}\n  - {'y' * 60}\n"
        "Lines: !If\n- C\n- |\n  one\n  two\n- ''\n"
        "Map: !Transform\n  Name: AWS::Include\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "12e4567",
        "1E-3",
        ".5e1",
        "+1",
        "-0",
        "0x1f",
        "0o17",
        "017",
        "1.",
        "12",
        "y",
        "N",
        "yes",
        "null",
        "1:30",
        "1_000",
        ".inf",
        "",
    ],
)
def test_a_text_is_a_text_for_every_reader(text: str) -> None:
    """A commit's id may look like a number: PyYAML follows YAML 1.1, others 1.2."""
    written = template_yaml.dump({"Text": [text], text: "key"})
    for version in ((1, 1), (1, 2)):
        reader = ruamel.yaml.YAML(typ="safe", pure=True)
        reader.version = version
        assert reader.load(written) == {"Text": [text], text: "key"}, (version, written)
    assert yaml.safe_load(written) == cfn_flip.load_yaml(written) == {"Text": [text], text: "key"}


@pytest.mark.parametrize("text", ["1.4.0", "10.0.0.0/16", "1a", "e3", "3.12-slim"])
def test_what_nobody_takes_for_a_number_has_no_quotes(text: str) -> None:
    assert template_yaml.dump({"Text": text}) == f"Text: {text}\n"


def test_attribute_with_a_computed_name_is_written_and_read_back() -> None:
    """`!GetAtt [Nested, !Ref Name]` would be read as the attribute Name by cfn_flip, and by what uses it."""
    document: dict[str, Any] = {"Value": {"Fn::GetAtt": ["Nested", {"Ref": "Name"}]}, "Arn": ARN}
    text = template_yaml.dump(document)
    assert text == "Value:\n  Fn::GetAtt:\n  - Nested\n  - !Ref Name\nArn: !GetAtt Bucket.Arn\n"
    assert parse(text) == document
    assert json.loads(json.dumps(cfn_flip.load_yaml(text))) == document


def test_attribute_with_a_computed_name_is_read_in_its_short_form() -> None:
    """As another tool may have written it."""
    assert parse("V: !GetAtt [Nested, !Ref Name]") == {"V": {"Fn::GetAtt": ["Nested", {"Ref": "Name"}]}}
    assert parse("V: !GetAtt [Nested, Outputs.Arn]") == {"V": {"Fn::GetAtt": ["Nested", "Outputs.Arn"]}}

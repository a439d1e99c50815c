from dataclasses import replace
from typing import Any

import pytest

from ecs_blue_green.deployer.effects.differences import text_of
from ecs_blue_green.deployer.resolve import (
    Expression,
    Reference,
    Scope,
    canonical,
    has_secret,
    holds,
    pseudo_parameters,
    references,
    resolve,
)

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Name": {"Type": "String"},
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"},
        "Unset": {"Type": "String"},
    },
    "Mappings": {"Sizes": {"small": {"Cpu": 256}}},
    "Conditions": {
        "HasName": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]},
        "IsShop": {"Fn::Equals": [{"Ref": "Name"}, "shop"]},
        "Both": {"Fn::And": [{"Condition": "HasName"}, {"Condition": "IsShop"}]},
        "Neither": {"Fn::Not": [{"Fn::Or": [{"Condition": "HasName"}, {"Condition": "IsShop"}]}]},
        "IsUnknown": {"Fn::Equals": [{"Ref": "Unset"}, "x"]},
    },
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}, "Named": {"Type": "AWS::S3::Bucket"}},
}


def scope(**parameters: str) -> Scope:
    """A scope in which one export and the name of one bucket are known."""
    return Scope(
        layer="store",
        template=TEMPLATE,
        parameters={"Name": "shop", "Subnets": "subnet-1, subnet-2", **parameters},
        pseudo=pseudo_parameters("111111111111", "eu-west-1", "shop-dev-store"),
        imported={"net-Id": Expression((Reference("net", "Vpc"),))}.get,
        reference=lambda reference: "my-bucket" if reference == Reference("store", "Named") else None,
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"Ref": "Name"}, "shop"),
        ({"Ref": "Subnets"}, ["subnet-1", "subnet-2"]),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Named"}, "my-bucket"),
        ({"Fn::Sub": "${Name}-${AWS::AccountId}-${!Literal}"}, "shop-111111111111-${Literal}"),
        ({"Fn::Sub": ["${A}/${Name}", {"A": {"Ref": "AWS::Partition"}}]}, "aws/shop"),
        ({"Fn::Join": [",", [{"Ref": "Name"}, "b", {"Ref": "AWS::NoValue"}]]}, "shop,b"),
        ({"Fn::Select": ["1", {"Ref": "Subnets"}]}, "subnet-2"),
        ({"Fn::Split": ["-", "a-b"]}, ["a", "b"]),
        ({"Fn::FindInMap": ["Sizes", "small", "Cpu"]}, 256),
        ({"Fn::If": ["IsShop", 1, 2]}, 1),
        ({"Fn::If": ["Neither", 1, 2]}, 2),
        ({"Fn::Base64": "x"}, "eA=="),
        ([1, {"Fn::If": ["Both", {"Ref": "AWS::NoValue"}, 2]}, 3], [1, 3]),
        ({"A": {"Fn::If": ["Both", {"Ref": "AWS::NoValue"}, 2]}, "B": 1}, {"B": 1}),
        # One key called Condition is a part of an IAM statement here, not a function.
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_functions_over_what_is_known_are_carried_out(value: Any, wanted: Any) -> None:
    assert resolve(value, scope()) == wanted


VPC = Reference("net", "Vpc")
ARN = Reference("store", "Bucket", "Arn")


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ({"Ref": "Bucket"}, "${Bucket}", [Reference("store", "Bucket")]),
        ({"Fn::GetAtt": "Bucket.Arn"}, "${Bucket.Arn}", [ARN]),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "${Bucket.Arn}", [ARN]),
        ({"Fn::Sub": "${Bucket.Arn}/${Name}/*"}, "${Bucket.Arn}/shop/*", [ARN]),
        ({"Fn::ImportValue": "net-Id"}, "${net:Vpc}", [VPC]),
        ({"Fn::Sub": ["a/${Id}", {"Id": {"Fn::ImportValue": "net-Id"}}]}, "a/${net:Vpc}", [VPC]),
        ({"Ref": "Unset"}, "${Unset}", []),
        ({"Fn::ImportValue": "nobody-exports-this"}, "!ImportValue nobody-exports-this", []),
        ({"Fn::GetAZs": ""}, "!GetAZs ", []),
        (
            {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Bucket"}]}]},
            "!Select [0, !Split [:, ${Bucket}]]",
            [Reference("store", "Bucket")],
        ),
        (
            {"Fn::If": ["IsUnknown", {"Ref": "Bucket"}, "b"]},
            "!If [IsUnknown, ${Bucket}, b]",
            [Reference("store", "Bucket")],
        ),
    ],
)
def test_what_only_aws_knows_stays_an_expression(value: Any, text: str, found: list[Reference]) -> None:
    resolved = resolve(value, scope())
    assert isinstance(resolved, Expression)
    assert resolved.text("store") == text
    assert list(references(resolved)) == found


def test_condition_over_an_unknown_value_is_unknown() -> None:
    assert holds("IsUnknown", scope()) is None
    assert holds("IsUnknown", scope(Unset="x")) is True
    assert holds("Both", scope(Name="other")) is False


@pytest.mark.parametrize(("one", "other"), [(80, "80"), (True, "true"), ({"a": 1}, {"a": "1"})])
def test_scalars_that_cloudformation_takes_as_the_same_are_equal(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


def test_expression_is_never_equal_to_a_text_that_reads_like_it() -> None:
    assert canonical(Expression((Reference("a", "B"),))) != canonical("${a:B}")


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("ap-northeast-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_partition_follows_from_the_region(region: str, partition: str, suffix: str) -> None:
    pseudo = pseudo_parameters("1", region, "s")
    assert (pseudo["AWS::Partition"], pseudo["AWS::URLSuffix"]) == (partition, suffix)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "Word"}, "****"),
        ({"Fn::Sub": "user:${Word}@${Name}"}, "user:****@shop"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Word"}]]}, "a/****"),
        ({"Fn::Base64": {"Ref": "Word"}}, "!Base64 ****"),
        ({"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Word"}]}]}, "!Select [0, !Split [,, ****]]"),
    ],
)
@pytest.mark.parametrize("hides", [True, "true"])
def test_what_noecho_hides_is_compared_and_not_shown(value: Any, text: str, hides: Any) -> None:
    declared = {**TEMPLATE["Parameters"], "Word": {"Type": "String", "NoEcho": hides}}
    conditions = {
        "Is": {"Fn::Equals": [{"Ref": "Word"}, "secret"]},
        "IsSub": {"Fn::Equals": [{"Fn::Sub": "${Word}!"}, "secret!"]},
    }
    template = {**TEMPLATE, "Parameters": declared, "Conditions": conditions}
    one, other = (
        replace(scope(), template=template, parameters={"Name": "shop", "Word": word})
        for word in ("secret", "other")
    )
    found = resolve(value, one)
    assert text_of(found, "store") == text
    assert "secret" not in repr(found)
    assert has_secret([{"a": found}])
    assert not list(references(found))
    assert canonical(found) == canonical(resolve(value, one)) != canonical(resolve(value, other))
    # Conditions know it.
    for name in conditions:
        assert (holds(name, one), holds(name, other)) == (True, False)

"""A permission is told as opened where it opens, and only there."""

import itertools
from typing import Any

import pytest

from ecs_blue_green.deployer.effects.states import Resource
from ecs_blue_green.deployer.review import patterns, permissions
from ecs_blue_green.deployer.review.conditions import MOST_PIECES

Json = dict[str, Any]


def role(*statements: Json) -> Resource:
    written = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **one} for one in statements]
    return Resource("AWS::IAM::Role", {"Policies": [{"PolicyDocument": {"Statement": written}}]}, {})


def opened(before: Json | list[Json], after: Json | list[Json]) -> list[str]:
    sides = ([side] if isinstance(side, dict) else side for side in (before, after))
    old, new = (role(*side) for side in sides)
    return permissions.added(old, new, "a")


def on(**operators: Json) -> Json:
    """A statement with a condition; `__` stands for a colon in an operator's name."""
    return {"Condition": {name.replace("__", ":"): keys for name, keys in operators.items()}}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        # Operators, and keys of one operator, are joined by and.
        (on(StringEquals={"a": "1"}), on(StringEquals={"a": "1", "b": "2"})),
        (on(StringEquals={"a": "1"}), on(StringEquals={"a": "1"}, Bool={"c": "true"})),
        ({}, on(StringEquals={"a": "1"})),
        # Values of one key are joined by or; those of a negated operator by nor.
        (on(StringEquals={"a": ["1", "2"]}), on(StringEquals={"a": "2"})),
        (on(StringNotEquals={"a": "1"}), on(StringNotEquals={"a": ["1", "2"]})),
        (on(ForAllValues__StringEquals={"a": ["1", "2"]}), on(ForAllValues__StringEquals={"a": ["1"]})),
        (on(ForAnyValue__StringEquals={"a": ["1", "2"]}), on(ForAnyValue__StringEquals={"a": ["1"]})),
        (on(ForAllValues__StringNotLike={"a": "1"}), on(ForAllValues__StringNotLike={"a": ["1", "2"]})),
        # Patterns.
        (on(StringLike={"a": "x/*"}), on(StringLike={"a": "x/y*"})),
        (on(StringLike={"a": "x/*"}), on(StringEquals={"a": "x/y"})),
        (on(ArnLike={"a": "arn:*:role/x*"}), on(ArnEquals={"a": "arn:*:role/xy"})),
        (on(StringNotLike={"a": "x"}), on(StringNotLike={"a": "x*"})),
        (on(StringEqualsIgnoreCase={"a": "Prod"}), on(StringEquals={"a": "prod"})),
        # A request without the key.
        (on(StringEqualsIfExists={"a": "1"}), on(StringEquals={"a": "1"})),
        # Numbers and addresses.
        (on(NumericLessThan={"a": "10"}), on(NumericLessThan={"a": "9"})),
        (on(NumericLessThanEquals={"a": "10"}), on(NumericLessThan={"a": 10})),
        (on(NumericGreaterThan={"a": "1"}), on(NumericEquals={"a": "2"})),
        (on(IpAddress={"a": "10.0.0.0/8"}), on(IpAddress={"a": ["10.1.0.0/16", "10.2.0.1"]})),
        (on(NotIpAddress={"a": "10.1.0.0/16"}), on(NotIpAddress={"a": "10.0.0.0/8"})),
        # Actions, resources, and what is left out.
        ({"Action": "s3:*"}, {"Action": ["s3:Get*", "s3:PutObject"]}),
        ({"Action": "s3:Get*"}, {"Action": "S3:GetObject*"}),
        ({"Resource": "arn:x:*"}, {"Resource": "arn:x:?/*"}),
        ({"NotAction": "iam:*", "Action": None}, {"NotAction": ["iam:*", "sts:*"], "Action": None}),
        ({"NotAction": "iam:Get*", "Action": None}, {"NotAction": "iam:*", "Action": None}),
        ({"NotAction": "iam:*", "Action": None}, {"Action": "s3:*"}),
    ],
)  # fmt: skip
def test_narrower_statement_opens_nothing_and_a_wider_one_does(wide: Json, narrow: Json) -> None:
    wide, narrow = (
        {k: v for k, v in side.items() if v is not None} for side in (_whole(wide), _whole(narrow))
    )
    assert opened(wide, narrow) == []
    assert opened(narrow, wide)
    # The other way round for what is denied.
    denied_wide, denied_narrow = ({**side, "Effect": "Deny"} for side in (wide, narrow))
    assert opened(denied_narrow, denied_wide) == []
    assert "no longer denied" in opened(denied_wide, denied_narrow)[0]


def _whole(statement: Json) -> Json:
    return {"Action": "s3:GetObject", "Resource": "*", **statement}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (on(StringEquals={"aws:SourceAccount": "1"}), on(StringEquals={"AWS:sourceaccount": "1"})),
        (on(StringEquals={"a": "1", "b": "2"}), on(StringEquals={"b": "2", "a": "1"})),
        (on(StringEquals={"a": ["1", "2"]}), on(StringEquals={"a": ["2", "1"]})),
        (on(StringEquals={"a": "1"}, Bool={"b": "true"}), on(Bool={"b": True}, StringEquals={"a": ["1"]})),
        (on(ArnEquals={"a": "arn:x"}), on(ArnLike={"a": "arn:x"})),
        ([on(StringEquals={"a": ["1", "2"]})], [on(StringEquals={"a": "1"}), on(StringEquals={"a": "2"})]),
        (
            [on(StringEquals={"a": ["1", "2"], "b": ["3", "4"]})],
            [on(StringEquals={"a": "1", "b": ["3", "4"]}), on(StringEquals={"a": "2", "b": ["4", "3"]})],
        ),
    ],
)
def test_other_words_for_the_same_open_nothing(one: Any, other: Any) -> None:
    assert opened(one, other) == opened(other, one) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (on(StringEquals={"a": "1"}), on(StringEquals={"b": "1"})),
        (on(StringEquals={"a": "1"}), on(StringEquals={"a": "2"})),
        (on(StringEquals={"a": "1"}), on(StringLike={"a": "1*"})),
        (on(StringEquals={"a": "x*"}), on(StringLike={"a": "x*"})),
        (on(StringLike={"a": "x?"}), on(StringLike={"a": "x*"})),
        (on(StringEquals={"a": "prod"}), on(StringEqualsIgnoreCase={"a": "prod"})),
        (on(StringEquals={"a": "1"}), on(StringEqualsIfExists={"a": "1"})),
        # Values that one request can have together: none of the two statements lets them through.
        (
            [on(ForAllValues__StringEquals={"a": "1"}), on(ForAllValues__StringEquals={"a": "2"})],
            on(ForAllValues__StringEquals={"a": ["1", "2"]}),
        ),
        (on(ForAnyValue__StringEquals={"a": "1"}), on(ForAllValues__StringEquals={"a": "1"})),
        (on(StringEquals={"a": "1"}), on(ForAnyValue__StringEquals={"a": "1"})),
        (on(IpAddress={"a": "10.0.0.0/8"}), on(IpAddress={"a": "0.0.0.0/0"})),
        (on(NumericLessThan={"a": "10"}), on(NumericLessThanEquals={"a": "10"})),
        (on(NumericLessThan={"a": "10"}), on(NumericGreaterThan={"a": "10"})),
        (on(Bool={"a": "true"}), on(Bool={"a": "false"})),
        (on(Null={"a": "true"}), on(Null={"a": "false"})),
        ({"Action": "s3:Get?"}, {"Action": "s3:Get*"}),
        ({"Action": "s3:[a]"}, {"Action": "s3:a"}),
    ],
)
def test_what_opens_is_told(before: Any, after: Any) -> None:
    assert opened(before, after)


def test_what_is_denied_in_the_same_place_does_not_open() -> None:
    denied = {"Effect": "Deny", "Action": "s3:*", **on(StringNotEquals={"a": "1"})}
    assert opened([denied], [denied, on(StringNotEquals={"a": ["1", "2"]})]) == []
    assert opened([denied], [denied, on(StringNotEquals={"a": "2"})])


def test_who_assumes_a_role_denies_nothing_of_what_it_may_do() -> None:
    trusted = {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*"}
    lets = {"Action": "sts:AssumeRole", "Resource": "arn:x"}
    assert opened([trusted], [trusted, lets]) == ["may now do sts:AssumeRole on arn:x"]


def test_condition_of_many_values_is_compared_as_a_whole() -> None:
    values = [str(number) for number in range(MOST_PIECES + 1)]
    whole = on(StringEquals={"a": values})
    assert opened(whole, on(StringEquals={"a": values[::-1]})) == []
    assert opened([on(StringEquals={"a": value}) for value in values], whole)


def test_condition_in_a_form_that_is_not_known_is_compared_by_its_words() -> None:
    assert opened({"Condition": "words"}, {"Condition": "words"}) == []
    assert opened({"Condition": "words"}, {"Condition": "other words"})
    assert opened({"Condition": "words"}, on(StringEquals={"a": "1"}))


def test_patterns_against_all_texts_that_they_stand_for() -> None:
    texts = ["".join(parts) for length in range(6) for parts in itertools.product("ab", repeat=length)]
    shapes = ["".join(parts) for length in range(4) for parts in itertools.product("ab*?", repeat=length)]
    stand = {shape: {text for text in texts if patterns.matches(text, shape)} for shape in shapes}
    for one, other in itertools.product(shapes, repeat=2):
        # Within may miss an odd form (`??*` and `?*?`), which then is told; it never says too much.
        assert stand[one] <= stand[other] or not patterns.within(one, other), (one, other)
        if len(one) + len(other) < 6:
            assert patterns.overlap(one, other) == bool(stand[one] & stand[other]), (one, other)
    for one, other in (("a*b", "a*"), ("a?b*", "a*"), ("*a*", "*"), ("a**", "a*"), ("ab*", "a?*")):
        assert patterns.within(one, other)
        assert not patterns.within(other, one) or one == "a**"

"""CloudFormation's answer and the schemas' answer in one: the worse counts, told as exactly as can be."""

from dataclasses import replace

import pytest

from ecs_blue_green.deployer.changes import Action, PropertyChange, ResourceChange
from ecs_blue_green.deployer.planning.answers import worse

TYPE = "AWS::ElasticLoadBalancingV2::Listener"


def change(action: Action, *properties: PropertyChange, notes: tuple[str, ...] = ()) -> ResourceChange:
    return ResourceChange("Listener", TYPE, action, "arn", properties, notes=notes)


@pytest.mark.parametrize(
    ("answered", "expected", "counts"),
    [
        ("modify", "replace", "replace"),
        ("replace", "modify", "replace"),
        ("may replace", "modify", "may replace"),
        ("modify", "may replace", "may replace"),
        ("remove", "modify", "remove"),
        ("add", "replace", "add"),
    ],
)
def test_worse_action_counts(answered: Action, expected: Action, counts: Action) -> None:
    (merged,) = worse([change(answered)], [change(expected, notes=("in words",))])
    assert merged.action == counts
    assert merged.notes == ("in words",)
    assert merged.physical_id == "arn"


def test_resource_that_only_cloudformation_mentions_stays() -> None:
    assert worse([change("modify")], []) == (change("modify"),)


ARN = PropertyChange("/Properties/SourceArn", recreation="Always", reread=True)


def test_what_is_only_read_again_stays_where_the_schemas_know_so() -> None:
    reread = change("may replace", ARN)
    (merged,) = worse([reread], [])
    assert merged.action == "modify"
    assert merged.stays
    assert merged.properties == (replace(ARN, recreation="Never"),)
    # Not where it is more than that, nor where the schemas see it replaced as well.
    assert worse([change("may replace", replace(ARN, reread=False))], [])[0].action == "may replace"
    assert worse([replace(reread, action="replace")], [])[0].action == "replace"
    (merged,) = worse([reread], [change("may replace", replace(ARN, reread=False))])
    assert (merged.action, merged.properties[0].recreation, merged.stays) == ("may replace", "Always", False)


def test_what_is_read_again_beside_another_change_replaces_no_more_than_that_one() -> None:
    harmless = PropertyChange("/Properties/Comment", "a", "b")
    (merged,) = worse([change("may replace", ARN, harmless)], [change("modify", harmless)])
    assert merged.action == "modify"
    assert not merged.stays
    assert merged.properties == (replace(ARN, recreation="Never"), harmless)
    replaces = PropertyChange("/Properties/Name", "a", "b", "Conditionally")
    (merged,) = worse([change("may replace", ARN, replaces)], [change("modify", harmless)])
    assert merged.action == "may replace"
    inside = PropertyChange(f"{ARN.path}/0", "a", "b", "Always")
    assert worse([change("may replace", ARN)], [change("may replace", inside)])[0].action == "may replace"


def test_long_value_is_told_by_what_differs_in_it() -> None:
    answered = change("replace", PropertyChange("/Properties/Containers", "[...]", "[...]", "Always"))
    exact = PropertyChange("/Properties/Containers/0/Port", "1323", "8080")
    (merged,) = worse([answered], [change("modify", exact)])
    assert merged.properties == (PropertyChange("/Properties/Containers/0/Port", "1323", "8080", "Always"),)


def test_values_of_cloudformation_win_for_the_same_property() -> None:
    answered = change("modify", PropertyChange("/Properties/Port", "80", "81"))
    exact = PropertyChange("/Properties/Port", "${Old}", "${New}", "Conditionally")
    (merged,) = worse([answered], [change("modify", exact)])
    assert merged.properties == (PropertyChange("/Properties/Port", "80", "81", "Conditionally"),)


def test_property_that_replaces_is_added_and_a_harmless_one_is_not() -> None:
    replaces = PropertyChange("/Properties/Name", "a", "b", "Always")
    harmless = PropertyChange("/Properties/Comment", "a", "b")
    (merged,) = worse([change("modify")], [change("replace", replaces, harmless)])
    assert merged.properties == (replaces,)


def tag(path: str, before: str | None, after: str | None) -> PropertyChange:
    """A tag as CloudFormation tells it: by its place among all of a resource's tags."""
    return PropertyChange(f"/Properties/Tags{path}", before, after, of_tags=True)


COSTCENTER = PropertyChange("/Tags/costcenter", None, "4711")


@pytest.mark.parametrize(
    ("answered", "expected", "told"),
    [
        # The stack's tag alone; with one of the resource's own, which is at another place there.
        ([tag("/2", None, '{"Key":"costcenter","Value":"4711"}')], [COSTCENTER], [COSTCENTER]),
        ([PropertyChange("/Tags", of_tags=True)], [COSTCENTER], [COSTCENTER]),
        (
            [tag("/0/Key", "a", "costcenter"), tag("/0/Value", "b", "4711"), tag("/1", None, "x")],
            [COSTCENTER, PropertyChange("/Properties/Tags/0/Value", "x", "y")],
            [COSTCENTER, PropertyChange("/Properties/Tags/0/Value", "x", "y")],
        ),
        # Of which nothing else is known.
        ([tag("/2", None, "x")], [], [tag("/2", None, "x")]),
        ([PropertyChange("/Tags", of_tags=True)], [], [PropertyChange("/Tags", of_tags=True)]),
    ],
)
def test_tags_are_told_by_key(
    answered: list[PropertyChange], expected: list[PropertyChange], told: list[PropertyChange]
) -> None:
    (merged,) = worse([change("modify", *answered)], [change("modify", *expected)])
    assert list(merged.properties) == told

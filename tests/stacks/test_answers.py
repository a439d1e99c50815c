"""CloudFormation's answer and the schemas' answer in one: the worse counts, told as exactly as can be."""

from dataclasses import replace

import pytest

from stacks.changes import Action, PropertyChange, ResourceChange
from stacks.planning.answers import worse

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


def test_what_is_only_read_again_stays_where_the_schemas_know_so() -> None:
    arn = PropertyChange("/Properties/SourceArn", recreation="Always")
    reread = replace(change("may replace", arn), reread=True)
    (merged,) = worse([reread], [])
    assert merged.action == "modify"
    assert merged.properties == (replace(arn, recreation="Never"),)
    # Not where it is more than that, nor where the schemas see it replaced as well.
    assert worse([change("may replace", arn)], [])[0].action == "may replace"
    assert worse([replace(reread, action="replace")], [])[0].action == "replace"
    assert worse([reread], [change("may replace", arn)])[0].action == "may replace"


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

"""What a change set tells: each change with its values, and no change that is none."""

from typing import Any

from tests.emulator.aws import PUBLIC, VPC, Aws, Resources
from tests.emulator.parts import attribute, ref, resource


def topics(count: int, **properties: Any) -> Resources:
    return {f"Topic{number}": resource("SNS::Topic", **properties) for number in range(count)}


def changes(change_set: Any) -> dict[str, str]:
    return {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]["Action"]
        for change in change_set["Changes"]
    }


def test_changes_come_in_pages(aws: Aws) -> None:
    first = aws.propose("pages", topics(25), kind="CREATE")
    assert len(first["Changes"]) == 20
    rest = aws.client("cloudformation").describe_change_set(
        ChangeSetName=first["ChangeSetId"], NextToken=first["NextToken"]
    )
    assert len(rest["Changes"]) == 5
    assert "NextToken" not in rest
    assert set(changes(first)) | set(changes(rest)) == set(topics(25))


def test_values_before_and_after(aws: Aws) -> None:
    aws.create("values", topics(1, DisplayName="one", Tags=[{"Key": "a", "Value": "b"}]))
    proposed = aws.propose("values", topics(1, DisplayName="two", FifoTopic=False))
    details = proposed["Changes"][0]["ResourceChange"]["Details"]
    found = {
        item["Target"]["Path"]: (
            item["Target"]["AttributeChangeType"],
            item["Target"].get("BeforeValue"),
            item["Target"].get("AfterValue"),
        )
        for item in details
    }
    assert found["/Properties/DisplayName"] == ("Modify", "one", "two")
    assert found["/Properties/FifoTopic"] == ("Add", None, "false")
    assert found["/Properties/Tags"][0] == "Remove"
    without = aws.client("cloudformation").describe_change_set(ChangeSetName=proposed["ChangeSetId"])
    assert "AfterValue" not in without["Changes"][0]["ResourceChange"]["Details"][0]["Target"]


def test_a_value_that_a_change_makes_is_unknown(aws: Aws) -> None:
    user = {"User": resource("SNS::Topic", DisplayName=attribute("Topic0", "TopicName"))}
    aws.create("unknown", {**topics(1), **user})
    proposed = aws.propose("unknown", {**topics(1, TopicName="named"), **user})
    assert changes(proposed) == {"Topic0": "Modify", "User": "Modify"}
    target = proposed["Changes"][1]["ResourceChange"]["Details"][0]["Target"]
    assert target["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"


def test_two_values_that_are_not_known_yet_are_not_the_same(aws: Aws) -> None:
    """A list whose members must differ can name two resources of its own template."""
    groups = {
        f"Group{number}": resource("EC2::SecurityGroup", GroupDescription="balancer", VpcId=VPC)
        for number in (1, 2)
    }
    balancer = resource(
        "ElasticLoadBalancingV2::LoadBalancer",
        Subnets=PUBLIC,
        SecurityGroups=[attribute(name, "GroupId") for name in groups],
    )
    proposed = aws.propose("differ", {**groups, "Balancer": balancer}, kind="CREATE")
    assert proposed["Status"] == "CREATE_COMPLETE", proposed.get("StatusReason")


def test_what_a_condition_excludes_is_no_change(aws: Aws) -> None:
    conditions: Resources = {"Parameters": {"Wanted": {"Type": "String", "Default": "no"}}}
    conditions["Conditions"] = {"IsWanted": {"Fn::Equals": [ref("Wanted"), "yes"]}}
    excluded = {"Maybe": {**resource("SNS::Topic"), "Condition": "IsWanted"}}
    aws.create("conditional", topics(1), **conditions)
    proposed = aws.propose("conditional", {**topics(1), **excluded}, **conditions)
    assert proposed["StatusReason"].startswith("The submitted information didn't contain changes.")

    wanted = {"values": [{"ParameterKey": "Wanted", "ParameterValue": "yes"}], **conditions}
    proposed = aws.propose("conditional", {**topics(1), **excluded}, **wanted)
    assert changes(proposed) == {"Maybe": "Add"}
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"

    back = aws.propose("conditional", {**topics(1), **excluded}, **conditions)
    assert changes(back) == {"Maybe": "Remove"}


def test_a_reference_that_moves_is_a_change(aws: Aws) -> None:
    """A resource that is renamed is another one: whoever names its attributes changes with it."""
    for kind, value in (("GetAtt", attribute("Topic0", "TopicName")), ("Ref", ref("Topic0"))):
        stack = f"moved-{kind}".lower()
        aws.create(stack, {**topics(1), "User": resource("SNS::Topic", DisplayName=value)})
        moved = attribute("Renamed", "TopicName") if kind == "GetAtt" else ref("Renamed")
        renamed = {"Renamed": resource("SNS::Topic"), "User": resource("SNS::Topic", DisplayName=moved)}
        proposed = aws.propose(stack, renamed)
        assert changes(proposed) == {"Renamed": "Add", "Topic0": "Remove", "User": "Modify"}

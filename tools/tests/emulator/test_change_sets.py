"""What a change set tells: each change with its values, and no change that is none."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

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


def test_a_new_parameter_with_the_value_that_was_there_changes_nothing(aws: Aws) -> None:
    """Every parameter that a template gets later comes into the place of a constant."""
    aws.create("constant", topics(1, DisplayName="one"))
    named: Resources = {"Parameters": {"Name": {"Type": "String", "Default": "one"}}}
    proposed = aws.propose("constant", topics(1, DisplayName=ref("Name")), **named)
    assert proposed["StatusReason"].startswith("The submitted information didn't contain changes.")
    other = [{"ParameterKey": "Name", "ParameterValue": "two"}]
    proposed = aws.propose("constant", topics(1, DisplayName=ref("Name")), values=other, **named)
    assert changes(proposed) == {"Topic0": "Modify"}


def test_a_reference_that_moves_is_a_change(aws: Aws) -> None:
    """A resource that is renamed is another one: whoever names its attributes changes with it."""
    for kind, value in (("GetAtt", attribute("Topic0", "TopicName")), ("Ref", ref("Topic0"))):
        stack = f"moved-{kind}".lower()
        aws.create(stack, {**topics(1), "User": resource("SNS::Topic", DisplayName=value)})
        moved = attribute("Renamed", "TopicName") if kind == "GetAtt" else ref("Renamed")
        renamed = {"Renamed": resource("SNS::Topic"), "User": resource("SNS::Topic", DisplayName=moved)}
        proposed = aws.propose(stack, renamed)
        assert changes(proposed) == {"Renamed": "Add", "Topic0": "Remove", "User": "Modify"}


def test_another_import_of_the_same_value_is_a_change(aws: Aws) -> None:
    """CloudFormation compares the functions, and not what they give (aws-cdk#38492)."""
    outputs = {name: {"Value": "same", "Export": {"Name": f"{name}-export"}} for name in ("one", "two")}
    aws.create("two-exports", topics(1), Outputs={name.title(): value for name, value in outputs.items()})

    def importing(name: str) -> Resources:
        imported = {"Fn::ImportValue": {"Fn::Sub": f"{name}-${{AWS::StackName}}"}}
        return {"User": resource("SNS::Topic", TopicName={"Fn::Join": ["-", ["a", imported]]})}

    aws.create("export", importing("one"))
    for name, changed in (("one", {}), ("two", {"User": "Modify"})):
        proposed = aws.propose("export", importing(name))
        assert changes(proposed) == changed
    (change,) = proposed["Changes"]
    assert change["ResourceChange"]["Replacement"] == "True"
    (topic,) = aws.client("cloudformation").describe_stack_resources(StackName="export")["StackResources"]
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"
    (after,) = aws.client("cloudformation").describe_stack_resources(StackName="export")["StackResources"]
    assert after["PhysicalResourceId"] == topic["PhysicalResourceId"]
    imports = aws.client("cloudformation").list_imports(ExportName="two-export")["Imports"]
    assert imports == ["export"]


def exported(value: Any, name: str = "alone") -> Resources:
    return {"Outputs": {"Out": {"Value": value, "Export": {"Name": name}}}}


def test_outputs_alone_make_a_change_set_without_changes(aws: Aws) -> None:
    """It can be executed all the same (aws-cdk#2029)."""
    cloudformation = aws.client("cloudformation")
    aws.create("alone", topics(1), Outputs={"Other": {"Value": "one"}})
    for outputs in (
        {"Outputs": {"Other": {"Value": "two"}}},
        {"Outputs": {"Other": {"Value": "two"}, "Out": {"Value": "two"}}},
        {"Outputs": {"Other": {"Value": "two"}, **exported("two")["Outputs"]}},
        {"Outputs": {"Other": {"Value": "two"}, **exported("two", "renamed")["Outputs"]}},
        {"Outputs": {"Other": {"Value": attribute("Topic0", "TopicName")}}},
        {},
    ):
        proposed = aws.propose("alone", topics(1), **outputs)
        assert (proposed["Status"], proposed["ExecutionStatus"], proposed["Changes"]) == (
            "CREATE_COMPLETE",
            "AVAILABLE",
            [],
        )
        before = cloudformation.describe_stack_resources(StackName="alone")["StackResources"]
        assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"
        after = cloudformation.describe_stack_resources(StackName="alone")["StackResources"]
        assert [one["PhysicalResourceId"] for one in after] == [one["PhysicalResourceId"] for one in before]
        again = aws.propose("alone", topics(1), **outputs)
        assert again["StatusReason"].startswith("The submitted information didn't contain changes.")
    assert aws.outputs("alone") == {}
    exports = cloudformation.list_exports()["Exports"]
    assert not {"alone", "renamed"} & {export["Name"] for export in exports}


def test_outputs_that_read_the_same_are_no_change(aws: Aws) -> None:
    unused: Resources = {"Parameters": {"Wanted": {"Type": "String", "Default": "no"}}}
    unused["Conditions"] = {"IsWanted": {"Fn::Equals": [ref("Wanted"), "yes"]}}
    aws.create("same", topics(1), **unused, **exported("no", "same"))
    for value in ({"Fn::Sub": "no"}, ref("Wanted"), {"Fn::If": ["IsWanted", "yes", "no"]}):
        proposed = aws.propose("same", topics(1), **unused, **exported(value, "same"))
        assert proposed["StatusReason"].startswith("The submitted information didn't contain changes.")
    conditional = {"Wanted": {"Value": "x", "Condition": "IsWanted"}, **exported("no", "same")["Outputs"]}
    proposed = aws.propose("same", topics(1), **unused, Outputs=conditional)
    assert proposed["StatusReason"].startswith("The submitted information didn't contain changes.")


def test_an_import_that_a_condition_takes_away_needs_no_export(aws: Aws) -> None:
    conditions: Resources = {"Parameters": {"Wanted": {"Type": "String", "Default": "no"}}}
    conditions["Conditions"] = {"IsWanted": {"Fn::Equals": [ref("Wanted"), "yes"]}}
    missing = {"Fn::ImportValue": {"Fn::Sub": "${Wanted}-such"}}
    excluded = {"Maybe": {**resource("SNS::Topic", DisplayName=missing), "Condition": "IsWanted"}}
    chosen = {
        "Chosen": resource("SNS::Topic", DisplayName={"Fn::If": ["IsWanted", missing, "none"]}),
    }
    outputs = {"Out": {"Value": missing, "Condition": "IsWanted"}}
    aws.create("needless", {**topics(1), **excluded, **chosen}, Outputs=outputs, **conditions)
    values: Resources = {"values": [{"ParameterKey": "Wanted", "ParameterValue": "yes"}]}
    for part in (excluded, chosen):
        proposed = aws.propose("needless", {**topics(1), **part}, **conditions, **values)
        assert proposed["StatusReason"] == "No export named yes-such found"
    proposed = aws.propose("needless", topics(1), Outputs=outputs, **conditions, **values)
    assert proposed["StatusReason"] == "No export named yes-such found"


def test_an_export_that_goes_before_it_is_imported_is_named(aws: Aws) -> None:
    """A change set that was made while it was there fails when it is executed."""
    aws.create("gone-exporter", topics(1), **exported("one", "gone"))
    importing = {"User": resource("SNS::Topic", DisplayName={"Fn::ImportValue": "gone"})}
    proposed = aws.propose("gone-importer", importing, kind="CREATE")
    assert aws.update("gone-exporter", topics(1))["StackStatus"] == "UPDATE_COMPLETE"
    assert aws.execute(proposed)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "No export named gone found" in aws.reasons("gone-importer")[0]


def drift_aware(aws: Aws, stack: str, resources: Resources) -> Any:
    return aws.propose(stack, resources, DeploymentMode="REVERT_DRIFT")


def test_what_somebody_deleted_is_made_again(aws: Aws) -> None:
    """User guide, drift-aware-change-sets: a change set of the same template finds what is gone."""
    user = {"User": resource("SNS::Topic", DisplayName=attribute("Topic0", "TopicName"))}
    aws.create("again", {**topics(1, TopicName="again"), **user})
    sns, (topic,) = aws.client("sns"), [arn for arn in topic_arns(aws) if arn.endswith(":again")]
    nothing = drift_aware(aws, "again", {**topics(1, TopicName="again"), **user})
    assert nothing["StatusReason"].startswith("The submitted information didn't contain changes.")
    sns.delete_topic(TopicArn=topic)
    assert aws.propose("again", {**topics(1, TopicName="again"), **user})["Status"] == "FAILED"

    proposed = drift_aware(aws, "again", {**topics(1, TopicName="again"), **user})

    assert (proposed["DeploymentMode"], changes(proposed)) == ("REVERT_DRIFT", {"Topic0": "Add"})
    assert proposed["Changes"][0]["ResourceChange"]["ResourceDriftStatus"] == "DELETED"
    assert topic not in topic_arns(aws)
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"
    assert topic in topic_arns(aws)
    nothing = drift_aware(aws, "again", {**topics(1, TopicName="again"), **user})
    assert nothing["Status"] == "FAILED"


def test_change_set_that_is_not_executed_leaves_the_stack_as_it_is(aws: Aws) -> None:
    aws.create("unexecuted", topics(1, TopicName="unexecuted"))
    (topic,) = [arn for arn in topic_arns(aws) if arn.endswith(":unexecuted")]
    aws.client("sns").delete_topic(TopicArn=topic)
    proposed = drift_aware(aws, "unexecuted", topics(1, TopicName="unexecuted"))
    aws.client("cloudformation").delete_change_set(ChangeSetName=proposed["ChangeSetId"])
    listed = aws.client("cloudformation").list_stack_resources(StackName="unexecuted")
    assert [found["PhysicalResourceId"] for found in listed["StackResourceSummaries"]] == [topic]


def test_what_is_gone_is_made_again_with_what_changes(aws: Aws) -> None:
    aws.create("both", topics(2))
    listed = aws.client("cloudformation").list_stack_resources(StackName="both")
    ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in listed["StackResourceSummaries"]}
    aws.client("sns").delete_topic(TopicArn=ids["Topic0"])
    proposed = drift_aware(aws, "both", topics(2, DisplayName="named"))
    assert changes(proposed) == {"Topic0": "Add", "Topic1": "Modify"}
    assert aws.execute(proposed)["StackStatus"] == "UPDATE_COMPLETE"


def test_what_somebody_changed_is_not_changed_back_here(aws: Aws) -> None:
    aws.create("changed", topics(1, TopicName="changed", DisplayName="one"))
    (topic,) = [arn for arn in topic_arns(aws) if arn.endswith(":changed")]
    aws.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="DisplayName", AttributeValue="other"
    )
    with pytest.raises(ClientError, match="does not change back Topic0"):
        drift_aware(aws, "changed", topics(1, TopicName="changed", DisplayName="one"))


def topic_arns(aws: Aws) -> list[str]:
    return [found["TopicArn"] for found in aws.client("sns").list_topics()["Topics"]]

"""`destroy` of what it must not delete half-way, and of what is left when the stacks are gone."""

import json

import pytest

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.execution import fate
from tests.deployer.followed import follows
from tests.deployer.releases import client
from tests.deployer.shop import LAYERS, Shop
from tests.deployer.test_guarded_deploy import answering

INFRASTRUCTURE = "sample-dev-infrastructure"


def protect(shop: Shop, value: str) -> None:
    path = shop.root / "params" / "dev.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("protected:")]
    path.write_text("\n".join([*lines, f"protected: {value}", ""]))


def stacks() -> set[str]:
    found = client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in found}


@pytest.fixture
def shielded(deployed: Shop) -> Shop:
    """An environment whose load balancer is protected, and whose file no longer says so."""
    protect(deployed, "true")
    assert deployed.run("deploy", "--yes", "--allow", "infrastructure:LoadBalancer")["exit_code"] == 0
    protect(deployed, "false")
    return deployed


@follows(remedies.DEPLOY_LOWERED_PROTECTION)
def test_protection_that_was_not_lowered_by_a_deploy_stops_before_anything_is_deleted(shielded: Shop) -> None:
    before = stacks()
    refused = shielded.run("destroy", "--yes")
    assert refused["exit_code"] == 3
    assert f"the load balancer of {INFRASTRUCTURE} is still protected" in refused["error"]["what"]
    assert "make deploy ENV=dev ALLOW=infrastructure:LoadBalancer" in refused["error"]["remedy"]
    assert stacks() == before
    # What it says to type is the way out.
    assert shielded.run("deploy", "--yes", "--allow", "infrastructure:LoadBalancer")["exit_code"] == 0
    assert shielded.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")


def test_failed_deletion_is_finished_when_a_person_lets_the_protection_be_lowered(
    shielded: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one that did not look first, or a person in the console, left it.
    with monkeypatch.context() as unaware:
        unaware.setattr("ecs_blue_green.deployer.execution.destroy.protected", lambda *_: {})
        assert shielded.results("destroy", "--yes")["infrastructure"] == "failed"
    assert "sample-dev-service" not in stacks()

    answering(monkeypatch, "dev\nn\n")
    code, _, err = shielded.talk("destroy")
    assert code == 130
    assert "arn:aws:elasticloadbalancing:" in err and "is protected from deletion" in err
    assert "Take away what protects the leftovers, and delete them? [y/N]" in err
    assert INFRASTRUCTURE in stacks()

    answering(monkeypatch, "dev\ny\n")
    assert shielded.talk("destroy")[0] == 0
    assert stacks() == set()


def test_what_deleted_stacks_left_behind_is_asked_about(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, group = client("logs"), "/ecs/sample-dev-api"

    def kept() -> bool:
        return bool(logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])

    # As a person who deletes the stacks in the console leaves it.
    with monkeypatch.context() as by_hand:
        by_hand.setattr("ecs_blue_green.deployer.execution.retained.of", lambda *_: iter(()))
        assert deployed.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")
    assert stacks() == set()
    assert kept()

    answering(monkeypatch, "no\n")
    code, _, err = deployed.talk("destroy")
    assert code == 130
    assert f"the log group {group}" in err and "1 revision(s) of sample-dev-api" in err
    assert "Type dev to delete them:" in err
    assert kept()

    answering(monkeypatch, "dev\n")
    assert deployed.talk("destroy")[0] == 0
    assert not kept()
    # Nothing is left, so nobody is asked.
    answering(monkeypatch, "")
    assert deployed.talk("destroy")[0] == 0


def reader(export: str) -> None:
    """Somebody else's stack, which imports."""
    value = {"Fn::ImportValue": export}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "reader", "DisplayName": value}}
    client("cloudformation").create_stack(
        StackName="reader", TemplateBody=json.dumps({"Resources": {"Topic": topic}})
    )
    client("cloudformation").get_waiter("stack_create_complete").wait(StackName="reader")


@follows(remedies.LET_IMPORTER_GO)
def test_importer_that_is_not_deleted_is_found_before_the_question(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader("sample-dev-infrastructure-LoadBalancerDnsName")
    before = stacks()
    # Nobody answers: the question does not come.
    answering(monkeypatch, "")
    code, _, err = deployed.talk("destroy")
    assert (code, stacks()) == (3, before)
    assert "the stack reader imports sample-dev-infrastructure-LoadBalancerDnsName" in " ".join(err.split())
    assert "Type dev to delete them" not in err
    blocked = deployed.run("destroy", "--yes")
    assert [(one["rule"], one["layer"]) for one in blocked["findings"]] == [
        ("export-in-use", "infrastructure")
    ]
    assert stacks() == before
    # What it says is the way out.
    assert "delete the importing stack" in blocked["error"]["remedy"]
    client("cloudformation").delete_stack(StackName="reader")
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName="reader")
    assert deployed.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")


def test_what_templates_retain_stays_and_is_named(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.replace(
        "service-preference",
        "Resources:\n",
        "Resources:\n"
        "  Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: orders},"
        " DeletionPolicy: RetainExceptOnCreate, UpdateReplacePolicy: Retain}\n"
        "  Archive: {Type: 'AWS::S3::Bucket', Properties: {BucketName: old-orders}, DeletionPolicy: Retain,"
        " UpdateReplacePolicy: Retain}\n",
    )
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    client("s3").put_object(Bucket="old-orders", Key="1", Body=b"one")

    answering(monkeypatch, "no\n")
    code, _, err = deployed.talk("destroy")
    said = " ".join(err.split())
    assert code == 130
    assert "To be deleted, with everything in them, but for what is named below:" in said
    assert "To stay, as the deployed templates say (DeletionPolicy):" in said
    assert "(Queue, AWS::SQS::Queue)" in said and "old-orders (Archive, AWS::S3::Bucket)" in said

    done = deployed.run("destroy", "--yes")
    assert done["exit_code"] == 0
    assert {(one["logical_id"], one["is_snapshot"]) for one in done["stays"]} == {
        ("Queue", False),
        ("Archive", False),
    }
    (notes,) = [one["notes"] for one in done["outcomes"] if one["layer"] == "service-preference"]
    assert "old-orders (Archive, AWS::S3::Bucket) stays" in notes
    # And it is so.
    assert client("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    assert client("s3").get_object(Bucket="old-orders", Key="1")["Body"].read() == b"one"
    assert stacks() == set()


@pytest.mark.parametrize(
    ("resource", "stays"),
    [
        ({"Type": "AWS::SQS::Queue"}, False),
        ({"Type": "AWS::SQS::Queue", "DeletionPolicy": "Delete"}, False),
        ({"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"}, True),
        ({"Type": "AWS::SQS::Queue", "DeletionPolicy": "RetainExceptOnCreate"}, True),
        ({"Type": "Custom::Anything", "DeletionPolicy": "Retain"}, True),
        ({"Type": "AWS::EC2::Volume", "DeletionPolicy": "Snapshot"}, True),
        # CloudFormation's defaults for databases.
        ({"Type": "AWS::RDS::DBCluster"}, True),
        ({"Type": "AWS::RDS::DBInstance"}, True),
        ({"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": "one"}}, False),
        ({"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Delete"}, False),
        # The two that the next deployment would find in its way, as far as their names are known.
        (
            {"Type": fate.LOG_GROUP, "DeletionPolicy": "Retain", "Properties": {"LogGroupName": "/a"}},
            False,
        ),
        ({"Type": fate.LOG_GROUP, "DeletionPolicy": "Retain"}, True),
    ],
)
def test_what_stays_is_told_of_any_type(resource: dict[str, object], stays: bool) -> None:
    assert fate.of(resource).stays is stays
    assert ("stays" in fate.of(resource).words) is stays

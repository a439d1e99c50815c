"""Templates that are too long for a call: through a bucket that the parameter file names."""

from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ecs_blue_green import template_yaml
from ecs_blue_green.emulator import account
from tests.deployer.pressing import press
from tests.deployer.releases import client
from tests.deployer.shop import Shop

LAYER = "service-preference"
BUCKET = "platform-templates"


def lengthen(shop: Shop, more: str = "") -> None:
    """Give a template more than a call takes, and a resource that a deployment makes."""
    topic = f"""
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub 'long-${{AWS::StackName}}'
{more}"""
    comment = f"\nMetadata:\n  Long: {'x' * template_yaml.LONGEST}\nResources:{topic}"
    shop.replace(LAYER, "\nResources:\n", comment)


def use_bucket(shop: Shop, name: str = BUCKET) -> None:
    """Do what the message says."""
    path = shop.root / "params" / f"{shop.env}.yaml"
    path.write_text(f"template_bucket: {name}\n{path.read_text()}")


def make_bucket() -> None:
    """Somebody's bucket, which keeps versions."""
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def in_bucket() -> list[dict[str, Any]]:
    answer = client("s3").list_object_versions(Bucket=BUCKET)
    return [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]


def test_without_a_bucket_nothing_is_asked_and_the_remedy_works(deployed: Shop) -> None:
    lengthen(deployed)
    code, _, errors = deployed.talk("deploy", "--yes")
    assert code == 2
    assert f"build/{LAYER}.yaml is too long for a call" in errors
    assert "name an existing bucket in params/dev.yaml, `template_bucket: NAME`" in errors

    make_bucket()
    use_bucket(deployed)
    changes = {step["layer"]: step["changes"] for step in deployed.run("plan")["plan"]}
    assert [change["logical_id"] for change in changes[LAYER]] == ["Topic"]
    assert in_bucket() == []
    assert deployed.results("deploy", "--yes")[LAYER] == "done"
    assert in_bucket() == []
    # What AWS gives back is compared as a document.
    assert {step["action"] for step in deployed.run("plan")["plan"]} == {"nothing"}


def test_plan_that_is_kept_is_executed_without_the_object(deployed: Shop, tmp_path: Path) -> None:
    lengthen(deployed)
    make_bucket()
    use_bucket(deployed)
    file = tmp_path / "plan.json"
    deployed.run("plan", "--out", str(file))
    assert in_bucket() == []
    assert deployed.results("deploy", "--yes", "--plan", str(file))[LAYER] == "done"


def test_object_is_removed_when_cloudformation_refuses_the_template(deployed: Shop) -> None:
    lengthen(deployed, "      Nobody: knows\n")
    make_bucket()
    use_bucket(deployed)
    code, _, errors = deployed.talk("deploy", "--yes")
    assert code == 1
    assert "Nobody" in errors
    assert in_bucket() == []


def test_bucket_that_does_not_take_it_is_told(deployed: Shop) -> None:
    lengthen(deployed)
    use_bucket(deployed, "nobodys-templates")
    code, _, errors = deployed.talk("deploy", "--yes")
    assert code == 1
    assert f"build/{LAYER}.yaml cannot be written to template_bucket nobodys-templates" in errors
    assert "correct template_bucket in params/dev.yaml" in errors
    assert deployed.run("status")["exit_code"] == 0


def left(shop: Shop) -> tuple[list[dict[str, Any]], list[str]]:
    """What is in the bucket, and the change sets of the stack that wait; an executed one stays listed."""
    stack = f"sample-{shop.env}-{LAYER}"
    listed = client("cloudformation").list_change_sets(StackName=stack)["Summaries"]
    waiting = [one for one in listed if one["ExecutionStatus"] != "EXECUTE_COMPLETE"]
    return in_bucket(), [one["ChangeSetName"] for one in waiting]


@pytest.mark.parametrize("operation", ["PutObject", "CreateChangeSet", "DescribeChangeSet", "DeleteObject"])
def test_interrupt_leaves_neither_object_nor_change_set(
    operation: str, deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the template is sent, while its change set is made, and while it is taken away again."""
    lengthen(deployed)
    make_bucket()
    use_bucket(deployed)
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    pressed: list[str] = []

    def pressing(self: Any, name: str, parameters: Any) -> Any:
        answer = call(self, name, parameters)
        if name == operation and not pressed:
            pressed.append(name)
            press()
        # CloudFormation takes a while, so that the press comes before the end.
        waits = pressed and name == "DescribeChangeSet"
        return {**answer, "Status": "CREATE_IN_PROGRESS"} if waits else answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", pressing)
        ended = deployed.run("deploy", "--yes")
    assert (ended["exit_code"], pressed) == (130, [operation])
    assert left(deployed) == ([], [])
    assert deployed.results("deploy", "--yes")[LAYER] == "done"


def test_bucket_that_does_not_let_it_go_is_told(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left but the object, and how to delete it is said."""
    lengthen(deployed)
    make_bucket()
    use_bucket(deployed)
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refusing(self: Any, name: str, parameters: Any) -> Any:
        if name == "DeleteObject":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no delete"}}, name)
        return call(self, name, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", refusing)
        ended = deployed.run("deploy", "--yes")
    assert ended["exit_code"] == 1
    assert f"build/{LAYER}.yaml is left in template_bucket {BUCKET}" in ended["error"]["what"]
    (version,), made = left(deployed)
    assert made == []
    key = version["Key"]
    said = f"aws s3api delete-object --bucket {BUCKET} --key {key} --version-id {version['VersionId']}"
    assert said in ended["error"]["remedy"]


@pytest.mark.parametrize("name", ["''", "No", "[a]"])
def test_name_that_no_bucket_has_is_refused(deployed: Shop, name: str) -> None:
    use_bucket(deployed, name)
    code, _, errors = deployed.talk("plan")
    assert code == 2
    assert "template_bucket" in errors
    assert "must be the name of an existing bucket" in errors


def test_emulator_has_the_bucket_that_the_parameter_file_names(deployed: Shop) -> None:
    """As it has the other things that no template makes."""
    use_bucket(deployed)
    assert BUCKET in account.read_account(deployed.root / "params" / "dev.yaml").names

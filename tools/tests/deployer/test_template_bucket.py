"""Templates that are too long for a call: through a bucket that the parameter file names."""

from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green import template_yaml
from ecs_blue_green.emulator import account
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
    assert f"template_bucket nobodys-templates does not take build/{LAYER}.yaml" in errors
    assert "correct template_bucket in params/dev.yaml" in errors
    assert deployed.run("status")["exit_code"] == 0


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
    assert BUCKET in account.read(deployed.root / "params" / "dev.yaml").names

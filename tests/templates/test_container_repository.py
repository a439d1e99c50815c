"""What must never change in the container-repository layer."""

import json
from typing import Any

import pytest
from ecs_blue_green.testing.lifecycle import expired

from tests.templates.conftest import Document


@pytest.fixture(scope="module")
def repository(documents: dict[str, Document]) -> dict[str, Any]:
    properties: dict[str, Any] = documents["container-repository"]["Resources"]["Repository"]["Properties"]
    return properties


@pytest.fixture(scope="module")
def rules(repository: dict[str, Any]) -> list[dict[str, Any]]:
    """The lifecycle rules, with the parameters put in."""
    text = repository["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"]
    text = text.replace("${InitialImageTag}", "initial").replace("${ImageRetentionCount}", "10")
    found: list[dict[str, Any]] = json.loads(text)["rules"]
    return found


def test_failed_builds_do_not_expire_what_runs(rules: list[dict[str, Any]]) -> None:
    failed = [(f"failed{number}", {f"{number:040x}"}, 1) for number in range(100)]
    images = [*failed, ("released", {"a" * 40, "release-" + "a" * 40}, 5), ("first", {"initial"}, 50)]
    assert expired(rules, images) == set()


def test_time_does_not_expire_what_runs(rules: list[dict[str, Any]]) -> None:
    images = [
        ("released", {"a" * 40, "release-" + "a" * 40}, 4000),
        ("built", {"b" * 40}, 4000),
        ("first", {"initial"}, 5000),
    ]
    assert expired(rules, images) == {"built"}


def test_the_newest_releases_are_kept(rules: list[dict[str, Any]]) -> None:
    images = [(f"image{age}", {f"{age:040x}", f"release-{age:040x}"}, age) for age in range(12)]
    assert expired(rules, images) == {"image10", "image11"}


def test_what_nobody_can_name_goes_after_a_day(rules: list[dict[str, Any]]) -> None:
    assert expired(rules, [("new", set(), 0), ("old", set(), 2)]) == {"old"}


def test_rule_for_everything_else_is_last(rules: list[dict[str, Any]]) -> None:
    """ECR refuses another order."""
    assert [rule["rulePriority"] for rule in rules] == [1, 2, 3, 4]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["tagged", "tagged", "untagged", "any"]


def test_a_tag_names_one_image_for_ever(repository: dict[str, Any]) -> None:
    assert repository["ImageTagMutability"] == "IMMUTABLE"


def test_images_are_scanned_and_encrypted(repository: dict[str, Any]) -> None:
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"] == {
        "EncryptionType": {"Fn::If": ["HasKmsKey", "KMS", "AES256"]},
        "KmsKey": {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]},
    }


def test_images_go_with_the_repository_only_where_nothing_is_protected(repository: dict[str, Any]) -> None:
    assert repository["EmptyOnDelete"] == {"Fn::If": ["IsProtected", False, True]}

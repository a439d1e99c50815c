"""What exists before anything is deployed: what the parameter file names, as the layers say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green.emulator import account
from tests.paths import PROJECT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("build", "params"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


def test_network_and_image_are_those_that_the_layers_name(project: Path) -> None:
    found = account.read_account(project / "params" / "local.yaml")
    assert found.vpc == "vpc-0a1b2c3d4e5f60718"
    assert found.public_subnets == ("subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b")
    assert found.private_subnets == ("subnet-0a1b2c3d4e5f6071c", "subnet-0a1b2c3d4e5f6071d")
    # The template's default.
    assert (found.initial_image_tag, found.unusable) == ("initial", "")


def test_other_names_are_as_good(project: Path) -> None:
    build, params = project / "build", project / "params" / "local.yaml"
    said = json.loads((build / "runtime.json").read_text())
    said["network"] |= {"vpc": "Net", "public_subnets": "Outside", "private_subnets": "Inside"}
    said["image"]["tag"] = "FirstTag"
    said["buckets"] = [{"parameter": "Ledger"}]
    (build / "runtime.json").write_text(json.dumps(said))
    (build / "other.yaml").write_text(
        "Parameters: {FirstTag: {Type: String, Default: one}}\nResources: !Ref A\n"
    )
    document: dict[str, Any] = yaml.load(params.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    key = "arn:aws:kms:ap-northeast-1:000000000000:key/a"
    document["parameters"] = {
        "Net": "vpc-1",
        "Outside": ["a"],
        "Inside": ["b"],
        "Ledger": "acme-logs",
        "AccessLogBucketName": "no-bucket",
        "Anything": key,
    }
    params.write_text(yaml.safe_dump(document))
    found = account.read_account(params)
    assert (found.vpc, found.public_subnets, found.private_subnets) == ("vpc-1", ("a",), ("b",))
    assert (found.initial_image_tag, set(found.names)) == ("one", {"acme-logs", key})
    document["parameters"]["FirstTag"] = "two"
    params.write_text(yaml.safe_dump(document))
    assert account.read_account(params).initial_image_tag == "two"


def test_internal_load_balancer_has_no_public_subnets(project: Path) -> None:
    params = project / "params" / "local.yaml"
    text = params.read_text()
    assert "  PublicSubnetIds: " in text
    scheme = "  LoadBalancerScheme: internal\n  InternalSubnetIds: "
    params.write_text(text.replace("  PublicSubnetIds: ", scheme))
    found = account.read_account(params)
    assert found.public_subnets == ()
    assert found.internal_subnets == ("subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b")


def test_account_without_what_the_layers_say_has_no_network(project: Path) -> None:
    (project / "build" / "runtime.json").unlink()
    found = account.read_account(project / "params" / "local.yaml")
    assert (found.id, found.region, found.vpc) == ("000000000000", "ap-northeast-1", "")
    assert "build/runtime.json is missing" in found.unusable
    assert found.unusable.endswith("run: make generate")


def test_file_that_lacks_the_network_is_no_account(project: Path) -> None:
    params = project / "params" / "local.yaml"
    params.write_text(params.read_text().replace("VpcId", "Vpc"))
    with pytest.raises(ValueError, match="does not describe an account and its network: KeyError"):
        account.read_account(params)

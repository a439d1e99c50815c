"""checkov on the templates: what fails is accepted in `accepted.yaml`, and nothing else is there."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from templates._application import BUILD_STEPS
from tests.security.conftest import FOLDER, PROGRAMS, PROJECT

CHECKOV = PROGRAMS / "checkov" / "bin" / "checkov"
DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / "accepted.yaml").read_text())

# A rule and the resource that fails it.
Failure = tuple[str, str, str]


def accepted(with_parameters: bool) -> Iterator[Failure]:
    """What may fail with the defaults, or with the parameters of the file."""
    for entry in DOCUMENT["accepted"]:
        if with_parameters and "parameter" in entry:
            continue
        for layer, titles in entry["resources"].items():
            for title in titles:
                yield entry["rule"], layer, title
                # A build step of the team is made as Verify is.
                if title.startswith("Verify"):
                    for step in BUILD_STEPS:
                        yield entry["rule"], layer, title.replace("Verify", step.name)


def failures(parameters: Mapping[str, str], folder: Path) -> set[Failure]:
    """What fails with these parameters, and otherwise the defaults."""
    for slug, template in PROJECT.templates(parameters).items():
        (folder / f"{slug}.json").write_text(json.dumps(template))
    # Nothing is asked of anybody: the rules are in the package.
    options = ("--framework", "cloudformation", "--output", "json", "--compact", "--quiet")
    done = subprocess.run(
        [CHECKOV, "--directory", folder, *options, "--skip-download", "--soft-fail"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] > 50
    return {
        (check["check_id"], Path(check["file_path"]).stem, check["resource"].rpartition(".")[2])
        for check in report["results"]["failed_checks"]
    }


@pytest.mark.parametrize("with_parameters", [False, True], ids=["defaults", "every parameter"])
def test_what_fails_is_accepted_and_what_is_accepted_fails(with_parameters: bool, tmp_path: Path) -> None:
    found = failures(DOCUMENT["parameters"] if with_parameters else {}, tmp_path)
    wanted = set(accepted(with_parameters))
    assert not found - wanted, f"fails and is not in tests/security/accepted.yaml: {sorted(found - wanted)}"
    assert not wanted - found, f"in tests/security/accepted.yaml and does not fail: {sorted(wanted - found)}"


def test_each_failure_is_accepted_once_with_a_reason() -> None:
    assert max(Counter(accepted(with_parameters=False)).values()) == 1
    declared = {title for block in PROJECT.declared.values() for title in block}
    for entry in DOCUMENT["accepted"]:
        assert len(entry["reason"]) > 30, entry["rule"]
        assert entry.get("parameter", "KmsKeyArn") in DOCUMENT["parameters"]
    assert set(DOCUMENT["parameters"]) <= declared


def test_a_rule_that_holds_under_a_condition_only_does_not_hold(tmp_path: Path) -> None:
    """Why the templates are resolved first: checkov takes either side of a condition for enough."""
    template = PROJECT.templates()["service-preference"]
    assert "KmsMasterKeyId" not in template["Resources"]["NotificationTopic"]["Properties"]
    assert ("CKV_AWS_26", "service-preference", "NotificationTopic") in set(accepted(with_parameters=False))

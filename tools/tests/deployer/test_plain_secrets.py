"""A secret that a variable would put into the task definition in plain text."""

from pathlib import Path

import pytest

from tests.deployer.shop import Shop

PASSWORD = "{{resolve:secretsmanager:database:SecretString:password}}"
REMEDY = "give the container the secret's ARN as a secret, not as a variable"
VARIABLE = "Value: !Ref HealthRate"


def edit(root: Path, value: str) -> None:
    path = root / "build" / "task-definition.yaml"
    text = path.read_text()
    assert VARIABLE in text
    path.write_text(text.replace(VARIABLE, f"Value: {value}"))


@pytest.mark.parametrize(
    "value",
    [
        f"'{PASSWORD}'",
        "!Sub 'postgres://app:{{resolve:secretsmanager:${Environment}-db:SecretString:password}}@db'",
        "'{{resolve:ssm-secure:/shop/password:1}}'",
    ],
)
def test_plan_warns_of_it(value: str, dev: Shop) -> None:
    edit(dev.root, value)
    planned = dev.run("plan")
    assert planned["exit_code"] == 0
    (found,) = planned["plain_secrets"]
    assert (found["container"], found["variable"]) == ("sample-api", "HEALTH_RATE")
    assert found["reference"].startswith("{{resolve:s")
    assert found["reference"].endswith("}}")
    _, text, _ = dev.talk("plan")
    assert "HEALTH_RATE of sample-api has {{resolve:s" in text
    assert REMEDY in text


@pytest.mark.parametrize("value", ["'{{resolve:ssm:/shop/colour}}'", "plain"])
def test_what_is_no_secret_is_not_warned_about(value: str, dev: Shop) -> None:
    edit(dev.root, value)
    assert dev.run("plan")["plain_secrets"] == []

"""Another environment can be rehearsed: what its file names and nobody makes gets a placeholder."""

import shutil
from pathlib import Path

import pytest
import yaml

from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line, configurations
from ecs_blue_green.emulator import account
from ecs_blue_green.rehearsal.cloud import Cloud
from tests.paths import PROJECT, RUNTIME

ACCOUNT = "222222222222"
NAMED = {
    "AccessLogBucketName": "acme-load-balancer-logs",
    "NotificationKeyArn": f"arn:aws:kms:ap-northeast-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000",
    "ConnectionArn": (
        f"arn:aws:codeconnections:ap-northeast-1:{ACCOUNT}:connection/0a1b2c3d-0000-4000-8000-000000000001"
    ),
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/limits/Boundary",
    "SomeSecretArn": f"arn:aws:secretsmanager:ap-northeast-1:{ACCOUNT}:secret:shop/database-AbCdEf",
}


def test_production_can_be_deployed_in_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a certificate, a bucket, a key, a connection and a boundary that exist nowhere here."""
    for name in ("build", "params"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    file = tmp_path / "params" / "prod.yaml"
    settings = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists, maps only
    declared = "".join(path.read_text() for path in (tmp_path / "build").glob("*.yaml"))
    wanted = {name: value for name, value in NAMED.items() if f"  {name}:" in declared}
    settings["parameters"] |= wanted
    file.write_text(yaml.safe_dump(settings))
    configurations.write(tmp_path, "prod")
    with emulator.running(tmp_path / "state", file, minute=0.1, attended=True) as endpoint:
        cloud = Cloud(endpoint, settings["region"])
        names = list(account.names({"parameters": {**settings["parameters"], **NAMED}}, RUNTIME))
        made = cloud.control("Provide", names=names)["made"]
        assert {*NAMED.values(), settings["parameters"]["CertificateArn"]} == set(made)
        assert cloud.control("Provide", names=names)["made"] == []
        secret = cloud.client("secretsmanager").describe_secret(SecretId=NAMED["SomeSecretArn"])
        assert secret["ARN"] == NAMED["SomeSecretArn"]
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        assert command_line.main(["deploy", "--env", "prod", "--yes"], tmp_path) == 0, capsys.readouterr().err

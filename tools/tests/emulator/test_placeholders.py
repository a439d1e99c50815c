"""An environment that names secrets, keys or buckets can be deployed here, although nobody made them."""

import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from ecs_blue_green import emulator
from tests.paths import PARAMETER_FILE, PROJECT

SECRET = "arn:aws:secretsmanager:ap-northeast-1:000000000000:secret:shop/database-AbCdEf"
WEB_ACL = (
    "arn:aws:wafv2:ap-northeast-1:000000000000:regional/webacl/shop/01234567-89ab-cdef-0123-456789abcdef"
)
PARAMETER = "arn:aws:ssm:ap-northeast-1:000000000000:parameter/shop/key"


def test_what_the_parameter_file_names_exists(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "build", tmp_path / "build")
    file = tmp_path / "params" / "local.yaml"
    file.parent.mkdir()
    settings = yaml.load(PARAMETER_FILE.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - text, lists
    settings["parameters"] |= {
        "DatabaseUrlArn": SECRET,
        "KeyArn": PARAMETER,
        "WebAclArn": WEB_ACL,
        "AccessLogBucketName": "acme-logs",
        "ClusterName": "shared",
        "ExistingCluster": "true",
        "DomainName": "shop.example.com",
        "HostedZoneId": "Z0123456789ABC",
    }
    file.write_text(yaml.safe_dump(settings))
    for _ in range(2):  # The second time it is there already.
        with emulator.running(tmp_path / "state", file) as endpoint:
            session = boto3.Session("test", "test", region_name="ap-northeast-1")
            secrets: Any = session.client("secretsmanager", endpoint_url=endpoint)
            ssm: Any = session.client("ssm", endpoint_url=endpoint)
            assert secrets.describe_secret(SecretId=SECRET)["ARN"] == SECRET
            assert ssm.get_parameters(Names=["/shop/key"])["InvalidParameters"] == []
            waf: Any = session.client("wafv2", endpoint_url=endpoint)
            assert waf.get_web_acl(ARN=WEB_ACL)["WebACL"]["ARN"] == WEB_ACL
            session.client("s3", endpoint_url=endpoint).head_bucket(Bucket="acme-logs")
            route53: Any = session.client("route53", endpoint_url=endpoint)
            zone = route53.get_hosted_zone(Id="Z0123456789ABC")["HostedZone"]
            assert zone["Name"] == "shop.example.com."
            ecs: Any = session.client("ecs", endpoint_url=endpoint)
            (cluster,) = ecs.describe_clusters(clusters=["shared"])["clusters"]
            assert (cluster["status"], len(cluster["capacityProviders"])) == ("ACTIVE", 2)
            with pytest.raises(ClientError, match="ResourceNotFoundException"):
                secrets.describe_secret(SecretId=SECRET.replace("database", "other"))

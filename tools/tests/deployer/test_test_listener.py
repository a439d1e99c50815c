"""An environment of before keeps the test listener that it has; a new one gets that of production."""

import json
import re
import shutil
from pathlib import Path

import pytest

from ecs_blue_green import emulator
from ecs_blue_green.rehearsal.cloud import Cloud
from tests.deployer.conftest import Write
from tests.deployer.shop import Shop
from tests.paths import PROJECT

REGION = "ap-northeast-1"
# What the listener and what asks it are in build/, and what they were.
CHANGED = (
    ("infrastructure", "Protocol: !If [IsTestListenerHttps, HTTPS, HTTP]", "Protocol: HTTP"),
    (
        "infrastructure",
        "      Certificates: !If\n      - IsTestListenerHttps\n"
        "      - [{CertificateArn: !Ref CertificateArn}]\n      - !Ref AWS::NoValue\n",
        "",
    ),
    ("service-preference", "PROTOCOL: !If [IsTestListenerHttps, HTTPS, HTTP]", "OTHER: nothing"),
)


@pytest.mark.parametrize(("older", "protocol"), [(False, "HTTPS"), (True, "HTTP")], ids=["new", "older"])
def test_test_listener_stays_what_it_was(
    older: bool, protocol: str, project: Path, write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a certificate: an update of it is out of the question, and what asks it goes by what it is."""
    file, state = project / "params" / "local.yaml", project / ".local"
    with emulator.running(state, file) as endpoint:
        acm = Cloud(endpoint, REGION).client("acm")
        certificate = acm.request_certificate(DomainName="shop.example")["CertificateArn"]
    write_params({"CertificateArn": certificate})
    if older:
        make_older(project / "build")
    shop = Shop(project, "local", capsys)
    assert set(shop.results("deploy", "--yes").values()) == {"done"}
    for path in (PROJECT / "build").glob("*.*"):
        shutil.copy(path, project / "build" / path.name)
    changed = [step["layer"] for step in shop.run("deploy", "--yes")["plan"] if step["action"] != "nothing"]
    assert changed == (["service-preference"] if older else [])
    with emulator.running(state, file) as endpoint:
        cloud = Cloud(endpoint, REGION)
        listener = cloud.outputs("sample-local-infrastructure")["TestListenerArn"]
        found = cloud.client("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"]
        function = cloud.client("lambda").get_function(FunctionName="sample-local-smoke-test")
    assert [one["Protocol"] for one in found] == [protocol]
    assert function["Configuration"]["Environment"]["Variables"]["PROTOCOL"] == protocol


def make_older(build: Path) -> None:
    """Take away what makes the protocol of the test listener a matter of the environment's age."""
    for layer, new, old in CHANGED:
        path = build / f"{layer}.yaml"
        text = path.read_text()
        assert text.count(new) == 1, (layer, new)
        text = text.replace(new, old)
        path.write_text(re.sub(r"\n      SslPolicy: !If \[IsTestListenerHttps.*", "", text))
    said = json.loads((build / "runtime.json").read_text())
    for layer in said["layers"]:
        said["layers"][layer].pop("fixed_at_creation", None)
        path = build / f"{layer}.yaml"
        text = re.sub(r"\n  TestListenerHttps:(\n    .*)+", "", path.read_text())
        path.write_text(re.sub(r"\n  IsTestListenerHttps: .*", "", text))
    (build / "runtime.json").write_text(json.dumps(said))

"""The tables of listener rules and of further certificates."""

from collections.abc import Sequence
from typing import Any

import pytest
from troposphere import Template
from troposphere import elasticloadbalancingv2 as elb

from templates._listeners import Certificate, Fixed, ListenerRule, Redirect, certificate_parameters
from templates.infrastructure import listener_rules

BLUE = elb.TargetGroup("BlueTargetGroup")
GREEN = elb.TargetGroup("GreenTargetGroup")
PRODUCTION = elb.Listener("ProductionListener")
TEST = elb.Listener("TestListener")


def built(monkeypatch: pytest.MonkeyPatch, *rules: ListenerRule) -> dict[str, Any]:
    monkeypatch.setattr(listener_rules, "LISTENER_RULES", rules)
    t = Template()
    listener_rules.add_listener_rules(t, [(PRODUCTION, BLUE), (TEST, GREEN)])
    return {title: resource["Properties"] for title, resource in t.to_dict()["Resources"].items()}


def test_rule_to_the_service_begins_like_its_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    made = built(monkeypatch, ListenerRule("Api", 10, paths=["/api/*"], hosts=["api.${Environment}.example"]))
    assert made.keys() == {"ApiListenerRule", "ApiTestListenerRule"}
    for title, listener, group in (
        ("ApiListenerRule", PRODUCTION, BLUE),
        ("ApiTestListenerRule", TEST, GREEN),
    ):
        assert made[title]["ListenerArn"] == {"Ref": listener.title}
        assert made[title]["Actions"] == [{"Type": "forward", "TargetGroupArn": {"Ref": group.title}}]
        assert made[title]["Conditions"] == [
            {
                "Field": "host-header",
                "HostHeaderConfig": {"Values": [{"Fn::Sub": "api.${Environment}.example"}]},
            },
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}},
        ]
    assert listener_rules.moved_rules() == ["ApiListenerRule", "ApiTestListenerRule"]


def test_answers_are_the_load_balancers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = built(
        monkeypatch,
        ListenerRule("Internals", 10, paths=["/internal/*"], answer=Fixed(404, "no\n")),
        ListenerRule("Moved", 20, hosts=["old.example"], answer=Redirect(host="new.example")),
    )
    fixed = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no\n"}
    redirect = {"Host": "new.example", "Path": "/#{path}", "StatusCode": "HTTP_301"}
    for end in ("ListenerRule", "TestListenerRule"):
        assert made[f"Internals{end}"]["Actions"] == [
            {"Type": "fixed-response", "FixedResponseConfig": fixed}
        ]
        assert made[f"Moved{end}"]["Actions"] == [{"Type": "redirect", "RedirectConfig": redirect}]
    assert listener_rules.moved_rules() == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([ListenerRule("api", 1, ["/a"])], "a capital first"),
        ([ListenerRule("Api", 0, ["/a"])], "a priority from 1 to 50000"),
        ([ListenerRule("Api", 1)], "1 to 5 paths and hosts"),
        ([ListenerRule("Api", 1, 4 * ["/a"], 2 * ["a"])], "1 to 5 paths and hosts"),
        ([ListenerRule("Api", 1, "/api/*")], "lists of paths and hosts"),
        ([ListenerRule("Api", 1, ["api"])], "begin with a slash, and has api"),
        ([ListenerRule("Api", 1, ["/a"], answer=Redirect())], "must not send a client where it asked"),
        ([ListenerRule("A", 1, ["/a"]), ListenerRule("B", 1, ["/b"])], "A and B have the same priority, 1"),
    ],
)
def test_rule_that_would_be_refused(
    rules: Sequence[ListenerRule], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=said):
        built(monkeypatch, *rules)


def test_certificate_is_on_the_listeners_that_speak_https(monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = (Certificate("ShopCertificateArn", "Certificate of shop.example"),)
    monkeypatch.setattr(listener_rules, "CERTIFICATES", certificates)
    t = Template()
    listener_rules.add_certificates(t, PRODUCTION, TEST)
    document = t.to_dict()
    made = document["Resources"]
    assert made["ShopListenerCertificate"]["Condition"] == "HasShopCertificate"
    assert made["ShopListenerCertificate"]["Properties"]["ListenerArn"] == {"Ref": "ProductionListener"}
    assert made["ShopTestListenerCertificate"]["Properties"]["ListenerArn"] == {"Ref": "TestListener"}
    assert document["Conditions"][made["ShopTestListenerCertificate"]["Condition"]] == {
        "Fn::And": [{"Condition": "HasShopCertificate"}, {"Condition": "IsTestListenerHttps"}]
    }
    (parameter,) = certificate_parameters(certificates)
    assert (parameter.title, parameter.Default) == ("ShopCertificateArn", "")

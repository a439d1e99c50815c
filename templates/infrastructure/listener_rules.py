"""Listener rules for paths and hosts, and further certificates, from the tables in `_application.py`.

Each rule is added to both listeners, so that a new version is tested as it will be used. A rule that forwards
to the service starts with the target group of its listener; from the first release on CodeDeploy changes its
actions.
"""

from collections.abc import Sequence

from troposphere import And, Condition, Ref, Sub, Template
from troposphere import elasticloadbalancingv2 as elb

from templates._application import CERTIFICATES, LISTENER_RULES
from templates._listeners import Fixed, ListenerRule, Redirect, problems
from templates._parameters import has, is_test_listener_https

# Suffixes of the logical IDs on the production listener and on the test listener.
ENDS = ("Listener", "TestListener")


def moved_rules() -> list[str]:
    """The logical IDs of the rules whose actions CodeDeploy changes."""
    return [f"{rule.name}{end}Rule" for rule in LISTENER_RULES if rule.answer is None for end in ENDS]


def add_listener_rules(t: Template, targets: Sequence[tuple[elb.Listener, elb.TargetGroup]]) -> None:
    """The table's rules, on the production listener and on the test listener.

    `targets` maps each listener to its initial target group. Raises ValueError with everything that is wrong
    with the table.
    """
    found = list(problems(LISTENER_RULES))
    if found:
        raise ValueError("; ".join(found))
    for rule in LISTENER_RULES:
        for end, (listener, target_group) in zip(ENDS, targets, strict=True):
            t.add_resource(
                elb.ListenerRule(
                    f"{rule.name}{end}Rule",
                    ListenerArn=Ref(listener),
                    Priority=rule.priority,
                    Conditions=list(_conditions(rule)),
                    Actions=[_action(rule, target_group)],
                )
            )


def _conditions(rule: ListenerRule) -> list[elb.Condition]:
    conditions = []
    if rule.hosts:
        hosts = [_filled_in(host) for host in rule.hosts]
        config = elb.HostHeaderConfig(Values=hosts)
        conditions.append(elb.Condition(Field="host-header", HostHeaderConfig=config))
    if rule.paths:
        path_config = elb.PathPatternConfig(Values=list(rule.paths))
        conditions.append(elb.Condition(Field="path-pattern", PathPatternConfig=path_config))
    return conditions


def _action(rule: ListenerRule, target_group: elb.TargetGroup) -> elb.ListenerRuleAction:
    if isinstance(rule.answer, Redirect):
        return elb.ListenerRuleAction(
            Type="redirect",
            RedirectConfig=elb.RedirectConfig(
                Host=_filled_in(rule.answer.host),
                Path=rule.answer.path,
                StatusCode="HTTP_301" if rule.answer.is_permanent else "HTTP_302",
            ),
        )
    if isinstance(rule.answer, Fixed):
        return elb.ListenerRuleAction(
            Type="fixed-response",
            FixedResponseConfig=elb.FixedResponseConfig(
                StatusCode=str(rule.answer.status),
                ContentType=rule.answer.content_type,
                MessageBody=rule.answer.body,
            ),
        )
    return elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(target_group))


def _filled_in(host: str) -> str | Sub:
    return Sub(host) if "${" in host else host


def add_certificates(t: Template, production_listener: elb.Listener, test_listener: elb.Listener) -> None:
    """The certificates of the table, each on the HTTPS listeners."""
    for certificate in CERTIFICATES:
        title = certificate.parameter.removesuffix("CertificateArn")
        is_given = has(t, certificate.parameter)
        on_test_listener = t.add_condition(
            f"{is_given}OnTestListener", And(Condition(is_given), Condition(is_test_listener_https(t)))
        )
        on_both = ((production_listener, is_given), (test_listener, on_test_listener))
        for end, (listener, condition) in zip(ENDS, on_both, strict=True):
            t.add_resource(
                elb.ListenerCertificate(
                    f"{title}{end}Certificate",
                    Condition=condition,
                    ListenerArn=Ref(listener),
                    Certificates=[elb.Certificate(CertificateArn=Ref(certificate.parameter))],
                )
            )

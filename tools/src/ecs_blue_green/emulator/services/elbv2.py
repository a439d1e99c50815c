"""Load balancing as far as a blue/green release sees it: weighted forwarding, and what cannot be deleted.

ministack drops ForwardConfig, in templates and in its API; here a listener keeps all groups and weights.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

# What each kind of load balancer listens to (botocore, elbv2 CreateListener; November 2026), in the order in
# which terraform-provider-aws#6173 has seen AWS say them.
LISTENED_TO = {
    "application": ("HTTPS", "HTTP"),
    "network": ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"),
}
# The protocols of target groups to which a listener of a protocol can forward (Network Load Balancer guide,
# load-balancer-target-groups; botocore, elbv2 CreateTargetGroup).
FORWARDED_AS = {
    "HTTP": {"HTTP", "HTTPS"},
    "HTTPS": {"HTTP", "HTTPS"},
    "TCP": {"TCP", "TCP_UDP"},
    "TLS": {"TCP", "TLS"},
    "UDP": {"UDP", "TCP_UDP"},
    "TCP_UDP": {"TCP_UDP"},
    "QUIC": {"QUIC", "TCP_QUIC"},
    "TCP_QUIC": {"TCP_QUIC"},
}

SECURE = ("HTTPS", "TLS")

Action = Record
Check = Callable[[Record], None]


def forward(targets: list[Record]) -> Action:
    """The members that a forward action to weighted target groups has in DescribeListeners.

    TargetGroupArn is there for a single group only.
    """
    groups = [
        {"TargetGroupArn": item["TargetGroupArn"], "Weight": int(item.get("Weight", 1))} for item in targets
    ]
    single = {"TargetGroupArn": groups[0]["TargetGroupArn"]} if len(groups) == 1 else {}
    return {**single, "ForwardConfig": {"TargetGroups": groups}}


def targets(actions: list[Action]) -> Iterator[str]:
    """The target groups that actions forward to."""
    for action in actions:
        config = action.get("ForwardConfig", {}).get("TargetGroups", [])
        yield from (group["TargetGroupArn"] for group in config)
        if not config and "TargetGroupArn" in action:
            yield action["TargetGroupArn"]


def associate() -> None:
    """Note at every target group which load balancers forward to it, as AWS reports it."""
    users: dict[str, set[str]] = {arn: set() for arn in stores.target_groups}
    for rule in stores.listener_rules.values():
        listener = stores.listeners.get(rule["ListenerArn"])
        if listener is None:
            continue
        for arn in targets(rule["Actions"]):
            users.setdefault(arn, set()).add(listener["LoadBalancerArn"])
    for arn, group in stores.target_groups.items():
        group["LoadBalancerArns"] = sorted(users[arn])


def set_weights(listener_arn: str, weights: dict[str, int]) -> None:
    """Forward by weight whatever a listener sends to one of the target groups, as CodeDeploy does.

    These are the rules that name one, the default rule included. Where none does, the default rule will.
    """
    listener = _listener(listener_arn)
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    for rule in _rules_to(listener_arn, set(weights)) or [_default_rule(listener_arn)]:
        rule["Actions"] = _forwarding(rule["Actions"], groups)
        if rule["IsDefault"]:
            listener["DefaultActions"] = rule["Actions"]
    associate()


def _forwarding(actions: list[Action], groups: list[Record]) -> list[Action]:
    """Actions that forward to these groups; those before, such as an authentication, are kept."""
    if not any(action["Type"] == "forward" for action in actions):
        return [{"Type": "forward", "Order": 1, **forward(groups)}]
    return [
        {"Type": "forward", "Order": action.get("Order", 1), **forward(groups)}
        if action["Type"] == "forward"
        else action
        for action in actions
    ]


def weights(listener_arn: str, groups: Collection[str]) -> dict[str, int]:
    """The weights with which a listener forwards to target groups that are one service's.

    Those of its default action; where that names none of them, of the first rule that does.
    """
    _listener(listener_arn)
    forwarding = sorted(_rules_to(listener_arn, groups), key=lambda rule: not rule["IsDefault"])
    return {
        group["TargetGroupArn"]: group["Weight"]
        for rule in forwarding[:1]
        for action in rule["Actions"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
    }


def rules(listener_arn: str) -> list[Record]:
    """A listener's rules in the order in which it tries them; the default one is the last."""
    own = [rule for rule in stores.listener_rules.values() if rule["ListenerArn"] == listener_arn]
    return sorted(
        own, key=lambda rule: (rule["IsDefault"], 0 if rule["IsDefault"] else int(rule["Priority"]))
    )


def _rules_to(listener_arn: str, groups: Collection[str]) -> list[Record]:
    return [rule for rule in rules(listener_arn) if not set(groups).isdisjoint(targets(rule["Actions"]))]


def _default_rule(listener_arn: str) -> Record:
    return rules(listener_arn)[-1]


def _listener(arn: str) -> Record:
    if arn not in stores.listeners:
        raise Refused("ListenerNotFound", f"One or more listeners not found: {arn}")
    listener: Record = stores.listeners[arn]
    return listener


def require_listener(
    balancer: str, protocol: str, port: int, actions: list[Action], *, existing: str = ""
) -> None:
    """Raise Refused unless a listener with this protocol, port and actions can be on the load balancer.

    `existing`: the listener itself, when it is changed and not created.
    """
    if balancer not in stores.load_balancers:
        raise Refused("LoadBalancerNotFound", "One or more load balancers not found")
    for arn, listener in stores.listeners.items():
        if arn != existing and listener["LoadBalancerArn"] == balancer and listener["Port"] == port:
            raise Refused(
                "DuplicateListener",
                f"A listener already exists on this port for this load balancer '{balancer}'",
            )
    listened_to = LISTENED_TO.get(stores.load_balancers[balancer].get("Type", "application"), ())
    if listened_to and protocol not in listened_to:
        choices = ", ".join(listened_to)
        raise Refused("ValidationError", f"Listener protocol '{protocol}' must be one of '{choices}'")
    _require_targets(balancer, protocol, actions)


def require_rule(listener_arn: str, priority: int, actions: list[Action], *, existing: str = "") -> None:
    """Raise Refused unless a rule with this priority and these actions can be on the listener.

    `existing`: the rule itself, when it is changed and not created.
    """
    listener = _listener(listener_arn)
    for rule in rules(listener_arn):
        if rule["RuleArn"] != existing and rule["Priority"] == str(priority):
            raise Refused("PriorityInUse", f"Priority '{priority}' is currently in use")
    _require_targets(listener["LoadBalancerArn"], listener["Protocol"], actions)


def _require_targets(balancer: str, protocol: str, actions: list[Action]) -> None:
    for arn in targets(actions):
        group = stores.target_groups.get(arn)
        if group is None:
            raise Refused("TargetGroupNotFound", "One or more target groups not found")
        # A function has no protocol.
        if group.get("TargetType") != "lambda" and group["Protocol"] not in FORWARDED_AS[protocol]:
            raise Refused(
                "IncompatibleProtocols",
                f"The listener and its associated target group '{arn}' have incompatible protocols: "
                f"'{protocol}' and '{group['Protocol']}'",
            )
        if set(group["LoadBalancerArns"]) - {balancer}:
            raise Refused(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {arn}",
            )


def require_load_balancer(name: str, subnets: list[str], groups: list[str], scheme: str) -> None:
    """Raise Refused unless a load balancer of this name can be created there."""
    if any(balancer["LoadBalancerName"] == name for balancer in stores.load_balancers.values()):
        raise Refused(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{name}' exists, but with different settings",
        )
    require_balancer_network(subnets, groups, scheme)


def require_balancer_network(subnets: list[str], groups: list[str], scheme: str) -> None:
    """Raise Refused unless a load balancer can be in these subnets and security groups."""
    for subnet in subnets:
        if subnet not in stores.subnets:
            raise Refused("SubnetNotFound", f"The subnet ID '{subnet}' does not exist")
    zones = {stores.subnets[subnet]["AvailabilityZone"] for subnet in subnets}
    if len(zones) < 2:
        raise Refused(
            "ValidationError", "At least two subnets in two different Availability Zones must be specified"
        )
    vpc = vpc_of(subnets)
    for group in groups:
        if stores.security_groups.get(group, {}).get("VpcId") != vpc:
            raise Refused("InvalidSecurityGroup", f"One or more security groups are invalid: {group}")
    attached = {
        attachment["VpcId"]
        for gateway in stores.internet_gateways.values()
        for attachment in gateway["Attachments"]
    }
    if scheme == "internet-facing" and vpc not in attached:
        raise Refused("InvalidSubnet", f"VPC {vpc} has no internet gateway")


def vpc_of(subnets: list[str]) -> str:
    """The VPC that existing subnets are in."""
    return str(stores.subnets[subnets[0]]["VpcId"])


def require_target_group_name(name: str) -> None:
    """Raise Refused when a target group has the name."""
    if any(group["TargetGroupName"] == name for group in stores.target_groups.values()):
        raise Refused(
            "DuplicateTargetGroupName",
            f"A target group with the same name '{name}' exists, but with different settings",
        )


def require_unprotected(balancer: str) -> None:
    """Raise Refused when the load balancer is protected from deletion."""
    attributes = {item["Key"]: item["Value"] for item in stores.load_balancer_attributes.get(balancer, [])}
    if attributes.get("deletion_protection.enabled") == "true":
        raise Refused(
            "OperationNotPermitted",
            f"Load balancer '{balancer}' cannot be deleted because deletion protection is enabled",
        )


def require_unused(group: str) -> None:
    """Raise Refused when a listener or rule forwards to the target group."""
    if any(group in targets(rule["Actions"]) for rule in stores.listener_rules.values()):
        raise Refused("ResourceInUse", f"Target group '{group}' is currently in use by a listener or a rule")


def install() -> None:
    """Put weights and checks into ministack's API and its CloudFormation handlers."""
    alb, provisioners = engine.alb, engine.provisioners
    parse, show, from_template = alb._parse_actions, alb._action_xml, provisioners._elbv2_listener_actions

    def parse_with_weights(parameters: Any, prefix: str = "DefaultActions") -> list[Action]:
        actions: list[Action] = parse(parameters, prefix)
        for index, action in enumerate(actions, start=1):
            weighted = list(_weighted(parameters, f"{prefix}.member.{index}.ForwardConfig.TargetGroups"))
            _complete(action, weighted)
        return actions

    def from_template_with_weights(
        properties: Record, balancer: str, prop: str = "DefaultActions"
    ) -> list[Action]:
        actions: list[Action] = from_template(properties, balancer, prop)
        for action, declared in zip(actions, properties.get(prop) or [], strict=True):
            _complete(action, declared.get("ForwardConfig", {}).get("TargetGroups", []))
        return actions

    def show_with_weights(action: Action) -> str:
        shown: str = show(action)
        groups = "".join(
            f"<member><TargetGroupArn>{group['TargetGroupArn']}</TargetGroupArn><Weight>{group['Weight']}</Weight></member>"
            for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
        )
        if not groups:
            return shown
        config = (
            f"<ForwardConfig><TargetGroups>{groups}</TargetGroups>"
            "<TargetGroupStickinessConfig><Enabled>false</Enabled></TargetGroupStickinessConfig></ForwardConfig>"
        )
        return shown.removesuffix("</member>") + config + "</member>"

    alb._parse_actions = parse_with_weights
    alb._action_xml = show_with_weights
    provisioners._elbv2_listener_actions = from_template_with_weights
    # With its first word, "targetgroup/name/id": this is the dimension of the target group's metrics.
    alb._target_group_full_name_from_arn = lambda arn: arn.rpartition(":")[2]
    for name, check in _CHECKS.items():
        engine.guard_query_operation(alb, name, check, associate)
    _answer_again("CreateListener", alb._listener_xml, "Listeners", _same_listener)
    _answer_again("CreateLoadBalancer", alb._lb_xml, "LoadBalancers", _same_balancer)
    for name in ("ModifyRule", "DeleteRule"):
        engine.guard_query_operation(alb, name, lambda parameters: None, associate)


def _answer_again(operation: str, show: Any, member: str, same: Callable[[Any], Record | None]) -> None:
    """Have a creation with the same settings succeed again without creating anything: botocore, elbv2."""

    def create_once(create: Any, parameters: Any) -> Any:
        if existing := same(parameters):
            return engine.alb._xml(200, operation, f"<{member}>{show(existing)}</{member}>")
        return create(parameters)

    engine.wrap_query_operation(engine.alb, operation, create_once)


def _same_listener(parameters: Any) -> Record | None:
    read = engine.query_parameter
    actions = list(targets(engine.query_actions(parameters)))
    for listener in stores.listeners.values():
        if (
            listener["LoadBalancerArn"] == read(parameters, "LoadBalancerArn")
            and str(listener["Port"]) == read(parameters, "Port", "80")
            and listener["Protocol"] == read(parameters, "Protocol", "HTTP")
            and list(targets(listener["DefaultActions"])) == actions
        ):
            same: Record = listener
            return same
    return None


def _same_balancer(parameters: Any) -> Record | None:
    read, listed = engine.query_parameter, engine.query_list
    for balancer in stores.load_balancers.values():
        if (
            balancer["LoadBalancerName"] == read(parameters, "Name")
            and balancer["Scheme"] == read(parameters, "Scheme", "internet-facing")
            and set(listed(parameters, "SecurityGroups")) == set(balancer["SecurityGroups"])
            and set(listed(parameters, "Subnets")) == set(balancer["Subnets"])
        ):
            same: Record = balancer
            return same
    return None


def _weighted(parameters: Any, prefix: str) -> Iterator[Record]:
    index = 1
    while arn := engine.query_parameter(parameters, f"{prefix}.member.{index}.TargetGroupArn"):
        yield {
            "TargetGroupArn": arn,
            "Weight": engine.query_parameter(parameters, f"{prefix}.member.{index}.Weight", "1"),
        }
        index += 1


def _complete(action: Action, weighted: list[Record]) -> None:
    if weighted or "TargetGroupArn" in action:
        single = action.pop("TargetGroupArn", None)
        action |= forward(weighted or [{"TargetGroupArn": single}])


def _check_new_balancer(parameters: Any) -> None:
    read, listed = engine.query_parameter, engine.query_list
    if read(parameters, "Type", "application") == "application":
        subnets, groups = listed(parameters, "Subnets"), listed(parameters, "SecurityGroups")
        require_balancer_network(subnets, groups, read(parameters, "Scheme", "internet-facing"))


def require_certificates(protocol: str, arns: list[str]) -> None:
    """Raise Refused for a secure listener without a certificate, and for one that does not exist."""
    if protocol in SECURE and not arns:
        raise Refused("ValidationError", "A certificate must be specified for HTTPS listeners")
    for arn in arns:
        if arn not in stores.certificates:
            raise Refused("CertificateNotFound", f"Certificate ARN '{arn}' is not valid")


def _certificates(parameters: Any) -> list[str]:
    named = engine.query_parameter(parameters, "Certificates.member.1.CertificateArn")
    return [named] if named else []


def _check_new_listener(parameters: Any) -> None:
    read = engine.query_parameter
    require_certificates(read(parameters, "Protocol", "HTTP"), _certificates(parameters))
    require_listener(
        read(parameters, "LoadBalancerArn"),
        read(parameters, "Protocol", "HTTP"),
        int(read(parameters, "Port", "80")),
        engine.query_actions(parameters),
    )


def _check_changed_listener(parameters: Any) -> None:
    read = engine.query_parameter
    arn = read(parameters, "ListenerArn")
    listener = stores.listeners.get(arn)
    if listener is None:
        raise Refused("ListenerNotFound", "One or more listeners not found")
    port = int(read(parameters, "Port", str(listener["Port"])))
    protocol = read(parameters, "Protocol", listener["Protocol"])
    # Without actions in the request, those that it has must fit the protocol.
    actions = engine.query_actions(parameters) or listener["DefaultActions"]
    require_listener(listener["LoadBalancerArn"], protocol, port, actions, existing=arn)


def _check_new_rule(parameters: Any) -> None:
    read = engine.query_parameter
    actions = engine.query_actions(parameters, "Actions")
    require_rule(read(parameters, "ListenerArn"), int(read(parameters, "Priority", "1")), actions)


def _check_listed(prefix: str, known: Callable[[], Any], code: str, what: str) -> Check:
    def check(parameters: Any) -> None:
        for name in engine.query_list(parameters, prefix):
            if name not in known():
                raise Refused(code, f"One or more {what} not found")

    return check


def _target_group_names() -> list[str]:
    return [group["TargetGroupName"] for group in stores.target_groups.values()]


def _check_rules_of(parameters: Any) -> None:
    if arn := engine.query_parameter(parameters, "ListenerArn"):
        _listener(arn)


_CHECKS: dict[str, Check] = {
    "CreateLoadBalancer": _check_new_balancer,
    "DescribeRules": _check_rules_of,
    "CreateListener": _check_new_listener,
    "ModifyListener": _check_changed_listener,
    "CreateRule": _check_new_rule,
    "DescribeListeners": _check_listed(
        "ListenerArns", lambda: stores.listeners, "ListenerNotFound", "listeners"
    ),
    "DescribeTargetGroups": _check_listed(
        "Names", _target_group_names, "TargetGroupNotFound", "target groups"
    ),
    "DeleteLoadBalancer": lambda parameters: require_unprotected(
        engine.query_parameter(parameters, "LoadBalancerArn")
    ),
    "DeleteTargetGroup": lambda parameters: require_unused(
        engine.query_parameter(parameters, "TargetGroupArn")
    ),
    "DeleteListener": lambda parameters: None,
}

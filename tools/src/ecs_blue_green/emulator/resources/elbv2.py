"""AWS::ElasticLoadBalancingV2::LoadBalancer, TargetGroup, Listener, ListenerRule and ListenerCertificate."""

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler
from ecs_blue_green.emulator.services import elbv2
from ecs_blue_green.emulator.services.api import new_id

# Values of all conditions of a rule together (November 2026).
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
# In the words of https://github.com/aws-cloudformation/cfn-lint/issues/3833
MOST_CONDITION_VALUES = 5
EXTRA_CERTIFICATES = "ExtraCertificates"
# What ministack does by itself.
_BALANCER, _GROUP, _LISTENER, _RULE = (
    engine.resource_type(f"AWS::ElasticLoadBalancingV2::{kind}")
    for kind in ("LoadBalancer", "TargetGroup", "Listener", "ListenerRule")
)


def _create_balancer(logical_id: str, properties: Record, stack_name: str) -> Created:
    subnets, scheme = properties.get("Subnets", []), properties.get("Scheme", "internet-facing")
    groups = properties.get("SecurityGroups", [])
    elbv2.require_load_balancer(properties.get("Name", ""), subnets, groups, scheme)
    arn, attributes = _BALANCER.create(logical_id, properties, stack_name)
    stores.load_balancers[arn]["VpcId"] = elbv2.vpc_of(subnets)
    return arn, attributes


def _update_balancer(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    scheme = new.get("Scheme", "internet-facing")
    elbv2.require_balancer_network(new.get("Subnets", []), new.get("SecurityGroups", []), scheme)
    return _BALANCER.update(physical_id, old, new, stack_name, logical_id)


def _delete_balancer(physical_id: str, properties: Record, logical_id: str) -> None:
    _BALANCER.delete(physical_id, properties)
    elbv2.associate()


def _check_group(properties: Record) -> None:
    vpc = properties.get("VpcId")
    if properties.get("TargetType") != "lambda" and vpc not in stores.vpcs:
        raise Refused("ValidationError", f"The VPC ID '{vpc}' is not found")


def _check_new_group(logical_id: str, properties: Record, stack_name: str) -> Created:
    if name := properties.get("Name"):
        elbv2.require_target_group_name(name)
    return _GROUP.create(logical_id, properties, stack_name)


def _create_listener(logical_id: str, properties: Record, stack_name: str) -> Created:
    actions = engine.listener_actions(properties)
    elbv2.require_listener(
        properties["LoadBalancerArn"], properties.get("Protocol", "HTTP"), properties.get("Port", 0), actions
    )
    created = _LISTENER.create(logical_id, properties, stack_name)
    elbv2.associate()
    return created


def _update_listener(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    """Send all properties again: the actions go back to the template's, whatever CodeDeploy made of them."""
    actions = engine.listener_actions(new)
    protocol, port = new.get("Protocol", "HTTP"), new.get("Port", 0)
    elbv2.require_listener(new["LoadBalancerArn"], protocol, port, actions, existing=physical_id)
    updated = _LISTENER.update(physical_id, old, new, stack_name, logical_id)
    elbv2.associate()
    return updated


def _delete_listener(physical_id: str, properties: Record, logical_id: str) -> None:
    _LISTENER.delete(physical_id, properties)
    elbv2.associate()


def _create_rule(logical_id: str, properties: Record, stack_name: str) -> Created:
    _require_rule(properties)
    created = _RULE.create(logical_id, properties, stack_name)
    elbv2.associate()
    return created


def _update_rule(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    """Send all properties again, as with a listener: the actions are the template's afterwards."""
    _require_rule(new, existing=physical_id)
    updated = _RULE.update(physical_id, old, new, stack_name, logical_id)
    elbv2.associate()
    return updated


def _delete_rule(physical_id: str, properties: Record, logical_id: str) -> None:
    _RULE.delete(physical_id, properties)
    elbv2.associate()


def _require_rule(properties: Record, existing: str = "") -> None:
    conditions = engine.rule_conditions(properties.get("Conditions"))
    if sum(len(condition["Values"]) for condition in conditions) > MOST_CONDITION_VALUES:
        raise Refused("ValidationError", f"A rule can only have '{MOST_CONDITION_VALUES}' condition values")
    actions = engine.listener_actions(properties, "Actions")
    elbv2.require_rule(properties.get("ListenerArn", ""), properties["Priority"], actions, existing=existing)


def _check_listener(properties: Record) -> None:
    """Check what the schema cannot: an HTTPS listener needs a certificate that exists here."""
    certificates = [item["CertificateArn"] for item in properties.get("Certificates", [])]
    elbv2.require_certificates(properties.get("Protocol", ""), certificates)


def _create_certificates(logical_id: str, properties: Record, stack_name: str) -> Created:
    arns = [item["CertificateArn"] for item in properties["Certificates"]]
    listener = stores.listeners[properties["ListenerArn"]]
    listener[EXTRA_CERTIFICATES] = [*listener.get(EXTRA_CERTIFICATES, []), *arns]
    identifier = new_id()
    return identifier, {"Id": identifier}


def _update_certificates(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    _delete_certificates(physical_id, old, logical_id)
    _create_certificates(logical_id, new, stack_name)
    return physical_id, {"Id": physical_id}


def _delete_certificates(physical_id: str, properties: Record, logical_id: str) -> None:
    arns = [item["CertificateArn"] for item in properties["Certificates"]]
    if listener := stores.listeners.get(properties["ListenerArn"]):
        listener[EXTRA_CERTIFICATES] = [
            arn for arn in listener.get(EXTRA_CERTIFICATES, []) if arn not in arns
        ]


def _check_certificates(properties: Record) -> None:
    listener = stores.listeners.get(properties["ListenerArn"])
    if listener is None:
        raise Refused("ListenerNotFound", "One or more listeners not found")
    if listener["Protocol"] not in elbv2.SECURE:
        raise Refused("UnsupportedOperation", "Certificates can only be added to secure listeners")
    arns = [item["CertificateArn"] for item in properties["Certificates"]]
    elbv2.require_certificates(listener["Protocol"], arns)


HANDLERS = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Handler(
        create=_create_balancer,
        update=_update_balancer,
        delete=_delete_balancer,
        name="Name",
        removable=lambda physical_id, properties: elbv2.require_unprotected(physical_id),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Handler(
        create=_check_new_group,
        name="Name",
        check=_check_group,
        removable=lambda physical_id, properties: elbv2.require_unused(physical_id),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Handler(
        create=_create_listener, update=_update_listener, delete=_delete_listener, check=_check_listener
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Handler(
        create=_create_rule, update=_update_rule, delete=_delete_rule
    ),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": Handler(
        create=_create_certificates,
        update=_update_certificates,
        delete=_delete_certificates,
        check=_check_certificates,
    ),
}

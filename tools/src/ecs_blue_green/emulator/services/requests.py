"""Operations that ministack answers differently from AWS's documentation, each corrected."""

import html
from typing import Any

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import shapes


def install() -> None:
    """Put these operations in the place of ministack's."""
    _limit_names("GetParameters", "_get_parameters")
    _limit_names("DeleteParameters", "_delete_parameters")
    _find_web_acls_by_arn()
    _find_security_groups_by_filter()
    _describe_endpoints_fully()


def _limit_names(operation: str, function: str) -> None:
    """At most as many names as Parameter Store takes at once: botocore, ssm, ParameterNameList."""
    ssm = engine.service_module("ssm")
    carry_out = getattr(ssm, function)
    shape: Any = shapes.operation_model("ssm", operation).input_shape
    most = shape.members["Names"].metadata["max"]

    def limited(request: Record) -> Record:
        names = request.get("Names", [])
        if len(names) > most:
            raise Refused(
                "ValidationException",
                f"1 validation error detected: Value '[{', '.join(names)}]' at 'names' failed to satisfy "
                f"constraint: Member must have length less than or equal to {most}",
            )
        return engine.answer_of(carry_out(request))

    setattr(ssm, function, engine.json_operation(limited))


def _find_web_acls_by_arn() -> None:
    """GetWebACL accepts an ARN alone: botocore, wafv2."""
    waf = engine.service_module("waf")
    get = waf._get_web_acl

    def get_web_acl(request: Record) -> Record:
        arn = request.get("ARN")
        if arn and not request.get("Id"):
            web_acl = next((acl for acl in waf._web_acls.values() if acl["ARN"] == arn), None)
            if web_acl is None:
                raise Refused("WAFNonexistentItemException", f"There is no web ACL {arn}")
            shown = {name: value for name, value in web_acl.items() if name != "LockToken"}
            return {"WebACL": shown, "LockToken": web_acl["LockToken"]}
        return engine.answer_of(get(request))

    waf._get_web_acl = engine.json_operation(get_web_acl)


def _find_security_groups_by_filter() -> None:
    """The filter group-id returns the groups that exist, and no error: EC2 API, DescribeSecurityGroups."""
    ec2 = engine.ec2

    def describe_security_groups(describe: Any, parameters: Any) -> Any:
        identifiers = ec2._parse_filters(parameters).get("group-id")
        if identifiers is None:
            return describe(parameters)
        known = [identifier for identifier in identifiers if identifier in stores.security_groups]
        if not known:
            return ec2._xml(200, "DescribeSecurityGroupsResponse", "<securityGroupInfo/>")
        named = {f"GroupId.{number}": [identifier] for number, identifier in enumerate(known, start=1)}
        return describe({**parameters, **named})

    engine.wrap_query_operation(ec2, "DescribeSecurityGroups", describe_security_groups)


def _group_name(identifier: str) -> str:
    return html.escape(str(stores.security_groups.get(identifier, {}).get("GroupName", "")), quote=False)


def _describe_endpoints_fully() -> None:
    """Endpoints of the VPC that a filter names, with their groups: EC2 API, DescribeVpcEndpoints."""
    ec2 = engine.ec2
    show = ec2._vpce_fields_xml

    def create_endpoint(create: Any, parameters: Any) -> Any:
        known = set(stores.vpc_endpoints)
        answer = create(parameters)
        for identifier in set(stores.vpc_endpoints) - known:
            stores.vpc_endpoints[identifier] |= {
                "Groups": ec2._parse_member_list(parameters, "SecurityGroupId"),
                "PrivateDnsEnabled": ec2._p(parameters, "PrivateDnsEnabled", "false"),
            }
        return answer

    def show_all(endpoint: Record, tag: str = "item") -> str:
        groups = "".join(
            f"<item><groupId>{identifier}</groupId><groupName>{_group_name(identifier)}</groupName></item>"
            for identifier in endpoint.get("Groups", [])
        )
        more = (
            f"<groupSet>{groups}</groupSet>"
            f"<privateDnsEnabled>{endpoint.get('PrivateDnsEnabled', 'false')}</privateDnsEnabled>"
        )
        return str(show(endpoint, tag)).removesuffix(f"</{tag}>") + f"{more}</{tag}>"

    def describe_endpoints(_describe: Any, parameters: Any) -> Any:
        vpcs = ec2._parse_filters(parameters).get("vpc-id")
        named = ec2._parse_member_list(parameters, "VpcEndpointId")
        shown = "".join(
            ec2._vpce_fields_xml(endpoint)
            for endpoint in stores.vpc_endpoints.values()
            if (not named or endpoint["VpcEndpointId"] in named)
            and (vpcs is None or endpoint["VpcId"] in vpcs)
        )
        body = f"<vpcEndpointSet>{shown}</vpcEndpointSet>"
        return ec2._xml(200, "DescribeVpcEndpointsResponse", body)

    engine.wrap_query_operation(ec2, "CreateVpcEndpoint", create_endpoint)
    ec2._vpce_fields_xml = show_all
    engine.wrap_query_operation(ec2, "DescribeVpcEndpoints", describe_endpoints)

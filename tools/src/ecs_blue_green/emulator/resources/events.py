"""What notifies and is notified: AWS::SNS::*, AWS::Lambda::*, AWS::Events::Rule and notification rules."""

import json
from typing import Any

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler
from ecs_blue_green.emulator.services import codedeploy, codepipeline
from ecs_blue_green.emulator.services.api import Service, new_id

LAMBDA_PRINCIPAL = "lambda.amazonaws.com"
NOTIFICATION_RULES = engine.new_store()
# What ministack does by itself.
_FUNCTION = engine.resource_type("AWS::Lambda::Function")

# The store of what notification rules watch, by the service in the ARN.
_WATCHED: dict[str, Any] = {
    "codepipeline": lambda name: name in codepipeline.PIPELINES,
    "codebuild": lambda name: name.removeprefix("project/") in stores.build_projects,
    "codedeploy": lambda name: name.removeprefix("application:") in codedeploy.APPLICATIONS,
}


def _check_subscription(properties: Record) -> None:
    references.require_topics([properties["TopicArn"]])


def _check_topic_policy(properties: Record) -> None:
    references.require_topics(properties["Topics"])


# Of all variables together, as JSON (Lambda guide, gettingstarted-limits; November 2026).
MOST_VARIABLES = 4096


def _check_function(properties: Record) -> None:
    _require_small(properties.get("Environment", {}).get("Variables", {}))
    network = properties.get("VpcConfig", {})
    references.require_subnets(network.get("SubnetIds", []))
    references.require_security_groups(network.get("SecurityGroupIds", []))
    references.require_role(
        properties["Role"],
        LAMBDA_PRINCIPAL,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )


def _require_small(variables: Record) -> None:
    """Raise Refused for variables that are too long, measured and worded as reported.

    https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594
    """
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > MOST_VARIABLES:
        raise Refused(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you"
            f" have provided exceeded the 4KB limit. String measured: {measured}",
        )


def _create_function(logical_id: str, properties: Record, stack_name: str) -> Created:
    name, attributes = _FUNCTION.create(logical_id, properties, stack_name)
    _note_network(name, properties)
    return name, attributes


def _update_function(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    updated = _FUNCTION.update(physical_id, old, new, stack_name, logical_id)
    _note_network(physical_id, new)
    return updated


def _note_network(name: str, properties: Record) -> None:
    """Keep the VPC configuration, which ministack's handler drops."""
    network = properties.get("VpcConfig")
    config = stores.functions[name]["config"]
    config.pop("VpcConfig", None)
    if network and network.get("SubnetIds"):
        config["VpcConfig"] = {**network, "VpcId": stores.subnets[network["SubnetIds"][0]]["VpcId"]}


def _check_permission(properties: Record) -> None:
    name = properties["FunctionName"].rpartition(":function:")[2].split(":")[0]
    if name not in stores.functions:
        arn = engine.arn("lambda", f"function:{name}")
        raise Refused("ResourceNotFoundException", f"Function not found: {arn}")


def _check_rule(properties: Record) -> None:
    for target in properties.get("Targets", []):
        arn = target["Arn"]
        references.require_topics([arn])
        if role := target.get("RoleArn"):
            references.require_role(
                role,
                "events.amazonaws.com",
                "ValidationException",
                f"Provided role '{role}' cannot be assumed",
            )


def _create_notifications(logical_id: str, properties: Record, stack_name: str) -> Created:
    arn = engine.arn("codestar-notifications", f"notificationrule/{new_id()}")
    NOTIFICATION_RULES[arn] = properties
    return arn, {"Arn": arn}


def _update_notifications(
    physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str
) -> Created:
    NOTIFICATION_RULES[physical_id] = new
    return physical_id, {"Arn": physical_id}


def _delete_notifications(physical_id: str, properties: Record, logical_id: str) -> None:
    NOTIFICATION_RULES.pop(physical_id, None)


def _check_notifications(properties: Record) -> None:
    service, name = properties["Resource"].split(":", 5)[2::3]
    if service not in _WATCHED or not _WATCHED[service](name):
        raise Refused("ResourceNotFoundException", f"The resource {properties['Resource']} does not exist")
    references.require_topics([target["TargetAddress"] for target in properties["Targets"]])


HANDLERS = {
    "AWS::SNS::Topic": Handler(name="TopicName"),
    "AWS::SNS::TopicPolicy": Handler(check=_check_topic_policy),
    "AWS::SNS::Subscription": Handler(check=_check_subscription),
    "AWS::Lambda::Function": Handler(
        create=_create_function,
        update=_update_function,
        name="FunctionName",
        taken=lambda name: name in stores.functions,
        check=_check_function,
    ),
    "AWS::Lambda::Permission": Handler(check=_check_permission),
    "AWS::Events::Rule": Handler(name="Name", check=_check_rule),
    "AWS::CodeStarNotifications::NotificationRule": Handler(
        create=_create_notifications,
        update=_update_notifications,
        delete=_delete_notifications,
        name="Name",
        check=_check_notifications,
    ),
}

# The rules have no API here; the service keeps them over a restart.
SERVICE = Service(operations={}, stores={"rules": NOTIFICATION_RULES})

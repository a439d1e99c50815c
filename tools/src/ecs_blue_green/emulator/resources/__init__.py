"""CloudFormation's resource types: what ministack lacks, and the checks that it does not make."""

from ecs_blue_green.emulator import engine, schemas
from ecs_blue_green.emulator.resources import (
    cloudwatch,
    codebuild,
    codedeploy,
    codepipeline,
    connections,
    ec2,
    ecs,
    elbv2,
    events,
    iam,
    route53,
    scaling,
    storage,
)
from ecs_blue_green.emulator.resources.handler import Handler, checked

HANDLERS: dict[str, Handler] = {
    **ec2.HANDLERS,
    **iam.HANDLERS,
    **elbv2.HANDLERS,
    **ecs.HANDLERS,
    **scaling.HANDLERS,
    **storage.HANDLERS,
    **codebuild.HANDLERS,
    **codedeploy.HANDLERS,
    **codepipeline.HANDLERS,
    **connections.HANDLERS,
    **cloudwatch.HANDLERS,
    **events.HANDLERS,
    **route53.HANDLERS,
}


def install() -> None:
    """Put our handlers, and schema checks for every type, into ministack's table."""
    table = engine.provisioners._RESOURCE_HANDLERS
    for resource_type in {*table, *HANDLERS}:
        table[resource_type] = checked(
            resource_type, HANDLERS.get(resource_type, Handler()), table.get(resource_type, {})
        )
    iam.add_managed_policies()


def learn_replacements() -> None:
    """Tell ministack which properties of our types replace a resource, and which types take stack tags.

    Reads the schemas, which takes a moment.
    """
    for resource_type, handler in HANDLERS.items():
        engine.provisioners._REPLACING_PROPERTIES[resource_type] = schemas.replacing(resource_type)
        engine.provisioners._CONDITIONALLY_REPLACING_PROPERTIES[resource_type] = schemas.perhaps_replacing(
            resource_type
        )
        if handler.name:
            engine.provisioners._CUSTOM_NAME_REPLACEMENT[resource_type] = {"name": handler.name}
        if tags := schemas.tag_property(resource_type):
            shape = schemas.property_type(resource_type, tags)
            engine.provisioners._STACK_TAG_PROPERTY[resource_type] = (
                tags,
                "map" if shape == "object" else "list",
            )

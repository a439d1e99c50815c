"""AWS::CodeConnections::Connection."""

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.resources.handler import Created, Handler
from ecs_blue_green.emulator.services import connections


def _attributes(arn: str) -> Record:
    return {
        "ConnectionArn": arn,
        "ConnectionStatus": connections.connection(arn)["ConnectionStatus"],
        "OwnerAccountId": engine.account(),
    }


def _create(logical_id: str, properties: Record, stack_name: str) -> Created:
    arn = connections.create_connection(properties)["ConnectionArn"]
    return arn, _attributes(arn)


def _update(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    connections.connection(physical_id)["Tags"] = new.get("Tags", [])
    return physical_id, _attributes(physical_id)


def _delete(physical_id: str, properties: Record, logical_id: str) -> None:
    connections.delete_connection({"ConnectionArn": physical_id})


HANDLERS = {
    "AWS::CodeConnections::Connection": Handler(
        create=_create, update=_update, delete=_delete, name="ConnectionName"
    ),
}

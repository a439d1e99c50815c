"""CodeConnections: connections to GitHub and others, under both of the service's names.

On AWS a connection that CloudFormation creates is PENDING until a person finishes the handshake in the
console. Nobody can do that here, so it is AVAILABLE at once: a placeholder.
"""

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services.api import Service, new_id, page

CONNECTIONS = engine.new_store()
PLACEHOLDER_STATUS = "AVAILABLE"


def create_connection(request: Record) -> Record:
    """Create a connection; its name is unique in the account and region."""
    name = request["ConnectionName"]
    if any(connection["ConnectionName"] == name for connection in CONNECTIONS.values()):
        raise Refused("InvalidInputException", f"A connection with the name {name} already exists")
    arn = engine.arn("codeconnections", f"connection/{new_id()}")
    CONNECTIONS[arn] = {
        "ConnectionName": name,
        "ConnectionArn": arn,
        "ProviderType": request.get("ProviderType", "GitHub"),
        "OwnerAccountId": engine.account(),
        "ConnectionStatus": PLACEHOLDER_STATUS,
        "Tags": request.get("Tags", []),
    }
    return {"ConnectionArn": arn, "Tags": request.get("Tags", [])}


def get_connection(request: Record) -> Record:
    """One connection."""
    return {"Connection": _without_tags(connection(request["ConnectionArn"]))}


def list_connections(request: Record) -> Record:
    """All connections of the account in the region."""
    items, following = page(list(CONNECTIONS.values()), request, limit="MaxResults", token="NextToken")  # noqa: S106
    return {"Connections": [_without_tags(item) for item in items], **following}


def delete_connection(request: Record) -> Record:
    """Delete a connection."""
    del CONNECTIONS[connection(request["ConnectionArn"])["ConnectionArn"]]
    return {}


def list_tags(request: Record) -> Record:
    """The tags of a connection."""
    return {"Tags": connection(request["ResourceArn"])["Tags"]}


def connection(arn: str) -> Record:
    """The record of a connection, by an ARN with either prefix; raises Refused when there is none."""
    record: Record | None = CONNECTIONS.get(arn.replace(":codestar-connections:", ":codeconnections:"))
    if record is None:
        raise Refused("ResourceNotFoundException", f"Connection {arn} not found")
    return record


def _without_tags(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "Tags"}


SERVICE = Service(
    operations={
        "CreateConnection": create_connection,
        "GetConnection": get_connection,
        "ListConnections": list_connections,
        "DeleteConnection": delete_connection,
        "ListTagsForResource": list_tags,
    },
    stores={"connections": CONNECTIONS},
)

"""AWS's answers as the service's model describes them: a list that is left out is empty.

A service may leave out a list that has nothing in it, and models mark hardly any member of an answer as
required. Any other member that is read and is not there ends in one message, whoever reads it.
"""

from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape


class MissingMember(BotoCoreError):
    """An answer of AWS lacks what is read from it."""

    fmt = "AWS's answer to {operation} has no {member}"


class Members(dict[str, Any]):
    """A structure of an answer: a member that it lacks is no KeyError. `get` and `in` are those of a dict."""

    def __init__(self, operation: str, members: dict[str, Any]) -> None:
        super().__init__(members)
        self._operation = operation

    def __missing__(self, member: str) -> Any:  # noqa: D105 (what the class says)
        raise MissingMember(operation=self._operation, member=member)


class CompleteResponses:
    """A base class of clients, put before botocore's: what each call gives back is complete."""

    def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
        client: Any = self
        operation = client.meta.service_model.operation_model(operation_name)
        before: Any = super()
        return complete(operation, before._make_api_call(operation_name, api_params))


def put_before(base_classes: list[type], **_: Any) -> None:
    """Have clients give complete answers: a handler of botocore's event `creating-client-class`."""
    base_classes.insert(0, CompleteResponses)


def complete(operation: OperationModel, answer: dict[str, Any]) -> Any:
    """An answer with every list that its operation's model knows, in structures that name what they lack."""
    return _complete(operation.output_shape, answer, operation.name)


def _complete(shape: Shape | None, value: Any, operation: str) -> Any:
    match shape:
        case StructureShape(is_document_type=False) if isinstance(value, dict):
            known = shape.members
            given = {name: _complete(known.get(name), member, operation) for name, member in value.items()}
            empty: dict[str, Any] = {
                name: [] for name, member in known.items() if isinstance(member, ListShape)
            }
            return Members(operation, empty | given)
        case ListShape():
            return [_complete(shape.member, member, operation) for member in value]
        case MapShape():
            return {key: _complete(shape.value, member, operation) for key, member in value.items()}
    return value

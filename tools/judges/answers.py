"""What answers are compared by: the error's code, members that are there, and what the deployer goes by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.model import ListShape, Shape, StructureShape
from botocore.parsers import ResponseParserError

from ecs_blue_green.testing.clients import Clients

ACCOUNT = "000000000000"
DONE = "done"
NOT_OFFERED = "not offered"
CRASHED = "an error of its own"
UNREADABLE = (BotoCoreError, ResponseParserError, LookupError, ValueError)
# How an emulator says that it lacks a service or an operation: each in its own way.
LACKS = {
    "InvalidAction",
    "NotYetImplemented",
    "UnknownOperationException",
    "UnsupportedOperation",
    "UnsupportedOperationException",
}

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """How one call ended.

    `code` is the error's, or `done`. `members` are those of the answer that have a value: an empty list is as
    good as none (`ecs_blue_green.deployer.responses`). `facts` are what the deployer goes by, without ids.
    """

    operation: str
    code: str
    members: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


class Session(Clients):
    """Calls of one server, and how each ended, by the words that say what was asked."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.answers: dict[str, Answer] = {}

    def call(self, what: str, service: str, operation: str, /, **request: Any) -> Any:
        """Make a call that is compared, and give its answer, or {} where it was refused.

        `what` says what is asked, in words that no other call has. `facts` in the request is a function from
        the answer to what the deployer goes by.
        """
        facts = request.pop("facts", None)
        if what in self.answers:
            raise ValueError(f"two calls are called {what!r}")
        client = self.client(service)
        name = client.meta.method_to_api_mapping[operation]
        try:
            answer = getattr(client, operation)(**request)
        except ClientError as error:
            self.answers[what] = Answer(f"{service} {name}", _code(error), (), _said(error, facts))
            return {}
        except EndpointConnectionError:
            raise
        except UNREADABLE:
            self.answers[what] = Answer(f"{service} {name}", CRASHED)
            return {}
        answer.pop("ResponseMetadata", None)
        model = client.meta.service_model.operation_model(name)
        members = tuple(sorted(set(_members(model.output_shape, answer))))
        said = {key: str(value) for key, value in facts(answer).items()} if facts else {}
        self.answers[what] = Answer(f"{service} {name}", DONE, members, said)
        return answer

    def prepare(self, service: str, operation: str, /, **request: Any) -> Any:
        """Make a call that only prepares others. {} where it was refused: the others show it."""
        try:
            return getattr(self.client(service), operation)(**request)
        except EndpointConnectionError:
            raise
        except (ClientError, *UNREADABLE):
            return {}


def at(answer: Any, *path: str | int) -> Any:
    """What is at a path of an answer; where there is nothing, an id that nobody has."""
    for part in path:
        try:
            answer = answer[part]
        except (LookupError, TypeError):
            return "none"
    return answer


def _code(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # What only HTTP tells: botocore takes its number for the code. For HEAD that is AWS's way, too.
    if code in LACKS or status == HTTPStatus.NOT_IMPLEMENTED or code == str(int(HTTPStatus.BAD_REQUEST)):
        return NOT_OFFERED
    return CRASHED if code == str(int(HTTPStatus.INTERNAL_SERVER_ERROR)) else code


def _said(error: ClientError, facts: Any) -> dict[str, str]:
    """What the deployer reads out of a refusal's text, where a call names it."""
    words = getattr(facts, "words", None)
    if words is None:
        return {}
    message = str(error.response.get("Error", {}).get("Message", ""))
    return {f"says «{words}»": "yes" if words in message else "no"}


def saying(words: str) -> Any:
    """For a call that is to be refused with these words, which the deployer reads."""

    def facts(answer: Any) -> dict[str, Any]:
        return {}

    facts.words = words  # type: ignore[attr-defined]
    return facts


def _members(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in value.items():
            yield from _members(shape.members.get(name), member, f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for member in value:
            yield from _members(shape.member, member, f"{path}[]")
    elif value not in ("", {}, [], None):
        yield path

"""`aws SERVICE OPERATION --member value...`: what the AWS CLI does, for the commands that build steps use.

Runs as a program of its own. Operations, options and their types come from botocore's service models, as
they do in the CLI. There are no waiters, files as values, or nested shorthand: those are refused.
"""

import gc

if __name__ == "__main__":
    # All that is imported is needed to the end, which is soon.
    gc.disable()

import base64
import json
import os
import sys
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from ecs_blue_green import ending

# The CLI's exit codes: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html
USAGE, CLIENT_ERROR, SERVICE_ERROR = 252, 253, 254
GLOBAL = ("query", "output", "region", "endpoint-url")


class Usage(Exception):
    """A command that the CLI would refuse, or that this does not know."""


def main(arguments: list[str]) -> int:
    """Run one command and give the CLI's exit code."""
    try:
        service, operation, options = _split(arguments)
        settings = {name: options.pop(name)[0] for name in GLOBAL if name in options}
        if (service, operation) == ("ecr", "get-login-password"):
            text = _login_password(settings)
        else:
            text = _shown(_answer(service, operation, options, settings), settings)
        sys.stdout.write(text)
    except Usage as error:
        sys.stderr.write(f"aws: error: {error}\n")
        return USAGE
    except ClientError as error:
        sys.stderr.write(f"\n{error}\n")
        return SERVICE_ERROR
    except BotoCoreError as error:
        sys.stderr.write(f"\n{error}\n")
        return CLIENT_ERROR
    return 0


def _split(arguments: list[str]) -> tuple[str, str, dict[str, list[str]]]:
    if len(arguments) < 2 or arguments[0].startswith("-") or arguments[1].startswith("-"):
        raise Usage("a service and an operation must come first")
    options: dict[str, list[str]] = {}
    values: list[str] = []
    for argument in arguments[2:]:
        if argument.startswith("--"):
            values = options.setdefault(argument.removeprefix("--"), [])
        else:
            values.append(argument)
    for name, values in options.items():
        if not values:
            raise Usage(f"--{name} needs a value here")
    return arguments[0], arguments[1], options


def _answer(service: str, operation: str, options: dict[str, list[str]], settings: dict[str, str]) -> Any:
    session = botocore.session.get_session()
    model = _operation(session, service, operation)
    members = model.input_shape.members if model.input_shape else {}
    names = {xform_name(member, "-"): member for member in members}
    request = {}
    for option, values in options.items():
        if option not in names:
            raise Usage(f"unknown option of {service} {operation}: --{option}")
        request[names[option]] = _value(option, values, members[names[option]])
    answer = getattr(_client(session, service, settings), xform_name(model.name))(**request)
    answer.pop("ResponseMetadata", None)
    return jmespath.search(settings["query"], answer) if "query" in settings else answer


def _client(session: Any, service: str, settings: dict[str, str]) -> Any:
    region = settings.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return session.create_client(service, region_name=region, endpoint_url=settings.get("endpoint-url"))


def _operation(session: Any, service: str, operation: str) -> OperationModel:
    if service not in session.get_available_services():
        raise Usage(f"there is no service {service}")
    model = session.get_service_model(service)
    for name in model.operation_names:
        if xform_name(name, "-") == operation:
            operation_model: OperationModel = model.operation_model(name)
            return operation_model
    raise Usage(f"there is no operation {service} {operation} here")


def _value(option: str, values: list[str], shape: Shape) -> Any:
    if isinstance(shape, ListShape):
        if len(values) == 1 and values[0].lstrip().startswith("["):
            return json.loads(values[0])
        return [_value(option, [value], shape.member) for value in values]
    if len(values) > 1:
        raise Usage(f"--{option} takes one value")
    (value,) = values
    if isinstance(shape, StructureShape):
        if value.lstrip().startswith("{"):
            return json.loads(value)
        pairs = [pair.partition("=") for pair in value.split(",")]
        if not all(separator and name in shape.members for name, separator, _ in pairs):
            raise Usage(f"--{option}: {value} is not name=value,... here")
        return {name: text for name, _, text in pairs}
    if value.startswith(("file://", "fileb://")):
        raise Usage(f"--{option}: files as values are not read here")
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name == "string":
        return value
    raise Usage(f"--{option}: values of type {shape.type_name} are not read here")


def _login_password(settings: dict[str, str]) -> str:
    client = _client(botocore.session.get_session(), "ecr", settings)
    token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2] + "\n"


def _shown(answer: Any, settings: dict[str, str]) -> str:
    if settings.get("output", "json") == "json":
        return json.dumps(answer, indent=4, default=lambda moment: moment.isoformat()) + "\n"
    if settings["output"] == "text" and not isinstance(answer, dict | list):
        # None is printed as the CLI prints it.
        return f"{answer}\n"
    raise Usage(f"--output {settings['output']} of this answer is not written here")


if __name__ == "__main__":
    ending.end(main(sys.argv[1:]))

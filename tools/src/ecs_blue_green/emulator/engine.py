"""The seam to ministack: the modules of it that we extend, and the few names that have a type.

ministack 1.5.33 is untyped; what it remembers is in `stores`, by our names. `python -m ecs_blue_green serve`
sets its environment before this module is imported (`serve`).
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import yaml
from botocore.exceptions import UnknownServiceError
from ministack import app as app
from ministack.core import persistence as persistence
from ministack.core import responses, router
from ministack.services import acm as acm
from ministack.services import alb as alb
from ministack.services import cloudformation as cloudformation
from ministack.services import cloudwatch as cloudwatch
from ministack.services import cloudwatch_logs as cloudwatch_logs
from ministack.services import codebuild as codebuild
from ministack.services import ec2 as ec2
from ministack.services import ecr as ecr
from ministack.services import ecs as ecs
from ministack.services import eventbridge as eventbridge
from ministack.services import iam as iam
from ministack.services import lambda_svc as lambda_svc
from ministack.services import s3 as s3
from ministack.services import sns as sns
from ministack.services.cloudformation import changesets as changesets
from ministack.services.cloudformation import drift as drift
from ministack.services.cloudformation import engine as templates
from ministack.services.cloudformation import handlers as handlers
from ministack.services.cloudformation import helpers as helpers
from ministack.services.cloudformation import provisioners as provisioners
from ministack.services.cloudformation import stacks as stacks

from ecs_blue_green.emulator.refusal import Refused

Record = dict[str, Any]
Store = MutableMapping[Any, Any]

# What is left of a property that a condition takes away.
NO_VALUE = stacks._NO_VALUE
# As they are before anything of ours takes their place.
_RESOURCE_TYPES = {name: dict(entry) for name, entry in provisioners._RESOURCE_HANDLERS.items()}
_ECS_OPERATIONS = dict(ecs._ACTION_MAP)


@dataclass(frozen=True)
class ResourceType:
    """How ministack provisions a resource type by itself."""

    create: Callable[[str, Record, str], tuple[str, Record]]
    update: Callable[[str, Record, Record, str, str], tuple[str, Record]]
    delete: Callable[[str, Record], Any]


def new_store() -> Store:
    """A store like ministack's own: each account and region sees its own entries, and it can be saved."""
    store: Store = responses.AccountRegionScopedDict()
    return store


def all_entries(store: Store) -> dict[Any, Any]:
    """A store's entries of all accounts and regions."""
    entries: dict[Any, Any] = store._data  # type: ignore[attr-defined]  # ministack's own class
    return entries


def account() -> str:
    """The account of the current request."""
    return str(responses.get_account_id())


def region() -> str:
    """The region of the current request."""
    return str(responses.get_region())


def arn(service: str, resource: str) -> str:
    """The ARN of a resource in the account and region of the current request."""
    return f"arn:aws:{service}:{region()}:{account()}:{resource}"


@contextmanager
def scope(account_id: str, region_name: str) -> Iterator[None]:
    """Act for an account and a region outside a request."""
    with responses.request_scope(account_id, region_name):
        yield


def add_service(name: str, module: Any, targets: list[str]) -> None:
    """Serve a service that ministack lacks: `module` has its contract (handle_request, get_state, ...).

    `targets` are the prefixes of X-Amz-Target that name the service.
    """
    app._loaded_modules[name] = module
    app.SERVICE_REGISTRY[name] = {"module": name}
    app.SERVICE_HANDLERS[name] = module.handle_request
    app._state_map[name] = name
    router.SERVICE_PATTERNS[name] = {
        "target_prefixes": targets,
        "host_patterns": [rf"{name}\."],
        "credential_scope": name,
    }


def take_models_from(load: Callable[[str], Any]) -> None:
    """Have ministack take the models of services from `load`, which raises UnknownServiceError.

    It would make a session for each, and list all services in it.
    """

    @functools.cache
    def model(service: str) -> Any:
        try:
            return load(responses._BOTOCORE_NAME.get(service, service))
        except UnknownServiceError:
            return None

    responses._service_model = model


def read_templates_in_c() -> None:
    """Have ministack read templates by libyaml where PyYAML was built with it: in a tenth of the time."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_constructors = templates.CfnLoader.yaml_constructors
        yaml_implicit_resolvers = templates.CfnLoader.yaml_implicit_resolvers

    templates.CfnLoader = Loader


def before_each_request(service: str, action: Callable[[], None]) -> None:
    """Run `action` before each request to one of the services."""
    handle = app.SERVICE_HANDLERS[service]

    async def handle_after(*request: Any) -> Any:
        action()
        return await handle(*request)

    app.SERVICE_HANDLERS[service] = handle_after


def service_module(name: str) -> Any:
    """ministack's module of a service that is loaded when it is first needed."""
    return app._get_module(name)


def resource_type(name: str) -> ResourceType:
    """How ministack provisions the resource type of this name."""
    entry = _RESOURCE_TYPES[name]
    return ResourceType(entry["create"], entry["update"], entry["delete"])


def ecs_operation(name: str, request: Record) -> Record:
    """What ministack's own operation of ECS answers; raises Refused where it refuses."""
    return answer_of(_ECS_OPERATIONS[name](request))


def query_parameter(parameters: Any, name: str, default: str = "") -> str:
    """A parameter of a request of the Query protocol."""
    return str(alb._p(parameters, name, default))


def query_list(parameters: Any, name: str) -> list[str]:
    """A list among the parameters of a request of the Query protocol: `name.member.1` and so on."""
    members: list[str] = alb._parse_member_list(parameters, name)
    return members


def query_actions(parameters: Any, name: str = "DefaultActions") -> list[Record]:
    """The actions of a listener or rule that a request has."""
    actions: list[Record] = alb._parse_actions(parameters, name)
    return actions


def listener_actions(properties: Record, name: str = "DefaultActions") -> list[Record]:
    """The actions of a listener or rule that a template has."""
    actions: list[Record] = provisioners._elbv2_listener_actions(properties, None, name)
    return actions


def rule_conditions(conditions: Any) -> list[Record]:
    """The conditions of a listener rule in a template, as Elastic Load Balancing describes them."""
    described: list[Record] = provisioners._flatten_listener_rule_conditions(conditions)
    return described


def conditions(template: Record, values: Record) -> Record:
    """The values of a template's conditions with these parameters."""
    evaluated: Record = stacks._evaluate_conditions(template, values)
    return evaluated


def references(value: Any) -> set[str]:
    """The names that a value of a template refers to: parameters, resources and pseudo parameters."""
    return {name for name, _ in stacks._intrinsic_references(value)}


def stack(name: str) -> Record | None:
    """The stack of this name or ARN."""
    resolved: Record | None = handlers._resolve_stack(name)
    return resolved


def add_event(stack: Record, resource: tuple[str, str, str], status: str, reason: str) -> None:
    """Add an event to a stack, about a resource: its logical id, type and physical id."""
    logical_id, kind, physical_id = resource
    stacks._add_event(stack["StackId"], stack["StackName"], logical_id, kind, status, reason, physical_id)


def stack_response(operation: str, inner: str = "") -> Any:
    """The answer of an operation of CloudFormation, of what is inside of its element."""
    return helpers._xml(200, f"{operation}Response", inner)


def stacks_in_progress() -> bool:
    """Whether CloudFormation is working on any stack, in any account and region."""
    return any(
        stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        for stack in cloudformation._stacks.all_values()
    )


def add_json_operations(module: Any, operations: Mapping[str, Callable[[Record], Record]]) -> None:
    """Answer operations of one of ministack's JSON services with our own functions.

    A function takes the request and returns the answer, or raises Refused.
    """
    for name, operation in operations.items():
        module._ACTION_MAP[name] = json_operation(operation)


def json_operation(operation: Callable[[Record], Record]) -> Any:
    """A function from request to answer, in the shape that ministack calls operations by."""

    def answer(request: Record) -> Any:
        try:
            return responses.json_response(operation(request))
        except Refused as refused:
            return responses.error_response_json(refused.code, refused.message, 400)

    return answer


def answer_of(response: Any) -> Record:
    """What one of ministack's JSON operations answered; raises Refused where it did."""
    status, _, body = response
    answer: Record = json.loads(body)
    if status >= HTTPStatus.BAD_REQUEST:
        raise Refused(answer["__type"], answer.get("message", ""))
    return answer


def guard_query_operation(
    module: Any, name: str, check: Callable[[Any], None], afterwards: Callable[[], None] = lambda: None
) -> None:
    """Run a check before an operation of one of ministack's query services, and a function after it.

    The check raises Refused where AWS does.
    """
    operation = module._ACTION_MAP[name]

    def guarded(parameters: Any) -> Any:
        check(parameters)
        answer = operation(parameters)
        afterwards()
        return answer

    module._ACTION_MAP[name] = _with_refusals(guarded, module._error)


def wrap_query_operation(module: Any, name: str, around: Callable[[Any, Any], Any]) -> None:
    """Answer an operation of one of ministack's query services with `around(operation, parameters)`."""
    operation = module._ACTION_MAP[name]
    module._ACTION_MAP[name] = lambda parameters: around(operation, parameters)


def wrap_stack_operation(name: str, around: Callable[[Any, Any], Any]) -> None:
    """Answer an operation of CloudFormation with `around(operation, parameters)`, which may raise Refused."""
    operation = handlers._ACTION_HANDLERS[name]
    handlers._ACTION_HANDLERS[name] = _with_refusals(
        lambda parameters: around(operation, parameters), helpers._error
    )


def _with_refusals(operation: Callable[[Any], Any], error: Any) -> Callable[[Any], Any]:
    def answer(parameters: Any) -> Any:
        try:
            return operation(parameters)
        except Refused as refused:
            return error(refused.code, refused.message)

    return answer

"""Whose environment it is: the repository on GitHub that it is deployed from.

Stacks, their names and tags are the same in every copy of the project that has kept its name and the
environment's. The repository is not. Two places tell it: the deployed stack that has it as parameters, and,
from before there is such a stack, a record beside the lock.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import aws, remedies, template
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import deployed
from ecs_blue_green.deployer.rules import Finding, Guarded
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.runtime import Repository, Runtime


@dataclass(frozen=True)
class Owner:
    """A repository, as OWNER/NAME, and the place that says that the environment is its."""

    repository: str
    place: str


@dataclass(frozen=True)
class Record:
    """What the record says; empty is what it does not say.

    `parameters` are those that have the repository, `layers` those of which a deployment was ever begun.
    """

    repository: str = ""
    parameters: Repository | None = None
    layers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """How the Parameter Store has it."""
        parameters = self.parameters._asdict() if self.parameters else None
        return json.dumps({**asdict(self), "parameters": parameters})


@dataclass(frozen=True)
class Owners:
    """What is said of an environment: whose this checkout says it is, and whose those places do.

    `own` is None where nothing says which parameters name the repository.
    """

    own: str | None
    found: tuple[Owner, ...] = ()
    layer: str = ""
    record: Record = Record()

    @property
    def others(self) -> tuple[Owner, ...]:
        """Those that are not this checkout's repository. GitHub's names have no case."""
        return tuple(one for one in self.found if self.own and not _is_same(one.repository, self.own))


def look(session: Session) -> Owners:
    """Ask AWS whose the environment is."""
    environment, declared = session.environment, session.project.declared
    record = read(session.aws.client("ssm"), environment)
    named = _named(declared, record)
    if named is None or environment.is_local:
        return Owners(None, record=record)
    stack = describe.stack(session.cloudformation, environment.stack_name(named.layer))
    return of(environment, session.layers, declared, record, {named.layer: stack})


def of(
    environment: Environment,
    layers: Mapping[str, Layer],
    runtime: Runtime | BadInput,
    record: Record,
    stacks: Mapping[str, Stack | None],
) -> Owners:
    """Whose the environment is, by its record and by its stacks.

    Where it is not known what the layers say, the record has the names of the parameters. The emulator on
    this machine is nobody else's.
    """
    named = _named(runtime, record)
    if named is None or named.layer not in layers or environment.is_local:
        return Owners(None, record=record)
    found = []
    stack = stacks.get(named.layer)
    # One that is not this project's is another matter, which has a rule of its own.
    if stack and deployed.is_ours(environment, named.layer, stack):
        found.append(Owner(_told(stack.parameters, named), f"the stack {stack.name}"))
    found.append(Owner(record.repository, f"the record {name(environment)}"))
    own = _told(template.parameter_values(layers[named.layer], environment), named)
    return Owners(own or None, tuple(one for one in found if one.repository), named.layer, record)


def refuse_other(
    environment: Environment, owners: Owners, moved_from: str | None, way_on: Callable[[str], str]
) -> None:
    """Raise Guarded where the environment is another repository's, unless that is the one it moved from.

    `way_on` gives the command that moves it from a repository.
    """
    findings = [
        Finding(
            owners.layer,
            "",
            "other-repository",
            f"{environment.project}-{environment.name} is the environment of {other.repository}, "
            f"as {other.place} says, and params/{environment.name}.yaml is {owners.own}'s",
            remedies.OTHER_REPOSITORY(
                environment=environment.name,
                other=other.repository,
                own=str(owners.own),
                move=way_on(other.repository),
            ),
        )
        for other in owners.others
        if not (moved_from and _is_same(other.repository, moved_from))
    ]
    if findings:
        raise Guarded(findings)


def shipped(environment: Environment, runtime: Runtime) -> str | None:
    """What to say where an environment on AWS has the project's name that every copy of the files has."""
    named = runtime.repository
    if named is None or environment.is_local or environment.project != named.shipped_project:
        return None
    return (
        f"params/{environment.name}.yaml says project: {environment.project}, as every copy of these files "
        f"does: another one in account {environment.account} would have the same names. Choose your own "
        "before the first deploy"
    )


def record(session: Session, owners: Owners, there: Iterable[str]) -> None:
    """Remember this checkout's repository as the environment's, and which layers have a stack or get one."""
    environment, named = session.environment, session.project.runtime.repository
    own = _told(template.parameter_values(session.layers[named.layer], environment), named) if named else ""
    now = Record(own, named, tuple(sorted(there)))
    if now != owners.record:
        client = session.aws.client("ssm")
        client.put_parameter(Name=name(environment), Value=now.text, Type="String", Overwrite=True)


def remove(client: Any, environment: Environment) -> None:
    """Forget, with the environment."""
    client.delete_parameters(Names=[name(environment)])


def read(client: Any, environment: Environment) -> Record:
    """The record: empty where there is none, or none that can be read, or that whoever plans may read."""
    try:
        # GetParameters names what is missing instead of failing.
        found = client.get_parameters(Names=[name(environment)])["Parameters"]
    except ClientError as error:
        if aws.is_denial(error):
            return Record()
        raise
    return parsed(found[0]["Value"] if found else None)


def parsed(text: str | None) -> Record:
    """What the text of the record says: nothing where there is none, or none that can be read."""
    try:
        document = json.loads(text if text is not None else "{}")
        named = document.get("parameters")
        record = Record(
            document.get("repository", ""),
            Repository(**named) if named else None,
            tuple(document.get("layers", ())),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Record()
    told = (record.repository, *record.layers, *(named or {}).values())
    return record if all(isinstance(one, str | None) for one in told) else Record()


def name(environment: Environment) -> str:
    """The record's name in the Parameter Store."""
    return f"/{environment.project}/{environment.name}/deploy/environment"


def _named(runtime: Runtime | BadInput, record: Record) -> Repository | None:
    """Which parameters name the repository, where anything says that."""
    return runtime.repository if isinstance(runtime, Runtime) else record.parameters


def _told(values: Mapping[str, str], named: Repository) -> str:
    """OWNER/NAME, by the values of the two parameters; empty where there are none."""
    pair = [values.get(title, "") for title in (named.owner, named.name)]
    return "/".join(pair) if all(pair) else ""


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()

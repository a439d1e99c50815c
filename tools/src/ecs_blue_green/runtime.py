"""`build/runtime.json`: what the layers say of themselves, for whoever deploys, emulates or reviews them.

It names resources, outputs, parameters and layers, and holds neither conditions nor expressions.
`generate.py` writes it from what each layer declares beside its resources. Its shape is that of the classes
below, and `runtime.schema.json` says the same for other programs (a test compares the two).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from ecs_blue_green import shapes
from ecs_blue_green.failure import Failure

SCHEMA = "runtime/1"
FILE = "runtime.json"
REPAIR = "run: make generate"
OUTPUT = re.compile(r"[a-z][a-z0-9-]*\.[A-Za-z0-9]+")

T = TypeVar("T")


class Unusable(Failure):
    """There is no runtime.json that can be worked with."""

    exit_code = 2

    def __init__(self, what: str, why: str, remedy: str = REPAIR) -> None:
        super().__init__(what, why, remedy)


class Parameter(str):
    """The name of a parameter that a template declares."""

    __slots__ = ()


class Output(NamedTuple):
    """An output of a layer's stack, in the file as `layer.Title`."""

    layer: str
    title: str

    @classmethod
    def named(cls, text: Any) -> "Output":
        """The output that the file names. Raises ShapeError with what that must be."""
        if not isinstance(text, str) or not OUTPUT.fullmatch(text):
            raise shapes.ShapeError("an output, as layer.Title")
        return cls(*text.split("."))


# How far somebody else may change a property; outside of that a difference is real drift.
Limit = Literal[
    "forwards-to-target-groups",  # every request goes to blue or green
    "same-container",  # the same container and port, behind blue or green
    "same-family",  # another revision of the same family
    "latest",  # LATEST, or the version that was taken for it
    "last-deployment",  # what the last finished deployment brought
    "anything",
]


class Delegation(NamedTuple):
    """A property of a resource that belongs to somebody else than CloudFormation."""

    property: str
    owner: str
    limit: Limit


class Changed(NamedTuple):
    """Who changes a resource after its creation besides the deployer, in which role, and which properties.

    `by` and `role` are for people; `properties` has those that CloudFormation would tell of as drift.
    """

    resource: str
    by: str
    role: str = "none"
    properties: tuple[Delegation, ...] = ()


class FixedAtCreation(NamedTuple):
    """A parameter whose value a stack keeps for its life, so that a new default changes new stacks alone.

    The deployer fills it in: `for_new_stacks` where it makes the stack; ever after what the stack has, or
    `for_older_stacks` where the stack is older than the parameter.
    """

    parameter: Parameter
    for_new_stacks: str
    for_older_stacks: str


class LayerRuntime(NamedTuple):
    """What one layer says of itself.

    `released` is the layer that the pipeline changes on every release; its output `revision` names what the
    next release will run. `role` is the output with the role through which CloudFormation always operates
    the stack, and `waits_for_connection` the one with the connection that a person must have completed before
    the stack is made. A layer that is `untouched_by_releases` may be changed while a release runs. The stack
    keeps its values of the parameters that are `moved_by_releases`: each release brings those of the layer's
    stack that has them in `gives_to_releases`.
    """

    stack_policy: str | None = None
    changed_by: tuple[Changed, ...] = ()
    fixed_at_creation: tuple[FixedAtCreation, ...] = ()
    released: bool = False
    revision: str | None = None
    role: Output | None = None
    waits_for_connection: Output | None = None
    untouched_by_releases: bool = False
    moved_by_releases: tuple[Parameter, ...] = ()
    gives_to_releases: tuple[Parameter, ...] = ()


class Distinct(NamedTuple):
    """A list parameter that must have so many different values, and none twice."""

    parameter: Parameter
    at_least: int


class NotAbove(NamedTuple):
    """A number that must not be above another one."""

    lower: Parameter
    upper: Parameter


class NotLonger(NamedTuple):
    """A sum of products of parameters that must not be above another one with `more` added, and why."""

    sum: tuple[tuple[Parameter, ...], ...]
    limit: tuple[tuple[Parameter, ...], ...]
    because: str
    more: int = 0


class Pairs(NamedTuple):
    """The values, in `unit`, that a parameter may have beside each value of another, as `of` has them."""

    first: Parameter
    second: Parameter
    unit: str
    of: str
    pairs: Mapping[str, tuple[int, ...]]


class Cidr(NamedTuple):
    """A parameter that is a CIDR block, or empty."""

    parameter: Parameter


class BelongsTo(NamedTuple):
    """A parameter that must have a value where another one has the value said here, and none elsewhere."""

    parameter: Parameter
    other: Parameter
    value: str


class Needs(NamedTuple):
    """A parameter that may have a value only where another one has one."""

    parameter: Parameter
    other: Parameter


class Rules(NamedTuple):
    """What no `Parameters` block can state. The order of the kinds is that of the messages."""

    belongs_to: tuple[BelongsTo, ...] = ()
    needs: tuple[Needs, ...] = ()
    distinct: tuple[Distinct, ...] = ()
    not_above: tuple[NotAbove, ...] = ()
    not_longer: tuple[NotLonger, ...] = ()
    pairs: tuple[Pairs, ...] = ()
    cidr: tuple[Cidr, ...] = ()


class Controller(NamedTuple):
    """What controls the releases, the layers that belong together for it, and where its parts are named.

    Where parameters say whether `alarms` stop a release and how long old tasks stay, people are told these.
    `address` is where the users reach the service.
    """

    type: Literal["code-deploy"]
    layers: tuple[str, ...]
    cluster: Output
    service: Output
    production_listener: Output
    blue_target_group: Output
    green_target_group: Output
    application: Output
    deployment_group: Output
    pipeline: Output
    address: Output | None = None
    alarms: Parameter | None = None
    termination_wait: Parameter | None = None


class Endpoints(NamedTuple):
    """Services that the tasks call where a parameter has a value: the ends of their endpoints' names."""

    parameter: Parameter
    value: str
    services: tuple[str, ...]


class Network(NamedTuple):
    """The parameters that name the network.

    The load balancer is in the public subnets, or in the internal ones where it has no public addresses.
    """

    vpc: Parameter
    public_subnets: Parameter
    private_subnets: Parameter
    internal_subnets: Parameter | None = None
    endpoints: tuple[Endpoints, ...] = ()

    @property
    def of_load_balancer(self) -> tuple[Parameter, ...]:
        """The parameters with subnets of the load balancer."""
        return tuple(title for title in (self.public_subnets, self.internal_subnets) if title is not None)


class Cluster(NamedTuple):
    """The parameters that name the cluster, and that say `true` where it exists before the stacks."""

    name: Parameter
    existing: Parameter


class Domain(NamedTuple):
    """The parameters with the name by which users come, and with the hosted zone that has a record of it."""

    name: Parameter
    zone: Parameter


class Capacity(NamedTuple):
    """The parameters with the fewest and most tasks, and with the CPU units of one.

    The parameter `providers` has the capacity providers that releases name, separated by commas, each one's
    name before a colon.
    """

    minimum: Parameter
    maximum: Parameter
    cpu: Parameter
    providers: Parameter | None = None


class Image(NamedTuple):
    """The parameter with the tag of the service's first image, and what images are built from.

    `folder` is the build context, whose own `Dockerfile` it is where no `dockerfile` is named. `command`
    starts the application in the folder on this machine; without one, the folder is a Python package.
    """

    tag: Parameter
    folder: str
    dockerfile: str | None = None
    command: tuple[str, ...] = ()

    @property
    def dockerfile_path(self) -> str:
        """The path of the Dockerfile from the top of the repository."""
        return self.dockerfile or f"{self.folder}/Dockerfile"


class Bucket(NamedTuple):
    """A parameter that names a bucket which must exist; `written_by` must be let write into it."""

    parameter: Parameter
    written_by: Literal["nobody", "load-balancer"] = "nobody"


class Key(NamedTuple):
    """A parameter that names a KMS key: the service principals that its policy must let use it.

    `through` is the service through which the roles of the environment must be let use it besides. In both
    `{region}` stands for the environment's region. None of them uses it where the parameter `unless` has a
    value.
    """

    parameter: Parameter
    services: tuple[str, ...]
    through: str | None = None
    unless: Parameter | None = None


class Repository(NamedTuple):
    """The parameters of a layer that name the repository on GitHub whose environments these are.

    `shipped_project` is the project's name in the files that teams copy: who keeps it shares the names of
    all resources with every other copy of which that is true.
    """

    layer: str
    owner: Parameter
    name: Parameter
    shipped_project: str | None = None


class Rehearsal(NamedTuple):
    """The parameters that a rehearsal asks for.

    By `health_rate` it makes a version that is not well: the share of good answers. `host` has the name by
    which users come; where it is empty, they come by the load balancer's.
    """

    health_rate: Parameter | None = None
    host: Parameter | None = None


class Runtime(NamedTuple):
    """The whole file."""

    schema: Literal["runtime/1"]
    layers: Mapping[str, LayerRuntime]
    controller: Controller
    network: Network
    capacity: Capacity
    image: Image
    repository: Repository | None = None
    cluster: Cluster | None = None
    domain: Domain | None = None
    rules: Rules = Rules()
    buckets: tuple[Bucket, ...] = ()
    keys: tuple[Key, ...] = ()
    rehearsal: Rehearsal = Rehearsal()

    @property
    def released(self) -> tuple[str, ...]:
        """The layers that the pipeline changes on every release."""
        return tuple(slug for slug, layer in self.layers.items() if layer.released)

    @property
    def fixed_at_creation(self) -> set[str]:
        """The parameters that the deployer fills in once for a stack's life."""
        return {fixed.parameter for layer in self.layers.values() for fixed in layer.fixed_at_creation}


def read_runtime(build: Path) -> Runtime:
    """The file in a folder `build/`. Raises Unusable where it is missing, broken or of another schema."""
    return made(_document(build), f"{build.name}/{FILE}")


def read_layers(build: Path) -> set[str]:
    """The layers that the file names, without a look at what it says of them. Raises Unusable."""
    document = _document(build)
    layers = document.get("layers") if isinstance(document, dict) else None
    return set(layers) if isinstance(layers, dict) else set()


def _document(build: Path) -> Any:
    """The file's JSON. Raises Unusable."""
    name = f"{build.name}/{FILE}"
    try:
        return json.loads((build / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Unusable(f"{name} is missing", "the layers say there what a deployer must know") from error
    except OSError as error:
        raise Unusable(f"{name} cannot be read", error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{name} is not JSON", str(error).splitlines()[0]) from error


def made(document: Any, name: str) -> Runtime:
    """What a JSON document says; `name` is its file's in messages. Raises Unusable."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise Unusable(
            f"{name} cannot be used", f"its schema is {schema or 'not told'}, and {SCHEMA} is known here"
        )
    try:
        return shapes.made(Runtime, document)
    except shapes.ShapeError as error:
        raise Unusable(f"{name} does not follow its schema", str(error)) from error


def lacking(runtime: Runtime, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The outputs and parameters that are named and that no template has: nothing works without them.

    `templates` are the layers' by slug.
    """

    def outputs(slug: str) -> Collection[str]:
        declared: Collection[str] = templates.get(slug, {}).get("Outputs", {})
        return declared

    for slug, layer in runtime.layers.items():
        if layer.revision is not None and layer.revision not in outputs(slug):
            yield f"{slug}.yaml has no output {layer.revision}"
    for output in _found(runtime, Output):
        if output.title not in outputs(output.layer):
            yield f"{output.layer}.yaml has no output {output.title}"
    declared = {title for template in templates.values() for title in template.get("Parameters", {})}
    for title in dict.fromkeys(_found(runtime, Parameter)):
        if title not in declared:
            yield f"no template has a parameter {title}"


def problems(runtime: Runtime, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """All that is named and not there, or contradicts itself: what must not be written into the file."""
    yield from lacking(runtime, templates)
    for slug, layer in runtime.layers.items():
        resources, parameters = (
            templates.get(slug, {}).get(section, {}) for section in ("Resources", "Parameters")
        )
        for changed in layer.changed_by:
            if changed.resource not in resources:
                yield f"{slug}.yaml has no resource {changed.resource}"
        for fixed in layer.fixed_at_creation:
            if fixed.parameter not in parameters:
                yield f"{slug}.yaml has no parameter {fixed.parameter}"
            elif "Default" not in parameters[fixed.parameter]:
                # Where this file is not known, an environment must be readable all the same.
                yield f"{slug}.yaml must give {fixed.parameter} a default, since it is fixed at creation"
            elif layer.released:
                # The pipeline gives this stack its parameters from a file that is the same for all stacks.
                yield f"{slug} is released, so its parameter {fixed.parameter} cannot be fixed at creation"
        for title in (*layer.moved_by_releases, *layer.gives_to_releases):
            if title not in parameters:
                yield f"{slug}.yaml has no parameter {title}"
        given = {title for other in runtime.layers.values() for title in other.gives_to_releases}
        for title in layer.moved_by_releases:
            if title not in given:
                yield f"no layer gives {title} to releases, so nothing moves that of {slug}"
    repository = runtime.repository
    if repository:
        declared = templates.get(repository.layer, {}).get("Parameters", {})
        for title in (repository.owner, repository.name):
            if title not in declared:
                yield f"{repository.layer}.yaml has no parameter {title}"
    named = {*runtime.controller.layers, *([repository.layer] if repository else [])}
    for slug in sorted(named - runtime.layers.keys()):
        yield f"there is no layer {slug}"


def uses(runtime: Runtime, slug: str) -> list[str]:
    """Where the file names an output of a layer, such as `controller.service`."""
    return [where for where, output in _places(runtime, "") if output.layer == slug]


def _places(value: Any, where: str) -> Iterator[tuple[str, Output]]:
    """Every output that a part of the file names, with the place."""
    if isinstance(value, Output):
        yield where, value
    elif _is_class(value):
        for name, member in zip(value._fields, value, strict=True):
            yield from _places(member, f"{where}.{name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _places(item, f"{where}.{key}")


def _found(value: Any, kind: type[T]) -> Iterator[T]:
    """Every value of a kind in a part of the file, however deep."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            # Most of it is text, which has nothing inside.
            if isinstance(item, kind | dict | tuple):
                yield from _found(item, kind)


def _is_class(value: Any) -> bool:
    """Whether this is made of one of the classes above."""
    return hasattr(value, "_fields")

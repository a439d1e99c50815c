"""What a layer says of itself to whoever deploys, emulates or reviews it: `RUNTIME`, beside its resources.

`generate.py` writes `build/runtime.json` from it, which names resources, outputs and parameters and is
reviewed like a template. The tool in tools/ knows this project by that file alone; what each entry does there
is said in its `runtime.schema.json`. A layer without `RUNTIME` has nothing to say.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from awacs.aws import PolicyDocument

SCHEMA = "runtime/1"

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Delegation(NamedTuple):
    """A property that `owner` changes at run time, within a limit: beyond it, `make drift` calls it real."""

    property: str
    owner: str
    limit: Literal[
        "forwards-to-target-groups", "same-container", "same-family", "latest", "last-deployment", "anything"
    ]


class Changed(NamedTuple):
    """A resource that others change after its creation: who and what of it, and in which role, for people.

    `properties` has what CloudFormation would tell of as drift.
    """

    resource: str
    by: str
    role: str = "none"
    properties: Sequence[Delegation] = ()


class FixedAtCreation(NamedTuple):
    """A parameter that the deployer fills in once for a stack's life, and with what for stacks before it.

    It needs a default in its table: what reads an environment without this file takes that.
    """

    parameter: str
    for_new_stacks: str
    for_older_stacks: str


class Distinct(NamedTuple):
    """A rule: a list has so many different values, and none twice."""

    parameter: str
    at_least: int


class NotAbove(NamedTuple):
    """A rule: a number is not above another one."""

    lower: str
    upper: str


class NotLonger(NamedTuple):
    """A rule: a sum of products of parameters is not above another one with `more`, for a reason.

    Both are lists of parameters that are multiplied; `because` is what people are told.
    """

    sum: Sequence[Sequence[str]]
    limit: Sequence[Sequence[str]]
    because: str
    more: int = 0


class Pairs(NamedTuple):
    """A rule: the second parameter has, in `unit`, a value that `of` has beside the first one's."""

    first: str
    second: str
    unit: str
    of: str
    pairs: Mapping[int, Sequence[int]]


class Cidr(NamedTuple):
    """A rule: a parameter is a CIDR block, or empty."""

    parameter: str


class BelongsTo(NamedTuple):
    """A rule: a parameter is given where another has this value, and nowhere else."""

    parameter: str
    other: str
    value: str


class Needs(NamedTuple):
    """A rule: a parameter is given only where another one has a value."""

    parameter: str
    other: str


Rule = BelongsTo | Needs | Distinct | NotAbove | NotLonger | Pairs | Cidr

# Their names in the file, in the order in which a broken one is told.
RULES: Mapping[str, type[Rule]] = {
    "belongs_to": BelongsTo,
    "needs": Needs,
    "distinct": Distinct,
    "not_above": NotAbove,
    "not_longer": NotLonger,
    "pairs": Pairs,
    "cidr": Cidr,
}


class Endpoints(NamedTuple):
    """What the tasks or the smoke test call where a parameter has a value: the ends of endpoints' names."""

    parameter: str
    value: str
    services: Sequence[str]


class Bucket(NamedTuple):
    """A parameter that names a bucket, and who must be let write into it."""

    parameter: str
    written_by: Literal["nobody", "load-balancer"] = "nobody"


class Key(NamedTuple):
    """A parameter that names a KMS key, and which services its policy must let use it.

    `through` is the service through which this environment's roles must be let use it too. None of them uses
    it where the parameter `unless` has a value.
    """

    parameter: str
    services: Sequence[str]
    through: str | None = None
    unless: str | None = None


class Runtime(NamedTuple):
    """All that a layer says. An output of another layer is written `layer.Title`.

    Of the layer itself: its stack policy, who else changes its resources, whether the pipeline changes it on
    every release (`released`, with the output that names the `revision`), the `role` that always operates its
    stack, the connection that it `waits_for_connection`, and whether it may change during a release. Of the
    parameters that are `moved_by_releases` the stack keeps its values: each release brings those of the layer
    that has them in `gives_to_releases`.

    Of the whole, which is put together from all layers: `controller` has outputs of this layer by what they
    name there, `controller_parameters`, `network`, `cluster`, `domain`, `capacity` and `image` have
    parameters (`image` also what images are built from, and what starts the application on this machine).
    For rehearsals, `health_rate` is the parameter that makes a version which is not well, and `host` the one
    with the name by which users come.
    """

    stack_policy: PolicyDocument | None = None
    changed_by: Sequence[Changed] = ()
    fixed_at_creation: Sequence[FixedAtCreation] = ()
    released: bool = False
    revision: str | None = None
    role: str | None = None
    waits_for_connection: str | None = None
    untouched_by_releases: bool = False
    moved_by_releases: Sequence[str] = ()
    gives_to_releases: Sequence[str] = ()
    controller: Mapping[str, str] = NOTHING
    controller_parameters: Mapping[str, str] = NOTHING
    network: Mapping[str, str] = NOTHING
    cluster: Mapping[str, str] = NOTHING
    domain: Mapping[str, str] = NOTHING
    capacity: Mapping[str, str] = NOTHING
    image: Mapping[str, Any] = NOTHING
    repository: Mapping[str, str] = NOTHING
    endpoints: Sequence[Endpoints] = ()
    rules: Sequence[Rule] = ()
    buckets: Sequence[Bucket] = ()
    keys: Sequence[Key] = ()
    health_rate: str | None = None
    host: str | None = None


# What stays with its layer in the file.
OF_THE_LAYER = (
    "changed_by",
    "fixed_at_creation",
    "released",
    "revision",
    "role",
    "waits_for_connection",
    "untouched_by_releases",
    "moved_by_releases",
    "gives_to_releases",
)


def stack_policy_file(slug: str) -> str:
    """The file in `build/` with a layer's stack policy."""
    return f"{slug}.stack-policy.json"


def document(layers: Mapping[str, Runtime]) -> dict[str, Any]:
    """The document of `build/runtime.json`, from what each layer says, by slug.

    Raises ValueError where two layers say who is what in the controller, the network and so on.
    """
    declared = layers.values()
    rules = {
        name: [_plain(rule) for layer in declared for rule in layer.rules if isinstance(rule, kind)]
        for name, kind in RULES.items()
    }
    controller = {
        slug: {part: f"{slug}.{title}" for part, title in layer.controller.items()}
        for slug, layer in layers.items()
        if layer.controller
    }
    cluster = _merged("cluster", [layer.cluster for layer in declared])
    domain = _merged("domain", [layer.domain for layer in declared])
    repositories = [{"layer": slug, **layer.repository} for slug, layer in layers.items() if layer.repository]
    rehearsal = [
        {name: parameter}
        for layer in declared
        for name, parameter in (("health_rate", layer.health_rate), ("host", layer.host))
        if parameter
    ]
    return {
        "schema": SCHEMA,
        "layers": {slug: _of_the_layer(slug, layer) for slug, layer in layers.items()},
        "rules": {name: found for name, found in rules.items() if found},
        "controller": {
            "type": "code-deploy",
            # They are made for this controller, and go with it.
            "layers": list(controller),
            **_merged("controller", controller.values()),
            **_merged("controller", [layer.controller_parameters for layer in declared]),
        },
        "network": {
            **_merged("network", [layer.network for layer in declared]),
            "endpoints": [_plain(endpoints) for layer in declared for endpoints in layer.endpoints],
        },
        **({"cluster": cluster} if cluster else {}),
        **({"domain": domain} if domain else {}),
        "capacity": _merged("capacity", [layer.capacity for layer in declared]),
        "image": _merged("image", [layer.image for layer in declared]),
        **({"repository": _merged("repository", repositories)} if repositories else {}),
        "buckets": [_plain(bucket) for layer in declared for bucket in layer.buckets],
        "keys": [_plain(key) for layer in declared for key in layer.keys],
        "rehearsal": _merged("rehearsal", rehearsal),
    }


def _of_the_layer(slug: str, layer: Runtime) -> dict[str, Any]:
    policy = {"stack_policy": stack_policy_file(slug)} if layer.stack_policy else {}
    values = {name: getattr(layer, name) for name in OF_THE_LAYER}
    return {**policy, **{name: _plain(value) for name, value in values.items() if value}}


def _merged(name: str, parts: Any) -> dict[str, str]:
    merged: dict[str, str] = {}
    for part in parts:
        for key, value in part.items():
            if merged.setdefault(key, value) != value:
                raise ValueError(f"{key} of the {name} is {merged[key]} and {value}")
    return merged


def _plain(value: Any) -> Any:
    """What JSON can hold, without what a class sets by itself."""
    if hasattr(value, "_fields"):
        return {
            name: _plain(member)
            for name, member in value._asdict().items()
            if name not in value._field_defaults or member != value._field_defaults[name]
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value

"""What deployer, emulator and review must know about a layer: `RUNTIME`, declared beside its resources.

`generate.py` writes `build/runtime.json` from it, which names resources, outputs and parameters and is
reviewed like a template. The tool in tools/ knows this project only by that file; its `runtime.schema.json`
explains every entry. A layer without such facts needs no `RUNTIME`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from awacs.aws import PolicyDocument

SCHEMA = "runtime/1"

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Delegation(NamedTuple):
    """A property that `owner` changes at run time, within a limit: beyond it, drift counts as real."""

    property: str
    owner: str
    limit: Literal[
        "forwards-to-target-groups", "same-container", "same-family", "latest", "last-deployment", "anything"
    ]


class Changed(NamedTuple):
    """A resource that others change after its creation: who, what, and with which role, in words for people.

    `properties` lists what CloudFormation would report as drift.
    """

    resource: str
    by: str
    role: str = "none"
    properties: Sequence[Delegation] = ()


class FixedAtCreation(NamedTuple):
    """A parameter that the deployer sets once in a stack's lifetime, and its value for older stacks.

    It needs a default in its table, which is used wherever an environment is read without this file.
    """

    parameter: str
    for_new_stacks: str
    for_older_stacks: str


class Distinct(NamedTuple):
    """A rule: a list has that many values, and no duplicates."""

    parameter: str
    at_least: int


class NotAbove(NamedTuple):
    """A rule: a number is not greater than another one."""

    lower: str
    upper: str


class NotLonger(NamedTuple):
    """A rule: a sum of products of parameters is not greater than another one plus `more`, for a reason.

    Both are lists of parameters that are multiplied; `because` is the reason in the message.
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
    """A rule: a parameter is set if another one has this value, and only then."""

    parameter: str
    other: str
    value: str


class Needs(NamedTuple):
    """A rule: a parameter is set only if another one is set."""

    parameter: str
    other: str


Rule = BelongsTo | Needs | Distinct | NotAbove | NotLonger | Pairs | Cidr

# Their names in the file, in the order in which violations are reported.
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
    """What the tasks or the smoke test call if a parameter is set: suffixes of VPC endpoint names."""

    parameter: str
    value: str
    services: Sequence[str]


class Bucket(NamedTuple):
    """A parameter that names a bucket, and who must be allowed to write to it."""

    parameter: str
    written_by: Literal["nobody", "load-balancer"] = "nobody"


class Key(NamedTuple):
    """A parameter that names a KMS key, and which services its key policy must allow.

    `through` is the service through which the roles of this environment must be allowed to use it too. None
    of them uses it if the parameter `unless` is set.
    """

    parameter: str
    services: Sequence[str]
    through: str | None = None
    unless: str | None = None


class Runtime(NamedTuple):
    """Everything that a layer declares. An output of another layer is written `layer.Title`.

    About the layer itself: its stack policy, who else changes its resources, whether the pipeline changes it
    in every release (`released`, with the output that names the `revision`), the `role` that always operates
    its stack, the connection for which it waits (`waits_for_connection`), and whether it may change during a
    release. For parameters that are `moved_by_releases` the stack keeps its values: each release uses those
    of the layer that has them in `gives_to_releases`.

    About the whole project, collected from all layers: `controller` has outputs of this layer by their role
    there; `controller_parameters`, `network`, `cluster`, `domain`, `capacity` and `image` have parameters
    (`image` also what images are built from, and what starts the application on your machine). For
    rehearsals, `health_rate` is the parameter that makes a version fail requests, and `host` the one with the
    host name that users use.
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
    """The document of `build/runtime.json`, from the declarations of each layer, by slug.

    Raises ValueError if two layers declare the same role in the controller, the network and so on.
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
            # They exist only for this controller, and are removed with it.
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
    """The values as JSON, without those that a class sets by itself."""
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

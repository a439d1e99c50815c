"""Scenarios by the number: what an environment is, what is wanted of it, and what goes wrong on the way.

The first numbers are deaths at every call of a deployment; then come random ones, the same for each number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.faults.network import Fault, Kind
from tests.faults.world import Failing

# `left`: deployed, with a stack whose layer has left the project.
Start = Literal["empty", "deployed", "left"]
# `kept plan` makes one, `kept deploy` executes one that was made, `stuck` goes on with a stuck rollback, and
# `restore` makes a service again that somebody deleted.
Verb = Literal["deploy", "destroy", "plan", "kept plan", "kept deploy", "stuck", "restore"]

# What changes of templates are called among those of parameters: one more resource; one more output, which
# another layer imports, and nothing else.
TEMPLATE, OUTPUT = "template", "output"
# A change of each layer that is no surprise: parameters of the parameter file, or one of a template.
CHANGES: Mapping[str, Callable[[Random], tuple[str, str]]] = {
    "container-repository": lambda random: ("ImageRetentionCount", str(random.randint(11, 99))),
    "infrastructure": lambda random: (TEMPLATE, f"topic-{random.randint(1, 99)}"),
    "task-definition": lambda random: ("HealthRate", random.choice(["0.5", "0.7", "0.9"])),
    "service-preference": lambda random: ("MaxCapacity", str(random.randint(3, 99))),
    "pipeline": lambda random: ("ArtifactRetentionDays", str(random.randint(31, 99))),
    # The stack of the service keeps it, and the next release brings it.
    "service": lambda random: ("PlatformVersion", random.choice(["1.4.0", "1.3.0"])),
    "outputs": lambda random: (OUTPUT, f"value-{random.randint(1, 99)}"),
}
# One that the stack policy denies, with the resources that must be named.
PROTECTED = (
    "HealthCheckPath",
    "/healthy",
    ["infrastructure:BlueTargetGroup", "infrastructure:GreenTargetGroup"],
)
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
# What can fail in each layer: a resource when the stack is created, and one that its change above touches.
FAILS: Mapping[str, tuple[str, str]] = {
    "infrastructure": ("AWS::ECS::Cluster", "AWS::SNS::Topic"),
    "container-repository": ("AWS::ECR::Repository", "AWS::ECR::Repository"),
    "task-definition": ("AWS::ECS::TaskDefinition", "AWS::ECS::TaskDefinition"),
    "service": ("AWS::ECS::Service", "AWS::ECS::Service"),
    "service-preference": (
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalableTarget",
    ),
    "pipeline": ("AWS::CodePipeline::Pipeline", "AWS::S3::Bucket"),
}
ANY = "."
READS = "Describe|List|Get"
# How often a run makes which call, about: a fault that comes later than the last one strikes nobody.
CALLS: Mapping[tuple[Verb, Start], Mapping[str, int]] = {
    ("deploy", "empty"): {
        ANY: 80,
        READS: 60,
        "CreateChangeSet": 6,
        "DescribeChangeSet": 6,
        "ExecuteChangeSet": 6,
        "DescribeStacks": 20,
        "ListStacks": 2,
        "SetStackPolicy": 2,
        "PutParameter": 2,
        "GetParametersByPath": 6,
    },
    ("deploy", "deployed"): {
        ANY: 55,
        READS: 45,
        "CreateChangeSet": 2,
        "DescribeChangeSet": 2,
        "ExecuteChangeSet": 2,
        "DescribeStacks": 8,
        "GetTemplate": 6,
        "ListChangeSets": 6,
        "GetStackPolicy": 2,
        "PutParameter": 2,
        "GetParametersByPath": 3,
    },
    ("destroy", "deployed"): {
        ANY: 60,
        READS: 40,
        "DeleteStack": 6,
        "DescribeStacks": 12,
        "ListStackResources": 6,
        "DeleteService": 1,
        "DeleteLogGroup": 1,
        "PutParameter": 1,
        "DeleteParameters": 2,
        "GetParametersByPath": 5,
    },
    ("destroy", "left"): {
        ANY: 70,
        READS: 45,
        "DeleteStack": 7,
        "DescribeStacks": 14,
        "GetTemplate": 8,
        "ListImports": 30,
        "ListStackResources": 7,
        "DeleteParameters": 2,
    },
    ("plan", "deployed"): {
        ANY: 35,
        READS: 30,
        "CreateChangeSet": 2,
        "DeleteChangeSet": 2,
        "DescribeStacks": 6,
    },
    ("plan", "empty"): {
        ANY: 35,
        READS: 30,
        "CreateChangeSet": 2,
        "DeleteChangeSet": 2,
        "DeleteStack": 2,
        "DescribeStacks": 8,
        "ListChangeSets": 2,
    },
    ("restore", "deployed"): {
        ANY: 60,
        READS: 40,
        "CreateChangeSet": 1,
        "ExecuteChangeSet": 1,
        "DescribeStacks": 10,
        "CreateService": 1,
        "PutParameter": 2,
    },
    ("stuck", "deployed"): {ANY: 12, "ContinueUpdateRollback": 1, "DescribeStacks": 7, "PutParameter": 2},
}


@dataclass
class Scenario:
    """One run that meets faults. `changes` are made in the parameter file before it.

    `survivable`: a deployer has to get through this by itself. `other_copy`: another repository's checkout
    with the same names tries its luck on what is left of the run.
    """

    seed: int
    start: Start
    verb: Verb
    changes: dict[str, str] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    second: list[str] | None = None
    second_at: int = 0
    elsewhere: bool = False
    seconds: float = 0.004
    survivable: bool = True
    other_copy: bool = False

    @property
    def calls(self) -> Mapping[str, int]:
        """How often its run makes which call."""
        verb: Verb = {"kept plan": "plan", "kept deploy": "deploy"}.get(self.verb, self.verb)  # type: ignore[assignment]
        return CALLS[verb, self.start]

    def __str__(self) -> str:
        parts = [f"seed {self.seed}: {self.verb} from {self.start}"]
        if self.changes:
            parts.append(" ".join(f"{key}={value}" for key, value in self.changes.items()))
        parts += map(str, self.faults)
        parts += [f"{one.type} of {one.stack} fails to {one.action}" for one in self.failing]
        if self.second:
            parts.append(f"second deployer at call {self.second_at}: {' '.join(self.second)}")
        if self.other_copy:
            parts.append("then another copy")
        if self.elsewhere:
            parts.append("on another machine")
        return "; ".join(parts)


def scenario(seed: int) -> Scenario:
    """The scenario of this number: the same one always."""
    random = Random(seed)
    made = _death_by_number(seed, random) if seed < len(_DEATHS) else _at_random(seed, random)
    # By the number, so that what is random stays as it was.
    made.other_copy = seed % 3 == 1
    return made


# Everything is changed at once, so that a run has as many different calls as it can have.
_STARTS: tuple[tuple[Start, int], ...] = (("empty", 80), ("deployed", 75))
_KINDS: tuple[Kind, ...] = ("die before", "die after")
_DEATHS = [(start, call, kind) for start, calls in _STARTS for call in range(1, calls + 1) for kind in _KINDS]


def _death_by_number(seed: int, random: Random) -> Scenario:
    start, call, kind = _DEATHS[seed]
    made = Scenario(seed, start, "deploy", survivable=False)
    if start == "deployed":
        made.changes = dict(change(random) for change in CHANGES.values())
        key, value, made.allowed = PROTECTED
        made.changes[key] = value
    made.faults.append(Fault(kind, ANY, call))
    return made


def _at_random(seed: int, random: Random) -> Scenario:
    verb: Verb = random.choices(
        ("deploy", "destroy", "plan", "kept plan", "kept deploy", "stuck", "restore"),
        (55, 10, 8, 7, 9, 6, 5),
    )[0]
    start: Start = random.choices(("empty", "deployed"), (45, 55))[0]
    if verb in ("destroy", "stuck", "restore"):
        start = "left" if verb == "destroy" and seed % 2 else "deployed"
    made = Scenario(seed, start, verb, seconds=random.choice((0.001, 0.003, 0.008)))
    if verb == "stuck":
        _stick(made)
    elif start == "deployed" and verb not in ("destroy", "restore"):
        _change(made, random)
    # Mostly one thing goes wrong; troubles come in twos sometimes.
    for _ in range(random.choices((1, 2), (75, 25))[0]):
        random.choice(_TROUBLES)(made, random)
    return made


def _change(made: Scenario, random: Random) -> None:
    layers = random.sample(sorted(CHANGES), random.randint(1, len(CHANGES)))
    made.changes = dict(CHANGES[layer](random) for layer in layers)
    if random.random() < 0.3:
        key, value, made.allowed = PROTECTED
        made.changes[key] = value


def _stick(made: Scenario) -> None:
    """An update fails half-way, and so does taking it back."""
    key, value, made.allowed = PROTECTED
    made.changes = {key: value}
    made.failing = [
        Failing("sample-dev-infrastructure", TARGET_GROUP, "update", skip=1),
        Failing("sample-dev-infrastructure", TARGET_GROUP, "revert"),
    ]


def _place(made: Scenario, random: Random) -> tuple[str, int]:
    """A call of the run, by what it is and the how manieth of these."""
    calls = random.choice([ANY, ANY, *made.calls])
    return calls, random.randint(1, made.calls[calls])


def _burst(made: Scenario, random: Random) -> None:
    kind: Kind = random.choice(("throttle", "error", "reset before", "reset after", "timeout after"))
    times = random.choice((1, 1, 2, 4, 8, 40))
    made.faults.append(Fault(kind, *_place(made, random), times))
    # Ten tries are made of each call.
    made.survivable &= sum(fault.times for fault in made.faults if fault.kind not in ("stale", "slow")) < 9


def _slow(made: Scenario, random: Random) -> None:
    seconds = random.choice((5.0, 30.0, 100.0))
    made.faults.append(Fault("slow", *_place(made, random), random.randint(1, 3), seconds))


def _stale(made: Scenario, random: Random) -> None:
    made.faults.append(Fault("stale", READS, 1, 10**9, random.choice((2.0, 5.0, 10.0))))


def _expired(made: Scenario, random: Random) -> None:
    made.faults.append(Fault("expired", ANY, random.randint(2, made.calls[ANY])))
    made.survivable = False


def _offline(made: Scenario, random: Random) -> None:
    made.faults.append(Fault("offline", ANY, random.randint(1, made.calls[ANY])))
    made.survivable = False


def _death(made: Scenario, random: Random) -> None:
    kind: Kind = random.choice(("die before", "die after"))
    made.faults.append(Fault(kind, *_place(made, random)))
    made.elsewhere = random.random() < 0.2
    made.survivable = False


def _press(made: Scenario, random: Random) -> None:
    kind: Kind = random.choice(("press", "press", "press twice"))
    made.faults.append(Fault(kind, *_place(made, random)))
    made.survivable = False


def _second(made: Scenario, random: Random) -> None:
    made.second = random.choice(
        (
            ["deploy", "--yes"],
            ["deploy", "--yes", "--wait"],
            ["deploy", "--yes", "--break-lock"],
            ["plan"],
            ["status"],
            ["destroy", "--yes"],
        )
    )
    made.second_at = random.randint(4, made.calls[ANY])
    if "--break-lock" in made.second or made.verb in ("plan", "kept plan"):
        made.survivable = False


def _failing(made: Scenario, random: Random) -> None:
    layers = [
        layer
        for layer in FAILS
        if made.start == "empty" or CHANGES.get(layer, _none)(random)[0] in made.changes
    ]
    if made.verb in ("destroy", "deploy") and layers:
        layer = random.choice(layers)
        create, update = FAILS[layer]
        action = "create" if made.start == "empty" or layer == "infrastructure" else "update"
        resource = create if made.start == "empty" else update
        made.failing.append(Failing(f"sample-dev-{layer}", resource, action))
        if made.start == "empty" and random.random() < 0.3:
            made.failing.append(Failing(f"sample-dev-{layer}", resource, "delete"))
    if made.verb == "destroy":
        layer = random.choice(sorted(FAILS))
        made.failing = [Failing(f"sample-dev-{layer}", FAILS[layer][0], "delete")]
    made.survivable = False


def _none(random: Random) -> tuple[str, str]:
    return "", ""


_TROUBLES: tuple[Callable[[Scenario, Random], None], ...] = (
    _burst,
    _burst,
    _burst,
    _slow,
    _stale,
    _stale,
    _expired,
    _offline,
    _death,
    _death,
    _press,
    _press,
    _second,
    _second,
    _failing,
    _failing,
)

"""The layers as they are in `build/`, and the order in which their stacks must be deployed.

The order is proven from the files: a layer comes after the layers whose exports it imports. Names are
resolved with the environment's parameters, so what is compared is what CloudFormation will compare.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml
from cfn_tools.yaml_loader import multi_constructor

from ecs_blue_green import shapes, template_yaml
from ecs_blue_green.deployer import policy, remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.resolve import Expression, Scope, pseudo_parameters, resolve
from ecs_blue_green.imported_exports import import_values
from ecs_blue_green.runtime import LayerRuntime, Runtime, lacking


@dataclass(frozen=True)
class Layer:
    """One generated template: its text as reviewed, what is in it, and what the layer says of itself.

    `fixed` are the values of the parameters that a stack keeps for its life: those of a new stack, until the
    stack is known. `kept_tags` are the tags that it keeps, where it is there and does not take others.
    """

    slug: str
    body: str
    template: Mapping[str, Any]
    stack_policy: str | None
    runtime: LayerRuntime = field(default_factory=LayerRuntime)
    fixed: Mapping[str, str] = field(default_factory=dict)
    kept_tags: Mapping[str, str] | None = None

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """The template's `Parameters` block."""
        declared: Mapping[str, Mapping[str, Any]] = self.template.get("Parameters", {})
        return declared

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The template's `Resources` block."""
        declared: Mapping[str, Mapping[str, Any]] = self.template["Resources"]
        return declared

    @property
    def sent(self) -> str:
        """The text that CloudFormation is given."""
        return template_yaml.sent(self.body, self.template)

    @property
    def is_too_long(self) -> bool:
        """Whether CloudFormation does not take it in a call, only from a bucket."""
        return len(self.sent.encode()) > template_yaml.LONGEST

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """The template's `Outputs` block."""
        declared: Mapping[str, Mapping[str, Any]] = self.template.get("Outputs", {})
        return declared

    def given(self, environment: Environment) -> dict[str, str]:
        """The parameters that its stack is given, without those left to their default."""
        return {**environment.parameters_for(self.parameters), **self.fixed}

    def scope(self, environment: Environment) -> Scope:
        """What the functions of its template can see before anything runs: every parameter has its value."""
        defaults = {
            title: str(block["Default"]) for title, block in self.parameters.items() if "Default" in block
        }
        stack_name = environment.stack_name(self.slug)
        pseudo = pseudo_parameters(environment.account, environment.region, stack_name)
        return Scope(self.slug, self.template, defaults | self.given(environment), pseudo)

    @property
    def keeps_tags(self) -> bool:
        """Whether its stack keeps the tags that it was made with.

        A new tag of the stack is an update of every resource, and so of what the stack policy protects.
        """
        return self.stack_policy is not None

    def tags(self, environment: Environment) -> dict[str, str]:
        """The tags that its stack is given."""
        return environment.stack_tags(self.slug) if self.kept_tags is None else dict(self.kept_tags)

    def keeping(self, parameters: Mapping[str, str], tags: Mapping[str, str]) -> "Layer":
        """The layer for a stack that has these: it keeps some of the parameters, and may keep the tags."""
        fixed = {
            str(fixed.parameter): parameters.get(fixed.parameter, fixed.for_older_stacks)
            for fixed in self.runtime.fixed_at_creation
        }
        for title in map(str, self.runtime.moved_by_releases):
            if title in parameters or "Default" in self.parameters.get(title, {}):
                fixed[title] = parameters.get(title) or str(self.parameters[title]["Default"])
        return replace(self, fixed=fixed, kept_tags=dict(tags) if self.keeps_tags else None)

    @property
    def capabilities(self) -> list[str]:
        """What CloudFormation wants acknowledged: nothing where the template holds no IAM resource."""
        iam = [
            resource.get("Properties", {})
            for resource in self.resources.values()
            if resource["Type"].startswith("AWS::IAM::")
        ]
        if any(key in properties for properties in iam for key in _IAM_NAMES):
            return ["CAPABILITY_NAMED_IAM"]
        return ["CAPABILITY_IAM"] if iam else []


class _Resource(NamedTuple):
    Type: str
    Properties: Mapping[str, Any] = MappingProxyType({})


class _Parameter(NamedTuple):
    Type: str


class _Export(NamedTuple):
    Name: Any


class _Output(NamedTuple):
    Value: Any
    Export: _Export | None = None


class _Template(NamedTuple):
    """What a template must have to be worked with, under CloudFormation's names."""

    Resources: Mapping[str, _Resource]
    Parameters: Mapping[str, _Parameter] = MappingProxyType({})
    Outputs: Mapping[str, _Output] = MappingProxyType({})


_IAM_NAMES = ("RoleName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName")


# libyaml's parser where it was built in: six templates are read at every start.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short forms (`!Ref`)."""


def _function(loader: Any, suffix: str, node: yaml.Node) -> Any:
    """A function in its short form: as cfn_flip reads it, and an attribute whose name is computed."""
    if suffix == "GetAtt" and isinstance(node, yaml.SequenceNode):
        return {"Fn::GetAtt": loader.construct_sequence(node, deep=True)}
    # cfn_flip's own dictionary takes a multiple of the time wherever a template is gone through.
    return dict(multi_constructor(loader, suffix, node))


_Loader.add_multi_constructor("!", _function)


def agreed(layers: Mapping[str, Layer], there: Collection[str]) -> dict[str, Layer]:
    """The layers with one value of a parameter that several of them fix: the first's whose stack is there.

    A stack that is made later than the others, or again, has to fit to them.
    """
    kept: dict[str, str] = {}
    for slug, layer in layers.items():
        if slug in there:
            kept = {**layer.fixed, **kept}
    return {
        slug: replace(layer, fixed={name: kept.get(name, value) for name, value in layer.fixed.items()})
        for slug, layer in layers.items()
    }


def parse(text: str) -> Any:
    """A template's text as a dictionary with long-form functions. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


def read(build: Path, runtime: Runtime | None = None) -> dict[str, Layer]:
    """The layers in `build/` by slug, each with what `runtime` says of it.

    Raises BadInput when it is missing or not this project's.
    """
    files = sorted(build.glob("*.yaml")) if build.is_dir() else []
    if not files:
        raise BadInput(f"{build.name}/ has no template", "nothing to deploy", remedies.GENERATE())
    known = runtime.layers if runtime else {}
    return {path.stem: _read(path, known.get(path.stem, LayerRuntime())) for path in files}


def refuse_unknown(found: Mapping[str, Layer], runtime: Runtime) -> None:
    """Raise BadInput for templates that do not have what `runtime` says of them: those of another project."""
    missing = [f"{slug}.yaml" for slug in runtime.layers if slug not in found]
    wrong = lacking(runtime, {slug: layer.template for slug, layer in found.items()})
    why = f"{' and '.join(missing)} missing" if missing else next(wrong, "")
    if why:
        raise BadInput(
            "build/ is not what this project generates",
            f"it has {', '.join(f'{slug}.yaml' for slug in found)}; {why}",
            remedies.GENERATE(),
        )


def refuse_too_long(found: Mapping[str, Layer], environment: Environment) -> None:
    """Raise BadInput for a template that is too long for a call where no bucket is named for it."""
    for slug, layer in found.items():
        if layer.is_too_long and not environment.template_bucket:
            length = len(layer.sent.encode())
            raise BadInput(
                f"build/{slug}.yaml is too long for a call",
                f"CloudFormation takes {template_yaml.LONGEST:,} bytes there, it has {length:,} as JSON",
                f"name an existing bucket in params/{environment.name}.yaml, `template_bucket: NAME`: it goes"
                " through that; or move a part of it to a layer of its own",
            )


def _read(path: Path, runtime: LayerRuntime) -> Layer:
    name = f"{path.parent.name}/{path.name}"
    try:
        body = path.read_text(encoding="utf-8")
        template = parse(body)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"{name} is not YAML", str(error).splitlines()[0], remedies.GENERATE()) from error
    try:
        shaped = shapes.made(_Template, template, others=True)
    except shapes.ShapeError as error:
        raise BadInput(f"{name} is no CloudFormation template", str(error), remedies.GENERATE()) from error
    if not shaped.Resources:
        raise BadInput(f"{name} is no CloudFormation template", "it has no Resources", remedies.GENERATE())
    length = len(template_yaml.sent(body, template).encode())
    if length > template_yaml.LONGEST_IN_BUCKET:
        raise BadInput(
            f"{name} is too long",
            f"CloudFormation takes {template_yaml.LONGEST_IN_BUCKET:,} bytes, it has {length:,} as JSON",
            "move a part of it to a layer of its own",
        )
    return Layer(
        slug=path.stem,
        body=body,
        template=template,
        stack_policy=_stack_policy(path, runtime.stack_policy),
        runtime=runtime,
        fixed={str(fixed.parameter): fixed.for_new_stacks for fixed in runtime.fixed_at_creation},
    )


def _stack_policy(path: Path, declared: str | None) -> str | None:
    """The text of the layer's stack policy, which is in the file `declared`."""
    file = path.with_name(declared or f"{path.stem}.stack-policy.json")
    name = f"{path.parent.name}/{file.name}"
    # A revision from before layers said so has it under the same name.
    if not declared and not file.exists():
        return None
    try:
        text = file.read_text(encoding="utf-8")
        problem = policy.shape_problem(json.loads(text))
    except FileNotFoundError as error:
        raise BadInput(
            f"{name} is missing", f"{path.parent.name}/{path.name} needs it", remedies.GENERATE()
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{name} is not JSON", str(error).splitlines()[0], remedies.GENERATE()) from error
    if problem:
        raise BadInput(f"{name} is no stack policy", problem, remedies.GENERATE())
    return text


def exports(layer: Layer, environment: Environment) -> dict[str, str]:
    """Each export's name in this environment, with the output's logical id."""
    found = {}
    for title, output in layer.outputs.items():
        if "Export" in output:
            found[_resolved(output["Export"]["Name"], layer, environment)] = title
    return found


def imports(layer: Layer, environment: Environment) -> set[str]:
    """The names that the layer imports in this environment."""
    return {_resolved(value, layer, environment) for value in import_values(layer.template)}


def dependencies(layers: Mapping[str, Layer], environment: Environment) -> dict[str, set[str]]:
    """For each layer the layers that must be deployed before it.

    Raises BadInput for an import that no layer exports, an export of two layers, and a cycle.
    """
    exporter: dict[str, str] = {}
    for slug, layer in layers.items():
        for name in exports(layer, environment):
            if name in exporter:
                raise BadInput(
                    f"build/{exporter[name]}.yaml and build/{slug}.yaml both export {name}",
                    "an export's name is unique in its account and region",
                    "rename one of the two outputs",
                )
            exporter[name] = slug
    found: dict[str, set[str]] = {}
    for slug, layer in layers.items():
        imported = imports(layer, environment)
        missing = sorted(imported - exporter.keys())
        if missing:
            raise BadInput(
                f"build/{slug}.yaml imports {', '.join(missing)}",
                "no template in build/ exports it",
                remedies.GENERATE(),
            )
        found[slug] = {exporter[name] for name in imported}
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        cycle = " imports from ".join(error.args[1])
        raise BadInput("the layers import from each other in a circle", cycle, "remove one import") from error
    return found


def in_order(waits_for: Mapping[str, set[str]]) -> list[str]:
    """The layers in an order of deployment, always the same for the same dependencies."""
    order = TopologicalSorter(waits_for)
    order.prepare()
    found: list[str] = []
    while order.is_active():
        ready = sorted(order.get_ready())
        found += ready
        order.done(*ready)
    return found


def _resolved(name: Any, layer: Layer, environment: Environment) -> str:
    """The text that an export's or import's name has in this environment."""
    found = resolve(name, layer.scope(environment))
    if isinstance(found, str):
        return found
    missing = re.findall(r"\$\{([^}]+)\}", str(found))
    if not isinstance(found, Expression) or any(found.references) or not missing:
        raise BadInput(
            f"build/{layer.slug}.yaml names an export by {name}",
            "only what parameters give can be followed",
            "use templates/_exports.py",
        )
    raise BadInput(
        f"build/{layer.slug}.yaml names an export by {found}",
        f"{', '.join(missing)} has no value in params/{environment.name}.yaml",
        "a stack is referred to by <Layer>StackName: is the layer's template missing from build/?",
    )

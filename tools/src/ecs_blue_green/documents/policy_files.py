"""What the policies share that people deploy: names of resources, IAM's actions, and how the file is written.

Such a file is a template of its own in docs/, which belongs to an account and to no layer.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecs_blue_green import project, template_yaml
from ecs_blue_green.documents.generated import BUILD, LAYERS, LOCAL

ROOT = project.root()
NAME = "${Project}-${Environment}"
PLACEHOLDER = re.compile(r"\$\{[^}]+\}")


def resources(resource_type: str) -> Iterator[Mapping[str, Any]]:
    """The resources of a type in all templates."""
    for layer in LAYERS.values():
        yield from (one for one in layer.resources.values() if one["Type"] == resource_type)


def parameter(resource_type: str, name: str) -> str | None:
    """The parameter that is a property of a type's resources, as the templates say; None where none is."""
    for resource in resources(resource_type):
        for title in re.findall(r'"Ref": "(\w+)"', json.dumps(resource.get("Properties", {}).get(name))):
            return str(title)
    return None


def name_patterns(named: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    """The names that templates give to resources, as patterns; those of CloudFormation begin like stacks'."""
    found = []
    for resource in named:
        text = resource.get("Properties", {}).get(name, {}).get("Fn::Sub", "")
        front, has_name, rest = text.partition(NAME)
        if has_name:
            found.append(text if not rest else f"{front}{NAME}{'-' * rest.startswith('-')}*")
    return list(dict.fromkeys(found)) or [f"{NAME}-*"]


def pipelines() -> tuple[str, ...]:
    """The pipelines, as resources; % stands for region and account."""
    return tuple(
        f"codepipeline:%:{name}" for name in name_patterns(resources("AWS::CodePipeline::Pipeline"), "Name")
    )


# What the policies are told of the parameter file, under its own names.
CLUSTER = parameter("AWS::ECS::Cluster", "ClusterName")
READING = ("Describe", "Get", "List", "BatchGet", "Head")
# A cluster that no parameter names has CloudFormation's name.
OWN_CLUSTER, ANY_CLUSTER = (f"${{{CLUSTER}}}",) * 2 if CLUSTER else (f"{NAME}-*", "*")


def resource_types(action: str) -> list[str] | None:
    """The types of resources that IAM can tell apart for an action; None for one that it does not know."""
    prefix, _, name = action.partition(":")
    found = reference().get(prefix, {}).get("Actions", {}).get(name.lower())
    return None if found is None else list(found.get("Resources", []))


@cache
def reference() -> Mapping[str, Any]:
    """The service authorization reference by prefix, as cfn-lint ships it."""
    spec = find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("cfn-lint is not installed: run make")
    path = Path(spec.origin).parent / "data" / "AdditionalSpecs" / "Policies.json"
    found: Mapping[str, Any] = json.loads(path.read_bytes())
    return found


def reaches(action: str, resource: str) -> bool:
    """Whether an action takes resources whose ARNs are like this one; % stands for region and account."""
    known = reference()[action.partition(":")[0]]["Resources"]
    example = PLACEHOLDER.sub("x", f"arn:x:{resource}").replace("%", "x:x").replace("*", "x")
    return any(
        re.fullmatch(PLACEHOLDER.sub("[^:]*", one), example)
        for kind in resource_types(action) or []
        for one in known.get(kind, {"ARNFormats": []})["ARNFormats"]
    )


def is_reading(action: str) -> bool:
    """Whether an action only looks."""
    return action.partition(":")[2].startswith(READING)


def told_of_the_environment() -> dict[str, Any]:
    """The parameters by which the names of an environment are known."""
    parameters: dict[str, Any] = {
        "Project": {"Type": "String", "Description": "`project` of params/<environment>.yaml"},
        "Environment": {"Type": "String", "Description": "Name of the environment"},
    }
    if CLUSTER:
        parameters[CLUSTER] = {"Type": "String", "Description": f"{CLUSTER} of params/<environment>.yaml"}
    return parameters


def allow(
    sid: str, actions: set[str], resources: list[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A statement; the resources are written as in SCOPES."""
    statement: dict[str, Any] = {"Sid": sid} if sid else {}
    statement |= {"Effect": "Allow", "Action": sorted(actions)}
    statement["Resource"] = [arn_of(resource) for resource in resources]
    if condition:
        statement["Condition"] = condition
    return statement


def arn_of(resource: str) -> Any:
    """The ARN behind a resource; % stands for region and account."""
    if resource == "*":
        return resource
    return {"Fn::Sub": "arn:${AWS::Partition}:" + resource.replace("%", "${AWS::Region}:${AWS::AccountId}")}


def example() -> dict[str, str]:
    """The parameters of `told_of_the_environment`, as an environment of this project has them."""
    names = sorted(path.stem for path in (ROOT / "params").glob("*.yaml") if path.stem != LOCAL.name)
    found = BUILD.read_environment((names or [LOCAL.name])[-1])
    given = {"Project": found.project, "Environment": found.name}
    return given | ({CLUSTER: found.parameters[CLUSTER]} if CLUSTER else {})


def how_to_deploy(file: Path, stack: str) -> list[str]:
    """The command that deploys such a file, with names of this project as examples."""
    given = example()
    return [
        f"  aws cloudformation deploy --template-file {file.relative_to(ROOT)} "
        f"--stack-name {stack}-{given['Project']}-{given['Environment']} \\",
        "    --capabilities CAPABILITY_IAM --parameter-overrides "
        + " ".join(f"{title}={value}" for title, value in given.items()),
    ]


def comment(lines: Iterable[str]) -> str:
    """Lines as a comment of YAML."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def yaml_of(template: Mapping[str, Any]) -> str:
    """A template as YAML, without references to what stands in it twice."""
    return template_yaml.dump(json.loads(json.dumps(template)))


def write(file: Path, text: str) -> None:
    """Write a file of this kind, and say so."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {file.relative_to(ROOT)}\n")

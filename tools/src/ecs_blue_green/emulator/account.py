"""The account that the emulator plays: read from the parameter file, never repeated here.

Which parameters name the network, the first image and buckets is runtime in `build/runtime.json`, which lies
beside the folder of the parameter file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ecs_blue_green import parameter_file
from ecs_blue_green.runtime import Runtime, Unusable, read_runtime


@dataclass(frozen=True)
class Account:
    """What exists before anything is deployed.

    `names` are the ARNs, buckets and the cluster that the parameter file names. Where it is not known which
    parameters name the network, there is none, and `unusable` says why.
    """

    id: str
    region: str
    vpc: str = ""
    public_subnets: tuple[str, ...] = ()
    internal_subnets: tuple[str, ...] = ()
    private_subnets: tuple[str, ...] = ()
    initial_image_tag: str = ""
    names: tuple[str, ...] = ()
    unusable: str = ""


def read_account(file: Path) -> Account:
    """Read a parameter file (params/local.yaml). Raises OSError, and ValueError when it is not one."""
    build = file.resolve().parents[1] / "build"
    try:
        document = parameter_file.read(file)
        parameters = document["parameters"]
        account = Account(document["account"], document["region"], names=tuple(names(document, None)))
        try:
            runtime = read_runtime(build)
        except Unusable as error:
            return replace(account, unusable=f"{error}; {error.remedy}")
        named = runtime.network
        return replace(
            account,
            vpc=parameters[named.vpc],
            public_subnets=tuple(parameters.get(named.public_subnets, ())),
            internal_subnets=tuple(parameters.get(named.internal_subnets, ())),
            private_subnets=tuple(parameters[named.private_subnets]),
            initial_image_tag=parameters.get(runtime.image.tag) or _default(build, runtime.image.tag),
            names=tuple(names(document, runtime)),
        )
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"{file} does not describe an account and its network: {error!r}") from error


def names(document: Mapping[str, Any], runtime: Runtime | None) -> Iterator[str]:
    """What a parameter file names and no template makes: ARNs, buckets, `cluster/NAME`, `hostedzone/ID/NAME`.

    `runtime` says which parameters name what has no ARN, where that is known.
    """
    parameters = document["parameters"]
    if document.get("template_bucket"):
        yield document["template_bucket"]
    if runtime and runtime.domain and parameters.get(runtime.domain.zone):
        yield f"hostedzone/{parameters[runtime.domain.zone]}/{parameters.get(runtime.domain.name)}"
    if runtime and runtime.cluster and parameters.get(runtime.cluster.existing) == "true":
        yield f"cluster/{parameters.get(runtime.cluster.name)}"
    buckets = {bucket.parameter for bucket in runtime.buckets} if runtime else set()
    for title, value in parameters.items():
        if isinstance(value, str) and (value.startswith("arn:") or (title in buckets and value)):
            yield value


def _default(build: Path, title: str) -> str:
    """The default of a parameter, from the first template that declares it with one."""
    for path in sorted(build.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if title in text:
            # Nodes alone: the functions of a template have tags that nobody needs here.
            default = yaml.compose(text, yaml.SafeLoader)
            for key in ("Parameters", title, "Default"):
                members = default.value if isinstance(default, yaml.MappingNode) else ()
                default = next((value for name, value in members if name.value == key), None)
            if isinstance(default, yaml.ScalarNode):
                return str(default.value)
    return ""

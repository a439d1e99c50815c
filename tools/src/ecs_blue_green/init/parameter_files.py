"""The files of a team's environments, made of those that came with the repository.

They are edited as text: what somebody wrote beside a value stays. Whether they can be deployed is what the
deployer says of them.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.init.answers import Answers
from ecs_blue_green.parameter_file import parse
from ecs_blue_green.runtime import Repository, Runtime

# What the first line of a file asks of whoever copies it: some of it is done then.
TO_REPLACE = re.compile(r"^# Replace (?P<what>.*) by yours\.\n", re.MULTILINE)
DONE = ("project", "account", "repository")


def made(folder: Path, known: Runtime, answers: Answers, port_parameter: str | None) -> dict[str, str]:
    """The text of each parameter file, by its name. Raises BadInput where an answer makes none.

    An environment that came with the repository keeps what is its own; another one begins as the first of
    those that are not protected.
    """
    named = known.repository
    if named is None:
        raise BadInput("build/runtime.json names no repository", "it is not known which parameters name it")
    here = {name: (folder / f"{name}.yaml").read_text(encoding="utf-8") for name in environment.names(folder)}
    documents = {name: parse(text) for name, text in here.items()}
    others = [name for name in here if name != LOCAL]
    first = next((name for name in others if str(documents[name].get("protected")) != "true"), others[0])
    accounts = {LOCAL: str(documents[LOCAL]["account"]), **answers.accounts}
    files = {}
    for name, account in accounts.items():
        source = name if name in here else first
        files[f"{name}.yaml"] = _rewritten(
            here[source], (source, name), account, answers, named, port_parameter
        )
    return files


def refuse_wrong(files: Mapping[str, str], layers: Mapping[str, Layer], known: Runtime) -> None:
    """Raise BadInput with everything that the deployer has against these files."""
    declared = {slug: layer.parameters for slug, layer in layers.items()}
    rule = next((block["Environment"] for block in declared.values() if "Environment" in block), {})
    problems: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "params"
        folder.mkdir()
        names = [name.removesuffix(".yaml") for name in files]
        for name in names:
            # Before it is the name of a file.
            if not re.fullmatch(str(rule.get("AllowedPattern", "[a-z0-9-]+")), name):
                constraint = str(rule.get("ConstraintDescription", "must be a short name"))
                raise BadInput(f"an environment's name is {name!r}", f"it {constraint}")
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        for name in names:
            try:
                loaded = environment.load(folder, name, declared, known)
                environment.refuse_overlapping(folder, loaded)
            except BadInput as refused:
                for line in refused.why.strip("\n").splitlines():
                    problems.setdefault(line.strip(), []).append(name)
    if problems:
        raise BadInput(
            "the deployer would refuse that",
            "".join(f"\n  {what} ({', '.join(of)})" for what, of in problems.items()),
        )


def to_fill_in(files: Mapping[str, str], known: Runtime) -> dict[str, list[str]]:
    """The parameters that only the team knows, with the environments that have them: network and ARNs."""
    network = {known.network.vpc, known.network.public_subnets, known.network.private_subnets}
    titles: dict[str, list[str]] = {}
    for file, text in files.items():
        name = file.removesuffix(".yaml")
        for title, value in parse(text)["parameters"].items() if name != LOCAL else ():
            if title in network or str(value).startswith("arn:"):
                titles.setdefault(title, []).append(name)
    return titles


def _rewritten(
    text: str,
    names: tuple[str, str],
    account: str,
    answers: Answers,
    named: Repository,
    port_parameter: str | None,
) -> str:
    old_name, new_name = names
    shipped = parse(text)
    project, region = answers.project or "", answers.region or ""
    owner, repository = answers.owner_and_name
    text = TO_REPLACE.sub(_still_to_replace, text)
    # In ARNs; where they are keys they are set below.
    for old, new in ((shipped["account"], account), (shipped["region"], region)):
        text = text.replace(f":{old}:", f":{new}:")
    # In the names that parameters give, such as a cluster's.
    text = _renamed(text, f"{shipped['project']}-{old_name}", f"{project}-{new_name}")
    text = _renamed(text, shipped["project"], project)
    values = {"account": json.dumps(account), "region": _scalar(region), "project": _scalar(project)}
    for key, value in values.items():
        text = _set(text, rf"{key}: ", value)
    parameters: dict[str, str] = {named.owner: owner, named.name: repository}
    if port_parameter and answers.port:
        parameters[port_parameter] = answers.port
    for title, value in parameters.items():
        if title not in shipped["parameters"]:
            text = f"{text.rstrip()}\n  {title}: \n"
        text = _set(text, rf"  {title}: ", _scalar(value))
    return text


def _renamed(text: str, old: str, new: str) -> str:
    """The file with another first part of the names that its parameters give."""
    return re.sub(rf"(?m)^( .*: ){re.escape(old)}\b", lambda match: f"{match[1]}{new}", text)


def _set(text: str, key: str, value: str) -> str:
    return re.sub(rf"(?m)^{key}.*$", lambda match: f"{key}{value}", text)


def _scalar(value: str) -> str:
    """A value as YAML; with quotes where it could be read as anything else."""
    return value if re.fullmatch(r"[A-Za-z0-9][\w.-]*", value) else json.dumps(value)


def _still_to_replace(match: re.Match[str]) -> str:
    parts = [part for part in re.split(r", | and ", match["what"]) if part.removeprefix("the ") not in DONE]
    return f"# Replace {' and '.join(parts)} by yours.\n" if parts else ""


def port(layers: Mapping[str, Layer]) -> tuple[str, str] | None:
    """The parameter with the port that a container listens on, and its default; None where there is none."""
    for layer in layers.values():
        for title in _ports(layer.template):
            block = layer.parameters.get(title, {})
            if "Default" in block:
                return title, str(block["Default"])
    return None


def _ports(part: Any) -> Iterator[str]:
    """The parameters that the port mappings of containers refer to."""
    if isinstance(part, dict):
        for mapping in part.get("PortMappings") or ():
            referred = mapping.get("ContainerPort") if isinstance(mapping, dict) else None
            if isinstance(referred, dict) and "Ref" in referred:
                yield str(referred["Ref"])
        part = list(part.values())
    for member in part if isinstance(part, list) else ():
        yield from _ports(member)

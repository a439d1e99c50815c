"""The parts of the documentation that are made from `build/`.

The Markdown files call these functions in comments, which cog runs: `make docs` writes what they give,
`make lint` proves that it is fresh. Each gives Markdown without a final line break.
"""

import argparse
import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from ecs_blue_green import project
from ecs_blue_green.deployer import command_line, environment, layers
from ecs_blue_green.deployer.project import read_build

ROOT = project.root()
BUILD = read_build(ROOT)
RUNTIME, LAYERS = BUILD.runtime, BUILD.layers
DECLARED = {slug: layer.parameters for slug, layer in LAYERS.items()}
# Any environment would do: exports and imports match in all of them, or in none.
LOCAL = BUILD.read_environment(environment.LOCAL)
IMPORTS_FROM = layers.dependencies(LAYERS, LOCAL)
ORDER = layers.in_order(IMPORTS_FROM)

# So many allowed values are listed; of more, the ends are shown.
LISTED_VALUES = 8


def picture() -> str:
    """The stacks and their imports, as a Mermaid flowchart."""
    nodes = (f'{slug}["<b>{slug}</b><br>{LAYERS[slug].template.get("Description", "")}"]' for slug in ORDER)
    edges = (
        f"{exporter} --> {importer}"
        for exporter in ORDER
        for importer in ORDER
        if exporter in IMPORTS_FROM[importer]
    )
    return _flowchart("LR", [*nodes, *edges])


def pipeline_picture() -> str:
    """The pipeline's stages and actions, as a Mermaid flowchart. Side by side is what runs side by side."""
    boxes: list[str] = []
    arrows: list[str] = []
    previous: list[str] = []
    for stage, is_optional in _stages():
        boxes.append(f'subgraph {stage["Name"]}Stage["{stage["Name"]}{" (optional)" * is_optional}"]')
        for actions in _by_run_order(stage["Actions"]):
            nodes = [f"{stage['Name']}{action['Name']}" for action in actions]
            boxes += [
                f'    {node}["<b>{action["Name"]}</b><br>{action["ActionTypeId"]["Provider"]}"]'
                for node, action in zip(nodes, actions, strict=True)
            ]
            arrows += [f"{before} --> {node}" for before in previous for node in nodes]
            previous = nodes
        boxes.append("end")
    return _flowchart("LR", [*boxes, *arrows])


def layer_table() -> str:
    """What each layer holds, counted by type, and which layers it imports from."""
    return _table(
        ("Layer", "Holds", "Imports from"),
        (
            (
                f"{slug}<br>{_module(slug)}[YAML](build/{slug}.yaml)",
                ", ".join(_counted(resource["Type"] for resource in LAYERS[slug].resources.values())),
                ", ".join(exporter for exporter in ORDER if exporter in IMPORTS_FROM[slug]) or "nothing",
            )
            for slug in ORDER
        ),
    )


def required_table() -> str:
    """The parameters that a parameter file must set."""
    return _table(
        ("Parameter", "What it is", "Used by"),
        (
            (f"`{title}`", block.get("Description", ""), ", ".join(slugs))
            for title, slugs, block in _settable()
            if "Default" not in block
        ),
    )


def optional_table() -> str:
    """The parameters that have a default. Two columns, because some values are long."""
    rows = []
    for title, slugs, block in _settable():
        if "Default" in block:
            default = f"`{block['Default']}`" if block["Default"] != "" else "empty"
            values = f"Default: {default}. Allowed: {_allowed(block)}"
            rows.append((f"`{title}`<br>{', '.join(slugs)}", f"{block.get('Description', '')}<br>{values}"))
    return _table(("Parameter, used by", "What it is"), rows)


def export_table() -> str:
    """Every export: the layer and output that it comes from, and the layers that import it."""
    imported = {slug: layers.imports(LAYERS[slug], LOCAL) for slug in ORDER}
    return _table(
        ("Exported by", "Output", "What it is", "Imported by"),
        (
            (
                slug,
                f"`{output}`",
                LAYERS[slug].template["Outputs"][output].get("Description", ""),
                ", ".join(importer for importer in ORDER if name in imported[importer]) or "no layer",
            )
            for slug in ORDER
            for name, output in layers.exports(LAYERS[slug], LOCAL).items()
        ),
    )


def option_table() -> str:
    """Every option of `deploy.py`, the verbs that take it, and what it does."""
    found: dict[tuple[str, str], list[str]] = {}
    for verb, parser in _verbs().items():
        for action in parser._actions:
            value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
            text = html.escape(action.help or "", quote=False)
            found.setdefault((f"`{action.option_strings[-1]}{value}`", text), []).append(verb)
    rows = ((option, ", ".join(verbs), text) for (option, text), verbs in found.items())
    return _table(("Option", "Verbs", "What it does"), (row for row in rows if row[0] != "`--help`"))


def _verbs() -> Mapping[str, argparse.ArgumentParser]:
    # argparse has no public way to look into a parser.
    for action in command_line._parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            verbs: Mapping[str, argparse.ArgumentParser] = action.choices
            return verbs
    raise LookupError("deploy.py has no verbs")


def _settable() -> Iterator[tuple[str, list[str], Mapping[str, Any]]]:
    """The parameters that people write: name, the layers that declare it, in order, and the declaration."""
    declarers: dict[str, list[str]] = {}
    for slug in ORDER:
        for title in DECLARED[slug]:
            declarers.setdefault(title, []).append(slug)
    everything = {title: DECLARED[slugs[0]][title] for title, slugs in declarers.items()}
    filled_in = LOCAL.parameters_for(everything).keys() - LOCAL.parameters.keys() | RUNTIME.fixed_at_creation
    for title, slugs in declarers.items():
        if title not in filled_in:
            yield title, slugs, everything[title]


def _allowed(block: Mapping[str, Any]) -> str:
    """What a parameter with a default may be, in a few words."""
    values = [f"`{value}`" for value in block.get("AllowedValues", [])]
    if len(values) > LISTED_VALUES:
        return f"{', '.join(values[:3])} … {values[-1]} ({len(values)} values)"
    if values:
        return ", ".join(values)
    if "MinValue" in block:
        return f"{block['MinValue']} " + (f"to {block['MaxValue']}" if "MaxValue" in block else "or more")
    if "ConstraintDescription" in block:
        return str(block["ConstraintDescription"]).removeprefix("must be ")
    return f"what matches `{block['AllowedPattern']}`" if "AllowedPattern" in block else f"`{block['Type']}`"


def _counted(types: Iterable[str]) -> Iterator[str]:
    """`2 EC2::SecurityGroup` for each type, in the order of the template."""
    for resource_type, count in Counter(types).items():
        name = f"`{resource_type.removeprefix('AWS::')}`"
        yield f"{count} {name}" if count > 1 else name


def _module(slug: str) -> str:
    """A link to the file that a layer's template is generated from, where its first line says one."""
    first, *_ = (ROOT / "build" / f"{slug}.yaml").read_text(encoding="utf-8").splitlines()
    _, is_generated, rest = first.partition("# Generated by generate.py from ")
    return f"[module]({rest.partition('. ')[0]}), " if is_generated else ""


def _stages() -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The pipeline's stages, and whether each is there only under a condition."""
    layer, title = RUNTIME.controller.pipeline
    pipeline = LAYERS[layer].template["Outputs"][title]["Value"]["Ref"]
    for when, stage in alternatives(LAYERS[layer].resources[pipeline]["Properties"]["Stages"]):
        yield stage, bool(when)


def alternatives(value: Any, when: str = "") -> Iterator[tuple[str, Any]]:
    """What may stand in the place of a value, or of each member of a list, with the conditions in words."""
    if isinstance(value, list):
        for member in value:
            yield from alternatives(member, when)
    elif isinstance(value, dict) and "Fn::If" in value:
        condition, met, unmet = value["Fn::If"]
        both = f"{when} and " if when else ""
        yield from alternatives(met, f"{both}if {condition}")
        yield from alternatives(unmet, f"{both}unless {condition}")
    elif value != {"Ref": "AWS::NoValue"}:
        yield when, value


def _by_run_order(actions: Any) -> Iterator[list[Mapping[str, Any]]]:
    by_order: dict[int, list[Mapping[str, Any]]] = {}
    for _, action in alternatives(actions):
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
        by_order.setdefault(action.get("RunOrder", 1), []).append(action)
    for order in sorted(by_order):
        yield by_order[order]


def _flowchart(direction: str, lines: Iterable[str]) -> str:
    return "\n".join(["```mermaid", f"flowchart {direction}", *(f"    {line}" for line in lines), "```"])


@cache
def texts(name: str) -> dict[str, str]:
    """The texts of a table that are the project's alone, from docs/tables.yaml; none where it has none."""
    file = ROOT / "docs" / "tables.yaml"
    tables: dict[str, dict[str, str]] = yaml.safe_load(file.read_text("utf-8")) if file.exists() else {}
    return tables.get(name, {})


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

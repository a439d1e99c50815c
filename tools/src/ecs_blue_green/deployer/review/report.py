"""A review on the terminal, and as a document for scripts (docs/schemas/review.json)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from ecs_blue_green.deployer import rules
from ecs_blue_green.deployer.changes import PropertyChange
from ecs_blue_green.deployer.review.environments import CHECKED_AT_DEPLOY, EnvironmentReview, Review
from ecs_blue_green.deployer.review.like import Like
from ecs_blue_green.deployer.review.text import AT_DEPLOY, grouped, meanings, outcome
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.text import differing

STYLES: Mapping[str, str] = {
    "title": "bold",
    "detail": "dim",
    "added": "green",
    "in place": "yellow",
    "released": "cyan",
    "no effect": "",
    "may be replaced": "bold red",
    "replaced": "bold red",
    "refused": "bold red",
    "removed": "bold red",
    "blocked": "red",
    "less": "red",
    "more": "green",
    "where": "cyan",
    "same": "dim",
}


def show(review: Review) -> None:
    """Print the review."""
    out = console()
    out.print(Text(f"{review.head} against {review.base}", style="bold"))
    for warning in review.warnings:
        out.print(Text(f"warning: {warning}", style="yellow"))
    for title, lines in grouped(review.environments):
        out.print()
        out.print(Text(title, style="bold underline"))
        for line in lines or ():
            out.print(Text(f"  {line.text}", style=STYLES[line.about]))
        if not lines:
            out.print(Text("  nothing changes", style="dim"))
    out.print()
    for name, meaning in meanings(review.environments).items():
        out.print(Text(f"{name}: {meaning}", style="dim"))
    out.print(Text(AT_DEPLOY, style="dim"))


def document(review: Review) -> dict[str, Any]:
    """The review for scripts, without `schema` and `exit_code`."""
    return {
        "base": review.base,
        "head": review.head,
        "warnings": list(review.warnings),
        "checked_at_deploy": list(CHECKED_AT_DEPLOY),
        "environments": [_environment(environment) for environment in review.environments],
    }


def _environment(review: EnvironmentReview) -> dict[str, Any]:
    return {
        "name": review.name,
        "notes": list(review.notes),
        "settings": [_value(change) for change in review.settings],
        "configuration": [_value(change) for change in review.configuration],
        "moves_with_next_release": [_value(change) for change in review.moves],
        "release": {"branch": review.branch, "files": list(review.release)} if review.release else None,
        "needs": [asdict(need) for need in review.needs],
        "findings": [asdict(finding) for finding in review.findings],
        "allow": rules.allowable(review.findings),
        "access": [asdict(access) for access in review.access],
        "like": _like(review.like) if review.like else None,
        "layers": [
            {
                "layer": layer.layer,
                "stack": layer.stack,
                "action": layer.action,
                "by": "pipeline" if review.is_released(layer) else "deploy",
                "parameters": [_value(change) for change in layer.parameters],
                "tags": [_value(change) for change in layer.tags],
                "exports": [
                    {**asdict(export), "because": export.because or None, "importers": list(export.importers)}
                    for export in layer.exports
                ],
                "outputs": [output.document() for output in layer.outputs],
                "resources": [
                    {
                        "logical_id": change.logical_id,
                        "type": change.type,
                        "outcome": outcome(change),
                        "renamed": change.renamed or None,
                        "notes": list(change.notes),
                        "properties": [
                            {
                                "path": part.path,
                                "before": part.before,
                                "after": part.after,
                                "difference": differing(part.before, part.after),
                                "requires_recreation": part.recreation,
                                "because": part.because or None,
                                "certain": part.certain,
                            }
                            for part in change.properties
                        ],
                    }
                    for change in layer.resources
                ],
            }
            for layer in review.changed
        ],
    }


def _like(like: Like) -> dict[str, Any]:
    return {
        "name": like.name,
        "values": [_value(change) for change in like.values],
        "added": [asdict(entry) for entry in like.added],
        "missing": [asdict(entry) for entry in like.missing],
        "access": [asdict(entry) for entry in like.access],
    }


def _value(change: PropertyChange) -> dict[str, str | None]:
    return {"name": change.path, "before": change.before, "after": change.after}

"""`build/runtime.json`: what is read from it, and what a person is told where it cannot be."""

import copy
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ecs_blue_green import runtime
from ecs_blue_green.runtime import Delegation, Output, Runtime, Unusable

SCHEMA: dict[str, Any] = json.loads((files("ecs_blue_green") / "runtime.schema.json").read_text())

# Every key that the file can have.
WHOLE: dict[str, Any] = {
    "schema": "runtime/1",
    "layers": {
        "ground": {
            "stack_policy": "ground.stack-policy.json",
            "changed_by": [
                {
                    "resource": "Door",
                    "by": "CodeDeploy: its actions",
                    "role": "`ReleaseRole`",
                    "properties": [
                        {
                            "property": "DefaultActions",
                            "owner": "CodeDeploy",
                            "limit": "forwards-to-target-groups",
                        }
                    ],
                }
            ],
            "fixed_at_creation": [
                {"parameter": "Protocol", "for_new_stacks": "HTTPS", "for_older_stacks": "HTTP"}
            ],
            "untouched_by_releases": False,
        },
        "runs": {
            "released": True,
            "revision": "Revision",
            "role": "ground.RoleArn",
            "waits_for_connection": "ground.LinkArn",
        },
    },
    "rules": {
        "distinct": [{"parameter": "Outside", "at_least": 2}],
        "not_above": [{"lower": "Fewest", "upper": "Most"}],
        "not_longer": [
            {"sum": [["Fewest", "Cpu"], ["Most"]], "limit": [["Memory"]], "because": "it takes", "more": 1}
        ],
        "pairs": [
            {"first": "Cpu", "second": "Memory", "unit": "MiB", "of": "Fargate", "pairs": {"256": [512]}}
        ],
        "cidr": [{"parameter": "Office"}],
    },
    "controller": {
        "type": "code-deploy",
        "layers": ["ground", "runs"],
        "cluster": "ground.Cluster",
        "service": "runs.Service",
        "production_listener": "ground.Door",
        "alarms": "Watched",
        "termination_wait": "Keeps",
        "blue_target_group": "ground.One",
        "green_target_group": "ground.Two",
        "address": "ground.Url",
        "application": "runs.Application",
        "deployment_group": "runs.Group",
        "pipeline": "runs.Pipeline",
    },
    "network": {
        "vpc": "Net",
        "public_subnets": "Outside",
        "private_subnets": "Inside",
        "endpoints": [{"parameter": "Probe", "value": "on", "services": ["codedeploy"]}],
    },
    "capacity": {"minimum": "Fewest", "maximum": "Most", "cpu": "Cpu"},
    "image": {"tag": "FirstTag", "folder": "web"},
    "repository": {"layer": "runs", "owner": "Whose", "name": "Which", "shipped_project": "copied"},
    "buckets": [{"parameter": "Logs", "written_by": "load-balancer"}],
    "keys": [{"parameter": "KeyArn", "services": ["logs.{region}.amazonaws.com"], "through": "sns"}],
    "rehearsal": {"health_rate": "Rate", "host": "Host"},
}
TEMPLATES: dict[str, dict[str, Any]] = {
    "ground": {
        "Resources": {"Door": {}},
        "Outputs": dict.fromkeys(("RoleArn", "LinkArn", "Cluster", "Door", "One", "Two", "Url")),
        "Parameters": {
            "Protocol": {"Default": "HTTP"},
            **dict.fromkeys(("Outside", "Office", "Net", "Inside", "Logs")),
        },
    },
    "runs": {
        "Resources": {},
        "Outputs": dict.fromkeys(("Revision", "Service", "Application", "Group", "Pipeline")),
        "Parameters": dict.fromkeys(
            (
                *("Fewest", "Most", "Cpu", "Memory", "Probe", "FirstTag", "KeyArn", "Rate", "Watched"),
                *("Keeps", "Whose", "Which", "Host"),
            )
        ),
    },
}


def whole(**changes: Any) -> Runtime:
    return runtime.made({**WHOLE, **changes}, "build/runtime.json")


def without(document: Any, *path: Any) -> Any:
    """A copy of a document without the key at a path."""
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return changed


def test_everything_is_read(tmp_path: Path) -> None:
    (tmp_path / "runtime.json").write_text(json.dumps(WHOLE))
    found = runtime.read_runtime(tmp_path)
    assert found == whole()
    ground, runs = found.layers["ground"], found.layers["runs"]
    assert ground.changed_by[0].properties == (
        Delegation("DefaultActions", "CodeDeploy", "forwards-to-target-groups"),
    )
    assert ground.fixed_at_creation[0].for_older_stacks == "HTTP"
    assert (runs.role, found.released) == (Output("ground", "RoleArn"), ("runs",))
    assert found.rules.pairs[0].pairs == {"256": (512,)}
    assert (found.controller.application, found.controller.alarms) == (
        Output("runs", "Application"),
        "Watched",
    )


def test_what_may_be_left_out_is_left_out() -> None:
    document = without(without(WHOLE, "controller", "alarms"), "controller", "termination_wait")
    for key in ("repository", "rules", "buckets", "keys", "rehearsal"):
        del document[key]
    document["layers"] = {"ground": {}, "runs": {}}
    found = runtime.made(document, "build/runtime.json")
    assert found.layers["ground"] == runtime.LayerRuntime()
    assert (found.rules, found.released, found.controller.alarms) == (runtime.Rules(), (), None)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every part of a document but the whole."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*path, key))


def mutants() -> Iterator[tuple[str, Any]]:
    """The whole document with one part of it gone, of another kind or with a key too many."""
    for path in places(WHOLE):
        where = ".".join(map(str, path))
        yield f"{where} gone", without(WHOLE, *path)
        for other in ("other", "", "a.B.C", 7, True, None, {}, [], ["x"], {"extra": "x"}):
            changed = copy.deepcopy(WHOLE)
            holder = changed
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = other
            yield f"{where} {other!r}", changed


def test_schema_and_reader_agree_on_what_is_right() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    verdicts = set()
    for what, document in [("whole", WHOLE), *mutants()]:
        try:
            runtime.made(document, "build/runtime.json")
            said = ""
        except Unusable as error:
            said = str(error)
        assert validator.is_valid(document) == (not said), (what, said)
        verdicts.add(not said)
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        (None, "is missing", "the layers say there"),
        ("{", "is not JSON", "line 1"),
        ("[" * 100_000, "is not JSON", "recursion"),
        ("\x00", "is not JSON", ""),
        ("[]", "cannot be used", "its schema is not told"),
        ("{}", "cannot be used", "its schema is not told, and runtime/1 is known here"),
        ('{"schema": "runtime/2"}', "cannot be used", "its schema is runtime/2"),
        ('{"schema": "runtime/1"}', "does not follow its schema", "capacity is missing"),
    ],
)
def test_file_that_cannot_be_used_says_what_to_type(
    tmp_path: Path, text: str | None, what: str, why: str
) -> None:
    if text is not None:
        (tmp_path / "runtime.json").write_text(text)
    with pytest.raises(Unusable) as refused:
        runtime.read_runtime(tmp_path)
    assert refused.value.what == f"{tmp_path.name}/runtime.json {what}"
    assert why in refused.value.why
    assert refused.value.remedy == "run: make generate"


def test_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "runtime.json").mkdir()
    with pytest.raises(Unusable, match=r"runtime\.json cannot be read: Is a directory"):
        runtime.read_runtime(tmp_path)


def test_part_that_is_wrong_is_told_with_its_place() -> None:
    document = copy.deepcopy(WHOLE)
    document["layers"]["ground"]["changed_by"][0]["properties"][0]["limit"] = "none"
    with pytest.raises(
        Unusable, match=r"layers\.ground\.changed_by\[0\]\.properties\[0\]\.limit must be one"
    ):
        runtime.made(document, "build/runtime.json")


def test_names_that_the_templates_have_are_right() -> None:
    assert list(runtime.problems(whole(), TEMPLATES)) == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("ground", "Resources", "Door"), "ground.yaml has no resource Door"),
        (("ground", "Parameters", "Protocol"), "ground.yaml has no parameter Protocol"),
        (("ground", "Outputs", "RoleArn"), "ground.yaml has no output RoleArn"),
        (("runs", "Outputs", "Revision"), "runs.yaml has no output Revision"),
        (("runs", "Outputs", "Pipeline"), "runs.yaml has no output Pipeline"),
        *(
            (("runs", "Parameters", title), f"no template has a parameter {title}")
            for title in TEMPLATES["runs"]["Parameters"]
        ),
    ],
)
def test_name_that_the_templates_do_not_have_is_told(path: tuple[str, ...], said: str) -> None:
    assert said in list(runtime.problems(whole(), without(TEMPLATES, *path)))


def test_released_layer_cannot_fix_a_value_at_creation() -> None:
    layers = copy.deepcopy(WHOLE["layers"])
    layers["ground"]["released"] = True
    assert any(
        "cannot be fixed at creation" in said for said in runtime.problems(whole(layers=layers), TEMPLATES)
    )


def test_value_that_is_fixed_at_creation_needs_a_default() -> None:
    templates = without(TEMPLATES, "ground", "Parameters", "Protocol", "Default")
    (said,) = runtime.problems(whole(), templates)
    assert said.startswith("ground.yaml must give Protocol a default")


def test_layer_of_the_controller_must_be_one() -> None:
    controller = {**WHOLE["controller"], "layers": ["elsewhere"]}
    assert "there is no layer elsewhere" in list(runtime.problems(whole(controller=controller), TEMPLATES))

"""A life of the system on the emulator: deployed, released through its pipeline, rolled back, destroyed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line, environment
from ecs_blue_green.testing import site as sites
from ecs_blue_green.testing.site import SECONDS_A_MINUTE, Site, read_artifact

from templates import LAYERS
from tests import ROOT
from tests.pipeline.conftest import PUSHED

COMMITS = ("1" * 40, "2" * 40)


def run(root: Path, capsys: pytest.CaptureFixture[str], verb: str, *options: str) -> dict[str, Any]:
    """What a verb answers, which must succeed."""
    code = command_line.main([verb, "--env", environment.LOCAL, "--json", *options], root)
    said = capsys.readouterr()
    assert code == 0, said.err
    document: dict[str, Any] = json.loads(said.out)
    return document


def release(site: Site, commit: str, without: tuple[str, ...] = ()) -> str:
    """Release a commit through all stages as they are in the template; the revision that is live then."""
    execution = site.push(commit)
    for stage in site.definition.stages:
        result = site.stage(execution, stage.name, without)
        assert not result.failure, result.failure
    image = read_artifact(execution, "Release", "imageDetail.json")["ImageURI"]
    live = site.live_revision()
    containers = site.revision(live)["taskDefinition"]["containerDefinitions"]
    repository = image.partition("@")[0]
    assert {one["image"] for one in containers if one["image"].startswith(repository)} == {image}
    assert {commit, f"release-{commit}"} <= site.image_tags()
    return live


def test_commit_is_released_from_source_to_tag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the environment around it is deployed, stays as it is, is rolled back and destroyed."""
    root = tmp_path / "project"
    state = sites.deployed(ROOT, root)
    planned = run(root, capsys, "deploy", "--yes")
    assert {step["layer"]: step["action"] for step in planned["plan"]} == dict.fromkeys(LAYERS, "nothing")

    parameter_file = root / "params" / f"{environment.LOCAL}.yaml"
    with emulator.running(state, parameter_file, minute=SECONDS_A_MINUTE, hooks_are_called=True) as endpoint:
        site = Site(ROOT, endpoint, tmp_path, PUSHED)
        # Verify on a clean checkout is among the actions of the first.
        first, second = release(site, COMMITS[0]), release(site, COMMITS[1], without=("Verify",))
    assert first != second
    released = run(root, capsys, "status")["live"]
    assert released["revision"] == second

    # What a release moved is no drift.
    assert run(root, capsys, "drift")["summary"]["real"] == 0

    run(root, capsys, "rollback", "--yes", "--at-once")
    restored = run(root, capsys, "status")["live"]
    assert (restored["revision"], restored["colour"] != released["colour"]) == (first, True)

    destroyed = run(root, capsys, "destroy", "--yes")
    assert {one["layer"]: one["result"] for one in destroyed["outcomes"]} == dict.fromkeys(LAYERS, "done")


def test_alarms_on_latency_come_and_go_with_their_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In both stacks that know of them, and the deployment group never names one that is not there."""
    root = tmp_path / "project"
    state = sites.deployed(ROOT, root)
    parameter_file = root / "params" / f"{environment.LOCAL}.yaml"
    settings = yaml.load(parameter_file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506  # text, lists, maps
    for limit, count in (("500", 7), ("0", 5)):
        settings["parameters"]["AlarmLatencyMs"] = limit
        parameter_file.write_text(yaml.safe_dump(settings))
        removed = [f"service-preference:{colour}TargetGroupLatencyAlarm" for colour in ("Blue", "Green")]
        options = [part for name in removed for part in ("--allow", name)] if limit == "0" else []
        planned = run(root, capsys, "deploy", "--yes", *options)["plan"]
        assert {step["layer"] for step in planned if step["action"] != "nothing"} == {
            "service-preference",
            "pipeline",
        }
        with emulator.running(state, parameter_file) as endpoint:
            site = Site(ROOT, endpoint, tmp_path, PUSHED)
            known = {
                alarm["AlarmName"] for alarm in site.client("cloudwatch").describe_alarms()["MetricAlarms"]
            }
        assert len(known) == count
        assert len([name for name in known if name.endswith("-latency")]) == count - 5

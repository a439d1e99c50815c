"""The pipeline of a rehearsal: what of it waits for what is rehearsed beside it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecs_blue_green.pipeline import Action, Definition, Stage, StageResult
from ecs_blue_green.pipeline.definition import CODEBUILD, CODEDEPLOY
from ecs_blue_green.rehearsal import pipeline_run
from ecs_blue_green.rehearsal.clock import Clock
from ecs_blue_green.rehearsal.journal import Journal
from ecs_blue_green.rehearsal.pipeline_run import BEFORE_MINUTES, PipelineRun


def stage(name: str, provider: str) -> Stage:
    return Stage(name, (Action(name, provider, 1, {}, (), (), None),), None)


def test_builds_run_while_the_alarms_get_to_know_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a stage that deploys waits for the minutes of traffic before it."""
    clock = Clock(minute=0.1)
    journal = Journal(clock.now, is_open=True)
    source = SimpleNamespace(folder=tmp_path / "source", commit="c0ffee")
    source.folder.mkdir()
    (tmp_path / "artifacts").mkdir()
    on: Any = SimpleNamespace(cloud=None, clock=clock, journal=journal, source=source, folder=tmp_path)
    run = PipelineRun(on, deploy=None)  # type: ignore[arg-type]  # no action is run
    monkeypatch.setattr(run, "_workshop", lambda *_: None)
    monkeypatch.setattr(pipeline_run, "run_stage", lambda stage, *_: StageResult(stage.name, ((),)))
    stages = (stage("Build", CODEBUILD), stage("Deploy", CODEDEPLOY))
    asyncio.run(run.run(Definition("pipeline", "QUEUED", stages, {})))
    build, deploy = (entry.minute for entry in journal.entries)
    assert build < BEFORE_MINUTES <= deploy

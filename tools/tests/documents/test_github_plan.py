"""Deploying from GitHub: what whoever approves a plan gets to see."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.deployer.changed_code import DIFFERENCES, change_code
from tests.deployer.shop import Shop
from tests.paths import TOOLS

WORKFLOW = TOOLS.parent / ".github" / "workflows" / "deploy-environment.yml"


def planned_on_github(shop: Shop, place: Path) -> tuple[int, str, str]:
    """Run the step of the workflow that plans: its exit code, the job's summary and the kept text."""
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    (step,) = [step for step in jobs["plan"]["steps"] if step.get("id") == "plan"]
    python = place / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (place / "deploy.py").write_text(
        "import pathlib\nfrom ecs_blue_green.deployer import command_line\n"
        f"command_line.run(pathlib.Path({str(shop.root)!r}))\n"
    )
    summary = place / "summary.md"
    summary.write_text("of a step before\n")
    variables = {
        "ENVIRONMENT": shop.env,
        "ALLOW": "",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(place / "output"),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=place, env=os.environ | variables, check=False, capture_output=True)
    return done.returncode, summary.read_text(), (place / "plan.txt").read_text()


def test_whoever_approves_on_github_sees_the_code(deployed: Shop, tmp_path: Path) -> None:
    change_code(deployed)
    (tmp_path / "job").mkdir()
    code, summary, text = planned_on_github(deployed, tmp_path / "job")
    assert code == 0
    assert summary.startswith("of a step before\n## Plan for dev\n")
    assert "executed as it is once the environment's reviewer approves" in summary
    # In a block of diff a line is coloured by its first character.
    for lines in DIFFERENCES.values():
        for line in lines:
            assert f"{line[0]}          {line[1:]}" in summary.splitlines()
            assert f"          {line}" in text.splitlines()
    assert "plan=" in (tmp_path / "job" / "output").read_text()


def test_blocked_plan_is_in_the_summary_with_its_reason(deployed: Shop, tmp_path: Path) -> None:
    deployed.replace("infrastructure", "HealthyThresholdCount: 2", "HealthyThresholdCount: 3")
    (tmp_path / "job").mkdir()
    code, summary, _ = planned_on_github(deployed, tmp_path / "job")
    assert code == 3
    assert summary.index("### Blocked") < summary.index("blocked [stack-policy]")
    assert summary.index("blocked [stack-policy]") < summary.index("HealthyThresholdCount: 2 -> 3")


def test_summary_fits_github_and_the_artifact_has_all_of_it() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    (kept,) = [s for s in jobs["plan"]["steps"] if s.get("uses", "").startswith("actions/upload-artifact@")]
    assert kept["with"]["path"] == "plan.txt"
    # Also where the plan is blocked, or a step before failed.
    assert kept["if"].startswith("${{ !cancelled() &&")

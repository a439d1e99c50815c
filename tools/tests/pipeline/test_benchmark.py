"""The comparison of the two orders of a release."""

import pytest

from benchmarks.pipeline import __main__ as benchmark
from benchmarks.pipeline.layout import ARTICLE, article, generated, run_orders

TIMES = {
    "Source": 5,
    "Verify": 60,
    "ImageBuild": 180,
    "PrepareTaskDefinition": 20,
    "ExecuteTaskDefinition": 40,
    "Render": 30,
    "Deploy": 1000,
    "TagRelease": 30,
}


def test_both_orders_have_the_same_actions() -> None:
    assert sorted(ARTICLE) == sorted(action for together in run_orders() for action in together)


def test_what_runs_side_by_side_leaves_the_path() -> None:
    assert article(TIMES).seconds == 1365
    ours = generated(TIMES)
    assert ours.actions == (
        "Source",
        "ImageBuild",
        "ExecuteTaskDefinition",
        "Render",
        "Deploy",
        "TagRelease",
    )
    assert ours.seconds == 1285


def test_given_times_are_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([f"{action}={seconds}" for action, seconds in TIMES.items()]) == 0
    printed = capsys.readouterr().out
    assert "left the path: Verify, PrepareTaskDefinition" in printed
    assert "1.06" in printed
    assert "measured here" not in printed


@pytest.mark.parametrize("wrong", ["Deploy", "Deploy=soon", "Verfiy=3"])
def test_wrong_time_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        benchmark.main([wrong])
    assert stopped.value.code == 2
    assert wrong.split("=")[0] in capsys.readouterr().err

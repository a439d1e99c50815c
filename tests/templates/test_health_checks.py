"""Times of health checks, drains and stops that do not fit together are refused before a deploy."""

import shutil
from pathlib import Path

import pytest
import yaml
from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.errors import BadInput

from tests import ROOT

FITTING = {
    "HealthCheckGracePeriodSeconds": "60",
    "HealthCheckIntervalSeconds": "10",
    "HealthCheckTimeoutSeconds": "5",
    "HealthyThresholdCount": "2",
    "UnhealthyThresholdCount": "3",
    "SlowStartSeconds": "0",
    "DeregistrationDelaySeconds": "30",
    "StopTimeoutSeconds": "30",
}


def load(params: Path, **parameters: str) -> environment.Environment:
    """A parameter file with these, and otherwise what fits together."""
    shutil.copytree(ROOT / "params", params)
    path = params / f"{environment.LOCAL}.yaml"
    settings = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506  # text, lists, maps
    settings["parameters"] |= {**FITTING, **parameters}
    path.write_text(yaml.safe_dump(settings))
    declared = {slug: layer.parameters for slug, layer in layers.read(ROOT / "build").items()}
    return environment.load(params, environment.LOCAL, declared, runtime.read_runtime(ROOT / "build"))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"HealthCheckTimeoutSeconds": "10"}, "Elastic Load Balancing wants it shorter than the interval"),
        ({"HealthCheckGracePeriodSeconds": "19"}, "would be ended before it can be found healthy"),
        (
            {"HealthCheckGracePeriodSeconds": "71"},
            "HealthCheckGracePeriodSeconds + HealthyThresholdCount x HealthCheckIntervalSeconds is 91, and"
            " must not be above UnhealthyThresholdCount x HealthCheckIntervalSeconds + 60, which is 90: a"
            " task that needs all of its grace period would be unhealthy for so long that the alarm on"
            " unhealthy tasks stops the release",
        ),
        ({"StopTimeoutSeconds": "31"}, "must not be above DeregistrationDelaySeconds (30)"),
        ({"StopTimeoutSeconds": "121", "DeregistrationDelaySeconds": "300"}, "from 2 to 120"),
        ({"SlowStartSeconds": "29"}, "must be 0, or from 30 to 900"),
        ({"HealthCheckStatuses": "500"}, "must be status codes from 200 to 499"),
    ],
)
def test_times_that_do_not_fit_together(parameters: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        load(tmp_path / "params", **parameters)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"HealthCheckGracePeriodSeconds": "20"},
        {"HealthCheckGracePeriodSeconds": "70"},
        {
            "HealthCheckGracePeriodSeconds": "240",
            "UnhealthyThresholdCount": "10",
            "HealthCheckIntervalSeconds": "30",
        },
        {"StopTimeoutSeconds": "120", "DeregistrationDelaySeconds": "120"},
    ],
)
def test_times_that_fit_together(parameters: dict[str, str], tmp_path: Path) -> None:
    assert load(tmp_path / "params", **parameters)

"""The models that clients and the emulator read: botocore's own, without what is for people."""

import json

import pytest
from botocore.loaders import Loader

from ecs_blue_green import models


@pytest.mark.parametrize("service", ["cloudformation", "codedeploy", "ecs", "elbv2"])
def test_model_is_botocores_without_documentation(service: str) -> None:
    ours = models.loader().load_service_model(service, "service-2")
    full = Loader().load_service_model(service, "service-2")
    assert ours["operations"].keys() == full["operations"].keys()
    for name, shape in full["shapes"].items():
        mine = ours["shapes"][name]
        assert list(mine.get("members", {})) == list(shape.get("members", {}))
        assert {**mine, "members": None, "documentation": None} == {
            **shape,
            "members": None,
            "documentation": None,
        }
    assert len(json.dumps(ours)) < 0.8 * len(json.dumps(full))

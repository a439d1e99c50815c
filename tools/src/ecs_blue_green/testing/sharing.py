"""What each boto3 session and each verb makes anew, though it is the same: made once for all of a process."""

import functools
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import botocore.session
from botocore.client import ClientCreator

from ecs_blue_green import runtime
from ecs_blue_green.deployer import layers


@contextmanager
def clients() -> Iterator[None]:
    """Share the models of services, which are megabytes of JSON, and the methods of clients."""
    make = ClientCreator._create_methods  # type: ignore[attr-defined]
    made: dict[str, dict[str, Any]] = {}

    def methods(self: ClientCreator, model: Any) -> dict[str, Any]:
        if model.service_name not in made:
            made[model.service_name] = make(self, model)
        return dict(made[model.service_name])

    loader = functools.cache(botocore.session.create_loader)
    with (
        patch.object(botocore.session, "create_loader", loader),
        patch.object(ClientCreator, "_create_methods", methods),
    ):
        yield


@contextmanager
def builds() -> Iterator[None]:
    """Share what is read of `build/`: documents of templates, each time a copy, and `runtime.json`."""
    parse, make = layers.parse, runtime.made
    parsed = functools.cache(lambda text: pickle.dumps(parse(text)))

    @functools.cache
    def checked(text: str, name: str) -> runtime.Runtime:
        return make(json.loads(text), name)

    with (
        patch.object(layers, "parse", lambda text: pickle.loads(parsed(text))),  # noqa: S301 (our own)
        patch.object(runtime, "made", lambda document, name: checked(json.dumps(document), name)),
    ):
        yield

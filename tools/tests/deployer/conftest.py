"""What the deployer's tests share: the project's own templates and a place for parameter files."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.client import BaseClient

from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line, configurations, layers
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from tests.deployer.shop import Shop
from tests.paths import PROJECT, RUNTIME

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def built() -> Mapping[str, Layer]:
    """The committed layers."""
    return layers.read(PROJECT / "build", RUNTIME)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what is deployed: `build/` and `params/`."""
    _copy_project(tmp_path)
    return tmp_path


@pytest.fixture
def write_params(project: Path) -> Write:
    """Write `params/local.yaml` with changes: `write(parameters={"MinCapacity": 9}, account=None)`."""

    def write(parameters: Mapping[str, Any] | None = None, /, **keys: Any) -> Path:
        path = project / "params" / "local.yaml"
        document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        for target, changes in ((document, keys), (document["parameters"], parameters or {})):
            for key, value in changes.items():
                target.pop(key, None)
                if value is not None:
                    target[key] = value
        path.write_text(yaml.safe_dump(document))
        return path

    return write


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@pytest.fixture
def validation() -> Early:
    """How the emulator validates a new change set; a test can be parametrised with others."""
    return DOCUMENTED


@pytest.fixture
def dev(project: Path, capsys: pytest.CaptureFixture[str], validation: Early) -> Iterator[Shop]:
    """An environment like those on AWS, empty: reached by AWS_ENDPOINT_URL, and asking."""
    with _reached(project, validation):
        yield Shop(project, "dev", capsys)


@pytest.fixture
def deployed(
    deployed_state: Path, project: Path, capsys: pytest.CaptureFixture[str], validation: Early
) -> Iterator[Shop]:
    """The same environment with its six stacks deployed."""
    shutil.copytree(deployed_state, project / ".emulator")
    with _reached(project, validation):
        yield Shop(project, "dev", capsys)


@pytest.fixture(scope="session")
def deployed_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the emulator keeps after a deploy, made once for all tests."""
    root = tmp_path_factory.mktemp("deployed")
    _copy_project(root)
    with _reached(root):
        assert command_line.main(["deploy", "--env", "dev", "--yes"], root) == 0
    return root / ".emulator"


@contextmanager
def _reached(root: Path, validation: Early = DOCUMENTED) -> Iterator[None]:
    shutil.copy(root / "params" / "local.yaml", root / "params" / "dev.yaml")
    configurations.write(root, "dev")
    with (
        # A deployment stays where a test finds it: a minute is a minute.
        emulator.running(
            root / ".emulator", root / "params" / "local.yaml", minute=60, validation=validation
        ) as endpoint_url,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint_url}.items():
            patch.setenv(name, value)
        yield


def _copy_project(root: Path) -> None:
    for folder in ("build", "params"):
        shutil.copytree(PROJECT / folder, root / folder)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call that is made, in its order."""
    made: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: Any, operation: str, request: Any) -> Any:
        made.append(f"{self.meta.service_model.service_name}:{operation}")
        return call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made

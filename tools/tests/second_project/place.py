"""A copy of the second project, worked on as a person does."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green import emulator
from ecs_blue_green.deployer import command_line
from tests.deployer.conftest import CREDENTIALS
from tests.deployer.documents import problems
from tests.deployer.shop import Shop

PROJECT = Path(__file__).resolve().parent / "project"
# In the order of deployment.
LAYERS = ["edge", "blueprint", "delivery"]
STAGING = "staging"
REGION = "eu-west-1"


class Harbour(Shop):
    """The project below `root`, and one of its environments."""

    def give(self, **parameters: object) -> None:
        """Set parameters of the environment; None takes one away."""
        path = self.root / "params" / f"{self.env}.yaml"
        document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        for name, value in parameters.items():
            document["parameters"].pop(name, None)
            if value is not None:
                document["parameters"][name] = value
        path.write_text(yaml.safe_dump(document))

    def findings(self, verb: str, *arguments: str) -> set[tuple[str, str, str]]:
        """Run a verb that must be blocked, and give the rule, layer and resource of each reason."""
        document = self.run(verb, *arguments)
        assert document["exit_code"] == 3, document
        return {(found["rule"], found["layer"], found["resource"]) for found in document["findings"]}

    def actions(self, *arguments: str) -> dict[str, str]:
        """What a plan does with each layer."""
        document = self.run("plan", *arguments)
        assert "plan" in document, document
        return {step["layer"]: step["action"] for step in document["plan"]}

    def live(self) -> tuple[str, str]:
        """Which colour is live, and the number of the revision that its tasks run."""
        document = self.run("status")
        assert document["exit_code"] == 0, document
        return document["live"]["colour"], document["live"]["revision"].rpartition(":")[2]

    def review(self, *arguments: str) -> dict[str, Any]:
        """The document of a review of what is on disk."""
        code = command_line.main(["review", "--json", *arguments], self.root)
        document: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert document["exit_code"] == code
        assert problems("review", document) == []
        return document

    def commit(self) -> None:
        """Have a repository of its own, with everything committed."""
        author = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        for arguments in (
            ("init", "--quiet", "--initial-branch=trunk"),
            ("add", "--all"),
            ("commit", "--quiet", "--message", "x"),
        ):
            command = ["git", "-C", str(self.root), *author, *arguments]
            subprocess.run(command, check=True, capture_output=True)


@contextmanager
def reached(root: Path) -> Iterator[None]:
    """Have the AWS that commands reach by AWS_ENDPOINT_URL be an emulator of the staging environment."""
    with (
        # A deployment stays where a test finds it: a minute is a minute.
        emulator.running(root / ".emulator", root / "params" / f"{STAGING}.yaml", minute=60) as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        yield


def by_layer(document: dict[str, Any], key: str, member: str) -> dict[str, Any]:
    """One member of each layer's entry in a document."""
    return {entry["layer"]: entry[member] for entry in document[key]}

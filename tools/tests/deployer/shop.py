"""A copy of the project that tests deploy, as a person or a script would."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.deployer import command_line, configurations
from ecs_blue_green.deployer.errors import BadInput
from tests.deployer.documents import problems

LAYERS = [
    "container-repository",
    "infrastructure",
    "task-definition",
    "service",
    "service-preference",
    "pipeline",
]


class Shop:
    """The project below `root`, one of its environments, and an emulator of its own."""

    def __init__(self, root: Path, env: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.env = env
        self._capsys = capsys

    def generate(self) -> None:
        """Make what is made of the parameter file, as a person has before every verb here."""
        with contextlib.suppress(BadInput):
            configurations.write(self.root, self.env)

    def run(self, verb: str, *arguments: str) -> dict[str, Any]:
        """Run a verb and give its JSON document."""
        self.generate()
        code = command_line.main([verb, "--env", self.env, "--json", *arguments], self.root)
        captured = self._capsys.readouterr()
        document: dict[str, Any] = json.loads(captured.out)
        assert document["exit_code"] == code
        assert document["schema"] == f"{verb}/1"
        assert problems(verb, document) == []
        assert "Traceback" not in captured.err
        return document

    def talk(self, verb: str, *arguments: str) -> tuple[int, str, str]:
        """Run a verb as a person does: its exit code, standard output and standard error."""
        self.generate()
        code = command_line.main([verb, "--env", self.env, *arguments], self.root)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def results(self, verb: str, *arguments: str) -> dict[str, str]:
        """Run a verb and give the result of each layer."""
        document = self.run(verb, *arguments)
        assert "outcomes" in document, document
        return {outcome["layer"]: outcome["result"] for outcome in document["outcomes"]}

    def replace(self, layer: str, old: str, new: str) -> None:
        """Change a template, as a pull request would."""
        path = self.root / "build" / f"{layer}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

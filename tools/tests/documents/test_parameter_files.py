"""The line by which an editor finds the schema of a parameter file, as the page says it."""

import re
from pathlib import Path

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.environment_schema import FILE

ROOT = Path(__file__).resolve().parents[3]


def test_every_parameter_file_begins_with_the_line_of_the_page() -> None:
    page = (ROOT / "docs" / "adding-an-environment.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^# yaml-language-server: .*$", page, re.MULTILINE)
    named = line.partition("$schema=")[2]
    assert (ROOT / "params" / named).resolve() == ROOT / "build" / FILE
    for name in environment.names(ROOT / "params"):
        text = (ROOT / "params" / f"{name}.yaml").read_text(encoding="utf-8")
        assert text.splitlines()[0] == line, name

"""How long does a review of a change to every layer in every environment take?"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.paths import PROJECT

RUNS = 7
# A change of the stacks' tags and of the port that target groups, tasks and service share.
EDIT = (("{team: platform}", "{team: shop}"), ("parameters:\n", "parameters:\n  ContainerPort: 8080\n"))


def seconds() -> float:
    """The wall time of the whole process: the fastest run, in which this machine did least besides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("build", "params"):
            shutil.copytree(PROJECT / part, folder / part)
        author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
        for command in (("init", "--quiet"), ("add", "--all"), (*author, "commit", "--quiet", "-m", "base")):
            subprocess.run(["git", "-C", name, *command], check=True)  # noqa: S607 (the person's git)
        for path in (folder / "params").glob("*.yaml"):
            text = path.read_text()
            for old, new in EDIT:
                text = text.replace(old, new)
            path.write_text(text)
        program = (
            "import pathlib; from ecs_blue_green.deployer import command_line;"
            f"command_line.main(['review', '--base', 'HEAD'], pathlib.Path({name!r}))"
        )
        return min(_run([sys.executable, "-c", program]) for _ in range(RUNS))


def _run(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun

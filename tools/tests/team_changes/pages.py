"""Pages of docs/, followed to the letter: their own blocks are what is written and run."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from ecs_blue_green.testing import copies

UNTIL_CTRL_C = ("make run",)


class NotAsTold(Exception):
    """A page is not true: the message says where, and what was said instead."""


def section(root: Path, page: str, heading: str = "") -> str:
    """The text of a page below a heading, up to the next one of its level or above."""
    text = (root / page).read_text(encoding="utf-8")
    if not heading:
        return text
    level = heading.split(" ")[0]
    found = re.search(rf"(?ms)^{re.escape(heading)}$(.*?)(?=^#{{1,{len(level)}}} |\Z)", text)
    if not found:
        raise NotAsTold(f"{page} has no {heading}")
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def follow(root: Path, block: str, may_fail: str = "") -> dict[str, str]:
    """Type the lines of a block, one after the other: what each says, by the line without its comment.

    Raises NotAsTold where one fails, unless it begins as one that may.
    """
    said = {}
    for line in block.splitlines():
        typed = re.sub(r"\s+# .*", "", line)
        if typed and not typed.startswith("#"):
            typing = _until_it_answers if typed in UNTIL_CTRL_C else copies.run
            code, said[typed] = typing(root, "sh", "-c", typed)
            if code and not (may_fail and typed.startswith(may_fail)):
                raise NotAsTold(f"{typed} ends with {code}:\n{said[typed]}")
    return said


def _until_it_answers(root: Path, *command: str) -> tuple[int, str]:
    """Run a command that goes on until Ctrl-C: here until it has said an address, and that has answered."""
    said, address = "", ""
    with subprocess.Popen(
        command,
        cwd=root,
        env={name: value for name, value in os.environ.items() if name not in copies.OF_MAKE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As at a terminal: Ctrl-C reaches all of them, also where this is a job in the background.
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        for line in process.stdout or ():
            said += line
            address = address or "".join(re.findall(r"^http://\S+$", line))
            if line.startswith("Ctrl-C"):
                with urllib.request.urlopen(address, timeout=60):  # noqa: S310 (of this machine)
                    os.killpg(process.pid, signal.SIGINT)
    # make itself ends by the signal.
    return 0 if process.returncode == -signal.SIGINT else process.returncode, said


def typed_in(block: str) -> str:
    """What somebody types of a transcript."""
    return "".join(f"{line}\n" for line in re.findall(r"(?m)^\$ (.*)$", block))


def expect(said: str, *texts: str) -> None:
    """Raise NotAsTold unless all texts are in what was said."""
    missing = [text for text in texts if text not in said]
    if missing:
        sys.stdout.write(said)
        raise NotAsTold(f"nothing of {missing} in what was said")

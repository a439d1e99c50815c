"""What the nets share: a checkout in either layout, a copy of it to work in, and how texts are compared.

Nothing here imports the project: both layouts are only run, as a person runs them.
"""

import contextlib
import difflib
import functools
import getpass
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Where the files of the old layout are in the new one, the longest first. Tests move with what they test.
MOVES = (
    ("stacks/", "tools/src/ecs_blue_green/deployer/"),
    ("local/rehearsal/control.py", "tools/src/ecs_blue_green/emulator/control.py"),
    ("local/rehearsal/placeholders.py", "tools/src/ecs_blue_green/emulator/placeholders.py"),
    ("local/rehearsal/", "tools/src/ecs_blue_green/rehearsal/"),
    ("local/pipeline/", "tools/src/ecs_blue_green/pipeline/"),
    ("local/codebuild/", "tools/src/ecs_blue_green/codebuild/"),
    ("local/", "tools/src/ecs_blue_green/emulator/"),
    ("tests/stacks/", "tools/tests/deployer/"),
    ("tests/local/", "tools/tests/emulator/"),
    ("tests/rehearsal/", "tools/tests/rehearsal/"),
    ("tests/pipeline/", "tools/tests/pipeline/"),
    ("tests/faults/", "tools/tests/faults/"),
    ("tests/benchmarks/", "tools/tests/benchmarks/"),
    ("benchmarks/", "tools/benchmarks/"),
    ("security/", "tests/security/"),
)
# What is renamed on purpose: said of the old layout, said of the new one. Texts of the base are read so.
RENAMES = (
    (
        "`python -m local serve`, `python -m local rehearse`.",
        "`python -m ecs_blue_green serve` and `... rehearse`.",
    ),
    ("python -m local.rehearsal", "python -m ecs_blue_green.rehearsal"),
    ("python -m local", "python -m ecs_blue_green"),
)
# Nothing of the machine gets into what is said, except what is masked.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
ENVIRONMENT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "nets",
    "GIT_AUTHOR_EMAIL": "nets@example.com",
    "GIT_COMMITTER_NAME": "nets",
    "GIT_COMMITTER_EMAIL": "nets@example.com",
    "NO_COLOR": "1",
    "COLUMNS": "200",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
}
PATIENCE = 180.0


def moved(path: str) -> str:
    """The path in the new layout of a file of the old one."""
    for old, new in MOVES:
        if path.startswith(old):
            return new + path.removeprefix(old)
    return path


def find(tree: Path, path: str) -> list[Path]:
    """What a file of the old layout has become, best guess first: moved, in its place, by its name."""
    likely = [tree / place for place in (moved(path), path)]
    found = [place for place in likely if place.is_file()]
    if not found:
        root = "tests" if path.startswith("tests/") else "src"
        places = [tree / "tools" / root, *([tree / "tests"] if root == "tests" else [])]
        found = [hit for place in places for hit in sorted(place.rglob(Path(path).name))]
    return list(dict.fromkeys(found))


class Tree:
    """A checkout whose environments are installed (`make .venv/ready`)."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()

    @functools.cached_property
    def package(self) -> str:
        """What `python -m` takes to serve and rehearse."""
        return "local" if (self.path / "local" / "__main__.py").is_file() else "ecs_blue_green"

    @functools.cache  # noqa: B019
    def interpreter(self, module: str = "boto3") -> str:
        """The environment of the checkout that has a module, as a path below the checkout."""
        for python in sorted(self.path.glob(".venv*/bin/python")):
            looked = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
            if looked.returncode == 0:
                return str(python.relative_to(self.path))
        raise SystemExit(f"{self.path}: no environment has {module}; run make .venv/ready there")

    def files(self) -> list[str]:
        """What git has of it or would take, without these scripts."""
        listed = subprocess.run(
            ["git", "-C", self.path, "ls-files", "-coz", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        return [
            name for name in listed if name and (self.path / name).is_file() and "tools/nets/" not in name
        ]

    def copy(self, to: Path) -> "Copy":
        """A copy of the files, with links to the environments."""
        for name in self.files():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.path / name, to / name)
        for place in self.path.glob(".venv*"):
            if place.is_dir():
                (to / place.name).symlink_to(place)
        return Copy(self, to)


class Copy:
    """A copy of a checkout, to run commands in and to edit."""

    def __init__(self, tree: Tree, root: Path) -> None:
        self.tree = tree
        self.root = root
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "GIT_", "PYTEST_"))
        } | ENVIRONMENT
        sources = [str(root / "tools" / "src")] if (root / "tools" / "src").is_dir() else []
        self.environment["PYTHONPATH"] = os.pathsep.join([*sources, str(root)])

    def python(self, module: str = "boto3") -> str:
        """The interpreter for what needs a module."""
        return str(self.root / self.tree.interpreter(module))

    def git(self, *arguments: str, date: str = "2026-01-01T00:00:00Z") -> str:
        """Run git in the copy, at a time that is always the same."""
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(
            ["git", "-C", self.root, *arguments],
            env=self.environment | dates,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @contextmanager
    def edited(self) -> Iterator[None]:
        """Put `build/`, `params/` and `templates/` back after the block."""
        kept = self.root.with_name(f"{self.root.name}.kept")
        folders = ("build", "params", "templates")
        for name in folders:
            shutil.copytree(self.root / name, kept / name, symlinks=True)
        try:
            yield
        finally:
            for name in folders:
                shutil.rmtree(self.root / name, ignore_errors=True)
                shutil.copytree(kept / name, self.root / name, symlinks=True)
            shutil.rmtree(kept)

    def parameter(self, line: str, environment: str = "dev") -> None:
        """Set a parameter, such as `MaxCapacity: 5`."""
        path = self.root / "params" / f"{environment}.yaml"
        key = line.partition(":")[0]
        lines = [old for old in path.read_text().splitlines() if not old.strip().startswith(f"{key}:")]
        path.write_text("\n".join([*lines, f"  {line}", ""]))

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file; it must have the old text."""
        path = self.root / name
        text = path.read_text()
        if old not in text:
            raise SystemExit(f"{path} has no {old!r}: adapt the script")
        path.write_text(text.replace(old, new, 1))

    @contextmanager
    def serving(self, state: Path, minute: float = 60) -> Iterator[str]:
        """Run the emulator on a state for the time of the block, and give its address."""
        # A deployment stays where it is found: a minute is a minute.
        command = [self.python("ministack"), "-m", self.tree.package, "serve", "--until-stdin-closes"]
        command += ["--state", str(state), "--params", str(self.root / "params" / "local.yaml")]
        log = state.with_name(f"{state.name}.log")
        with log.open("w") as file:
            server = subprocess.Popen(
                [*command, "--minute", str(minute)],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        assert server.stdin and server.stdout
        line = server.stdout.readline()
        if not line.startswith("AWS_ENDPOINT_URL="):
            raise SystemExit(f"the emulator of {self.tree.path} does not start: {log.read_text()}")
        try:
            yield line.partition("=")[2].strip()
        finally:
            server.stdin.close()
            server.wait(60)

    def run(
        self,
        command: list[str],
        *,
        answers: str | None = None,
        stdin_closed: bool = False,
        stdout: str | None = None,
        awaits: str | None = None,
        then: Callable[["subprocess.Popen[str]"], Any] = lambda process: None,
        **environment: str,
    ) -> dict[str, Any]:
        """Run a command and give its exit code, standard output and standard error.

        `answers` are typed on a terminal; without them standard input is none. `stdout` is a file to write
        to. `then` is done with the process once it has said on standard error what is awaited.
        """
        master = None
        stdin: int = subprocess.DEVNULL
        if answers is not None:
            master, stdin = pty.openpty()
            os.write(master, answers.encode())
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open(stdout, "w")) if stdout else subprocess.PIPE
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment | environment,
                stdin=stdin,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                preexec_fn=(lambda: os.close(0)) if stdin_closed else _interruptible,
            )
            early = _awaited(process, awaits) if awaits else ""
            then(process)
            try:
                said, told = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, told = process.communicate()
        if master is not None:
            os.close(master)
            os.close(stdin)
        return {"code": process.returncode, "out": said or "", "err": early + told}


def _interruptible() -> None:
    # Who runs this script in the background hands an ignored Ctrl-C on.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _awaited(process: "subprocess.Popen[str]", awaited: str) -> str:
    """Wait until the process has said what is awaited on standard error. What it said until then."""
    assert process.stderr
    number = process.stderr.fileno()
    said = b""
    end = time.monotonic() + PATIENCE
    while awaited.encode() not in said and time.monotonic() < end:
        if select.select([number], [], [], 1)[0]:
            part = os.read(number, 4096)
            if not part:
                break
            said += part
    return said.decode()


# What differs from run to run, and what is said instead. Accounts and ids of params/ stay.
KNOWN = r"(?!0a1b2c3d4e5f607|0de0000000|0b0000000|(?:(\d)\1{11}|123456789012)\b)"
MASKS: tuple[tuple[str, str], ...] = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"\bd-[A-Z0-9]{9}\b", "<deployment>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?UTC|Z|\+00:00)?", "<time>"),
    (r"\b1[789]\d{8}(\.\d+)?\b", "<time>"),
    (r"\bprocess \d+", "process <number>"),
    (r"\bat 0x[0-9a-f]+", "at <address>"),
    # Load balancers, target groups and listeners.
    (r"/[a-z0-9]{16}\b", "/<id>"),
    (r"-[a-z0-9]{8}(?=\.[a-z0-9-]+\.elb\.)", "-<id>"),
    (rf"\b{KNOWN}(?=[0-9a-f]*[0-9])[0-9a-f]{{7,64}}\b", "<hex>"),
    (r"-(?=[A-Z0-9]*[A-Z])[A-Z0-9]{12,13}\b", "-<suffix>"),
)
MASKED_KEYS = {"process", "machine", "host", "who"}


def masked(text: str, copy: Copy) -> str:
    """A text without what differs from run to run."""
    for place in (copy.root, copy.tree.path):
        text = text.replace(str(place), "<root>")
    text = text.replace(str(copy.root.parent), "<folder>")
    text = text.replace(f"{getpass.getuser()} on {socket.gethostname()}", "<somebody>")
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def masked_document(value: Any, copy: Copy) -> Any:
    """The same for a JSON document."""
    if isinstance(value, dict):
        return {
            key: "<masked>" if key in MASKED_KEYS and member else masked_document(member, copy)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [masked_document(member, copy) for member in value]
    if isinstance(value, float):
        return json.loads(f'"{masked(str(value), copy)}"')
    return masked(value, copy) if isinstance(value, str) else value


def transcript(answer: Mapping[str, Any], copy: Copy, *, unordered: bool) -> dict[str, Any]:
    """What is kept of a run. `unordered`: stacks are worked on side by side, so lines come in any order."""
    try:
        out = masked_document(json.loads(answer["out"]), copy)
    except ValueError:
        out = masked(answer["out"], copy).splitlines()
    told = masked(answer["err"], copy).splitlines()
    return {"code": answer["code"], "out": out, "err": sorted(set(told)) if unordered else told}


def renamed(value: Any) -> Any:
    """What the base said, with the new names."""
    if isinstance(value, str):
        for old, new in RENAMES:
            value = value.replace(old, new)
        return value
    if isinstance(value, list):
        return [renamed(member) for member in value]
    return {key: renamed(member) for key, member in value.items()} if isinstance(value, dict) else value


def differences(
    base: Mapping[str, Any], new: Mapping[str, Any], expected: Mapping[str, str], tree: Tree
) -> Iterator[tuple[str, str]]:
    """Every record that is not as it was, as a diff; and those of `expected` (name, reason) that are.

    Either side may lack a record. `tree` is the checkout of `new`: in the old layout it says the old names.
    """
    moved_on = tree.package != "local"
    for name in dict.fromkeys([*base, *new]):
        before, after = base.get(name), new.get(name)
        before = renamed(before) if moved_on else before
        if before == after:
            if name in expected:
                yield name, f"is as before, and was expected to differ: {expected[name]}"
        elif name not in expected:
            old, now = (
                json.dumps(side, indent=1, ensure_ascii=False).splitlines() for side in (before, after)
            )
            yield name, "\n".join(difflib.unified_diff(old, now, "base", "new", lineterm="", n=2))


def report(problems: Iterator[tuple[str, str]], what: str, count: int) -> int:
    """Print what was found and give the exit code."""
    found = list(problems)
    for name, text in found:
        print(f"--- {name}\n{text}\n")
    print(f"{count} {what}, {len(found)} not as they were" if found else f"{count} {what}: as they were")
    return 1 if found else 0


def recorded(file: Path, make: Callable[[], Any]) -> Any:
    """What is in a file; made and kept there where it is not yet."""
    if not file.exists():
        made = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made, indent=1, ensure_ascii=False))
        print(f"recorded {file}", file=sys.stderr)
    return json.loads(file.read_text())

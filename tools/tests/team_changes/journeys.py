"""What the pages lead a team through, from its first hour on; each in a clone, by the pages' own lines."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from ecs_blue_green import runtime
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.testing import copies
from tests.team_changes import changes
from tests.team_changes.clones import cloned, without_shapes
from tests.team_changes.pages import NotAsTold, blocks, expect, follow, section, typed_in

INIT = (
    *("PROJECT=orchard", "ENVIRONMENTS=dev=345678901234 prod=456789012345", "REGION=eu-central-1"),
    *("REPOSITORY=octo-org/web-orchard", "PORT=8088"),
)
RELEASED = "RELEASED: all lifecycle events succeeded"

# A team's application, by the table of docs/bring-your-own-application.md.
DOCKERFILE = """\
FROM public.ecr.aws/docker/library/python:3.13.16-slim-trixie
ENV PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0
WORKDIR /srv
COPY *.py app/
ARG VERSION=dev
ENV VERSION=$VERSION
USER 10001:10001
EXPOSE {port}
CMD ["python", "-m", "app"]
"""
APPLICATION = '''"""Quotes, each with a greeting."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUOTES = ["An apple a day."]


class Quotes(BaseHTTPRequestHandler):
    """Answers the health check, and the paths of users."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        is_known = self.path in ("/", "/quotes", "/healthz")
        said = [os.environ.get("GREETING", "Hello"), *QUOTES, os.environ.get("VERSION", "dev")]
        body = json.dumps(said).encode()
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "{port}"))
server = ThreadingHTTPServer(address, Quotes)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
sys.exit()
'''


def initialized(root: Path) -> None:
    """Make the clone a team's copy, unless it is one."""
    _run(root, "make", "init", *INIT)


def first_hour(root: Path) -> None:
    """From a clone to a rehearsed release of one's own application.

    What the README has somebody try, `make init`, and docs/bring-your-own-application.md.
    """
    heading = "## Try it" if _is_upstream(root) else "## On this machine"
    (block,) = blocks(section(root, "README.md", heading), "sh")
    said = follow(root, "\n".join(line for line in block.splitlines() if "check" not in line))
    expect(said["make rehearse"], RELEASED)
    initialized(root)
    _run(root, "make", "deploy")

    page = "docs/bring-your-own-application.md"
    (lines,) = blocks(section(root, page, "### 2. `params/<env>.yaml`"), "yaml")
    given = yaml.load(lines, Loader=yaml.BaseLoader)["parameters"]  # noqa: S506 (builds only text)
    _write_application(root / "app", given["ContainerPort"])
    heading = "### 3. Variables and secrets: [`templates/_application.py`](../templates/_application.py)"
    (rows,) = blocks(section(root, page, heading), "python")
    _add_rows(root / "templates" / "_application.py", rows)
    for path in copies.parameter_files(root):
        place = f"{copies.read(path)['region']}:{copies.read(path)['account']}"
        arn = f"arn:aws:secretsmanager:{place}:secret:orchard/database-AbCdEf"
        secrets = dict.fromkeys(re.findall(r'Secret\("\w+", "(\w+)"', rows), arn)
        copies.edit(path, parameters={**given, **secrets})

    (shown,) = blocks(section(root, page, "## See it"), "console")
    generated, *lines_after = typed_in(shown).splitlines()
    expect(follow(root, generated)[generated], *re.findall(r"(?m)^wrote .*$", shown))
    # What the page says of an environment that had the sample.
    expect(copies.run(root, "make", "deploy")[1], "blocked [replacement]")
    expect(follow(root, "\n".join(lines_after))["make rehearse"], RELEASED)


def an_environment(root: Path) -> None:
    """One more, in a third region: docs/adding-an-environment.md, up to its rehearsal, and its end."""
    without_shapes(root)
    changes.third_region(root)
    page = "docs/adding-an-environment.md"
    shown = _console(root, page, "make generate")
    said = follow(root, typed_in(shown))
    expect(said["make review BASE=HEAD"], "staging\n  a new environment", "nothing changes")
    if _is_upstream(root):
        # Not the numbers, which differ from day to day.
        printed = map(_without_numbers, "".join(said.values()).splitlines())
        lines = [line for line in shown.splitlines() if line != "…" and not line.startswith("$ ")]
        missing = set(map(_without_numbers, lines)) - set(printed)
        if missing:
            raise NotAsTold(f"{page} shows what is not said: {sorted(missing)}")
    said = follow(root, typed_in(_console(root, page, "make rehearse ENV=staging")))
    expect(said["make rehearse ENV=staging"], RELEASED)
    # Its templates are linted for its region.
    expect(copies.run(root, "make", "-n", "lint")[1], copies.read(root / "params" / "staging.yaml")["region"])
    _run(root, "make", "docs", "check", "test")
    # Its first line asks AWS.
    _, *lines = blocks(section(root, page, "## Removing one"), "sh")[0].splitlines()
    expect("".join(follow(root, "\n".join(lines)).values()), "removed build/config/staging/")


def a_layer(root: Path) -> None:
    """Two more, a queue and that of docs/adding-a-layer.md: seen as the page has it, and removed."""
    without_shapes(root)
    changes.layer_with_a_queue(root)
    page = "docs/adding-a-layer.md"
    (shown,) = blocks(section(root, page, "## See it"), "console")
    said = follow(root, typed_in(shown))
    expect(said["make generate"], *re.findall(r"(?m)^wrote .*$", shown))
    expect(said["make review BASE=HEAD"], "dashboard: a new stack, 1 added", "by `make deploy` only: ")
    expect(said["make deploy"], "dashboard             create, 1 resource")


def update(root: Path) -> None:
    """Take an update after `make init`, with what teams and upstream both change: docs/updating.md."""
    upstream = cloned(root, root.with_name("upstream"))
    copies.git(root, "remote", "set-url", "origin", str(upstream))
    initialized(root)
    changes.another_tag(root)
    _run(root, "make", "generate", "docs")
    copies.commit(root, "Our tags")
    ours = copies.git(root, "rev-parse", "HEAD").strip()
    yours = {path: path.read_bytes() for path in _yours(root)}

    _change_upstream(upstream)
    _run(upstream, "make", "generate", "docs")
    copies.commit(upstream, "A rule in other words, logs that are kept for longer, another README")

    block, after, *_ = blocks(section(root, "docs/updating.md"), "sh")
    said = follow(root, block, may_fail="git merge ")
    conflicts = [line for line in "\n".join(said.values()).splitlines() if "CONFLICT" in line]
    if any("tests/shapes/" not in line for line in conflicts):
        raise NotAsTold("\n".join(conflicts))
    expect(said["make review BASE=HEAD"], "container-repository", "LifecyclePolicy", "LogGroup")
    if copies.git(root, "rev-parse", "HEAD^1").strip() != ours or copies.git(root, "status", "--porcelain"):
        raise NotAsTold("the update is not one commit on top of what was there")
    if {path: path.read_bytes() for path in _yours(root)} != yours:
        raise NotAsTold("what is the team's is not as it was")
    # The page's warning, and its way out.
    expect(copies.run(root, "make", "review", "BASE=HEAD")[1], "nothing changes")
    expect("".join(follow(root, after).values()), "container-repository", "LifecyclePolicy")


def _run(root: Path, *command: str) -> None:
    code, said = copies.run(root, *command)
    if code:
        raise NotAsTold(f"{' '.join(command)} ends with {code}:\n{said}")


def _is_upstream(root: Path) -> bool:
    repository = runtime.read_runtime(root / "build").repository
    project = copies.read(root / "params" / f"{LOCAL}.yaml")["project"]
    return repository is not None and project == repository.shipped_project


def _console(root: Path, page: str, command: str) -> str:
    """The transcript of a page in which a command is typed."""
    found = blocks(section(root, page), "console")
    return next(block for block in found if f"$ {command}" in block)


def _without_numbers(line: str) -> str:
    return re.sub(r"\([0-9a-f]{7}\)|\d+", "#", line)


def _write_application(folder: Path, port: str) -> None:
    """The team's in the place of the sample; what it needs of Python stays: nothing of it."""
    for path in folder.glob("*.py"):
        path.unlink()
    (folder / "__init__.py").write_text('"""Quotes."""\n', encoding="utf-8")
    (folder / "__main__.py").write_text(APPLICATION.replace("{port}", port), encoding="utf-8")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(port=port), encoding="utf-8")


def _add_rows(path: Path, block: str) -> None:
    """Put the rows of a page's tables in front of those that a file has."""
    for name, rows in re.findall(r"(?ms)^(\w+): .*? = \(\n(.*?)^\)$", block):
        added = rows.replace("    ...,\n", "")
        copies.replace(path, rf"(?m)^({name}: .* = \()\n?", rf"\g<1>\n{added}")


def _yours(root: Path) -> list[Path]:
    return [root / "README.md", root / "app" / "Dockerfile", *copies.parameter_files(root)]


def _change_upstream(root: Path) -> None:
    """What a version brings: defaults, a README, and other samples of what is a team's."""
    templates = root / "templates"
    copies.replace(templates / "container_repository.py", '"Drop what lost its tag"', '"Drop the untagged"')
    copies.replace(templates / "_parameters.py", r'(?s)("LogRetentionDays".*?Default=)7\b', r"\g<1>14")
    copies.replace(root / "README.md", r"(?m)^(## .*)$", r"\1, and more")
    copies.replace(root / "app" / "Dockerfile", r"(?m)^EXPOSE .*$", "EXPOSE 1234")
    for path in changes.team_files(root):
        path.write_text(path.read_text(encoding="utf-8") + "# Newer.\n", encoding="utf-8")
    # A copy has none of them; in one, these would fail.
    for name in ("__init__.py", "test_newer.py") if (root / "tests" / "shapes").exists() else ():
        path = root / "tests" / "shapes" / name
        path.write_text('"""Newer."""\n\nimport tests.shapes._made  # noqa: F401\n', encoding="utf-8")


JOURNEYS: Mapping[str, Callable[[Path], None]] = {
    "first-hour": first_hour,
    "an-environment": an_environment,
    "a-layer": a_layer,
    "update": update,
}

"""docs/operations.md has every rule and every message with which a command stops."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_blue_green import deployer
from ecs_blue_green.deployer import rules
from ecs_blue_green.deployer.command_line import VERBS, _parser
from ecs_blue_green.deployer.invocation import Invocation

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# Lines are wrapped where they end; a message is one line.
TEXT = re.sub(r"\s+", " ", OPERATIONS)


def messages() -> Iterator[tuple[str, tuple[str, ...]]]:
    """What each Blocked and Failed says happened: where it is raised, and the words that never change."""
    for path in sorted(Path(deployer.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("Blocked", "Failed") and node.args:
                yield f"{path.name}:{node.lineno}", tuple(_words(node.args[0]))


def _words(node: ast.expr) -> Iterator[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.strip(": "):
            yield part.value.strip(": ")


def test_rules_are_all_in_the_table_in_their_own_words() -> None:
    rows = re.findall(r"^\| \[`([a-z-]+)`\]\(#[a-z-]+\) \| (.+?) \|", OPERATIONS, re.MULTILINE)
    assert dict(rows) == rules.RULES


@pytest.mark.parametrize("rule", rules.RULES)
def test_each_rule_has_a_section(rule: str) -> None:
    section = OPERATIONS.split(f"### `{rule}`\n")[1].split("\n### ")[0]
    assert len(section.split()) > 30


@pytest.mark.parametrize(("where", "words"), list(messages()))
def test_each_message_that_stops_a_command_is_explained(where: str, words: tuple[str, ...]) -> None:
    # The words of one message, in their order, in one place of the page.
    pattern = r"[^|]{0,60}".join(map(re.escape, words))
    assert re.search(pattern, TEXT), (
        f"docs/operations.md says nothing about {' ... '.join(words)!r} ({where})"
    )


def test_links_within_the_page_have_their_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", OPERATIONS))
    assert links - anchors == set()


def test_commands_in_messages_can_be_typed() -> None:
    """`deploy.py` is in nobody's path, and every verb needs its environment: the make form has both."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path, text in _texts():
        # What names the program and is no command: who made a change set, a comment's mark.
        if not re.search(r"deploy\.py \w+,|<!--", text):
            assert not re.search(rf"deploy\.py ({'|'.join(VERBS)})", text), f"{path}: {text}"
        for target in re.findall(r"\bmake ([a-z-]+) ENV", text):
            assert target in targets, f"{path}: {text}"
    for path, verb in _made_commands():
        assert verb in targets & VERBS.keys(), f"{path}: make {verb}"


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("deploy --env dev --yes", "make deploy ENV=dev"),
        ("deploy --env dev --only service --only pipeline", "make deploy ENV=dev ONLY='service pipeline'"),
        ("deploy --env dev --allow service:Service", "make deploy ENV=dev ALLOW=service:Service"),
        ("deploy --env dev --plan p.json", "make deploy ENV=dev ARGS='--plan p.json'"),
        ("continue-rollback --env dev --skip a:B", "make continue-rollback ENV=dev ARGS='--skip a:B'"),
        ("destroy --env dev", "make destroy ENV=dev"),
    ],
)
def test_command_that_goes_on_does_no_more_than_what_was_asked_for(typed: str, command: str) -> None:
    assert Invocation(_parser().parse_args(typed.split()), ROOT).command == command


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(Path(deployer.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{path.name}:{getattr(node, 'lineno', 0)}", node


def _texts() -> Iterator[tuple[str, str]]:
    """Every text of the code but the docstrings."""
    for where, node in _nodes():
        for child in ast.iter_child_nodes(node):
            if (
                not isinstance(node, ast.Expr)
                and isinstance(child, ast.Constant)
                and isinstance(child.value, str)
            ):
                yield where, child.value


def _made_commands() -> Iterator[tuple[str, str]]:
    for where, node in _nodes():
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "commands.make"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield where, str(node.args[0].value)

"""The Japanese pages say what the English ones say, as far as a machine can tell."""

import re
from pathlib import Path

import pytest
import yaml

from ecs_blue_green import runtime
from ecs_blue_green.deployer import environment
from ecs_blue_green.documents import generated, japanese

ROOT = Path(__file__).resolve().parents[3]
# Each English page and the Japanese one.
PAGES = {
    "README": (ROOT / "README.md", ROOT / "docs" / "README.ja.md"),
    "reference": (ROOT / "docs" / "reference.md", ROOT / "docs" / "reference.ja.md"),
    "from-the-article": (ROOT / "docs" / "from-the-article.md", ROOT / "docs" / "from-the-article.ja.md"),
}
JAPANESE = [page for _, page in PAGES.values()]
# After make init, the README is a team's and no translation: it has no parts that are generated.
IS_TEAMS = "[[[cog" not in PAGES["README"][0].read_text(encoding="utf-8")
COMPARED = {name: pair for name, pair in PAGES.items() if not (IS_TEAMS and name == "README")}
each_pair = pytest.mark.parametrize("pages", COMPARED.values(), ids=COMPARED)

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"<!-- .*? -->", re.DOTALL)
HEADING = re.compile(r"^(#+) .*$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")

Table = list[list[list[str]]]
Pair = tuple[Path, Path]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Without code blocks and the comments of generated parts."""
    return MARKER.sub("", FENCE.sub("", text(page)))


def sections(page: Path) -> list[str]:
    """What stands under each heading, without code blocks and tables."""
    lines = [line for line in prose(page).splitlines() if not line.startswith("| ")]
    return HEADING.split("\n".join(lines))[::2]


def blocks(page: Path) -> list[list[str]]:
    """The code blocks. A comment may be in another language, but not be left out."""
    return [
        [re.sub(r"(^|\s)# .*", r"\1#", line) for line in block.splitlines()]
        for block in FENCE.findall(text(page))
    ]


def tables(page: Path) -> list[Table]:
    """Each table's cells, each as the code in it."""
    found = re.findall(r"(?:^\| .*\n?)+", prose(page), re.MULTILINE)
    return [
        [[sorted(CODE.findall(cell)) for cell in japanese._cells(line)] for line in table.splitlines()]
        for table in found
    ]


def links(page: Path) -> list[str]:
    """Where the links go: from the root of the repository, and to the English page where it has two."""
    targets = [
        target if re.match("https?:|#", target) else str((page.parent / target).resolve().relative_to(ROOT))
        for target in LINK.findall(prose(page))
    ]
    english = {str(other.relative_to(ROOT)): str(one.relative_to(ROOT)) for one, other in PAGES.values()}
    own = {str(one.relative_to(ROOT)) for pair in PAGES.values() if page in pair for one in pair}
    # Each page has a link to itself in the other language.
    return sorted({english.get(target, target) for target in targets if target not in own})


@each_pair
def test_headings_are_of_the_same_levels(pages: Pair) -> None:
    english, translated = ([match[1] for match in HEADING.finditer(prose(page))] for page in pages)
    assert translated == english


@each_pair
def test_code_blocks_are_the_same(pages: Pair) -> None:
    english, translated = map(blocks, pages)
    assert translated == english


@each_pair
def test_tables_have_the_same_rows_and_columns_and_the_same_code_in_them(pages: Pair) -> None:
    english, translated = map(tables, pages)
    assert [[len(row) for row in table] for table in translated] == [
        [len(row) for row in table] for table in english
    ]
    assert translated == english


@each_pair
def test_each_section_names_the_same_commands_and_parameters(pages: Pair) -> None:
    for english, translated in zip(*map(sections, pages), strict=True):
        assert sorted(set(CODE.findall(translated))) == sorted(set(CODE.findall(english))), translated


@each_pair
def test_links_are_the_same(pages: Pair) -> None:
    english, translated = map(links, pages)
    assert translated == english


@each_pair
def test_the_same_parts_are_generated(pages: Pair) -> None:
    english, translated = (re.findall(r"generated\.(\w+)\(\)", text(page)) for page in pages)
    assert translated == english


def test_no_translation_is_left_over() -> None:
    """A text that changed has lost its translation: correct docs/japanese.yaml."""
    pages = "".join(map(text, JAPANESE))
    functions = re.findall(r"japanese\.table\(generated\.(\w+)\(\)\)", pages)
    parts = set().union(*(japanese.parts(getattr(generated, name)()) for name in functions))
    assert sorted(japanese.texts().keys() - parts) == []


def is_a_copy() -> bool:
    """Whether the project is a team's: its own parameters need no Japanese."""
    repository = runtime.read_runtime(ROOT / "build").repository
    settings = yaml.safe_load((ROOT / "params" / f"{environment.LOCAL}.yaml").read_text(encoding="utf-8"))
    return repository is None or settings["project"] != repository.shipped_project


@pytest.mark.skipif(is_a_copy(), reason="the parameters are a team's")
def test_no_text_of_the_tables_of_parameters_is_english() -> None:
    """A new parameter has no translation yet: add its texts to docs/japanese.yaml."""
    rows = [line for line in text(PAGES["reference"][1]).splitlines() if "指定できる値" in line]
    assert rows
    english = re.compile(r"(?:\b[A-Za-z]+ ){3}[A-Za-z]+\b")
    assert [row for row in rows if english.search(CODE.sub("", row))] == []


@pytest.mark.parametrize("page", JAPANESE, ids=lambda page: page.stem)
def test_parentheses_are_of_one_kind(page: Path) -> None:
    full_width = ("\uff08", "\uff09")
    assert [line for line in text(page).splitlines() if any(one in line for one in full_width)] == []


@pytest.mark.parametrize(
    ("english", "translated"),
    [
        ("| Option | Verbs |", "| オプション | サブコマンド |"),
        ("| `A`<br>service | Never heard of<br>Default: empty. Allowed: 1 to 5 |", None),
        ("| [module](templates/x.py), [AWS](https://aws.amazon.com) | nothing |", None),
    ],
)
def test_tables_are_translated_text_by_text(english: str, translated: str | None) -> None:
    found = japanese.table(english)
    if translated:
        assert found == translated
    assert "](templates/" not in found
    assert "Default" not in found
    assert ("Never heard of" in found) == ("Never heard of" in english)

"""What docs/emulator-differences.md says of our emulator, without asking the other servers again."""

import re

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from judges import calls, compare, document, servers
from judges.answers import DONE, Answer, Session
from judges.document import Record
from tests.paths import TOOLS

KEPT = document.read()


@pytest.fixture(scope="module")
def ours() -> dict[str, Answer]:
    """Our emulator's answers now."""
    with servers.ours() as endpoint:
        session = Session(endpoint)
        calls.every_call(session)
    return session.answers


def test_each_call_ends_as_it_is_told(ours: dict[str, Answer]) -> None:
    now = {what: {"code": of.code, "facts": dict(of.facts)} for what, of in ours.items()}
    assert now == KEPT.ours, "run make judges, and judge what it names"


def test_answers_have_the_members_that_are_told(ours: dict[str, Answer]) -> None:
    """Ours lacks what it is told to lack, and has what only the others lack."""
    wrong = []
    for one in KEPT.differences:
        if ours[one.what].code != DONE:
            continue
        there = {prefix for member in ours[one.what].members for prefix in compare.prefixes(member)}
        lacking = {*one.lacking.get("ours", ()), *one.unread.get("ours", ())}
        others = {
            member
            for members in (one.lacking, one.unread)
            for server in members.keys() - {"ours"}
            for member in members[server]
        }
        # What another lacks may be inside of what ours lacks as a whole.
        has = {member for member in others if lacking.isdisjoint(compare.prefixes(member))}
        wrong += [f"{one.what}: {member}" for member in sorted((lacking & there) | (has - there))]
    assert wrong == []


def test_document_is_what_was_recorded_and_judged() -> None:
    assert document.unjudged(KEPT) == (set(), set())
    assert document.rendered(KEPT) == document.DOCUMENT.read_text(encoding="utf-8")


def test_versions_are_those_that_are_pinned() -> None:
    """Another ministack or moto is asked before it is told of."""
    pinned = (TOOLS.parent / "requirements" / "emulator.txt").read_text() + (
        TOOLS / "judges" / "requirements.txt"
    ).read_text()
    for name in ("ministack", "moto"):
        assert re.findall(rf"^{name}==(\S+)", pinned, re.MULTILINE) == [KEPT.versions[name]]


def test_what_nothing_reads_is_still_read_by_nothing_and_required_by_nobody() -> None:
    read = [
        member
        for one in KEPT.differences
        for members in one.unread.values()
        for member in members
        if compare.is_read(member)
    ]
    assert read == [], "run make judges: the deployer reads more"
    assert [member for one in KEPT.differences for member in required(one)] == []


def required(one: compare.Difference) -> list[str]:
    """Members that ours lacks, and that AWS's model says are always there."""
    service, name = one.operation.split()
    operation = botocore.session.get_session().get_service_model(service).operation_model(name)
    return [
        member
        for member in (*one.lacking.get("ours", ()), *one.unread.get("ours", ()))
        if is_required(operation.output_shape, member.split("."))
    ]


def is_required(shape: Shape | None, path: list[str]) -> bool:
    """Whether the last member of a path is required of the structure that it is in."""
    for number, part in enumerate(path):
        while isinstance(shape, ListShape):
            shape = shape.member
        assert isinstance(shape, StructureShape)
        name = part.removesuffix("[]")
        if number == len(path) - 1:
            return name in shape.required_members
        shape = shape.members[name]
    return False


def test_a_difference_that_nobody_has_judged_is_found() -> None:
    """So is a judgement of what is answered alike."""
    first = next(one for one in KEPT.differences if one.needs_a_judge)
    without = Record(KEPT.versions, KEPT.ours, tuple(one for one in KEPT.differences if one != first))
    assert document.unjudged(without) == (set(), {first.what})
    other = compare.Difference("asked by nobody", first.operation, {**first.codes, "moto": "X"}, {}, {}, {})
    more = Record(KEPT.versions, KEPT.ours, (*KEPT.differences, other))
    assert document.unjudged(more) == ({"asked by nobody"}, set())


def test_differences_are_in_codes_members_and_what_is_gone_by() -> None:
    there = Answer(
        "ecs DescribeClusters", DONE, ("clusters[].clusterArn", "clusters[].status"), {"found": "1"}
    )
    fewer = Answer("ecs DescribeClusters", DONE, ("clusters[].clusterArn",), {"found": "1"})
    other = Answer("ecs DescribeClusters", DONE, there.members, {"found": "2"})
    refused = Answer("ecs DescribeClusters", "ClientException")
    empty = Answer("ecs DescribeClusters", DONE)

    def of(second: Answer) -> compare.Difference | None:
        found = compare.differences({"ours": {"a": there}, "moto": {"a": second}})
        return found[0] if found else None

    assert of(there) is None
    for second in (refused, other, fewer, empty):
        found = of(second)
        assert found is not None and found.needs_a_judge
    assert of(fewer).lacking == {"ours": (), "moto": ("clusters[].status",)}  # type: ignore[union-attr]
    assert of(empty).lacking["moto"] == ("clusters",)  # type: ignore[union-attr]

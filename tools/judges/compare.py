"""Where answers differ: in the code, in what the deployer goes by, in members that are there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from judges.answers import DONE, Answer

DEPLOYER = Path(__file__).resolve().parents[1] / "src" / "ecs_blue_green" / "deployer"

Answers = Mapping[str, Mapping[str, Answer]]


@dataclass(frozen=True)
class Difference:
    """One call that was not answered alike. All by server; `lacking` are members that another one gave.

    `unread` are such members too, which the deployer reads nowhere.
    """

    what: str
    operation: str
    codes: Mapping[str, str]
    facts: Mapping[str, Mapping[str, str]]
    lacking: Mapping[str, tuple[str, ...]]
    unread: Mapping[str, tuple[str, ...]]

    @property
    def service(self) -> str:
        """botocore's name of the service that was asked."""
        return self.operation.split()[0]

    @property
    def needs_a_judge(self) -> bool:
        """Whether somebody has to say who is right: not for members that nothing reads."""
        return len(set(self.codes.values())) > 1 or bool(self.facts) or any(self.lacking.values())


def differences(answers: Answers) -> list[Difference]:
    """The calls of which not all answers are alike, in the order in which they are made."""
    ours = next(iter(answers.values()))
    found = [_difference(what, {name: of[what] for name, of in answers.items()}) for what in ours]
    return [one for one in found if one.needs_a_judge or any(one.unread.values())]


def _difference(what: str, answers: Mapping[str, Answer]) -> Difference:
    done = {name: answer for name, answer in answers.items() if answer.code == DONE}
    facts = {name: answer.facts for name, answer in answers.items() if answer.facts}
    alike = len({tuple(sorted(of.items())) for of in facts.values()}) < 2
    every = {member for answer in done.values() for member in answer.members}
    lacking = {name: _shortest(every - set(answer.members), answer.members) for name, answer in done.items()}
    return Difference(
        what,
        next(iter(answers.values())).operation,
        {name: answer.code for name, answer in answers.items()},
        {} if alike else facts,
        {name: tuple(one for one in members if is_read(one)) for name, members in lacking.items()},
        {name: tuple(one for one in members if not is_read(one)) for name, members in lacking.items()},
    )


def _shortest(missing: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    """Of missing members the outermost: a structure of which nothing is there counts once."""
    known = {prefix for member in there for prefix in prefixes(member)}
    return tuple(
        sorted({next(prefix for prefix in prefixes(member) if prefix not in known) for member in missing})
    )


def prefixes(member: str) -> list[str]:
    """A member and the structures that it is in, the outermost first."""
    parts = member.split(".")
    return [".".join(parts[: length + 1]).removesuffix("[]") for length in range(len(parts))]


def is_read(member: str) -> bool:
    """Whether the deployer reads a member: whether its name stands in quotation marks there."""
    return member.split(".")[-1].removesuffix("[]") in _quoted()


@cache
def _quoted() -> frozenset[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DEPLOYER.rglob("*.py")))
    return frozenset(re.findall(r"""["'](\w+)["']""", text))

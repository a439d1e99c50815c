"""What a team says of itself: given as arguments, asked for, and told again as a command to type."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.deployer.errors import BadInput


@dataclass(frozen=True)
class Answers:
    """As they were typed; None where nothing was."""

    project: str | None = None
    environments: str | None = None
    region: str | None = None
    repository: str | None = None
    port: str | None = None

    @property
    def accounts(self) -> Mapping[str, str]:
        """The account of each environment. Raises BadInput where that is not what was typed."""
        accounts: dict[str, str] = {}
        for word in (self.environments or "").split():
            name, is_given, account = word.partition("=")
            if not name or not is_given:
                raise BadInput(
                    f"the environments have {word!r}", "each is NAME=ACCOUNT, such as dev=111111111111"
                )
            if name == LOCAL:
                raise BadInput(
                    f"{LOCAL} is among the environments", "it is the emulator, and every copy has it"
                )
            if name in accounts:
                raise BadInput(f"the environments have {name} twice")
            accounts[name] = account
        if not accounts:
            raise BadInput("no environment is named", "write them as dev=111111111111 prod=222222222222")
        return accounts

    @property
    def owner_and_name(self) -> tuple[str, str]:
        """The two parts of the repository's name. Raises BadInput where there are not two."""
        owner, _, name = (self.repository or "").partition("/")
        if not owner or not name or "/" in name:
            raise BadInput(f"the repository is {self.repository!r}", "it is OWNER/NAME, as GitHub writes it")
        return owner, name

    @property
    def command(self) -> str:
        """What to type for the same answers; in the place of those that are missing, an example."""
        example = Answers("shop", "dev=111111111111 prod=222222222222", "eu-west-1", "acme/shop")
        words = (
            (answer.name, getattr(self, answer.name) or getattr(example, answer.name))
            for answer in fields(self)
        )
        return " ".join(
            ["make init", *(f"{name.upper()}={_quoted(value)}" for name, value in words if value)]
        )


@dataclass(frozen=True)
class Question:
    """One answer's question; `default` is taken for an empty line."""

    name: str
    words: str
    default: str | None = None


def missing(answers: Answers, defaults: Answers) -> Iterator[Question]:
    """The questions that have no answer yet, without those that need none."""
    questions = (
        Question("project", "Project, the first part of every name (such as shop)"),
        Question("environments", "Environments and their accounts (dev=111111111111 prod=222222222222)"),
        Question("region", "Region", defaults.region),
        Question("repository", "Repository on GitHub (owner/name)"),
        Question("port", "Port on which the application listens", defaults.port),
    )
    yield from (question for question in questions if getattr(answers, question.name) is None)


def required(answers: Answers) -> list[str]:
    """The answers that are missing and have no default where nobody can be asked."""
    return [question.name for question in missing(answers, Answers()) if question.name != "port"]


def ask(question: Question, wrong: Callable[[str], str], line: Callable[[str], str] = input) -> str:
    """Ask until the answer is one that the deployer takes; `wrong` says what it has against one."""
    shown = f" [{question.default}]" if question.default else ""
    while True:
        answer = line(f"{question.words}{shown}: ").strip() or (question.default or "")
        why = wrong(answer) if answer else "it has no default"
        if not why:
            return answer
        print(f"  not this: {why}")  # noqa: T201 - a dialogue


def _quoted(value: str) -> str:
    return f'"{value}"' if re.fullmatch(r"[\w=./ -]* [\w=./ -]*", value) else shlex.quote(value)

"""One run of `deploy.py`: what was asked for, and the document that `--json` prints at its end.

Neither boto3 nor troposphere is imported here: a review needs neither.
"""

import argparse
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_blue_green.deployer import commands, interrupts, project, remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Interrupted
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.nearest import nearest
from ecs_blue_green.deployer.project import Project

# What answers a question that ends with [y/N]; the whole word does so too.
YES = "y"


@dataclass
class Invocation:
    """The arguments, the folder with `build/` and `params/`, and what is to be printed as JSON.

    `begun` is set before anything is changed in the account: until then an interrupt has changed nothing.
    """

    options: argparse.Namespace
    root: Path
    document: dict[str, Any] = field(default_factory=dict)
    begun: bool = False

    @property
    def talks(self) -> bool:
        """Whether a person reads standard output, and not a script."""
        return not (self.options.json or vars(self.options).get("markdown"))

    def load(self) -> Project:
        """The project, and the environment that was named.

        Raises BadInput for everything that is wrong with the files, before anything is asked of AWS.
        """
        return project.read(self.root, self.options.env)

    def look(self) -> Project:
        """The same for verbs that must work without what the layers say: then the reason is in its place."""
        return project.read_tolerantly(self.root, self.options.env)

    @property
    def command(self) -> str:
        """What to type to go on with what this run was asked for; it asks again."""
        return self.again(*self._moved_from)

    def again(self, *more: str) -> str:
        """What to type to run this once more, with these arguments besides."""
        return self._typed(self.options.verb, [], more)

    def allowing(self, names: Iterable[str]) -> str:
        """What to type to deploy with these let through as well, or to keep the plan that is to be kept."""
        out = vars(self.options).get("out")
        kept = [f"--out {shlex.quote(out)}"] if out else []
        return self._typed("plan" if out else "deploy", names, [*kept, *self._moved_from])

    def _typed(self, verb: str, names: Iterable[str], more: Iterable[str]) -> str:
        given = vars(self.options)
        arguments = [*more, *(f"--skip {name}" for name in given.get("skip") or ())]
        if given.get("plan"):
            arguments.append(f"--plan {shlex.quote(given['plan'])}")
        variables = {
            "ONLY": " ".join(given.get("only") or ()),
            "ALLOW": " ".join(dict.fromkeys([*(given.get("allow") or ()), *names])),
            "ARGS": " ".join(arguments),
        }
        wanted = {name: value for name, value in variables.items() if value}
        return commands.make(verb, self.options.env, **wanted)

    @property
    def _moved_from(self) -> list[str]:
        moved_from = vars(self.options).get("moved_from")
        return [f"--moved-from {moved_from}"] if moved_from else []

    def ask(self, settings: Environment, question: str, wanted: str) -> None:
        """Go on only when the answer is `wanted`. Nobody is asked with --yes, nor about the emulator.

        Raises Interrupted for any other answer, BadInput where nobody can be asked.
        """
        if self.options.yes or settings.is_local:
            return
        if not has_person():
            raise BadInput("nobody is here to be asked", "standard input is no terminal", remedies.SAY_YES())
        given = answer(question)
        if given != wanted and not (wanted == YES and given == "yes"):
            raise Interrupted("nothing was changed", "the answer was no")


def has_person() -> bool:
    """Whether anybody can be asked. A standard input that was closed before the start is None."""
    return sys.stdin is not None and sys.stdin.isatty()


def answer(question: str) -> str:
    """What a person types, in lower case. Questions are talk, so they go to standard error."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    given: str = interrupts.wait_for(sys.stdin.readline)
    return given.strip().lower()


def chosen(names: list[str], found: Mapping[str, Layer]) -> list[str]:
    """The layers of --only in the order of deployment, all without it. Raises BadInput for others."""
    unknown = set(names) - found.keys()
    if unknown:
        near = nearest(min(unknown), found) if len(unknown) == 1 else None
        raise BadInput(
            f"there is no layer {', '.join(sorted(unknown))}",
            f"the layers are {', '.join(found)}",
            f"did you mean {near}?" if near else "name one of these with ONLY (--only)",
        )
    return [slug for slug in found if not names or slug in names]


def allowed(
    names: list[str], found: Mapping[str, Layer], environment_name: str, option: str = "--allow"
) -> set[str]:
    """The resources of an option. Raises BadInput for a name that is no LAYER:LOGICALID of this project."""
    for name in names:
        layer, _, logical_id = name.partition(":")
        if layer not in found or not logical_id:
            raise BadInput(
                f"{option} {name} names no resource",
                f"it is written LAYER:LOGICALID, with a layer of {', '.join(found)}",
                remedies.PLAN_SHOWS_NAMES(plan=commands.make("plan", environment_name)),
            )
    return set(names)

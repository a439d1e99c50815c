"""The row of `_application.py` that says where the application's code is, and what the layers make of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Of a file or folder in the repository: what no shell, YAML or trigger takes for anything else.
_PATH_REGEX = r"\.|(?!\.\.?(/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*(/(?!\.\.?(/|$))[A-Za-z0-9_.-]+)*"
_PATTERN_REGEX = r"[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)*"
# A trigger's filter holds 8 patterns (November 2026), and what is generated takes two of them.
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitFilePathFilterCriteria.html
_MOST_PATTERNS = 6

WHOLE_REPOSITORY = "."


@dataclass(frozen=True)
class Code:
    """Where the application is in the repository. All paths are from the repository's top.

    The image is built from `folder`, its build context, by `dockerfile`, which is in the folder where nothing
    else is said. A push releases what changes one of `paths`: all of the folder where nothing else is said.
    Both have to be said where the folder is the whole repository, `"."`.

    `command` starts the application in `folder` on this machine, for `make rehearse` and `make run`, with the
    port on which it has to listen in `PORT`. Without one, the folder is a Python package, and is started as
    one.

    With `rebuilds` a commit that was built can be built again, for a newer base image: the pipeline has the
    variable `Rebuild`, and an image the commit and its value for a tag.
    """

    folder: str
    dockerfile: str = ""
    paths: Sequence[str] = ()
    command: Sequence[str] = ()
    rebuilds: bool = False

    def __post_init__(self) -> None:
        for path in (self.folder, *filter(None, [self.dockerfile])):
            if not re.fullmatch(_PATH_REGEX, path):
                raise ValueError(
                    f"{path!r} is no path from the repository's top of letters, digits, dots, hyphens"
                    " and underscores"
                )
        for pattern in self.paths:
            if not re.fullmatch(_PATTERN_REGEX, pattern):
                raise ValueError(f"{pattern!r} is no pattern of paths, such as services/web/**")
        if isinstance(self.command, str):
            raise ValueError(f"command is a list of words, such as {tuple(self.command.split())}")
        if self.folder == WHOLE_REPOSITORY and not (self.dockerfile and self.paths and self.command):
            raise ValueError(
                "the folder is the whole repository, so dockerfile, paths and command are needed"
            )
        if len(self.released_paths) > _MOST_PATTERNS:
            raise ValueError(
                f"{len(self.released_paths)} paths release it, {_MOST_PATTERNS} fit into a trigger"
            )

    @property
    def released_paths(self) -> tuple[str, ...]:
        """The patterns of what a push releases, as a trigger has them."""
        if self.paths:
            return tuple(self.paths)
        outside = self.dockerfile and not self.dockerfile.startswith(f"{self.folder}/")
        return (f"{self.folder}/**", *([self.dockerfile] if outside else []))

    @property
    def build_arguments(self) -> str:
        """What `docker build` is told at the repository's top."""
        return f"--file {self.dockerfile} {self.folder}" if self.dockerfile else self.folder

    @property
    def image(self) -> dict[str, Any]:
        """What builds the first image, rehearses and lints has to know."""
        return {
            "folder": self.folder,
            **({"dockerfile": self.dockerfile} if self.dockerfile else {}),
            **({"command": list(self.command)} if self.command else {}),
        }

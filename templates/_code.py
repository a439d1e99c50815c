"""The row of `_application.py` that says where the application's code is, and how layers use it."""

import re
from collections.abc import Sequence
from typing import Any

# Path of a file or folder in the repository: characters without a special meaning in shell, YAML and
# triggers.
_PATH_REGEX = r"\.|(?!\.\.?(/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*(/(?!\.\.?(/|$))[A-Za-z0-9_.-]+)*"
_PATTERN_REGEX = r"[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)*"
# The filter of a trigger can have 8 patterns (November 2026); generated files need two of them.
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitFilePathFilterCriteria.html
_MOST_PATTERNS = 6

WHOLE_REPOSITORY = "."


class Code:
    """Where the application is in the repository. All paths are relative to its top level.

    The image is built from `folder`, the build context, with `dockerfile` (by default the one in the folder).
    A push is released if it changes one of `paths` (by default anything in the folder). Both are required if
    the folder is the whole repository, `"."`.

    `command` starts the application in `folder` on your machine, for `make rehearse` and `make run`; it must
    listen on the port in `PORT`. Without a command, the folder is started as a Python package.

    With `rebuilds` a commit can be built again, for a newer base image: the pipeline has the variable
    `Rebuild`, and the tag of an image consists of the commit and that value.
    """

    def __init__(
        self,
        folder: str,
        dockerfile: str = "",
        paths: Sequence[str] = (),
        command: Sequence[str] = (),
        rebuilds: bool = False,
    ) -> None:
        self.folder = folder
        self.dockerfile = dockerfile
        self.paths = paths
        self.command = command
        self.rebuilds = rebuilds
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
        """The file patterns of the pipeline's trigger."""
        if self.paths:
            return tuple(self.paths)
        outside = self.dockerfile and not self.dockerfile.startswith(f"{self.folder}/")
        return (f"{self.folder}/**", *([self.dockerfile] if outside else []))

    @property
    def build_arguments(self) -> str:
        """The arguments of `docker build` at the top level of the repository."""
        return f"--file {self.dockerfile} {self.folder}" if self.dockerfile else self.folder

    @property
    def image(self) -> dict[str, Any]:
        """What the first image, rehearsals and the lint need to know."""
        return {
            "folder": self.folder,
            **({"dockerfile": self.dockerfile} if self.dockerfile else {}),
            **({"command": list(self.command)} if self.command else {}),
        }

"""What `make rehearse` and `make run` begin with: the environment's files, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ecs_blue_green import parameter_file
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.emulator import lock
from ecs_blue_green.rehearsal import source, tasks
from ecs_blue_green.rehearsal.options import state_folder
from ecs_blue_green.runtime import Runtime, Unusable, read_runtime


@dataclass(frozen=True)
class Invocation:
    """A command for the repository at `root` and one environment.

    `again` is the command to run again after a failure; `progress` is for messages while it runs.
    """

    root: Path
    environment: str
    again: str
    progress: Console

    @property
    def state(self) -> Path:
        """The emulator's folder."""
        return state_folder(self.root, self.environment)

    @property
    def parameter_file(self) -> Path:
        """The environment's parameter file."""
        return self.root / "params" / f"{self.environment}.yaml"

    def emulator_pid(self) -> int | None:
        """The process that has the emulator of the environment, while one has."""
        holder = lock.holder(self.state)
        return holder.pid if holder else None

    def settings(self) -> Mapping[str, Any]:
        """The parameter file; `deploy.py` checks it thoroughly afterwards. Raises BadInput."""
        environments = sorted(path.stem for path in (self.root / "params").glob("*.yaml"))
        if self.environment not in environments:
            raise BadInput(
                f"there is no environment {self.environment}",
                f"params/ has {', '.join(environments) or 'no file'}",
                f"{self.again} ENV=local",
            )
        name = f"params/{self.environment}.yaml"
        try:
            document = parameter_file.read(self.parameter_file)
            return {key: document[key] for key in ("project", "region", "parameters")}
        except (OSError, ValueError) as error:
            raise BadInput(f"{name} cannot be read", str(error), f"correct it, then: {self.again}") from error
        except LookupError as error:
            raise BadInput(
                f"{name} is not complete", f"it has no {error}", f"correct it, then: {self.again}"
            ) from error

    def runtime(self) -> Runtime:
        """What the layers say of themselves. Raises BadInput, also when the application cannot start."""
        try:
            runtime = read_runtime(self.root / "build")
        except Unusable as error:
            raise BadInput(error.what, error.why, error.remedy) from error
        code = source.code(self.root, runtime.image)
        if missing := tasks.missing(code):
            raise BadInput(
                "the application cannot be started here",
                missing,
                "install it, or name another command (docs/bring-your-own-application.md)"
                if code.command
                else "name the command that starts it (docs/bring-your-own-application.md)",
            )
        return runtime

"""One thing in the account that does not fit the parameter file."""

from dataclasses import dataclass

from ecs_blue_green.deployer.parameter_rules import Problem


@dataclass(frozen=True)
class PreflightFinding:
    """What would make the deployment fail, or hang: the key of the parameter file, its value, what is right.

    `action` is what somebody has to do outside the file; without it the file itself is to be corrected.
    """

    key: str
    value: str
    reason: str
    action: str = ""

    def __str__(self) -> str:
        """As one line of a message, like the problems of a file."""
        line = str(Problem(self.key, f'"{self.value}"' if self.value else "", self.reason))
        return f"{line}; {self.action}" if self.action else line


def parameter(title: str) -> str:
    """The key of a parameter in the file."""
    return f"parameters.{title}"

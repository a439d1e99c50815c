"""A figure that is to be reached, and whether it was."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A figure and its limit: the least that it may be, or the most."""

    what: str
    found: float
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the figure, as it is printed, is on the right side of its limit."""
        found = round(self.found, 2)
        return found >= self.limit if self.at_least else found <= self.limit

    def __str__(self) -> str:
        """A line of the table."""
        limit = f"at {'least' if self.at_least else 'most'} {self.limit:.2f}"
        return f"{self.what:54}{self.found:>7.2f}  {limit:14}{'reached' if self.reached else 'MISSED'}"

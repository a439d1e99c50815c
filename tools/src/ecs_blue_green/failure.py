"""How every command says that something does not work."""

ERROR, NEXT = "error: ", "next:  "


class Failure(Exception):
    """One message for a person: `what` happened, `why`, and the `remedy` (often the next command)."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", remedy: str = "", *, exit_code: int | None = None) -> None:
        # A `why` of several lines begins on a line of its own.
        super().__init__(f"{what}:{'' if why[0] == chr(10) else ' '}{why}" if why else what)
        self.what = what
        self.why = why
        self.remedy = remedy
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def lines(self) -> list[str]:
        """The message as every command prints it."""
        return [f"{ERROR}{self}", *([f"{NEXT}{self.remedy}"] if self.remedy else [])]

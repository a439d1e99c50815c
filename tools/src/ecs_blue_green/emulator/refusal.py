"""The one exception with which AWS's own refusals are raised here."""


class Refused(Exception):
    """The error that AWS answers with: its code and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

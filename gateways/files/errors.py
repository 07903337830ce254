"""A file that cannot be what it says, and a reader that has died."""

from typing import Literal

from udfs.errors import SluiceError

Fault = Literal[
    "name", "encoding", "binary", "corrupt", "too_large", "line_too_long", "empty", "header", "not_rows", "not_image",
    "refused", "internal_error",
]  # fmt: skip


class BadFile(SluiceError):
    """A file that goes to quarantine as a whole; `offset` counts the bytes of its content, unpacked, where known."""

    def __init__(self, reason: Fault, message: str, offset: int | None = None) -> None:
        self.reason, self.message, self.offset = reason, message, offset
        super().__init__(message)


class ReaderDied(SluiceError):
    """The process that reads files has ended by itself; what was not stored as done is read again."""

    def __init__(self, location: str, returncode: int | None) -> None:
        self.location, self.returncode = location, returncode
        super().__init__(
            f"{location}: the reading process ended with {returncode}: look at its traceback above, or at memory; "
            "start again, the load goes on where it was"
        )

"""Who is told how the loading of files goes."""

from typing import Protocol

import structlog

from gateways.files.places import Found
from gateways.files.progress import FileLoad

_log = structlog.get_logger(__name__)


class Reporter(Protocol):
    """Is told of each look at a place, and of each file in it."""

    def expect(self, files: int, size: int) -> None:
        """So many files of so many bytes are there."""

    def begin(self, found: Found) -> None:
        """The file is next; files of several devices are loaded at once."""

    def advance(self, found: Found, load: FileLoad, consumed: int) -> None:
        """So many bytes of it are read."""

    def end(self, found: Found, load: FileLoad, is_new: bool) -> None:
        """It is dealt with; `is_new` is False where it was before."""


class LogReporter:
    """Writes a line for each file that was loaded or put aside."""

    def expect(self, files: int, size: int) -> None:
        """Each look tells the same again: nothing to log."""

    def begin(self, found: Found) -> None:
        """Its end tells all."""

    def advance(self, found: Found, load: FileLoad, consumed: int) -> None:
        """Its end tells all."""

    def end(self, found: Found, load: FileLoad, is_new: bool) -> None:
        if not is_new:
            return
        told = {"file": found.location, "rows": load.rows, "messages": load.messages, "dead_letters": load.dead_letters}
        if load.state == "quarantined":
            _log.warning("file quarantined", **told, reason=load.reason, message=load.message, offset=load.byte_offset)
        else:
            _log.info("file loaded", **told, refused=load.refused, seconds=round(load.seconds, 1))

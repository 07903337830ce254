"""What can go wrong with the embedded stack, as an error that says which server, where its log is and what to do."""

from pathlib import Path

from udfs.errors import SluiceError

LOG_TAIL_LINES = 15


class StackError(SluiceError):
    """The embedded stack could not start, answer or stop; `service` names the server, `log` its log if there is one."""

    def __init__(self, service: str, log: Path | None, message: str) -> None:
        self.service = service
        self.log = log
        self.message = message
        super().__init__(f"{service}: {message}{_tail(log)}")


class NotReady(Exception):
    """A server does not answer its protocol yet; the text says what it answered instead."""


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    shown = "\n".join(f"  | {line}" for line in lines) or "  | (nothing was logged)"
    return f"\n  last lines of {log}:\n{shown}"

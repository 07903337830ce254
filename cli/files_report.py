"""What a pass over files shows: a bar on a terminal, else plain lines; at the end a table."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gateways.files.places import Found
from gateways.files.progress import FileLoad

LINE_SECONDS: Final = 5.0


class Ended(NamedTuple):
    """A file that was dealt with, now or before."""

    name: str
    load: FileLoad
    is_new: bool

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if self.load.state == "quarantined":
            return "quarantined" if self.is_new else "quarantined before"
        return "loaded" if self.is_new else "already loaded"

    @property
    def why(self) -> str:
        """Of a file in quarantine."""
        at = "" if self.load.byte_offset is None else f" at byte {self.load.byte_offset}"
        return f"{self.name}: {self.load.reason}{at}: {self.load.message}"


class _UnderWay(NamedTuple):
    """How far a file is."""

    consumed: int
    rows: int


class FilesReport:
    """Is told of each file, and keeps how each `ended`; `is_whole` is for the caller to say: whether none is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[rate]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("files", total=0, rate=0.0)
        self._files = self._size = self._size_before = self._begun = 0
        self._under_way: dict[str, _UnderWay | None] = {}
        self._rows = 0
        self._began = self._told_at = time.monotonic()
        self.ended: list[Ended] = []
        self.is_whole = True

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    @property
    def is_good(self) -> bool:
        """Whether all files are loaded, and all of their rows."""
        is_loaded = all(each.load.state == "loaded" and not each.load.refused for each in self.ended)
        return self.is_whole and is_loaded and not self._under_way

    def tell(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def expect(self, files: int, size: int) -> None:
        self._files += files
        self._size += size
        self._bar.update(self._task, total=self._size)

    def begin(self, found: Found) -> None:
        self._begun += 1
        self._under_way[found.location] = None
        self._bar.update(self._task, description=f"{self._begun} of {self._files}  {found.name}")

    def advance(self, found: Found, load: FileLoad, consumed: int) -> None:
        self._note(found, load, consumed)
        if not self._console.is_terminal and time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            share, rate = consumed / max(1, load.bytes), f"{self._rate:,.0f} rows/s"
            self.tell(f"{self._begun} of {self._files}  {found.name}  {share:.0%}  {load.rows:,} rows  {rate}")

    def end(self, found: Found, load: FileLoad, is_new: bool) -> None:
        if is_new:
            self._note(found, load, found.bytes)
        self._under_way.pop(found.location)
        self._size_before += found.bytes
        self._show()
        self.ended.append(Ended(found.name, load, is_new))
        if not self._console.is_terminal:
            outcome = self.ended[-1].outcome
            self.tell(f"{len(self.ended)} of {self._files}  {found.name}  {outcome}  {load.rows:,} rows")

    def _note(self, found: Found, load: FileLoad, consumed: int) -> None:
        before = self._under_way[found.location]
        # A load that goes on begins with the rows of before, which are not this pass's work.
        new = load.rows if consumed >= found.bytes else 0
        self._rows += new if before is None else load.rows - before.rows
        self._under_way[found.location] = _UnderWay(consumed, load.rows)
        self._show()

    def _show(self) -> None:
        consumed = sum(each.consumed for each in self._under_way.values() if each is not None)
        self._bar.update(self._task, completed=self._size_before + consumed, rate=self._rate)

    @property
    def _rate(self) -> float:
        """Rows a second of this pass."""
        elapsed = time.monotonic() - self._began
        return self._rows / elapsed if elapsed else 0.0

    def summary(self) -> None:
        """The table of all files, why any is in quarantine, and which have no end."""
        self._console.print(table(self.ended))
        for location in self._under_way:
            self.tell(f"{location}: not loaded to its end: the same command loads it as it is then")
        for each in self.ended:
            if each.load.state == "quarantined":
                self.tell(each.why)


def table(ended: Sequence[Ended]) -> Table:
    """A row a file; the last sums up."""
    shown = Table("file", "state", box=None, header_style="bold")
    for column in ("rows", "payloads", "messages", "dead letters", "refused", "seconds"):
        shown.add_column(column, justify="right")
    for each in ended:
        load = each.load
        style = "red" if load.state == "quarantined" else "yellow" if load.dead_letters or load.refused else None
        shown.add_row(Text(each.name), each.outcome, *_figures([load]), style=style)
    shown.add_section()
    shown.add_row(f"{len(ended)} file{'s' if len(ended) != 1 else ''}", "", *_figures([each.load for each in ended]))
    return shown


def _figures(loads: Sequence[FileLoad]) -> list[str]:
    counts = [
        sum(getattr(load, name) for load in loads)
        for name in ("rows", "payloads", "messages", "dead_letters", "refused")
    ]
    return [f"{count:,}" for count in counts] + [f"{sum(load.seconds for load in loads):,.1f}"]

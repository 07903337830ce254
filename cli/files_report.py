"""What a pass over files shows: a bar on a terminal, else plain lines; at the end a table."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

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


class FilesReport:
    """Is told of each file, and keeps how each `ended`; `is_whole` is for the caller to say: whether none is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[rate]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("files", total=0, rate=0.0)
        self._files = self._size = self._size_before = self._begun = 0
        self._name = ""
        self._rows: tuple[int, float] | None = None
        self._told_at = time.monotonic()
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
        return self.is_whole and all(each.load.state == "loaded" and not each.load.refused for each in self.ended)

    def tell(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def expect(self, files: int, size: int) -> None:
        self._files += files
        self._size += size
        self._bar.update(self._task, total=self._size)

    def begin(self, found: Found) -> None:
        self._begun += 1
        self._name, self._rows = found.name, None
        self._bar.update(self._task, description=f"{self._begun} of {self._files}  {found.name}", rate=0.0)

    def advance(self, load: FileLoad, consumed: int) -> None:
        rate = self._rate(load)
        self._bar.update(self._task, completed=self._size_before + consumed, rate=rate)
        if not self._console.is_terminal and time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            share = consumed / max(1, load.bytes)
            self.tell(
                f"{self._begun} of {self._files}  {self._name}  {share:.0%}  {load.rows:,} rows  {rate:,.0f} rows/s"
            )

    def end(self, load: FileLoad, is_new: bool) -> None:
        self._size_before += load.bytes
        self._bar.update(self._task, completed=self._size_before)
        self.ended.append(Ended(self._name, load, is_new))
        if not self._console.is_terminal:
            self.tell(f"{self._begun} of {self._files}  {self._name}  {self.ended[-1].outcome}  {load.rows:,} rows")

    def summary(self) -> None:
        """The table of all files, and why any is in quarantine."""
        self._console.print(table(self.ended))
        for each in self.ended:
            if each.load.state == "quarantined":
                self.tell(each.why)

    def _rate(self, load: FileLoad) -> float:
        """Rows a second since this file was begun, or gone on with."""
        now = time.monotonic()
        if self._rows is None:
            self._rows = load.rows, now
        rows, since = self._rows
        return (load.rows - rows) / (now - since) if now > since else 0.0


def table(ended: Sequence[Ended]) -> Table:
    """A row a file; the last sums up."""
    shown = Table("file", "state", box=None, header_style="bold")
    for column in ("rows", "payloads", "messages", "dead letters", "refused", "seconds"):
        shown.add_column(column, justify="right")
    for each in ended:
        load = each.load
        style = "red" if load.state == "quarantined" else "yellow" if load.dead_letters or load.refused else None
        shown.add_row(each.name, each.outcome, *_figures([load]), style=style)
    shown.add_section()
    shown.add_row(f"{len(ended)} file{'s' if len(ended) != 1 else ''}", "", *_figures([each.load for each in ended]))
    return shown


def _figures(loads: Sequence[FileLoad]) -> list[str]:
    counts = [
        sum(getattr(load, name) for load in loads)
        for name in ("rows", "payloads", "messages", "dead_letters", "refused")
    ]
    return [f"{count:,}" for count in counts] + [f"{sum(load.seconds for load in loads):,.1f}"]

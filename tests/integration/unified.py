"""The rows that the job makes of records on the stream of master data."""

from deployment import ROOT

from udfs.cdc.formats import read_changes
from udfs.masters import MasterChange, compile_masters, read_masters
from udfs.unify import Unifier


def unified(records: list[bytes], mappings: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Key → columns; `mappings` are those of the project unless a test has its own."""
    unifier = Unifier(compile_masters(mappings or read_masters(ROOT / "specs")))
    standing: dict[str, dict[str, str]] = {}
    for change in (change for record in records for change in read_changes(record)):
        for outcome in unifier.apply(change):
            if isinstance(outcome, MasterChange):
                standing[outcome.key] = outcome.columns
                if outcome.deleted:
                    del standing[outcome.key]
    return standing

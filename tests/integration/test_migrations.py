"""Migrations of Aurora keep what a database of an earlier version holds."""

import shutil
from pathlib import Path

import psycopg
from deployment import ROOT, deploy

from jobs.master import read_source_rows
from jobs.store import migrate_aurora
from local.stack import Stack
from udfs.cdc.change import position_of
from udfs.masters import SourceRow

MIGRATIONS = ROOT / "sql" / "aurora"
AT = 1_767_600_000_123
SEQUENCE = 2**64 - 7


def test_positions_of_64_bits_become_wider(shared_stack: Stack, folder: Path, tmp_path: Path) -> None:
    aurora = deploy(shared_stack, folder / "migrations", "test_migrations").config.aurora
    for path in MIGRATIONS.glob("000*.sql"):
        shutil.copy(path, tmp_path)
    migrate_aurora(aurora, tmp_path)
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        connection.execute(
            "INSERT INTO master_source_row VALUES ('crm.customers', '7', 'customer', %s, 1, NULL)",
            [f"{AT * 2**64 + SEQUENCE:040d}"],
        )
    assert migrate_aurora(aurora, MIGRATIONS) == ["0010_wider_positions"]
    expected = SourceRow("customer", "crm.customers", "7", position_of(AT, SEQUENCE), 1, None)
    assert list(read_source_rows(aurora)) == [expected]

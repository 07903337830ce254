"""Shares against Aurora: what a subtask reads share by share is what it would read at once."""

import msgspec
import psycopg
import pytest
from deployment import ROOT

from jobs.config import Aurora, load_config
from jobs.enrich import MASTERS, MasterData, read_earlier_versions, read_master_data
from jobs.shares import HELD_EVERYWHERE, Shares, share_of
from jobs.store import migrate_aurora
from local.stack import Stack
from udfs.masters import RECORDS_PER_MILLISECOND, compile_masters, read_masters

NOON = 1_767_700_000_000
PRODUCT = "milesight-am319"


@pytest.fixture(scope="module")
def aurora(shared_stack: Stack) -> Aurora:
    """Three hundred devices, every third of which has moved at noon; one is gone since."""
    config = load_config(ROOT / "flink-conf" / "local.json", shared_stack.environment()).aurora
    with psycopg.connect(config.conninfo(config.write_host), autocommit=True) as connection:
        connection.execute("CREATE DATABASE shares")
    aurora = msgspec.structs.replace(config, database="shares")
    migrate_aurora(aurora, ROOT / "sql" / "aurora")
    before, noon = (NOON - 1) * RECORDS_PER_MILLISECOND, NOON * RECORDS_PER_MILLISECOND
    site = "INSERT INTO site (site_id, customer_id, version, deleted) VALUES (%s, %s, %s, false)"
    device = "INSERT INTO device (device_id, site_id, version, deleted) VALUES (%s, %s, %s, %s)"
    history = "INSERT INTO master_history VALUES ('device', %s, %s, now(), %s, %s)"
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        for number in (1, 2):
            connection.execute(site, [f"S{number}", f"C{number}", before])
        for number in range(300):
            name, has_moved, is_gone = f"d-{number}", number % 3 == 0, number == 3
            connection.execute(history, [name, before, False, f'{{"device_id":"{name}","site_id":"S1"}}'])
            if has_moved:
                connection.execute(history, [name, noon, is_gone, f'{{"device_id":"{name}","site_id":"S2"}}'])
            state = ("S2", noon) if has_moved else ("S1", before)
            connection.execute(device, [name, *state, is_gone])
    return aurora


def test_the_shares_of_a_subtask_are_what_broadcast_holds_of_them(aurora: Aurora) -> None:
    everywhere, in_shares, shares = opened(aurora, MASTERS), opened(aurora, HELD_EVERYWHERE), Shares(aurora)
    for name in (*(f"d-{number}" for number in range(300)), "stranger"):
        shares.hold(share_of(name), in_shares)
        for at in (NOON - 1, NOON + 1):
            assert in_shares.enrichment(PRODUCT, name, at) == everywhere.enrichment(PRODUCT, name, at)
    assert everywhere.enrichment(PRODUCT, "d-0", NOON - 1).customer_id == "C1"
    assert everywhere.enrichment(PRODUCT, "d-0", NOON + 1).customer_id == "C2"
    shares.close()


def test_a_share_is_read_once_and_brings_no_devices_of_others(aurora: Aurora) -> None:
    data, shares = opened(aurora, HELD_EVERYWHERE), Shares(aurora)
    assert [shares.hold(share_of("d-1"), data) for _ in range(2)] == [True, False]
    registered = [name for name in (f"d-{n}" for n in range(300)) if data.enrichment(PRODUCT, name, NOON).registered]
    assert registered == [name for name in (f"d-{n}" for n in range(300)) if share_of(name) == share_of("d-1")]
    shares.close()


def opened(aurora: Aurora, masters: tuple[str, ...]) -> MasterData:
    keys = compile_masters(read_masters(ROOT / "specs")).keys
    data = MasterData({})
    for change in read_master_data(aurora, aurora.read_host, {master: keys[master] for master in masters}):
        data.apply(change)
    for version in read_earlier_versions(aurora, masters):
        data.remember(version)
    return data

"""Which devices a gateway knows: those that stand in Aurora, and what has become of them since."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy

from gateways.devices import REFRESHES_A_FULL_ONE, Device, Devices
from jobs.store import migrate_aurora
from local.stack import Stack


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_gateway_devices")
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    return deployment


@pytest.fixture
def aurora(deployment: Deployment) -> Any:
    with psycopg.connect(
        deployment.config.aurora.conninfo(deployment.config.aurora.write_host), autocommit=True
    ) as connection:
        connection.execute("TRUNCATE device")
        yield connection


def register(aurora: Any, device: str, version: int, *, product: str = "concox-gt06", deleted: bool = False) -> None:
    aurora.execute(
        "INSERT INTO device (device_id, product, firmware, version, deleted) VALUES (%s, %s, '1.0', %s, %s) "
        "ON CONFLICT (device_id) DO UPDATE SET product = excluded.product, version = excluded.version, "
        "deleted = excluded.deleted",
        [device, product, version, deleted],
    )


def test_a_device_is_known_from_the_refresh_after_it_was_registered(deployment: Deployment, aurora: Any) -> None:
    devices = Devices(deployment.config.aurora)
    register(aurora, "one", 10)
    devices.refresh()
    register(aurora, "two", 20)
    assert devices.find("two") is None
    devices.refresh()
    assert devices.find("two") == Device("concox-gt06", "1.0")
    assert len(devices) == 2


def test_a_changed_device_is_what_it_is_now_and_a_deleted_one_is_unknown(deployment: Deployment, aurora: Any) -> None:
    devices = Devices(deployment.config.aurora)
    register(aurora, "one", 10)
    register(aurora, "two", 11)
    devices.refresh()
    register(aurora, "one", 30, product="teltonika-8e")
    register(aurora, "two", 31, deleted=True)
    devices.refresh()
    assert devices.find("one") == Device("teltonika-8e", "1.0")
    assert devices.find("two") is None


def test_a_change_of_a_source_that_lags_behind_is_known_in_the_end(deployment: Deployment, aurora: Any) -> None:
    devices = Devices(deployment.config.aurora)
    register(aurora, "one", 1000)
    devices.refresh()
    register(aurora, "slow", 10)
    for _ in range(REFRESHES_A_FULL_ONE):
        devices.refresh()
    assert devices.find("slow") is not None

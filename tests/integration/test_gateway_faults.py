"""Gateway and Kinesis fail in the middle of a load: what senders were told is taken stands in the stores, once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment, deploy, wait_until
from kinesis import Kinesis
from load import FileLoad, Load, MqttLoad, Reading, RestLoad, TcpLoad, milliseconds

from local.gateway import Gateway
from local.job import Job
from local.stack import Stack
from local.stores import Stores
from udfs.catalog import compile_catalog, read_specs


@pytest.fixture(scope="module")
def kinesis(shared_stack: Stack, folder: Path) -> Iterator[Kinesis]:
    with Kinesis(folder / "kinesis", shared_stack.environment()) as kinesis:
        yield kinesis


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, kinesis: Kinesis, folder: Path) -> Deployment:
    """The job reads its streams there, all else it has on the shared stack."""
    deployment = deploy(shared_stack, folder / "project", "test_gateway_faults")
    kinesis.create([deployment.config.kinesis.devices, deployment.config.kinesis.masters])
    for source in (deployment.project / "sql" / "sources").iterdir():
        source.write_text(source.read_text().replace("${aws.kinesis.endpoint}", kinesis.url))
    return deployment


@pytest.fixture(scope="module")
def job(deployment: Deployment, folder: Path) -> Iterator[Job]:
    with deployment.start(folder / "run") as job:
        job.wait_until_running()
        yield job


@pytest.fixture(scope="module")
def gateway(deployment: Deployment, job: Job, kinesis: Kinesis, folder: Path) -> Iterator[Gateway]:
    environment = deployment.environment | kinesis.environment
    with Gateway.start(deployment.project, environment, folder / "run") as gateway:
        yield gateway


def test_what_was_acknowledged_is_stored_once(
    deployment: Deployment, job: Job, gateway: Gateway, kinesis: Kinesis
) -> None:
    with sending(deployment, gateway) as loads:
        more_is_acknowledged(loads)
        gateway.kill()
        gateway.launch()
        more_is_acknowledged(loads)
        kinesis.down()  # in the middle of calls, of which the gateway does not learn what became
        more_is_acknowledged(loads)  # by the spool
        gateway.kill()  # with all in it that was acknowledged
        gateway.launch()
        kinesis.up()
        more_is_acknowledged(loads)
        kinesis.down()
        kinesis.up()
        more_is_acknowledged(loads)
    acknowledged = Counter(reading for load in loads for reading in load.acknowledged)
    assert max(acknowledged.values()) == 1
    with deployment.stores() as stores:
        for store in (in_documentdb, in_lake):
            wait_for(acknowledged, lambda store=store: store(stores), job)  # type: ignore[misc]
            assert max(store(stores).values()) == 1
        assert stores.num_rows("dead_letters") == 0


def wait_for(acknowledged: Counter[Reading], store: Callable[[], Counter[Reading]], job: Job) -> None:
    with suppress(AssertionError):
        wait_until(lambda: not acknowledged - store(), "all that was acknowledged", job.check)
    missing = acknowledged - store()
    assert not missing, f"missing by device: {Counter(device for device, _ in missing)}, first {min(missing)}"


@contextmanager
def sending(deployment: Deployment, gateway: Gateway) -> Iterator[list[Load]]:
    """A load by each protocol; on leaving they end what they have begun."""
    catalog = compile_catalog(read_specs(deployment.project / "specs"))
    loads: list[Load] = [
        RestLoad(gateway.rest_url),
        MqttLoad(deployment.environment["SLUICE_MQTT_URL"]),
        TcpLoad(gateway.tcp_address, catalog),
        FileLoad(gateway.inbox, catalog),
    ]
    with ExitStack() as stopping:
        for load in loads:
            load.start()
            stopping.callback(load.stop)
        yield loads


def more_is_acknowledged(loads: list[Load]) -> None:
    """Returns when each load was told of 20 readings more."""
    for load in loads:
        wanted = len(load.acknowledged) + 20
        wait_until(lambda load=load, wanted=wanted: len(load.acknowledged) >= wanted, load.name, load.check)  # type: ignore[misc]


def in_documentdb(stores: Stores) -> Counter[Reading]:
    return _readings(document for document in stores.documents("messages") if document["domain"] == "telemetry")


def in_lake(stores: Stores) -> Counter[Reading]:
    return _readings(stores.query("SELECT device_id, event_time FROM telemetry", "telemetry"))


def _readings(rows: Any) -> Counter[Reading]:
    return Counter((row["device_id"], milliseconds(row["event_time"])) for row in rows)

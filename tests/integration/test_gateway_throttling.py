"""Shards over their limit refuse records of a call, one by one: each is put again, and no device overtakes itself."""

import asyncio
from collections import defaultdict
from pathlib import Path
from random import Random

import msgspec
import pytest
from deployment import Deployment, deploy
from throttling import REFUSAL, Throttling

from gateways.metrics import Metrics
from gateways.producer import Producer, ProducerConfig
from gateways.spool import Spool
from gateways.stream import Stream
from local.stack import Stack

NUM_DEVICES, NUM_LINES = 50, 2000
FILLER = "x" * 200
"""So that a record holds few lines, and a device has many records."""


@pytest.mark.parametrize(("way", "spool_after_s"), [("directly", 60.0), ("spooled", 0.0)])
def test_refused_records_are_put_again_in_the_order_of_each_device(
    shared_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, spool_after_s: float
) -> None:
    deployment, random, metrics = deploy(shared_stack, tmp_path / "project", f"throttled_{way}"), Random(3), Metrics()
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    with Throttling(deployment.config.aws.endpoint, lambda: random.random() < 0.3) as front:
        aws = msgspec.structs.replace(deployment.config.aws, endpoint=front.url)
        spool = Spool(tmp_path / "records.sqlite", 1 << 20)
        config = ProducerConfig(linger_ms=1, record_kib=1, spool_after_s=spool_after_s)
        asyncio.run(send(Producer(Stream(aws, deployment.config.kinesis.devices), spool, config, metrics), spool))
    count = metrics.registry.get_sample_value
    assert count("sluice_gateway_kinesis_refusals_total", {"error": REFUSAL["ErrorCode"]})
    assert found(deployment) == {device: list(range(device, NUM_LINES, NUM_DEVICES)) for device in range(NUM_DEVICES)}


async def send(producer: Producer, spool: Spool) -> None:
    """Returns when Kinesis has all lines."""
    sending = asyncio.create_task(producer.run())
    durable = []
    for number in range(NUM_LINES):
        device = number % NUM_DEVICES
        durable.append(await producer.offer(f"device-{device}", f"{device} {number} {FILLER}".encode()))
    await asyncio.gather(*durable)
    async with asyncio.timeout(60):
        while spool.size:
            await asyncio.sleep(0.01)
    await producer.close(sending)


def found(deployment: Deployment) -> dict[int, list[int]]:
    """What the stream holds of each device, in its order."""
    lines: dict[int, list[int]] = defaultdict(list)
    for record in deployment.device_records():
        for line in record.split(b"\n"):
            device, number, _ = line.split()
            lines[int(device)].append(int(number))
    return lines

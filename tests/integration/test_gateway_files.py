"""Files onto Kinesis by the commands as they are run: through kills, from a folder and from S3, bad files put aside."""

import gzip
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from deployment import ROOT, Deployment, deploy, wait_until
from gateway_process import Command, Gateway
from proxy import Proxy

from jobs.store import migrate_aurora
from local.ministack import LAKE_BUCKET, client
from local.stack import Stack
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.message import Envelope

HEAD = "Time;Temperature;Humidity;Door;Battery;Note\n"
AM319 = "0367EE00046878"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256))


@pytest.fixture(scope="module")
def deployment(shared_stack: Stack, folder: Path) -> Deployment:
    deployment = deploy(shared_stack, folder / "project", "test_gateway_files")
    migrate_aurora(deployment.config.aurora, ROOT / "sql" / "aurora")
    return deployment


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))


@pytest.fixture(scope="module")
def bucket(deployment: Deployment) -> str:
    client(deployment.environment, "s3").create_bucket(
        Bucket="loggers", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return "loggers"


@pytest.fixture(scope="module")
def slow(deployment: Deployment) -> Deployment:
    """The same deployment by a slow way to AWS."""
    address = urlsplit(deployment.environment["SLUICE_AWS_ENDPOINT"])
    proxy = Proxy((address.hostname or "", address.port or 80), rate=400_000)
    return replace(deployment, environment=deployment.environment | {"SLUICE_AWS_ENDPOINT": proxy.url})


def row(number: int) -> str:
    """A reading, some of them with a note over two lines."""
    time = f"2026-01-05T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    note = f'"row {number};\nnext"' if number % 5 == 0 else f'"row {number}"'
    return f"{time};{number % 30},5;81,0;{number % 2};3,61;{note}\n"


def day(first: int, count: int) -> str:
    return HEAD + "".join(row(number) for number in range(first, first + count))


def load(deployment: Deployment, folder: Path, *arguments: str) -> tuple[int, str]:
    """A pass from begin to end: exit code and what was told."""
    with Command(deployment, folder, "files", *arguments) as command:
        return command.end()


def notes(catalog: Catalog, envelopes: list[Envelope]) -> dict[str, str]:
    """The notes of the messages by message id: what is there after duplicates have vanished."""
    return {
        message.message_id: message.attributes["note"] for envelope in envelopes for message in catalog.decode(envelope)
    }


def stored(deployment: Deployment, query: str) -> list[tuple[Any, ...]]:
    aurora = deployment.config.aurora
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_load_that_is_killed_goes_on_and_every_row_is_there_once(
    deployment: Deployment, slow: Deployment, catalog: Catalog, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    (source / "kill-1").mkdir(parents=True)
    (source / "kill-2").mkdir()
    (source / "kill-1" / "a.csv").write_text(day(0, 30_000))
    with gzip.open(source / "kill-2" / "b.csv.gz", "wt") as packed:
        packed.write(day(30_000, 10_000))
    with zipfile.ZipFile(source / "kill-all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kill-2/x.csv", day(40_000, 500))
        archive.writestr("kill-3/y.csv", day(40_500, 500))
    wanted = ["in", "--product", "coldroom-logger", "--device-from", "{device}/{file}.csv", "--rows", "20"]

    done = (
        "SELECT coalesce(max(payloads), 0) FROM gateway_file WHERE location LIKE '%/kill-1/a.csv' AND state = 'loading'"
    )
    before = 0
    for _ in range(2):  # in the middle of the first file, which takes about ten seconds by this way to Kinesis
        command = Command(slow, tmp_path, "files", *wanted)
        command.start()
        wait_until(lambda: stored(deployment, done)[0][0] > before, "the load to go on", command.check)  # noqa: B023
        command.kill()
        [(before,)] = stored(deployment, done)
    assert 0 < before < 1500

    code, told = load(deployment, tmp_path, *wanted)
    assert code == 0, told
    found = deployment.envelopes("kill-")
    ids = notes(catalog, found)
    assert sorted(ids.values()) == sorted(f"row {n};\nnext" if n % 5 == 0 else f"row {n}" for n in range(41_000))
    assert len(found) > len({envelope.key for envelope in found}), "the kills made no duplicates: they tested nothing"
    assert {
        note for envelope in found if envelope.device == "kill-1" for note in notes(catalog, [envelope]).values()
    } == {f"row {n};\nnext" if n % 5 == 0 else f"row {n}" for n in range(30_000)}
    rows = stored(
        deployment, "SELECT rows, messages, dead_letters, state FROM gateway_file WHERE location LIKE '%kill-%'"
    )
    assert sorted(rows) == [(1000, 1000, 0, "loaded"), (10_000, 10_000, 0, "loaded"), (30_000, 30_000, 0, "loaded")]

    code, told = load(deployment, tmp_path, *wanted)
    assert (code, told.count("already loaded")) == (0, 6)
    assert len(deployment.envelopes("kill-")) == len(found)

    code, told = load(deployment, tmp_path, *wanted, "--again", "--rows", "50")
    assert code == 0, told
    again = deployment.envelopes("kill-")
    assert len(again) > len(found)
    assert notes(catalog, again) == ids


def test_a_file_that_was_renamed_in_the_middle_of_its_load_goes_on(
    deployment: Deployment, catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(day(0, 150))
    arguments = ["--product", "coldroom-logger", "--device", "moved-1", "--rows", "1"]
    assert load(deployment, tmp_path, "a.csv", *arguments)[0] == 0
    ids = notes(catalog, deployment.envelopes("moved-1"))
    with psycopg.connect(deployment.config.aurora.conninfo(deployment.config.aurora.write_host)) as connection:
        connection.execute(
            "UPDATE gateway_file SET state = 'loading', payloads = 128, rows = 128, messages = 128 "
            "WHERE devices = 'device moved-1'"
        )
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    code, told = load(deployment, tmp_path, "b.csv", *arguments)
    assert code == 0, told
    again = deployment.envelopes("moved-1")
    assert (len(again), notes(catalog, again)) == (150 + 22, ids)
    row = stored(
        deployment, "SELECT state, location, payloads, rows FROM gateway_file WHERE devices = 'device moved-1'"
    )
    assert row == [("loaded", str(tmp_path / "b.csv"), 150, 150)]


def test_a_file_that_grows_while_it_is_loaded_is_told_and_loaded_whole_by_the_next_pass(
    deployment: Deployment, slow: Deployment, catalog: Catalog, tmp_path: Path
) -> None:
    (tmp_path / "grown.csv").write_text(day(0, 20_000))
    arguments = ["grown.csv", "--product", "coldroom-logger", "--device", "grown-1", "--rows", "20"]
    done = "SELECT coalesce(max(payloads), 0) FROM gateway_file WHERE location LIKE '%/grown.csv'"
    with Command(slow, tmp_path, "files", *arguments) as command:
        wait_until(lambda: stored(deployment, done)[0][0] > 0, "the load to go on", command.check)
        with (tmp_path / "grown.csv").open("a") as file:
            file.write(row(20_000))
        code, told = command.end()
    assert code == 1, told
    assert "passed over" in told
    assert "grown.csv: not loaded to its end" in told
    assert load(deployment, tmp_path, *arguments)[0] == 0
    sent = notes(catalog, deployment.envelopes("grown-1")).values()
    assert set(sent) == {f"row {n};\nnext" if n % 5 == 0 else f"row {n}" for n in range(20_001)}


def test_json_hex_and_a_column_of_devices(deployment: Deployment, catalog: Catalog, tmp_path: Path) -> None:
    lines = ['{"id":"kind-1","data":[{"wind":{"speed":3.5}}]}', '{"id":"kind-1","data":[', '{"id":"kind-2","data":[]}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + '\n{"data":[]}\n{"id":"kind-1\\u0000"}\n')
    code, told = load(deployment, tmp_path, "a.jsonl", "--product", "ttn-wind-normalized", "--device-column", "id")
    assert code == 1, told  # three lines name no device
    assert [(e.device, e.payload) for e in deployment.envelopes("kind-")] == [
        ("kind-1", lines[0]),
        ("kind-2", lines[2]),
    ]
    refused = stored(deployment, "SELECT number, device, payload FROM gateway_file_refused ORDER BY number")
    assert refused == [(2, "", lines[1]), (4, "", '{"data":[]}'), (5, "kind-1\\0", '{"id":"kind-1\\u0000"}')]
    assert stored(deployment, "SELECT DISTINCT reason FROM gateway_file_refused") == [("bad_device",)]

    (tmp_path / "b.txt").write_text(f"1767600000,kind-3,{AM319}\n1767600060,kind-3,ZZ\n")
    code, told = load(deployment, tmp_path, "b.txt", "--product", "milesight-am319")
    assert code == 0, told
    [good, bad] = deployment.envelopes("kind-3")
    assert (good.event_time, good.payload) == (1_767_600_000_000, AM319)
    assert catalog.decode(good)[0].measurements["temperature"] == 23.8
    assert (bad.payload, stored(deployment, "SELECT dead_letters FROM gateway_file WHERE location LIKE '%b.txt'")) == (
        "ZZ",
        [(1,)],
    )

    (tmp_path / "c.csv").write_text("Logger;" + HEAD + "".join(f"kind-{4 + n % 2};{row(n)}" for n in range(7)))
    code, told = load(deployment, tmp_path, "c.csv", "--product", "coldroom-logger", "--device-column", "Logger")
    assert code == 0, told
    assert [len(notes(catalog, deployment.envelopes(f"kind-{n}"))) for n in (4, 5)] == [4, 3]


def test_one_bad_row_takes_no_others_with_it(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(day(0, 30) + "no row\n" + day(30, 19).removeprefix(HEAD))
    code, told = load(deployment, tmp_path, "a.csv", "--product", "coldroom-logger", "--device", "bad-row-1")
    assert code == 0, told
    assert stored(
        deployment, "SELECT rows, messages, dead_letters FROM gateway_file WHERE devices = 'device bad-row-1'"
    ) == [(50, 49, 1)]
    assert len(deployment.envelopes("bad-row-1")) == 50


def test_bad_files_are_put_aside_with_the_reason_and_none_of_their_rows_is_sent(
    deployment: Deployment, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "good.csv").write_text(day(0, 10))
    (source / "latin.csv").write_bytes(day(0, 5000).encode() + "x;Tür\n".encode("latin-1"))
    (source / "cut.csv.gz").write_bytes(gzip.compress(day(0, 5000).encode())[:-100])
    (source / "other.csv").write_text("a;b\n1;2\n")
    (source / "empty.csv").write_text(HEAD)
    (source / "image.csv").write_bytes(JPEG)
    Path(os.fsdecode(os.fsencode(source) + b"/K\xfchl.csv")).write_text(day(0, 10))
    arguments = ["in", "--product", "coldroom-logger", "--device", "aside-1", "--done", "done", "--quarantine", "bad"]
    code, told = load(deployment, tmp_path, *arguments)
    assert code == 1
    bad = ["K\\xfchl.csv", "cut.csv.gz", "empty.csv", "image.csv", "latin.csv", "other.csv"]
    assert sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()) == [
        *sorted(f"bad/{name}{end}" for name in bad for end in ("", ".reason.json")),
        "done/good.csv",
    ]
    told_of = {
        path.name.removesuffix(".reason.json"): json.loads(path.read_text()) for path in source.glob("bad/*.json")
    }
    assert {name: reason["reason"] for name, reason in told_of.items()} == {
        "K\\xfchl.csv": "name",
        "cut.csv.gz": "corrupt",
        "empty.csv": "empty",
        "image.csv": "encoding",
        "latin.csv": "encoding",
        "other.csv": "header",
    }
    assert told_of["latin.csv"]["byte_offset"] == len(day(0, 5000)) + 3
    assert sum(envelope.payload.count("row ") for envelope in deployment.envelopes("aside-1")) == 10
    assert "latin.csv: encoding at byte" in told


def test_an_image_is_kept_in_s3_and_told_by_an_event(deployment: Deployment, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "in" / "cam-3").mkdir(parents=True)
    image = tmp_path / "in" / "cam-3" / "0805.JPG"
    image.write_bytes(JPEG)
    os.utime(image, (1_767_600_300, 1_767_600_300))
    (tmp_path / "in" / "cam-3" / "none.jpg").write_text("no image")
    code, told = load(deployment, tmp_path, "in", "--attachment", "image", "--device-from", "{device}/{file}")
    assert code == 1
    assert "none.jpg: not_image at byte 0" in told
    [envelope] = deployment.envelopes("cam-3")
    [message] = catalog.decode(envelope)
    assert (message.domain, message.device_id, message.event_time) == ("event", "cam-3", 1_767_600_300_000)
    key = f"attachments/cam-3/2026/01/05/{message.attributes['sha256']}.jpg"
    assert message.attributes["url"] == f"s3://{LAKE_BUCKET}/{key}"
    kept = client(deployment.environment, "s3").get_object(Bucket=LAKE_BUCKET, Key=key)
    assert (kept["Body"].read(), kept["ContentType"]) == (JPEG, "image/jpeg")
    assert load(deployment, tmp_path, "in", "--attachment", "image", "--device-from", "{device}/{file}")[0] == 1
    assert len(deployment.envelopes("cam-3")) == 1


def test_a_prefix_is_listed_and_its_bad_objects_are_copied_aside(
    deployment: Deployment, catalog: Catalog, bucket: str, tmp_path: Path
) -> None:
    s3 = client(deployment.environment, "s3")
    s3.put_object(Bucket=bucket, Key="in/prefix-1/a.csv.gz", Body=gzip.compress(day(0, 200).encode()))
    s3.put_object(Bucket=bucket, Key="in/prefix-1/b.csv", Body=b"a;b\n1;2\n")
    s3.put_object(Bucket=bucket, Key="other/prefix-1/c.csv", Body=day(200, 10).encode())
    arguments = [f"s3://{bucket}/in/", "--product", "coldroom-logger", "--device-from", "{device}/{file}"]
    code, told = load(deployment, tmp_path, *arguments)
    assert code == 1, told
    assert len(notes(catalog, deployment.envelopes("prefix-1"))) == 200
    reason = s3.get_object(Bucket=bucket, Key="in/quarantine/prefix-1/b.csv.reason.json")["Body"].read()
    assert json.loads(reason)["reason"] == "header"
    assert s3.get_object(Bucket=bucket, Key="in/quarantine/prefix-1/b.csv")["Body"].read() == b"a;b\n1;2\n"
    before = len(deployment.envelopes("prefix-1"))
    assert "already loaded" in load(deployment, tmp_path, *arguments)[1]
    assert len(deployment.envelopes("prefix-1")) == before


@pytest.fixture
def gateway(deployment: Deployment, bucket: str, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that watches a folder, and hears of objects."""
    queue = client(deployment.environment, "sqs").create_queue(QueueName="objects")["QueueUrl"]
    (tmp_path / "in").mkdir()
    folder = {"source": "in", "product": "coldroom-logger", "device": "watch-1", "every_s": 0.2}
    prefix = {"source": f"s3://{bucket}/heard/", "product": "coldroom-logger", "device_from": "{device}/{file}"}
    with Gateway(deployment, tmp_path, {"files": [folder, prefix | {"notifications": queue}]}) as gateway:
        yield gateway


def test_a_gateway_takes_files_and_objects_as_they_come(
    deployment: Deployment, catalog: Catalog, bucket: str, gateway: Gateway, tmp_path: Path
) -> None:
    sqs, s3 = client(deployment.environment, "sqs"), client(deployment.environment, "s3")
    queue = sqs.get_queue_url(QueueName="objects")["QueueUrl"]

    def notify(key: str) -> None:
        told = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Records": [told]}))

    (tmp_path / "in" / "a.csv").write_text(day(0, 10))
    s3.put_object(Bucket=bucket, Key="heard/watch-2/b c.csv", Body=day(10, 10).encode())
    notify("heard/watch-2/b+c.csv")
    notify("heard/watch-2/gone.csv")
    wait_until(lambda: len(notes(catalog, deployment.envelopes("watch-1"))) == 10, "the file", gateway.check)
    wait_until(lambda: len(notes(catalog, deployment.envelopes("watch-2"))) == 10, "the object", gateway.check)

    def left() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, attributes.values()))

    wait_until(lambda: left() == 0, "the notifications to be deleted", gateway.check)
    assert gateway.stop() == 0, gateway.log.read_text()
    assert gateway.told("file loaded")

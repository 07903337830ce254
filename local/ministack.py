"""The AWS APIs (Kinesis, S3, Glue, Secrets Manager …) by ministack, and the streams, bucket and database of the job."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateways.stream import Stream
from jobs.config import Aws
from local.errors import NotReady
from local.process import LOOPBACK, Launch, Server, launch

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

NAME = "ministack"
REGION = "eu-central-1"
DEVICE_STREAM = "device-data"
MASTER_STREAM = "master-cdc"
SHARDS = {DEVICE_STREAM: 2, MASTER_STREAM: 1}
LAKE_BUCKET = "sluice-lake"
GLUE_DATABASE = "sluice"
_QUICK = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0})


def start(port: int, data: Path, log: Path, outlive: bool) -> tuple[Server, subprocess.Popen[bytes], dict[str, str]]:
    """Launch it on loopback, all state in memory; returns the server, our child and what clients must set."""
    plan = Launch(
        command=[sys.executable, "-m", "ministack"],
        environment=settings(port, data),
        port=port,
        log=log,
        death_signal=None if outlive else signal.SIGKILL,
    )
    server, child = launch(plan)
    return server, child, _environment(port)


def answer(environment: dict[str, str]) -> None:
    """Raises NotReady while Kinesis does not list its streams."""
    try:
        kinesis_client(environment, _QUICK).list_streams()
    except (BotoCoreError, ClientError) as error:
        raise NotReady(str(error)) from error


def provision(environment: dict[str, str]) -> None:
    """Create the two streams, the lake's bucket and the Glue database."""
    kinesis = kinesis_client(environment)
    for stream, shards in SHARDS.items():
        kinesis.create_stream(StreamName=stream, ShardCount=shards)
    client(environment, "s3").create_bucket(
        Bucket=LAKE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client(environment, "glue").create_database(DatabaseInput={"Name": GLUE_DATABASE})
    for stream in SHARDS:
        kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})


def kinesis_client(environment: dict[str, str], config: Config | None = None) -> "KinesisClient":
    """A Kinesis client of the stack whose `Stack.environment()` this is."""
    made: KinesisClient = client(environment, "kinesis", config)
    return made


def client(environment: dict[str, str], service: str, config: Config | None = None):  # type: ignore[no-untyped-def]
    """A boto3 client of any AWS service of the stack (boto3 types one only by its literal name)."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["SLUICE_AWS_ENDPOINT"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


def settings(port: int, data: Path) -> dict[str, str]:
    """What the server is told by its environment; it keeps its files in `data`."""
    return {
        "BIND_HOST": LOOPBACK,  # its default is every interface
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",  # INFO is a line a request
        "TMPDIR": str(data),  # its pid file
        "S3_DATA_DIR": str(data / "s3"),
        "STATE_DIR": str(data / "state"),
        "DOCKER_HOST": f"unix://{data}/no-docker.sock",  # it would look for containers of its own to remove
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface, at the port of MQTT brokers
    }


def stream(environment: dict[str, str], name: str) -> Stream:
    """A stream to put records on; its credentials are those of our own environment."""
    return Stream(Aws(region=environment["AWS_REGION"], endpoint=environment["SLUICE_AWS_ENDPOINT"]), name)


def _environment(port: int) -> dict[str, str]:
    return {
        "SLUICE_AWS_ENDPOINT": f"http://{LOOPBACK}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # ministack takes any
        "AWS_REGION": REGION,
        "AWS_CBOR_DISABLE": "1",  # the Java SDK speaks CBOR to Kinesis by default, most local servers do not
        "SLUICE_LAKE_WAREHOUSE": f"s3://{LAKE_BUCKET}/warehouse",
    }

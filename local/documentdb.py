"""The MongoDB protocol of DocumentDB by SecantusDB: a development tool (GPL-2.0), never part of the package."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.errors import NotReady
from local.process import LOOPBACK, Launch, Server, launch

NAME = "documentdb"


def start(port: int, data: Path, log: Path, outlive: bool) -> tuple[Server, subprocess.Popen[bytes], dict[str, str]]:
    """Launch it on loopback with its files under `data`; returns the server, our child and what clients must set."""
    options = ["--host", LOOPBACK, "--port", str(port), "--storage-path", str(data), "--log-level", "WARNING"]
    plan = Launch(
        command=[sys.executable, "-m", "secantus", *options, "--cache-size", "256M"],
        environment={"HOME": str(data)},  # where it would look for a configuration file
        port=port,
        log=log,
        death_signal=None if outlive else signal.SIGKILL,
    )
    server, child = launch(plan)
    return server, child, {"SLUICE_DOCUMENTDB_URI": f"mongodb://{LOOPBACK}:{port}"}


def answer(environment: dict[str, str]) -> None:
    """Raises NotReady while it does not answer a ping."""
    uri = environment["SLUICE_DOCUMENTDB_URI"]
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=1000, directConnection=True) as mongo:
            mongo.admin.command("ping")
    except PyMongoError as error:
        raise NotReady(str(error)) from error


def provision(environment: dict[str, str]) -> None:
    """Nothing: databases and collections come into being by the first write."""

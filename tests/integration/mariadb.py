"""A MariaDB server that only a test has: on a port of loopback, with data that goes with it, its row binlog on."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from deployment import wait_until

from local.process import LOOPBACK, Launch, free_port, launch, stop, unprivileged_account

_SETTINGS = {
    "bind-address": LOOPBACK,
    "log-bin": "bin",
    "server-id": "1",
    "binlog-format": "ROW",
    "binlog-row-metadata": "FULL",
    "character-set-server": "utf8mb4",
    "innodb-buffer-pool-size": "32M",
    "innodb-flush-log-at-trx-commit": "0",
}


@dataclass
class MariaDb:
    """`folder` holds its data, its socket and its log."""

    folder: Path
    port: int
    password: str

    def url(self, user: str = "sluice", password: str = "") -> str:
        return f"mysql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/"

    def connect(self) -> Any:
        return pymysql.connect(
            host=LOOPBACK, port=self.port, user="sluice", password=self.password, charset="utf8mb4", autocommit=True
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        options = {**_SETTINGS, "datadir": self.folder / "data", "port": self.port, "socket": self.folder / "socket"}
        command = ["mariadbd", "--no-defaults", *(f"--{name}={value}" for name, value in options.items())]
        log = self.folder / "server.log"
        plan = Launch(
            [*command, f"--init-file={self.folder / 'users.sql'}"],
            {"PATH": _path()},
            self.port,
            log,
            account=unprivileged_account("mariadb"),
        )
        server, child = launch(plan)

        def check() -> None:
            assert child.poll() is None, log.read_text()

        try:
            wait_until(self._answers, "MariaDB to answer", check)
            yield
        finally:
            stop([server], [child])

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.OperationalError:
            return False
        return True


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A server that runs, with nothing in it; its user `sluice` may everything."""
    if shutil.which("mariadbd", path=_path()) is None:
        raise FileNotFoundError("there is no mariadbd: `./setup.sh test` installs it, or says which package has it")
    account = unprivileged_account("mariadb")
    folder = Path(tempfile.mkdtemp(prefix="sluice-mariadb-"))  # pytest's own are closed to other accounts
    try:
        server = MariaDb(folder, free_port(), secrets.token_urlsafe(24))
        (folder / "users.sql").write_text(
            f"CREATE OR REPLACE USER sluice@'{LOOPBACK}' IDENTIFIED BY '{server.password}';\n"
            f"GRANT ALL ON *.* TO sluice@'{LOOPBACK}' WITH GRANT OPTION;\n"
        )
        for path in (folder, folder / "users.sql"):
            if account is not None:
                os.chown(path, account.uid, account.gid)
        _install(folder)
        with server.running():
            yield server
    finally:
        shutil.rmtree(folder)


def _install(folder: Path) -> None:
    account = unprivileged_account("mariadb")
    done = subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db"],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": _path()},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _path() -> str:
    """Debian keeps servers where a user's PATH does not look."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"

"""A MariaDB server that only a test has: on a port of loopback, with data that goes with it, its row binlog on."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from deployment import wait_until

from local.process import LOOPBACK, Account, Launch, free_port, launch, stop, unprivileged_account

_SETTINGS = {
    "bind-address": LOOPBACK,
    "skip-name-resolve": "ON",
    "log-bin": "bin",
    "server-id": "1",
    "binlog-format": "ROW",
    "binlog-row-metadata": "FULL",
    "character-set-server": "utf8mb4",
    "innodb-buffer-pool-size": "32M",
}


class MariaDb:
    """A server and its `folder` of data, socket and log; its user `sluice` may everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.password = folder, free_port(), secrets.token_urlsafe(24)
        self._account = unprivileged_account("mariadb")
        users = folder / "users.sql"
        users.write_text(
            f"CREATE OR REPLACE USER sluice@'{LOOPBACK}' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO sluice@'{LOOPBACK}' WITH GRANT OPTION;\n"
        )
        self.certificate, self._key = certificate(folder)
        if self._account is not None:
            for path in (folder, users, self.certificate, self._key):
                os.chown(path, self._account.uid, self._account.gid)
        _install(folder, self._account)

    def url(self, user: str = "sluice", password: str = "") -> str:
        return f"mysql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/"

    def connect(self) -> Any:
        return pymysql.connect(
            host=LOOPBACK, port=self.port, user="sluice", password=self.password, charset="utf8mb4", autocommit=True
        )

    def start(self) -> None:
        own = {"datadir": self.folder / "data", "port": self.port, "socket": self.folder / "socket"}
        settings = {**_SETTINGS, **own, "init-file": self.folder / "users.sql"}
        settings |= {"ssl-cert": self.certificate, "ssl-key": self._key}
        command = ["mariadbd", "--no-defaults", *(f"--{name}={value}" for name, value in settings.items())]
        log = self.folder / "server.log"
        self._server, self._child = launch(Launch(command, {"PATH": _path()}, self.port, log, account=self._account))

        def check() -> None:
            assert self._child.poll() is None, log.read_text()

        wait_until(self._answers, "MariaDB to answer", check)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        stop([self._server], [self._child])

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.OperationalError:
            return False
        return True


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A server that runs, with nothing in it."""
    if shutil.which("mariadbd", path=_path()) is None:
        raise FileNotFoundError("there is no mariadbd: `./setup.sh test` installs it, or says which package has it")
    folder = Path(tempfile.mkdtemp(prefix="sluice-mariadb-"))  # pytest's own are closed to other accounts
    try:
        server = MariaDb(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _install(folder: Path, account: Account | None) -> None:
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


def certificate(folder: Path) -> tuple[Path, Path]:
    """One that the server signs itself, and its key."""
    signed, key = folder / "certificate.pem", folder / "key.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(signed), "-days", "2"]
    named = ["-subj", "/CN=sluice-test", "-addext", f"subjectAltName=IP:{LOOPBACK}"]
    subprocess.run(["openssl", "req", "-x509", *made, *named], check=True, capture_output=True)
    return signed, key


def _path() -> str:
    """Debian keeps servers where a user's PATH does not look."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"

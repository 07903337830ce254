"""What waits on disk: in order, counted, and whole after a crash."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.errors import GatewayConfigError
from gateways.spool import Spool

_APPENDS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from gateways.spool import Spool
spool = Spool(Path(sys.argv[1]), limit=1 << 20)
spool.append([(1, b"first"), (2, b"second")])
print("durable", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "records.sqlite"


def test_heads_are_the_oldest_of_each_group_the_oldest_first(file: Path) -> None:
    spool = Spool(file, limit=1 << 20)
    spool.append([(7, b"a1"), (3, b"b1"), (7, b"a2")])
    assert [(head.group, head.data) for head in spool.heads(10)] == [(7, b"a1"), (3, b"b1")]
    spool.remove(spool.heads(1))
    assert [(head.group, head.data) for head in spool.heads(10)] == [(3, b"b1"), (7, b"a2")]


def test_its_size_is_what_waits(file: Path) -> None:
    spool = Spool(file, limit=1000)
    assert spool.size == 0
    spool.append([(0, b"x" * 990)])
    assert spool.is_full
    spool.remove(spool.heads(1))
    assert spool.size == 0
    assert not spool.is_full


def test_it_goes_on_where_it_was(file: Path) -> None:
    spool = Spool(file, limit=1 << 20)
    spool.append([(1, b"kept")])
    size = spool.size
    spool.close()
    again = Spool(file, limit=1 << 20)
    assert again.size == size
    assert [head.data for head in again.heads(10)] == [b"kept"]


def test_what_was_durable_survives_a_killed_process(file: Path) -> None:
    died = subprocess.run([sys.executable, "-c", _APPENDS_AND_DIES, str(file)], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    assert died.stdout == b"durable\n"
    assert [head.data for head in Spool(file, limit=1 << 20).heads(10)] == [b"first", b"second"]


def test_a_second_gateway_may_not_use_it(file: Path) -> None:
    first = Spool(file, limit=1 << 20)
    first.append([(1, b"mine")])
    with pytest.raises(GatewayConfigError, match="no other gateway may use it"):
        Spool(file, limit=1 << 20)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file of somebody's")
    with pytest.raises(GatewayConfigError, match="must be able to write there"):
        Spool(tmp_path / "spool" / "records.sqlite", limit=1)

"""Lines → Kinesis records to be: the lines of a device share records."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from gateways.stream import MAX_RECORD_BYTES, Keyed
from local.ledger import Line


def pack_lines(lines: Sequence[Line], max_lines: int) -> list[Keyed]:
    """Records of at most `max_lines` lines of one device each; the lines of a device keep their order."""
    ordered = sorted(lines, key=lambda line: line.device_id)  # stable
    records: list[Keyed] = []
    for device_id, group in groupby(ordered, key=lambda line: line.device_id):
        records += ((device_id, data) for data in _chunks([line.data for line in group], max_lines))
    return records


def _chunks(data: list[bytes], max_lines: int) -> Iterator[bytes]:
    chunk: list[bytes] = []
    size = 0
    for line in data:
        if chunk and (len(chunk) == max_lines or size + len(line) + 1 > MAX_RECORD_BYTES):
            yield b"\n".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line) + 1
    if chunk:
        yield b"\n".join(chunk)

"""How fast `sluice gateway files` loads a CSV, and in how much memory: a file of so many MiB onto an embedded stack.

    python bench/gateway_files.py --mib 1024 --note 400     # rows of about 450 bytes
    python bench/gateway_files.py --mib 64 --note 5         # rows of about 57 bytes

Prints rows/s, and the peak of resident memory of the gateway and of its reading processes, sampled every 0.2 s.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from local.stack import Stack

HEAD = "Time;Temperature;Humidity;Door;Battery;Note\n"
MIB = 1 << 20
SAMPLE_SECONDS = 0.2


def write_csv(file: Path, size: int, note: int) -> int:
    """A file of at least `size` bytes; how many rows it has."""
    words = "goods in; pallet 7 "
    text = (words * (note // len(words) + 1))[:note]
    count = 0
    with file.open("w") as out:
        written = out.write(HEAD)
        while written < size:
            lines = [
                f"2026-01-{1 + n // 86400 % 28:02d}T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z;"
                f'{n % 30},5;{50 + n % 40},0;{n % 2};3,61;"{text}"\n'
                for n in range(count, count + 10_000)
            ]
            written += out.write("".join(lines))
            count += len(lines)
    return count


def load(file: Path, stack: Stack, folder: Path) -> tuple[float, list[int], list[int]]:
    """Seconds of the command, and samples of resident bytes: of the gateway, and of all its reading processes."""
    command = [str(Path(sys.executable).parent / "sluice"), "gateway", "files", str(file)]
    command += ["--product", "coldroom-logger", "--device", "bench-1", "--run-dir", str(stack.run_dir)]
    began = time.monotonic()
    gateway, readers = [], []
    with subprocess.Popen(command, cwd=folder) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                gateway.append(watched.memory_info().rss)
                readers.append(sum(child.memory_info().rss for child in watched.children(recursive=True)))
            except psutil.NoSuchProcess:
                continue
            time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        sys.exit(f"the load ended with {process.returncode}")
    return time.monotonic() - began, gateway, readers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--note", type=int, default=5, help="characters of a row's text")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = folder / "bench.csv"
        rows = write_csv(file, wanted.mib * MIB, wanted.note)
        with Stack.start(folder / ".run") as stack:
            seconds, gateway, readers = load(file, stack, folder)
        settled = gateway[min(len(gateway) - 1, int(5 / SAMPLE_SECONDS))]
        print(
            f"{file.stat().st_size / MIB:.0f} MiB, {rows:,} rows in {seconds:.1f} s: {rows / seconds:,.0f} rows/s, "
            f"{file.stat().st_size / MIB / seconds:.1f} MiB/s\n"
            f"gateway: peak {max(gateway) / MIB:.0f} MiB, after 5 s {settled / MIB:.0f} MiB; "
            f"reading processes together: peak {max(readers) / MIB:.0f} MiB ({os.cpu_count()} CPUs)"
        )


if __name__ == "__main__":
    main()

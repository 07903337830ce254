"""Many small files through `sluice gateway files`: `python bench/gateway_small_files.py [--files 2000] [--devices 50]`.

CSV files of three rows, of so many devices, in one folder, onto an embedded stack. Prints files/s of the whole command.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from local.stack import Stack

HEAD = "Time;Temperature;Humidity;Door;Battery;Note\n"


def write_files(folder: Path, files: int, devices: int) -> None:
    for number in range(files):
        file = folder / f"bench-{number % devices}" / f"{number:06d}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        second = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        rows = [f'2026-01-01T{second}.{row}00Z;4,5;50,0;0;3,61;""\n' for row in range(3)]
        file.write_text(HEAD + "".join(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--devices", type=int, default=50)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(folder / "inbox", wanted.files, wanted.devices)
        with Stack.start(folder / ".run") as stack:
            command = [str(Path(sys.executable).parent / "sluice"), "gateway", "files", str(folder / "inbox")]
            command += ["--product", "coldroom-logger", "--device-from", "{device}/{number}.csv"]
            command += ["--run-dir", str(stack.run_dir)]
            began = time.monotonic()
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - began
    print(
        f"{wanted.files:,} files of {wanted.devices} devices in {seconds:.1f} s: {wanted.files / seconds:,.0f} files/s"
    )


if __name__ == "__main__":
    main()

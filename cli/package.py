"""`sluice package`: the zip that Managed Flink takes."""

from pathlib import Path
from typing import Annotated

import typer

from local.package import SERVICE_PLATFORM, build_package
from udfs.errors import SluiceError

PROJECT = Path(__file__).resolve().parent.parent
MEBIBYTE = 1 << 20


def package(
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip to write.")] = Path("build/sluice.zip"),
    platform: Annotated[
        str, typer.Option(help="Whose compiled libraries to put in, as uv names it; default: the service's.")
    ] = SERVICE_PLATFORM,
) -> None:
    """Build the zip for Amazon Managed Service for Apache Flink: main.py, python/, specs/, sql/ and lib/sluice.jar.

    The application's property groups are those of flink-conf/managed.json. Exits 1 where a part is missing or the zip
    is larger than the service takes.
    """
    try:
        built = build_package(PROJECT, output, platform)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{built.path}  {built.size / MEBIBYTE:.1f} MiB, {built.num_files} files")

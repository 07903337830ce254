"""Which deployment a command reads: what SLUICE_PROPERTIES describes, else the embedded stack of this folder."""

import os
from pathlib import Path

from jobs.config import Config, load_config
from local.stack import Stack
from udfs.errors import SluiceError

PROJECT = Path(__file__).resolve().parent.parent


def find_deployment(run_dir: Path) -> Config:
    """The deployment's configuration; with a local stack its credentials go into this process's environment.

    Raises SluiceError where there is neither a property file nor a running stack, ConfigErrors for a faulty file.
    """
    if properties := os.environ.get("SLUICE_PROPERTIES"):
        return load_config(Path(properties))
    stack = Stack.running(run_dir)
    if stack is None:
        raise SluiceError(
            f"no stack runs from {run_dir}: start one by `sluice stack up` or `make run`, "
            "or name a deployment's property file in SLUICE_PROPERTIES"
        )
    os.environ.update(stack.environment())
    return load_config(PROJECT / "flink-conf" / "local.json")
